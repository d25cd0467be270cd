//! One layer: attention, then the feed-forward part, each behind a norm and added to the residual stream.

use nc_kernels::{
    Activation, Attention, HeadRows, KeyValueStore, NormKind, Path, Pool, Scoring, Turn,
};

use crate::rotary::Frequencies;
use crate::weights::{Projection, project};
use crate::workspace::{Lane, Workspace};
use crate::{AttentionShape, MlpKind, ModelError, Norm};

/// Normalises `(T, hidden)` with a weight `(hidden)`.
#[derive(Debug)]
pub(crate) struct NormLayer {
    pub(crate) norm: Norm,
    pub(crate) weight: Vec<f32>,
}

impl NormLayer {
    pub(crate) fn forward(&self, path: Path, pool: &Pool, x: &[f32], y: &mut [f32]) {
        let Norm::RootMeanSquare { epsilon } = self.norm;
        let norm = nc_kernels::Norm {
            kind: NormKind::RootMeanSquare,
            weight: &self.weight,
            bias: None,
            epsilon,
        };
        norm.forward(path, pool, x, y);
    }
}

/// The weights of one layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: NormLayer,
    pub(crate) attention: AttentionLayer,
    pub(crate) mlp_norm: NormLayer,
    pub(crate) mlp: MlpLayer,
}

/// Causal self-attention with grouped key/value heads (Ainslie et al., arXiv:2305.13245).
#[derive(Debug)]
pub(crate) struct AttentionLayer {
    pub(crate) shape: AttentionShape,
    pub(crate) query: Projection,
    pub(crate) key: Projection,
    pub(crate) value: Projection,
    pub(crate) output: Projection,
}

/// The feed-forward part.
#[derive(Debug)]
pub(crate) struct MlpLayer {
    pub(crate) kind: MlpKind,
    pub(crate) gate: Projection,
    pub(crate) up: Projection,
    pub(crate) down: Projection,
}

/// What all layers of one forward pass share.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    /// That of the pass's number of rows.
    pub(crate) path: Path,
    pub(crate) pool: &'a Pool,
    pub(crate) frequencies: &'a Frequencies,
    /// Tokens in the cache before this pass.
    pub(crate) position: usize,
}

impl Layer {
    pub(crate) fn forward(
        &self,
        pass: Pass,
        workspace: &mut Workspace,
        cache: &mut KeyValueStore,
    ) -> Result<(), ModelError> {
        let Pass { path, pool, .. } = pass;
        self.attention_norm
            .forward(path, pool, &workspace.stream, &mut workspace.normed);
        self.attention.forward(pass, workspace, cache)?;
        nc_kernels::add(path, pool, &mut workspace.stream, &workspace.update);
        self.mlp_norm
            .forward(path, pool, &workspace.stream, &mut workspace.normed);
        self.mlp.forward(path, pool, workspace);
        nc_kernels::add(path, pool, &mut workspace.stream, &workspace.update);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        let (attention, mlp) = (&self.attention, &self.mlp);
        let projections = [
            &attention.query,
            &attention.key,
            &attention.value,
            &attention.output,
            &mlp.gate,
            &mlp.up,
            &mlp.down,
        ];
        let norms = self.attention_norm.weight.len() + self.mlp_norm.weight.len();
        projections.into_iter().map(Projection::bytes).sum::<u64>()
            + (norms * size_of::<f32>()) as u64
    }
}

impl AttentionLayer {
    /// `normed` to `update`.
    fn forward(
        &self,
        pass: Pass,
        workspace: &mut Workspace,
        cache: &mut KeyValueStore,
    ) -> Result<(), ModelError> {
        let Pass {
            path,
            pool,
            frequencies,
            position,
        } = pass;
        let Workspace {
            turns,
            normed,
            update,
            queries,
            attended,
            keys,
            values,
            scratch,
            attention,
            ..
        } = workspace;
        let mut lane = Lane {
            path,
            pool,
            scratch,
        };
        project(
            &mut lane,
            normed,
            [
                (&self.query, queries),
                (&self.key, keys),
                (&self.value, values),
            ],
        );
        let AttentionShape {
            heads,
            kv_heads,
            head_dim,
            ..
        } = self.shape;
        let table = frequencies.table(turns);
        for (values, heads) in [(&mut *queries, heads), (&mut *keys, kv_heads)] {
            let stride = heads * head_dim;
            let rows = HeadRows {
                values,
                heads,
                head_dim,
                stride,
            };
            table.turn(path, pool, Turn::Forward, rows, &turns.rows);
        }
        let full = |full: nc_kernels::StoreFull| ModelError::ContextExceeded {
            wanted_tokens: full.wanted_tokens,
            limit_tokens: full.limit_tokens,
        };
        cache.append(path, position, keys, values).map_err(full)?;
        let question = Attention {
            queries,
            position,
            scoring: Scoring::causal(heads, 1.0 / (head_dim as f32).sqrt()),
        };
        cache.attend((path, pool, attention), &question, attended, None);
        project(&mut lane, attended, [(&self.output, update)]);
        Ok(())
    }
}

impl MlpLayer {
    /// `normed` to `update`.
    fn forward(&self, path: Path, pool: &Pool, workspace: &mut Workspace) {
        let Workspace {
            normed,
            update,
            gate,
            up,
            scratch,
            ..
        } = workspace;
        let mut lane = Lane {
            path,
            pool,
            scratch,
        };
        project(&mut lane, normed, [(&self.gate, gate), (&self.up, up)]);
        match self.kind {
            MlpKind::GatedSilu => Activation::Silu.gate_in_place(path, pool, gate, up),
        }
        project(&mut lane, up, [(&self.down, update)]);
    }
}
