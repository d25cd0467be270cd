//! The forward pass, written once for all families.

use std::ops::ControlFlow;
use std::sync::Arc;

use nc_kernels::{Compute, ElementType, Matrix, Product, multiply};

use crate::layer::{Layer, NormLayer, Pass};
use crate::low_rank::Adapters;
use crate::rotary::Frequencies;
use crate::{DecoderSpec, KvCache, Lora, ModelError};

/// Most tokens read in one go: enough for products of many rows to be worth decoding the weights.
const CHUNK_TOKENS: usize = 512;

/// A decoder with its weights.
pub struct Decoder {
    pub(crate) spec: DecoderSpec,
    pub(crate) compute: Compute,
    pub(crate) cache_element: ElementType,
    pub(crate) embedding: Arc<Matrix>,
    pub(crate) frequencies: Frequencies,
    pub(crate) layers: Vec<Layer>,
    pub(crate) output_norm: NormLayer,
    pub(crate) output: Arc<Matrix>,
    /// Beside the projections of all layers.
    pub(crate) adapters: Option<Adapters>,
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
    /// The last token's: one row.
    Last,
    /// Every token's: `T` rows.
    All,
}

impl Decoder {
    /// What it is made of.
    pub fn spec(&self) -> &DecoderSpec {
        &self.spec
    }

    /// What it computes with.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Puts an adapter beside the projections, or takes it away: parameters lie as [`Lora::tensors`] says. The weights stay
    /// as they are. What a cache holds was computed with the adapter there was before.
    ///
    /// # Errors
    /// [`ModelError::Lora`] for an adapter that does not fit.
    ///
    /// # Panics
    /// When there are fewer or more parameters than the adapter has.
    pub fn set_adapter(&mut self, adapter: Option<(&Lora, &[f32])>) -> Result<(), ModelError> {
        self.adapters = match adapter {
            Some((lora, parameters)) => {
                lora.check(&self.spec)?;
                Some(Adapters::new(&self.spec, &self.compute, lora, parameters))
            }
            None => None,
        };
        Ok(())
    }

    /// An empty cache for at most `limit_tokens` tokens.
    pub fn new_cache(&self, limit_tokens: usize) -> KvCache {
        KvCache::new(&self.spec, self.cache_element, limit_tokens)
    }

    /// Bytes of the weights in memory.
    pub fn weight_bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::bytes).sum();
        let output = match self.spec.tied_output {
            true => 0,
            false => self.output.bytes(),
        };
        let norm = self.output_norm.weight.len() * size_of::<f32>();
        let adapters = self.adapters.as_ref().map_or(0, Adapters::bytes);
        layers + adapters + (self.embedding.bytes() + output + norm) as u64
    }

    /// Reads `tokens` after those in the cache and returns logits, rows of one for each token of the vocabulary.
    ///
    /// On an error the cache holds what it held before.
    ///
    /// # Errors
    /// [`ModelError::EmptyInput`], [`ModelError::TokenOutOfRange`] and [`ModelError::ContextExceeded`] for tokens that
    /// cannot be read.
    pub fn forward(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        wanted: Logits,
    ) -> Result<Vec<f32>, ModelError> {
        self.pass(tokens, cache, wanted, &mut |_| ControlFlow::Continue(()))
    }

    /// The same, asked before every layer whether to go on.
    fn pass(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        wanted: Logits,
        before_layer: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::EmptyInput);
        }
        if let Some(&token) = tokens.iter().find(|&&t| t as usize >= self.spec.vocabulary) {
            return Err(ModelError::TokenOutOfRange {
                token,
                vocabulary: self.spec.vocabulary,
            });
        }
        let (path, pool) = (self.compute.path_for(tokens.len()), &*self.compute.pool);
        let (position, hidden) = (cache.tokens(), self.spec.hidden_size);
        let (layers, workspace) = cache.parts(&self.spec, tokens.len())?;
        pool.pieces(&mut workspace.stream, hidden, |index, row| {
            self.embedding.row(tokens[index] as usize, row)
        });
        self.frequencies
            .fill(&mut workspace.turns, position, tokens.len());
        let pass = Pass {
            path,
            pool,
            frequencies: &self.frequencies,
            position,
            adapters: None,
        };
        for (index, (layer, cache)) in self.layers.iter().zip(layers).enumerate() {
            if before_layer(index).is_break() {
                return Err(ModelError::Cancelled);
            }
            let adapters = self.adapters.as_ref().map(|all| all.layer(index));
            layer.forward(Pass { adapters, ..pass }, workspace, cache)?;
        }
        let first = match wanted {
            Logits::Last => tokens.len() - 1,
            Logits::All => 0,
        };
        let path = self.compute.path_for(tokens.len() - first);
        let normed = &mut workspace.normed[first * hidden..];
        self.output_norm
            .forward(path, pool, &workspace.stream[first * hidden..], normed);
        let mut logits = vec![0.0; (tokens.len() - first) * self.spec.vocabulary];
        let product = Product {
            matrix: &self.output,
            output: &mut logits,
        };
        multiply(path, pool, &mut workspace.scratch, normed, &mut [product]);
        cache.advance(tokens.len());
        Ok(logits)
    }

    /// Reads a prompt in chunks and returns the logits of its last token, one for each token of the vocabulary.
    ///
    /// `on_progress` is told about how many of `tokens` are read, several times a chunk and at the end, and may stop; the
    /// cache keeps the chunks that are whole.
    ///
    /// # Errors
    /// [`ModelError::Cancelled`] when `on_progress` stopped; otherwise those of [`Decoder::forward`].
    pub fn read(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, ModelError> {
        let mut done = 0;
        loop {
            let chunk = &tokens[done..tokens.len().min(done + CHUNK_TOKENS)];
            let logits = self.pass(chunk, cache, Logits::Last, &mut |layer| {
                on_progress(done + chunk.len() * layer / self.spec.layers)
            })?;
            done += chunk.len();
            if done == tokens.len() {
                // Nothing is left to stop.
                let _ = on_progress(done);
                return Ok(logits);
            }
        }
    }
}
