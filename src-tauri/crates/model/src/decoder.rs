//! The forward pass, written once for all families.
//!
//! These are plain candle operations in f32: the twin that faster code is held against.

use std::ops::ControlFlow;

use candle_core::{Device, Tensor};

use crate::layer::{Layer, NormLayer, Pass, causal_mask};
use crate::rotary::RotaryTable;
use crate::weights::Matrix;
use crate::{DecoderSpec, KvCache, ModelError};

/// Most tokens read in one go.
const CHUNK_TOKENS: usize = 128;
/// Attention scores of one chunk and layer stay below this many values (64 MB).
const CHUNK_SCORES: usize = 1 << 24;

/// A decoder with its weights.
pub struct Decoder {
    pub(crate) spec: DecoderSpec,
    pub(crate) embedding: Matrix,
    pub(crate) rotary: RotaryTable,
    pub(crate) layers: Vec<Layer>,
    pub(crate) output_norm: NormLayer,
    pub(crate) output: Matrix,
}

impl std::fmt::Debug for Decoder {
    /// Without the weights.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// Which tokens' logits a forward pass returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logits {
    /// The last token's: `(1, vocabulary)`.
    Last,
    /// Every token's: `(T, vocabulary)`.
    All,
}

impl Decoder {
    /// What it is made of.
    pub fn spec(&self) -> &DecoderSpec {
        &self.spec
    }

    /// Whether matrices are multiplied in the blocks they are stored in.
    pub fn has_blocks(&self) -> bool {
        let projections = self
            .layers
            .iter()
            .map(|layer| &layer.attention.query.weight);
        projections
            .chain([&self.output])
            .any(|matrix| matches!(matrix, Matrix::Blocks(_)))
    }

    /// Bytes of the weights in memory.
    pub fn weight_bytes(&self) -> u64 {
        let layers: u64 = self
            .layers
            .iter()
            .map(|layer| {
                let (attention, mlp) = (&layer.attention, &layer.mlp);
                [
                    &attention.query,
                    &attention.key,
                    &attention.value,
                    &attention.output,
                ]
                .into_iter()
                .chain([&mlp.gate, &mlp.up, &mlp.down])
                .map(|projection| projection.bytes())
                .sum::<u64>()
            })
            .sum();
        let norms = (2 * self.layers.len() + 1) * self.spec.hidden_size * size_of::<f32>();
        let output = if self.spec.tied_output {
            0
        } else {
            self.output.bytes()
        };
        self.embedding.bytes() + layers + norms as u64 + output
    }

    /// Reads `tokens` after those in the cache and returns logits, f32.
    ///
    /// On an error the cache holds what it held before.
    ///
    /// # Errors
    /// [`ModelError::EmptyInput`], [`ModelError::TokenOutOfRange`] and [`ModelError::ContextExceeded`] for tokens that
    /// cannot be read; [`ModelError::Compute`] from candle.
    pub fn forward(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        wanted: Logits,
    ) -> Result<Tensor, ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::EmptyInput);
        }
        if let Some(&token) = tokens.iter().find(|&&t| t as usize >= self.spec.vocabulary) {
            return Err(ModelError::TokenOutOfRange {
                token,
                vocabulary: self.spec.vocabulary,
            });
        }
        cache.reserve(tokens.len())?;
        let position = cache.tokens();
        let pass = Pass {
            position,
            turns: self.rotary.turns(position, tokens.len())?,
            mask: causal_mask(position, tokens.len())?,
        };
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let mut x = self.embedding.rows(&ids)?; // (T, hidden)
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, &pass, cache.layer(index))?;
        }
        cache.advance(tokens.len());
        let x = match wanted {
            Logits::Last => x.narrow(0, tokens.len() - 1, 1)?,
            Logits::All => x,
        };
        self.output
            .multiply(&self.output_norm.forward(&x.contiguous()?)?)
    }

    /// Reads a prompt chunk by chunk and returns the logits of its last token, one for each token of the vocabulary.
    ///
    /// `on_chunk` is told how many of `tokens` are read, after each chunk, and may stop; the cache keeps the chunks read.
    ///
    /// # Errors
    /// [`ModelError::Cancelled`] when `on_chunk` stopped; otherwise those of [`Decoder::forward`].
    pub fn read(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        on_chunk: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, ModelError> {
        let mut done = 0;
        loop {
            let end = tokens.len().min(done + self.chunk_tokens(cache.tokens()));
            let logits = self.forward(&tokens[done..end], cache, Logits::Last)?;
            done = end;
            let stopped = on_chunk(done).is_break();
            if done == tokens.len() {
                return Ok(logits.flatten_all()?.to_vec1()?);
            }
            if stopped {
                return Err(ModelError::Cancelled);
            }
        }
    }

    /// Tokens of the next chunk after `cached` others: fewer in a long context, to bound the memory of the scores.
    fn chunk_tokens(&self, cached: usize) -> usize {
        let row = self.spec.attention.heads * (cached + CHUNK_TOKENS);
        (CHUNK_SCORES / row).clamp(1, CHUNK_TOKENS)
    }
}
