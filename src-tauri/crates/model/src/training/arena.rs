//! Buffers of training, reused from one micro-batch to the next: fresh pages would cost a fifth of the time.

use nc_kernels::{
    AttentionScratch, Compute, ElementType, Floats, KeyValueShape, KeyValueStore, Scratch,
    narrow_to_bf16, widen_bf16,
};

use super::Site;
use crate::DecoderSpec;
use crate::rotary::Turns;

/// Activations kept for the way back: as they are, or as bfloat16.
#[derive(Debug)]
pub(super) enum Kept {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
}

impl Kept {
    fn new(f32: bool) -> Self {
        match f32 {
            true => Self::F32(Vec::new()),
            false => Self::Bf16(Vec::new()),
        }
    }

    pub(super) fn keep(&mut self, compute: &Compute, values: &[f32]) {
        let (path, pool) = compute.training();
        match self {
            Self::F32(kept) => {
                kept.resize(values.len(), 0.0);
                kept.copy_from_slice(values);
            }
            Self::Bf16(kept) => {
                kept.resize(values.len(), 0);
                narrow_to_bf16(path, pool, values, kept);
            }
        }
    }

    pub(super) fn restore(&self, compute: &Compute, values: &mut [f32]) {
        let (path, pool) = compute.training();
        match self {
            Self::F32(kept) => values.copy_from_slice(kept),
            Self::Bf16(kept) => widen_bf16(path, pool, kept, values),
        }
    }

    pub(super) fn floats(&self) -> Floats<'_> {
        match self {
            Self::F32(kept) => Floats::F32(kept),
            Self::Bf16(kept) => Floats::Bf16(kept),
        }
    }
}

/// What one layer keeps of the way forward.
#[derive(Debug)]
pub(super) struct LayerTrace {
    /// `(T, hidden)`
    pub(super) input: Kept,
    /// `(T, heads, head_dim)`
    pub(super) queries: Kept,
    /// `(T, kv_heads, head_dim)`
    pub(super) keys: Kept,
    pub(super) values: Kept,
    /// `(T, heads, head_dim)`
    pub(super) attended: Kept,
    /// `(T, heads)`
    pub(super) log_sum_exp: Vec<f32>,
    /// The residual stream between attention and feed-forward, `(T, hidden)`.
    pub(super) middle: Kept,
    /// `(T, intermediate_size)`
    pub(super) gate: Kept,
    pub(super) up: Kept,
    /// What the adapters' first factors gave, `(T, rank)` for each site.
    pub(super) low: [Vec<f32>; Site::ALL.len()],
}

impl LayerTrace {
    pub(super) fn new(f32: bool) -> Self {
        let kept = || Kept::new(f32);
        Self {
            input: kept(),
            queries: kept(),
            keys: kept(),
            values: kept(),
            attended: kept(),
            log_sum_exp: Vec::new(),
            middle: kept(),
            gate: kept(),
            up: kept(),
            low: Default::default(),
        }
    }
}

/// All buffers. Between passes their values mean nothing, except that those of a pass forward serve the way back.
#[derive(Debug)]
pub(super) struct Arena {
    /// Whether activations are kept as f32.
    pub(super) keeps_f32: bool,
    /// One for each layer, or one for all.
    pub(super) traces: Vec<LayerTrace>,
    /// Each layer's input, where only that is kept.
    pub(super) inputs: Vec<Kept>,
    pub(super) turns: Turns,
    /// Keys and values of the layer that is computed.
    pub(super) store: KeyValueStore,
    pub(super) attention: AttentionScratch,
    pub(super) scratch: Scratch,
    /// The residual stream, `(T, hidden)`; after the way forward that behind the last layer.
    pub(super) stream: Vec<f32>,
    /// Its gradient.
    pub(super) gradient: Vec<f32>,
    /// `(T, hidden)`
    pub(super) normed: Vec<f32>,
    pub(super) normed_gradient: Vec<f32>,
    pub(super) residual: Vec<f32>,
    /// `(T, heads, head_dim)`
    pub(super) queries: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) attended_gradient: Vec<f32>,
    /// `(T, kv_heads, head_dim)`
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
    /// `(T, intermediate_size)`
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) inner: Vec<f32>,
    pub(super) inner_gradient: Vec<f32>,
    pub(super) up_gradient: Vec<f32>,
    pub(super) adapters: AdapterBuffers,
    pub(super) head: HeadBuffers,
}

/// Buffers of adapters.
#[derive(Debug, Default)]
pub(super) struct AdapterBuffers {
    /// An adapter's input without what is dropped, or the gradient of that.
    pub(super) dropped: Vec<f32>,
    /// The gradient of what the first factor gave, `(T, rank)`.
    pub(super) low_gradient: Vec<f32>,
}

/// Buffers of the output, for the rows of one block.
#[derive(Debug, Default)]
pub(super) struct HeadBuffers {
    pub(super) stream: Vec<f32>,
    pub(super) stream_gradient: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) normed_gradient: Vec<f32>,
    pub(super) logits: Vec<f32>,
    pub(super) losses: Vec<f32>,
}

impl Arena {
    pub(super) fn new(spec: &DecoderSpec, keeps_f32: bool) -> Self {
        let shape = KeyValueShape {
            kv_heads: spec.attention.kv_heads,
            head_dim: spec.attention.head_dim,
        };
        let element = match keeps_f32 {
            true => ElementType::F32,
            false => ElementType::Bf16,
        };
        Self {
            keeps_f32,
            traces: Vec::new(),
            inputs: Vec::new(),
            turns: Turns::default(),
            store: KeyValueStore::new(shape, element, usize::MAX / 2),
            attention: AttentionScratch::new(),
            scratch: Scratch::default(),
            stream: Vec::new(),
            gradient: Vec::new(),
            normed: Vec::new(),
            normed_gradient: Vec::new(),
            residual: Vec::new(),
            queries: Vec::new(),
            attended: Vec::new(),
            attended_gradient: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            gate: Vec::new(),
            up: Vec::new(),
            inner: Vec::new(),
            inner_gradient: Vec::new(),
            up_gradient: Vec::new(),
            adapters: AdapterBuffers::default(),
            head: HeadBuffers::default(),
        }
    }

    /// Gives the buffers of the way forward the length of so many tokens.
    pub(super) fn fit_forward(&mut self, spec: &DecoderSpec, tokens: usize) {
        let [hidden, queries, keys, inner] = lengths(spec, tokens);
        for (buffer, length) in [
            (&mut self.stream, hidden),
            (&mut self.normed, hidden),
            (&mut self.residual, hidden),
            (&mut self.queries, queries),
            (&mut self.attended, queries),
            (&mut self.keys, keys),
            (&mut self.values, keys),
            (&mut self.gate, inner),
            (&mut self.up, inner),
        ] {
            buffer.resize(length, 0.0);
        }
    }

    /// The same for those of the way back.
    pub(super) fn fit_backward(&mut self, spec: &DecoderSpec, tokens: usize) {
        let [hidden, queries, _, inner] = lengths(spec, tokens);
        for (buffer, length) in [
            (&mut self.gradient, hidden),
            (&mut self.normed_gradient, hidden),
            (&mut self.attended_gradient, queries),
            (&mut self.inner, inner),
            (&mut self.inner_gradient, inner),
            (&mut self.up_gradient, inner),
        ] {
            buffer.resize(length, 0.0);
        }
    }

    /// Makes at least as many traces, and as many inputs, as a pass keeps.
    pub(super) fn fit_traces(&mut self, traces: usize, inputs: usize) {
        let f32 = self.keeps_f32;
        let (traces, inputs) = (traces.max(self.traces.len()), inputs.max(self.inputs.len()));
        self.traces.resize_with(traces, || LayerTrace::new(f32));
        self.inputs.resize_with(inputs, || Kept::new(f32));
    }
}

#[cfg(test)]
impl Arena {
    /// Bytes of what is kept for the way back, as it was last filled.
    pub(super) fn kept_bytes(&self) -> u64 {
        let kept = |kept: &Kept| match kept {
            Kept::F32(kept) => size_of_val(&kept[..]),
            Kept::Bf16(kept) => size_of_val(&kept[..]),
        };
        let trace = |trace: &LayerTrace| {
            let LayerTrace {
                input,
                queries,
                keys,
                values,
                attended,
                log_sum_exp,
                middle,
                gate,
                up,
                low,
            } = trace;
            let all = [input, queries, keys, values, attended, middle, gate, up];
            let low = low.iter().map(|low| size_of_val(&low[..]));
            all.map(kept).iter().sum::<usize>() + low.sum::<usize>() + size_of_val(&log_sum_exp[..])
        };
        let traces: usize = self.traces.iter().map(trace).sum();
        (traces + self.inputs.iter().map(kept).sum::<usize>()) as u64
    }

    /// Bytes of the other buffers, without what kernels compute in.
    pub(super) fn buffer_bytes(&self) -> u64 {
        let Self {
            keeps_f32: _,
            traces: _,
            inputs: _,
            attention: _,
            scratch: _,
            turns,
            store,
            stream,
            gradient,
            normed,
            normed_gradient,
            residual,
            queries,
            attended,
            attended_gradient,
            keys,
            values,
            gate,
            up,
            inner,
            inner_gradient,
            up_gradient,
            adapters,
            head,
        } = self;
        let streams = [stream, gradient, normed, normed_gradient, residual];
        let attention = [queries, attended, attended_gradient, keys, values];
        let inside = [gate, up, inner, inner_gradient, up_gradient];
        let of_head = [&head.stream, &head.stream_gradient, &head.normed];
        let more_of_head = [&head.normed_gradient, &head.logits, &head.losses];
        let others = [
            &turns.cosines,
            &turns.sines,
            &adapters.dropped,
            &adapters.low_gradient,
        ];
        let all = streams.iter().chain(&attention).chain(&inside);
        let all = all.chain(&of_head).chain(&more_of_head).chain(&others);
        let floats: usize = all.map(|buffer| size_of_val(&buffer[..])).sum();
        (floats + size_of_val(&turns.rows[..]) + store.bytes()) as u64
    }
}

/// Numbers of so many tokens in the residual stream, in queries, in keys, and inside the feed-forward part.
pub(super) fn lengths(spec: &DecoderSpec, tokens: usize) -> [usize; 4] {
    let attention = &spec.attention;
    [
        spec.hidden_size,
        attention.heads * attention.head_dim,
        attention.kv_heads * attention.head_dim,
        spec.mlp.intermediate_size,
    ]
    .map(|width| width * tokens)
}
