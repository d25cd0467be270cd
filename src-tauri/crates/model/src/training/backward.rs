//! The way back, layer by layer.

use nc_kernels::{
    AttentionBackward, AttentionGradients, DenseProduct, GateBackward, KeyValueShape, NormBackward,
    Operand, Precision, Scoring, Scratch, Sums, TransposedProduct, Turn, add_column_sums,
    multiply_dense, multiply_transposed,
};

use super::arena::{AdapterBuffers, Arena};
use super::forward::{Pass, activation};
use super::layout::Layout;
use super::{Method, MicroBatch, ParameterRole, Site, StepOptions, TrainingDecoder};
use crate::layer::{Layer, NormLayer};
use crate::{LayerTensor, TensorRole};

impl TrainingDecoder {
    /// From the gradient of the stream behind the last layer to those of all parameters before it.
    pub(super) fn backward(
        &mut self,
        parameters: &[f32],
        batch: &MicroBatch,
        options: StepOptions,
        gradients: &mut [f32],
    ) {
        let Self {
            decoder,
            method,
            layout,
            arena,
        } = self;
        let precision = arena.precision();
        let pass = Self::pass(
            (decoder, method, layout),
            Some(parameters),
            batch.starts,
            (options.dropout_seed, precision),
        );
        let full = *method == Method::Full;
        for (index, layer) in decoder.layers.iter().enumerate().rev() {
            let trace = match options.recompute {
                false => index,
                true => {
                    let Arena { inputs, stream, .. } = &mut *arena;
                    inputs[index].restore(pass.compute, stream);
                    layer.trace(index, pass, arena, 0);
                    0
                }
            };
            let mut back = Back {
                pass,
                layout,
                layer: index,
                precision,
                // Nothing before the first layer learns, unless everything does.
                to_input: full || index > 0,
                gradients: &mut *gradients,
            };
            back.layer(layer, arena, trace);
        }
        if let Some(table) = layout.weight(TensorRole::Embedding, gradients) {
            let hidden = decoder.spec.hidden_size;
            for (token, row) in batch.tokens.iter().zip(arena.gradient.chunks_exact(hidden)) {
                let target = &mut table[*token as usize * hidden..][..hidden];
                for (sum, value) in target.iter_mut().zip(row) {
                    *sum += value;
                }
            }
        }
    }
}

struct Back<'a, 'b> {
    pass: Pass<'a>,
    layout: &'a Layout,
    layer: usize,
    precision: Precision,
    to_input: bool,
    gradients: &'b mut [f32],
}

/// A product on the way back: what went in, the gradient of what came out, and where the gradient of the first goes.
struct Step<'a> {
    site: Site,
    x: &'a [f32],
    output_gradient: &'a [f32],
    x_gradient: Option<(&'a mut [f32], Sums)>,
}

impl Back<'_, '_> {
    fn layer(&mut self, layer: &Layer, arena: &mut Arena, trace: usize) {
        let (path, pool) = self.pass.compute.training();
        let compute = self.pass.compute;
        let Arena {
            traces,
            turns,
            attention,
            scratch,
            gradient,
            normed,
            normed_gradient,
            residual,
            queries: query_gradient,
            attended,
            attended_gradient,
            keys: key_gradient,
            values: value_gradient,
            gate,
            up,
            inner,
            inner_gradient,
            up_gradient,
            adapters,
            ..
        } = arena;
        let trace = &traces[trace];
        let mut lane = (scratch, adapters, &trace.low);

        trace.gate.restore(compute, gate);
        trace.up.restore(compute, up);
        let activation = activation(layer.mlp.kind);
        activation.gate(path, pool, (gate, up), inner);
        self.product(
            layer,
            &mut lane,
            Step {
                site: Site::Down,
                x: inner,
                output_gradient: gradient,
                x_gradient: Some((inner_gradient, Sums::Overwrite)),
            },
        );
        // What was gated is no longer needed.
        let gate_gradient = inner;
        activation.gate_backward(
            path,
            pool,
            GateBackward {
                gate,
                up,
                output_gradient: inner_gradient,
                gate_gradient,
                up_gradient,
            },
        );
        trace.middle.restore(compute, residual);
        layer.mlp_norm.forward(path, pool, residual, normed);
        for (site, output_gradient, sums) in [
            (Site::Gate, &*gate_gradient, Sums::Overwrite),
            (Site::Up, &*up_gradient, Sums::Add),
        ] {
            let step = Step {
                site,
                x: normed,
                output_gradient,
                x_gradient: Some((normed_gradient, sums)),
            };
            self.product(layer, &mut lane, step);
        }
        self.norm(
            &layer.mlp_norm,
            LayerTensor::MlpNorm,
            (residual, normed_gradient, gradient),
        );

        trace.attended.restore(compute, attended);
        self.product(
            layer,
            &mut lane,
            Step {
                site: Site::AttentionOutput,
                x: attended,
                output_gradient: gradient,
                x_gradient: Some((attended_gradient, Sums::Overwrite)),
            },
        );
        let shape = layer.attention.shape;
        let backward = AttentionBackward {
            shape: KeyValueShape {
                kv_heads: shape.kv_heads,
                head_dim: shape.head_dim,
            },
            scoring: Scoring {
                starts: Some(self.pass.starts),
                ..Scoring::causal(shape.heads, 1.0 / (shape.head_dim as f32).sqrt())
            },
            queries: trace.queries.floats(),
            keys: trace.keys.floats(),
            values: trace.values.floats(),
            output: trace.attended.floats(),
            log_sum_exp: &trace.log_sum_exp,
            output_gradient: attended_gradient,
        };
        backward.run(
            (path, pool, attention),
            AttentionGradients {
                queries: query_gradient,
                keys: key_gradient,
                values: value_gradient,
            },
        );
        let turned = [
            (&mut query_gradient[..], shape.heads),
            (&mut key_gradient[..], shape.kv_heads),
        ];
        let frequencies = self.pass.frequencies;
        frequencies.turn(
            (path, pool),
            Turn::Backward,
            turns,
            (turned, shape.head_dim),
        );
        trace.input.restore(compute, residual);
        layer.attention_norm.forward(path, pool, residual, normed);
        for (site, output_gradient, sums) in [
            (Site::Query, &*query_gradient, Sums::Overwrite),
            (Site::Key, &*key_gradient, Sums::Add),
            (Site::Value, &*value_gradient, Sums::Add),
        ] {
            let step = Step {
                site,
                x: normed,
                output_gradient,
                x_gradient: self.to_input.then_some((&mut normed_gradient[..], sums)),
            };
            self.product(layer, &mut lane, step);
        }
        if self.to_input {
            self.norm(
                &layer.attention_norm,
                LayerTensor::AttentionNorm,
                (residual, normed_gradient, gradient),
            );
        }
    }

    /// Adds to the gradient of what was normalised, and to that of the norm's weight where it learns.
    fn norm(
        &mut self,
        layer: &NormLayer,
        tensor: LayerTensor,
        (x, output_gradient, x_gradient): (&[f32], &[f32], &mut [f32]),
    ) {
        let role = TensorRole::Layer(self.layer, tensor);
        let weight_gradient = self.layout.weight(role, self.gradients);
        let slices = NormBackward {
            x,
            output_gradient,
            x_gradient,
            weight_gradient,
            bias_gradient: None,
        };
        let (path, pool) = self.pass.compute.training();
        layer.kernel().backward(path, pool, slices);
    }

    /// The gradients of a projection: of what went in, of its weight and bias or of its adapter's factors.
    fn product(
        &mut self,
        layer: &Layer,
        (scratch, buffers, low): &mut (
            &mut Scratch,
            &mut AdapterBuffers,
            &[Vec<f32>; Site::ALL.len()],
        ),
        step: Step,
    ) {
        let (path, pool) = self.pass.compute.training();
        let Step {
            site,
            x,
            output_gradient,
            mut x_gradient,
        } = step;
        let matrix = &layer.projection(site).weight;
        let (outputs, inputs) = (matrix.outputs(), matrix.inputs());
        let rows = x.len() / inputs;
        if let Some((x_gradient, sums)) = &mut x_gradient {
            let product = TransposedProduct {
                gradient: output_gradient,
                matrix,
                sums: *sums,
            };
            multiply_transposed(path, pool, scratch, &product, x_gradient);
        }
        let weight = TensorRole::Layer(self.layer, site.weight());
        if let Some(weight_gradient) = self.layout.weight(weight, self.gradients) {
            let product = DenseProduct {
                left: Operand::new(output_gradient, (rows, outputs)).transposed(),
                right: Operand::new(x, (rows, inputs)),
                scale: 1.0,
                sums: Sums::Add,
                precision: self.precision,
            };
            multiply_dense(path, pool, scratch, &product, weight_gradient);
        }
        let bias = TensorRole::Layer(self.layer, site.bias());
        if let Some(bias_gradient) = self.layout.weight(bias, self.gradients) {
            add_column_sums(path, pool, output_gradient, bias_gradient);
        }
        let Some(adapters) = self.pass.adapters else {
            return;
        };
        let Some(adapter) = adapters.of((self.layer, site), (outputs, inputs)) else {
            return;
        };
        let (rank, precision) = (adapters.rank, adapters.precision);
        let low = Operand::new(&low[site as usize], (rows, rank));
        let output_gradient = Operand::new(output_gradient, (rows, outputs));
        let mut low_gradient = std::mem::take(&mut buffers.low_gradient);
        low_gradient.resize(rows * rank, 0.0);
        let to_low = DenseProduct {
            left: output_gradient,
            right: adapter.second,
            scale: adapters.scale,
            sums: Sums::Overwrite,
            precision,
        };
        multiply_dense(path, pool, scratch, &to_low, &mut low_gradient);
        let to_second = DenseProduct {
            left: output_gradient.transposed(),
            right: low,
            scale: adapters.scale,
            sums: Sums::Add,
            precision,
        };
        if let Some(place) = self.layout.place(ParameterRole::LoraB(self.layer, site)) {
            multiply_dense(path, pool, scratch, &to_second, &mut self.gradients[place]);
        }
        let low_gradient_rows = Operand::new(&low_gradient, (rows, rank));
        let input = buffers.input(self.pass.compute, x, adapter.dropout);
        let to_first = DenseProduct {
            left: low_gradient_rows.transposed(),
            right: Operand::new(input, (rows, inputs)),
            scale: 1.0,
            sums: Sums::Add,
            precision,
        };
        if let Some(place) = self.layout.place(ParameterRole::LoraA(self.layer, site)) {
            multiply_dense(path, pool, scratch, &to_first, &mut self.gradients[place]);
        }
        if let Some((x_gradient, _)) = x_gradient {
            let mut to_input = DenseProduct {
                left: low_gradient_rows,
                right: adapter.first,
                scale: 1.0,
                sums: Sums::Add,
                precision,
            };
            match adapter.dropout {
                None => multiply_dense(path, pool, scratch, &to_input, x_gradient),
                Some(dropout) => {
                    to_input.sums = Sums::Overwrite;
                    buffers.dropped.resize(x.len(), 0.0);
                    multiply_dense(path, pool, scratch, &to_input, &mut buffers.dropped);
                    dropout.apply(self.pass.compute, &mut buffers.dropped);
                    nc_kernels::add(path, pool, x_gradient, &buffers.dropped);
                }
            }
        }
        buffers.low_gradient = low_gradient;
    }
}
