//! Keys and values of the tokens already read.

use candle_core::{DType, Device, Tensor};

use crate::{DecoderSpec, ModelError};

/// Capacity grows to a multiple of this many tokens.
const BLOCK_TOKENS: usize = 256;

/// Keys and values of all layers for one sequence, f32. Grows by doubling up to its limit, and can be cut back to a
/// prefix so that the next prompt which begins alike need not be read again.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    tokens: usize,
    limit_tokens: usize,
}

/// Keys and values of one layer, each `(kv_heads, capacity, head_dim)`.
#[derive(Debug)]
pub(crate) struct LayerCache {
    keys: Tensor,
    values: Tensor,
}

impl KvCache {
    /// An empty cache for at most `limit_tokens` tokens of this decoder; nothing is allocated for tokens yet.
    ///
    /// # Errors
    /// [`ModelError::Compute`] when candle cannot allocate.
    pub fn new(spec: &DecoderSpec, limit_tokens: usize) -> Result<Self, ModelError> {
        let shape = (spec.attention.kv_heads, 0, spec.attention.head_dim);
        let layers = (0..spec.layers)
            .map(|_| {
                Ok(LayerCache {
                    keys: Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
                    values: Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self {
            layers,
            tokens: 0,
            limit_tokens,
        })
    }

    /// Tokens held.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Most tokens this cache will hold.
    pub fn limit_tokens(&self) -> usize {
        self.limit_tokens
    }

    /// Bytes allocated now.
    pub fn bytes(&self) -> u64 {
        let values = |layer: &LayerCache| layer.keys.elem_count() + layer.values.elem_count();
        let all: usize = self.layers.iter().map(values).sum();
        all as u64 * size_of::<f32>() as u64
    }

    /// Forgets all but the first `tokens` tokens; longer than what is held changes nothing.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Makes room for `more` tokens.
    ///
    /// # Errors
    /// [`ModelError::ContextExceeded`] past the limit.
    pub(crate) fn reserve(&mut self, more: usize) -> Result<(), ModelError> {
        let wanted = self.tokens.saturating_add(more);
        if wanted > self.limit_tokens {
            return Err(ModelError::ContextExceeded {
                wanted_tokens: wanted,
                limit_tokens: self.limit_tokens,
            });
        }
        for layer in &mut self.layers {
            let capacity = layer.keys.dim(1)?;
            if wanted > capacity {
                let grown = wanted.max(2 * capacity).next_multiple_of(BLOCK_TOKENS);
                layer.grow(self.tokens, grown.min(self.limit_tokens))?;
            }
        }
        Ok(())
    }

    pub(crate) fn layer(&self, index: usize) -> &LayerCache {
        &self.layers[index]
    }

    /// Counts tokens whose keys and values all layers have written.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }
}

impl LayerCache {
    fn grow(&mut self, kept: usize, capacity: usize) -> Result<(), ModelError> {
        for tensor in [&mut self.keys, &mut self.values] {
            let (heads, _, width) = tensor.dims3()?;
            let grown = Tensor::zeros((heads, capacity, width), DType::F32, &Device::Cpu)?;
            if kept > 0 {
                grown.slice_set(&tensor.narrow(1, 0, kept)?.contiguous()?, 1, 0)?;
            }
            *tensor = grown;
        }
        Ok(())
    }

    /// Writes keys and values `(kv_heads, T, head_dim)` at `position` and returns all up to their end.
    /// The views are not contiguous across heads.
    pub(crate) fn write(
        &self,
        position: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor), ModelError> {
        let end = position + keys.dim(1)?;
        self.keys.slice_set(&keys.contiguous()?, 1, position)?;
        self.values.slice_set(&values.contiguous()?, 1, position)?;
        Ok((self.keys.narrow(1, 0, end)?, self.values.narrow(1, 0, end)?))
    }
}
