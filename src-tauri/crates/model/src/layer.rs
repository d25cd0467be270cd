//! One layer: attention, then the feed-forward part, each behind a norm and added to the residual stream.

use nc_kernels::{Activation, Attention, KeyValueStore, NormKind, Path, Pool, Scoring, Turn};

use crate::low_rank::{AdapterBuffers, LayerAdapters};
use crate::rotary::Frequencies;
use crate::weights::{Projection, project};
use crate::workspace::{Lane, Workspace};
use crate::{AttentionShape, MlpKind, ModelError, Norm, Site};

/// Normalises `(T, hidden)` with a weight `(hidden)`.
#[derive(Debug)]
pub(crate) struct NormLayer {
    pub(crate) norm: Norm,
    pub(crate) weight: Vec<f32>,
}

impl NormLayer {
    pub(crate) fn forward(&self, path: Path, pool: &Pool, x: &[f32], y: &mut [f32]) {
        self.kernel().forward(path, pool, x, y);
    }

    /// As the kernels have it.
    pub(crate) fn kernel(&self) -> nc_kernels::Norm<'_> {
        let Norm::RootMeanSquare { epsilon } = self.norm;
        nc_kernels::Norm {
            kind: NormKind::RootMeanSquare,
            weight: &self.weight,
            bias: None,
            epsilon,
        }
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

/// What a layer is told of a forward pass.
#[derive(Clone, Copy)]
pub(crate) struct Pass<'a> {
    /// That of the pass's number of rows.
    pub(crate) path: Path,
    pub(crate) pool: &'a Pool,
    pub(crate) frequencies: &'a Frequencies,
    /// Tokens in the cache before this pass.
    pub(crate) position: usize,
    /// Beside this layer's projections.
    pub(crate) adapters: Option<&'a LayerAdapters>,
}

impl Pass<'_> {
    /// Multiplies the same rows by several projections and what is beside them.
    fn project<const N: usize>(
        &self,
        (lane, buffers): (&mut Lane, &mut AdapterBuffers),
        x: &[f32],
        mut projections: [(Site, &Projection, &mut [f32]); N],
    ) {
        let plain = projections
            .each_mut()
            .map(|(_, projection, output)| (*projection, &mut **output));
        project(lane, x, plain);
        if let Some(adapters) = self.adapters {
            let outputs = projections.map(|(site, _, output)| (site, output));
            adapters.add(lane, buffers, x, outputs);
        }
    }
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
        self.mlp.forward(pass, workspace);
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
            ..
        } = pass;
        let Workspace {
            turns,
            normed,
            update,
            queries,
            attended,
            keys,
            values,
            adapters,
            scratch,
            attention,
            ..
        } = workspace;
        let mut lane = Lane {
            path,
            pool,
            scratch,
        };
        pass.project(
            (&mut lane, adapters),
            normed,
            [
                (Site::Query, &self.query, queries),
                (Site::Key, &self.key, keys),
                (Site::Value, &self.value, values),
            ],
        );
        let AttentionShape {
            heads,
            kv_heads,
            head_dim,
            ..
        } = self.shape;
        let turned = [(&mut queries[..], heads), (&mut keys[..], kv_heads)];
        frequencies.turn((path, pool), Turn::Forward, turns, (turned, head_dim));
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
        pass.project(
            (&mut lane, adapters),
            attended,
            [(Site::AttentionOutput, &self.output, update)],
        );
        Ok(())
    }
}

impl MlpLayer {
    /// `normed` to `update`.
    fn forward(&self, pass: Pass, workspace: &mut Workspace) {
        let (path, pool) = (pass.path, pass.pool);
        let Workspace {
            normed,
            update,
            gate,
            up,
            adapters,
            scratch,
            ..
        } = workspace;
        let mut lane = Lane {
            path,
            pool,
            scratch,
        };
        pass.project(
            (&mut lane, adapters),
            normed,
            [(Site::Gate, &self.gate, gate), (Site::Up, &self.up, up)],
        );
        match self.kind {
            MlpKind::GatedSilu => Activation::Silu.gate_in_place(path, pool, gate, up),
        }
        pass.project(
            (&mut lane, adapters),
            up,
            [(Site::Down, &self.down, update)],
        );
    }
}
