//! One layer: attention, then the feed-forward part, each behind a norm and added to the residual stream.

use candle_core::{Device, Tensor};
use candle_nn::ops;

use crate::cache::LayerCache;
use crate::rotary::Turns;
use crate::weights::Projection;
use crate::{AttentionShape, MlpKind, ModelError, Norm, one_row};

/// Normalises `(T, hidden)` with a weight `(hidden)`.
#[derive(Debug)]
pub(crate) struct NormLayer {
    pub(crate) norm: Norm,
    pub(crate) weight: Tensor,
}

impl NormLayer {
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let Norm::RootMeanSquare { epsilon } = self.norm;
        Ok(ops::rms_norm(x, &self.weight, epsilon)?)
    }
}

/// The weights of one layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) attention_norm: NormLayer,
    pub(crate) attention: Attention,
    pub(crate) mlp_norm: NormLayer,
    pub(crate) mlp: MlpLayer,
}

/// Causal self-attention with grouped key/value heads (Ainslie et al., arXiv:2305.13245).
#[derive(Debug)]
pub(crate) struct Attention {
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
pub(crate) struct Pass {
    /// Tokens in the cache before this pass.
    pub(crate) position: usize,
    pub(crate) turns: Turns,
    /// `(T, position + T)`: 0 where a token may look, -inf where it may not; none for a single token.
    pub(crate) mask: Option<Tensor>,
}

impl Layer {
    /// `(T, hidden)` to `(T, hidden)`.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: &LayerCache,
    ) -> Result<Tensor, ModelError> {
        let attended = self
            .attention
            .forward(&self.attention_norm.forward(x)?, pass, cache)?;
        let x = (x + attended)?;
        let fed = self.mlp.forward(&self.mlp_norm.forward(&x)?)?;
        Ok((x + fed)?)
    }
}

impl Attention {
    fn forward(&self, x: &Tensor, pass: &Pass, cache: &LayerCache) -> Result<Tensor, ModelError> {
        let AttentionShape {
            heads,
            kv_heads,
            head_dim,
            ..
        } = self.shape;
        let tokens = x.dim(0)?;
        let split = |projected: Tensor, heads: usize| -> Result<Tensor, ModelError> {
            Ok(projected
                .reshape((tokens, heads, head_dim))?
                .transpose(0, 1)?)
        };
        let queries = pass.turns.apply(&split(self.query.forward(x)?, heads)?)?;
        let keys = pass.turns.apply(&split(self.key.forward(x)?, kv_heads)?)?;
        let values = split(self.value.forward(x)?, kv_heads)?;
        let (keys, values) = cache.write(pass.position, &keys, &values)?;

        let attended = match &pass.mask {
            None => one_row::attend(&queries, &keys, &values)?,
            Some(mask) => self.attend(&queries, &keys, &values, mask)?,
        };
        let joined = attended
            .transpose(0, 1)?
            .reshape((tokens, heads * head_dim))?;
        self.output.forward(&joined)
    }

    /// Queries `(heads, T, head_dim)` over keys and values `(kv_heads, seen, head_dim)`, giving `(heads, T, head_dim)`.
    fn attend(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        mask: &Tensor,
    ) -> Result<Tensor, ModelError> {
        let (heads, tokens, head_dim) = queries.dims3()?;
        let (kv_heads, seen, _) = keys.dims3()?;
        // The query heads that share a key/value head lie side by side: they become more rows of one product,
        // so that keys and values are never repeated in memory. (kv_heads, groups · T, head_dim)
        let rows = heads / kv_heads * tokens;
        let queries = queries.reshape((kv_heads, rows, head_dim))?;
        let scores = (queries.matmul(&keys.t()?)? * (1.0 / (head_dim as f64).sqrt()))?;
        let scores = scores.reshape((heads, tokens, seen))?.broadcast_add(mask)?;
        let weights = ops::softmax_last_dim(&scores)?.reshape((kv_heads, rows, seen))?;
        Ok(weights.matmul(values)?.reshape((heads, tokens, head_dim))?)
    }
}

impl MlpLayer {
    fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        match self.kind {
            MlpKind::GatedSilu => {
                let gate = self.gate.forward(x)?.silu()?;
                self.down.forward(&(gate * self.up.forward(x)?)?)
            }
        }
    }
}

/// The mask of `tokens` tokens after `position` others; one token alone may look everywhere.
pub(crate) fn causal_mask(position: usize, tokens: usize) -> Result<Option<Tensor>, ModelError> {
    if tokens == 1 {
        return Ok(None);
    }
    let seen = position + tokens;
    let mask: Vec<f32> = (0..tokens)
        .flat_map(|row| {
            (0..seen).map(move |column| {
                if column > position + row {
                    f32::NEG_INFINITY
                } else {
                    0.0
                }
            })
        })
        .collect();
    Ok(Some(Tensor::from_vec(mask, (tokens, seen), &Device::Cpu)?))
}
