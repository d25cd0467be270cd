//! The way forward, with what the way back needs kept.

use nc_kernels::{
    Activation, Attention, Compute, DenseProduct, Operand, Precision, Scoring, Scratch, Sums, Turn,
    multiply_dense,
};

use super::adapter::Dropout;
use super::arena::{AdapterBuffers, Arena, LayerTrace};
use super::layout::Layout;
use super::{Method, MicroBatch, ParameterRole, Site, TrainingDecoder};
use crate::layer::Layer;
use crate::rotary::{Frequencies, Turns};
use crate::weights::project;
use crate::workspace::Lane;
use crate::{Decoder, MlpKind};

/// What a pass keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing: there is no way back.
    Nothing,
    /// Each layer's input.
    Inputs,
    /// All that the way back needs.
    All,
}

/// What all layers of a pass share.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) compute: &'a Compute,
    pub(super) frequencies: &'a Frequencies,
    pub(super) starts: &'a [usize],
    pub(super) adapters: Option<Adapters<'a>>,
}

/// The adapters of a pass.
#[derive(Clone, Copy)]
pub(super) struct Adapters<'a> {
    pub(super) parameters: &'a [f32],
    pub(super) layout: &'a Layout,
    pub(super) rank: usize,
    pub(super) scale: f32,
    pub(super) dropout: Option<Dropout>,
    pub(super) precision: Precision,
}

/// An adapter of one projection: its factors, and what it drops.
pub(super) struct SiteAdapter<'a> {
    pub(super) first: Operand<'a>,
    pub(super) second: Operand<'a>,
    pub(super) dropout: Option<Dropout>,
}

impl<'a> Adapters<'a> {
    /// That of a projection with `(outputs, inputs)`; none where it has none.
    pub(super) fn of(
        &self,
        (layer, site): (usize, Site),
        (outputs, inputs): (usize, usize),
    ) -> Option<SiteAdapter<'a>> {
        let first = self.layout.place(ParameterRole::LoraA(layer, site))?;
        let second = self.layout.place(ParameterRole::LoraB(layer, site))?;
        Some(SiteAdapter {
            first: Operand::new(&self.parameters[first], (self.rank, inputs)),
            second: Operand::new(&self.parameters[second], (outputs, self.rank)),
            dropout: self.dropout.map(|dropout| dropout.of_site(layer, site)),
        })
    }
}

impl TrainingDecoder {
    /// What the layers of a pass over a micro-batch share.
    pub(super) fn pass<'a>(
        (decoder, method, layout): (&'a Decoder, &'a Method, &'a Layout),
        parameters: Option<&'a [f32]>,
        starts: &'a [usize],
        (dropout_seed, precision): (Option<u64>, Precision),
    ) -> Pass<'a> {
        let adapters = match (method, parameters) {
            (Method::Lora(lora), Some(parameters)) => Some(Adapters {
                parameters,
                layout,
                rank: lora.rank,
                scale: lora.scale(),
                dropout: dropout_seed
                    .filter(|_| lora.dropout > 0.0)
                    .map(|seed| Dropout {
                        seed,
                        share: lora.dropout,
                    }),
                precision,
            }),
            _ => None,
        };
        Pass {
            compute: &decoder.compute,
            frequencies: &decoder.frequencies,
            starts,
            adapters,
        }
    }

    /// Fills the arena's stream with that behind the last layer.
    pub(super) fn forward(
        &mut self,
        parameters: Option<&[f32]>,
        batch: &MicroBatch,
        dropout_seed: Option<u64>,
        keep: Keep,
    ) {
        let Self {
            decoder,
            method,
            layout,
            arena,
        } = self;
        let (spec, pool) = (&decoder.spec, &decoder.compute.pool);
        arena.fit_forward(spec, batch.tokens.len());
        match keep {
            Keep::Nothing => arena.fit_traces(1, 0),
            Keep::Inputs => arena.fit_traces(1, spec.layers),
            Keep::All => arena.fit_traces(spec.layers, 0),
        }
        let precision = arena.precision();
        let pass = Self::pass(
            (decoder, method, layout),
            parameters,
            batch.starts,
            (dropout_seed, precision),
        );
        set_positions(&decoder.frequencies, &mut arena.turns, batch.starts);
        pool.pieces(&mut arena.stream, spec.hidden_size, |index, row| {
            decoder.embedding.row(batch.tokens[index] as usize, row);
        });
        for (index, layer) in decoder.layers.iter().enumerate() {
            if keep == Keep::Inputs {
                let (inputs, stream) = (&mut arena.inputs, &arena.stream);
                inputs[index].keep(pass.compute, stream);
            }
            let trace = if keep == Keep::All { index } else { 0 };
            layer.trace(index, pass, arena, trace);
        }
    }
}

/// Each token's position is counted from its sequence's start.
fn set_positions(frequencies: &Frequencies, turns: &mut Turns, starts: &[usize]) {
    let positions = || starts.iter().enumerate().map(|(at, start)| at - start);
    let longest = positions().max().map_or(0, |position| position + 1);
    frequencies.fill(turns, 0, longest);
    turns.rows.clear();
    turns
        .rows
        .extend(positions().map(|position| position as u32));
}

impl Layer {
    /// The arena's stream through this layer; everything the way back needs into a trace.
    pub(super) fn trace(&self, index: usize, pass: Pass, arena: &mut Arena, trace: usize) {
        let compute = pass.compute;
        let (path, pool) = compute.training();
        let Arena {
            traces,
            turns,
            store,
            attention,
            scratch,
            stream,
            normed,
            residual: update,
            queries,
            attended,
            keys,
            values,
            gate,
            up,
            adapters,
            ..
        } = arena;
        let trace = &mut traces[trace];
        let LayerTrace { low, .. } = trace;
        let [
            low_query,
            low_key,
            low_value,
            low_output,
            low_gate,
            low_up,
            low_down,
        ] = low;
        let mut forward = Forward {
            pass,
            layer: index,
            scratch,
            adapters,
        };

        trace.input.keep(compute, stream);
        self.attention_norm.forward(path, pool, stream, normed);
        forward.project(
            normed,
            [
                (self, Site::Query, queries, low_query),
                (self, Site::Key, keys, low_key),
                (self, Site::Value, values, low_value),
            ],
        );
        let shape = self.attention.shape;
        let turned = [
            (&mut queries[..], shape.heads),
            (&mut keys[..], shape.kv_heads),
        ];
        let frequencies = pass.frequencies;
        frequencies.turn((path, pool), Turn::Forward, turns, (turned, shape.head_dim));
        trace.queries.keep(compute, queries);
        trace.keys.keep(compute, keys);
        trace.values.keep(compute, values);
        // Attention is computed from what the way back will see.
        trace.queries.restore(compute, queries);
        store.truncate(0);
        if store.append(path, 0, keys, values).is_err() {
            unreachable!("the store has no limit that memory would not reach first");
        }
        let question = Attention {
            queries,
            position: 0,
            scoring: Scoring {
                starts: Some(pass.starts),
                ..Scoring::causal(shape.heads, 1.0 / (shape.head_dim as f32).sqrt())
            },
        };
        trace
            .log_sum_exp
            .resize(pass.starts.len() * shape.heads, 0.0);
        store.attend(
            (path, pool, attention),
            &question,
            attended,
            Some(&mut trace.log_sum_exp),
        );
        trace.attended.keep(compute, attended);
        forward.project(
            attended,
            [(self, Site::AttentionOutput, update, low_output)],
        );
        nc_kernels::add(path, pool, stream, update);

        trace.middle.keep(compute, stream);
        self.mlp_norm.forward(path, pool, stream, normed);
        forward.project(
            normed,
            [
                (self, Site::Gate, gate, low_gate),
                (self, Site::Up, up, low_up),
            ],
        );
        trace.gate.keep(compute, gate);
        trace.up.keep(compute, up);
        activation(self.mlp.kind).gate_in_place(path, pool, gate, up);
        forward.project(up, [(self, Site::Down, update, low_down)]);
        nc_kernels::add(path, pool, stream, update);
    }
}

pub(super) fn activation(kind: MlpKind) -> Activation {
    match kind {
        MlpKind::GatedSilu => Activation::Silu,
    }
}

struct Forward<'a, 'b> {
    pass: Pass<'a>,
    layer: usize,
    scratch: &'b mut Scratch,
    adapters: &'b mut AdapterBuffers,
}

impl Forward<'_, '_> {
    /// Several projections of the same rows: what each gives, and what its adapter's first factor gave.
    fn project<const N: usize>(
        &mut self,
        x: &[f32],
        sites: [(&Layer, Site, &mut Vec<f32>, &mut Vec<f32>); N],
    ) {
        let (path, pool) = self.pass.compute.training();
        let mut sites = sites;
        let mut lane = Lane {
            path,
            pool,
            scratch: self.scratch,
        };
        let projections = sites
            .each_mut()
            .map(|(layer, site, output, _)| (layer.projection(*site), &mut output[..]));
        project(&mut lane, x, projections);
        let Some(adapters) = self.pass.adapters else {
            return;
        };
        for (layer, site, output, low) in sites {
            let weight = &layer.projection(site).weight;
            let shape = (weight.outputs(), weight.inputs());
            let Some(adapter) = adapters.of((self.layer, site), shape) else {
                continue;
            };
            let rows = x.len() / shape.1;
            let input = self.adapters.input(self.pass.compute, x, adapter.dropout);
            low.resize(rows * adapters.rank, 0.0);
            let first = DenseProduct {
                left: Operand::new(input, (rows, shape.1)),
                right: adapter.first.transposed(),
                scale: 1.0,
                sums: Sums::Overwrite,
                precision: adapters.precision,
            };
            multiply_dense(path, pool, self.scratch, &first, low);
            let second = DenseProduct {
                left: Operand::new(low, (rows, adapters.rank)),
                right: adapter.second.transposed(),
                scale: adapters.scale,
                sums: Sums::Add,
                precision: adapters.precision,
            };
            multiply_dense(path, pool, self.scratch, &second, output);
        }
    }
}

impl AdapterBuffers {
    /// What an adapter sees of `x`.
    pub(super) fn input<'a>(
        &'a mut self,
        compute: &Compute,
        x: &'a [f32],
        dropout: Option<Dropout>,
    ) -> &'a [f32] {
        let Some(dropout) = dropout else {
            return x;
        };
        self.dropped.resize(x.len(), 0.0);
        self.dropped.copy_from_slice(x);
        dropout.apply(compute, &mut self.dropped);
        &self.dropped
    }
}

impl Arena {
    /// In what adapters and gradients of weights are multiplied.
    pub(super) fn precision(&self) -> Precision {
        match self.keeps_f32 {
            true => Precision::F32,
            false => Precision::Bf16,
        }
    }
}
