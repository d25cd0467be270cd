//! Buffers that forward passes reuse.

use nc_kernels::{AttentionScratch, Path, Pool, Scratch};

use crate::DecoderSpec;
use crate::low_rank::AdapterBuffers;
use crate::rotary::Turns;

/// The activations of one forward pass. Grown to the longest pass there was; between passes their values mean nothing.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) turns: Turns,
    /// The residual stream, `(T, hidden)`.
    pub(crate) stream: Vec<f32>,
    /// Normalised, and what comes back to the stream; each `(T, hidden)`.
    pub(crate) normed: Vec<f32>,
    pub(crate) update: Vec<f32>,
    /// `(T, heads, head_dim)`
    pub(crate) queries: Vec<f32>,
    pub(crate) attended: Vec<f32>,
    /// `(T, kv_heads, head_dim)`
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
    /// `(T, intermediate_size)`
    pub(crate) gate: Vec<f32>,
    pub(crate) up: Vec<f32>,
    pub(crate) adapters: AdapterBuffers,
    pub(crate) scratch: Scratch,
    pub(crate) attention: AttentionScratch,
}

/// What a product computes with.
pub(crate) struct Lane<'a> {
    pub(crate) path: Path,
    pub(crate) pool: &'a Pool,
    pub(crate) scratch: &'a mut Scratch,
}

impl Workspace {
    /// Gives every buffer the length of so many tokens.
    pub(crate) fn fit(&mut self, spec: &DecoderSpec, tokens: usize) {
        let attention = &spec.attention;
        let queries = tokens * attention.heads * attention.head_dim;
        let keys = tokens * attention.kv_heads * attention.head_dim;
        for (buffer, length) in [
            (&mut self.stream, tokens * spec.hidden_size),
            (&mut self.normed, tokens * spec.hidden_size),
            (&mut self.update, tokens * spec.hidden_size),
            (&mut self.queries, queries),
            (&mut self.attended, queries),
            (&mut self.keys, keys),
            (&mut self.values, keys),
            (&mut self.gate, tokens * spec.mlp.intermediate_size),
            (&mut self.up, tokens * spec.mlp.intermediate_size),
        ] {
            buffer.resize(length, 0.0);
        }
    }
}
