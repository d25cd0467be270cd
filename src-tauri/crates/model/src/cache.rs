//! Keys and values of the tokens already read.

use nc_kernels::{ElementType, KeyValueShape, KeyValueStore};

use crate::workspace::Workspace;
use crate::{AttentionShape, DecoderSpec, ModelError};

/// Keys and values of all layers for one sequence, and the buffers its passes reuse. Grows by doubling up to its limit, and
/// can be cut back to a prefix so that the next prompt which begins alike need not be read again.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<KeyValueStore>,
    tokens: usize,
    limit_tokens: usize,
    workspace: Workspace,
}

impl KvCache {
    /// An empty cache for at most `limit_tokens` tokens of this decoder, keys and values rounded to `element`; nothing is
    /// allocated for tokens yet.
    pub(crate) fn new(spec: &DecoderSpec, element: ElementType, limit_tokens: usize) -> Self {
        let layer = || KeyValueStore::new(shape(&spec.attention), element, limit_tokens);
        Self {
            layers: (0..spec.layers).map(|_| layer()).collect(),
            tokens: 0,
            limit_tokens,
            workspace: Workspace::default(),
        }
    }

    /// Tokens held.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Most tokens this cache will hold.
    pub fn limit_tokens(&self) -> usize {
        self.limit_tokens
    }

    /// Bytes allocated now for keys and values.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.bytes() as u64).sum()
    }

    /// Forgets all but the first `tokens` tokens; longer than what is held changes nothing.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// The layers and the buffers, with room for `more` tokens.
    ///
    /// # Errors
    /// [`ModelError::ContextExceeded`] past the limit.
    pub(crate) fn parts(
        &mut self,
        spec: &DecoderSpec,
        more: usize,
    ) -> Result<(&mut [KeyValueStore], &mut Workspace), ModelError> {
        let wanted = self.tokens.saturating_add(more);
        if wanted > self.limit_tokens {
            return Err(ModelError::ContextExceeded {
                wanted_tokens: wanted,
                limit_tokens: self.limit_tokens,
            });
        }
        self.workspace.fit(spec, more);
        Ok((&mut self.layers, &mut self.workspace))
    }

    /// Counts tokens whose keys and values all layers have written.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.tokens += tokens;
    }
}

impl DecoderSpec {
    /// Bytes of the KV cache of a context, keys and values rounded to `element`.
    pub fn cache_bytes(&self, element: ElementType, context_tokens: usize) -> u64 {
        let layer = KeyValueStore::bytes_for(shape(&self.attention), element, context_tokens);
        (layer as u64).saturating_mul(self.layers as u64)
    }
}

fn shape(attention: &AttentionShape) -> KeyValueShape {
    KeyValueShape {
        kv_heads: attention.kv_heads,
        head_dim: attention.head_dim,
    }
}
