//! The output: from the stream behind the last layer to log-probabilities, and back.
//!
//! Only tokens that count go through it, a block of rows at a time: logits of a whole micro-batch are never in memory.

use nc_kernels::{
    DenseProduct, NormBackward, Operand, Product, Sums, TransposedProduct, cross_entropy,
    cross_entropy_with_gradient, multiply, multiply_dense, multiply_transposed,
};

use super::arena::{Arena, HeadBuffers};
use super::layout::Layout;
use super::{MicroBatch, Objective, TrainingDecoder};
use crate::{Decoder, TensorRole};

/// Rows of a block: their logits are 32 MB for a vocabulary of 32,000.
pub(super) const ROWS: usize = 256;

impl TrainingDecoder {
    /// The log-probability of each target, after a pass forward.
    pub(super) fn log_probabilities_of_stream(&mut self, batch: &MicroBatch) -> Vec<f32> {
        let mut head = Head::new(self, None);
        let mut log_probabilities = Vec::with_capacity(batch.counted());
        for (places, targets) in blocks(batch) {
            head.logits(&places);
            head.losses(&targets);
            log_probabilities.extend(head.buffers.losses.iter().map(|loss| -loss));
        }
        log_probabilities
    }

    /// The same, and the gradient of the stream into the arena; those of the output and its norm are added to `gradients`.
    pub(super) fn head_gradients(
        &mut self,
        batch: &MicroBatch,
        objective: Objective,
        gradients: &mut [f32],
    ) -> Vec<f32> {
        let counted = batch.counted();
        // A function of the log-probabilities needs them all first: then logits are computed twice.
        let (derivatives, known) = match objective {
            Objective::Weighted(weights) => (weights.to_vec(), None),
            Objective::Function(derivatives) => {
                let log_probabilities = self.log_probabilities_of_stream(batch);
                (derivatives(&log_probabilities), Some(log_probabilities))
            }
        };
        let mut log_probabilities = Vec::with_capacity(counted);
        assert_eq!(
            derivatives.len(),
            counted,
            "a derivative for each token that counts"
        );
        let spec = self.decoder.spec.clone();
        self.arena.fit_backward(&spec, batch.tokens.len());
        self.arena.gradient.fill(0.0);
        let mut head = Head::new(self, Some(gradients));
        let mut done = 0;
        for (places, targets) in blocks(batch) {
            head.logits(&places);
            // A loss is minus a log-probability.
            let weights: Vec<f32> = derivatives[done..done + places.len()]
                .iter()
                .map(|derivative| -derivative)
                .collect();
            head.loss_gradients(&targets, &weights);
            log_probabilities.extend(head.buffers.losses.iter().map(|loss| -loss));
            head.back(&places);
            done += places.len();
        }
        known.unwrap_or(log_probabilities)
    }
}

/// The places of the tokens that count, and what should come next, in blocks.
fn blocks<'a>(batch: &'a MicroBatch) -> impl Iterator<Item = (Vec<usize>, Vec<Option<u32>>)> + 'a {
    let counted: Vec<usize> = (0..batch.tokens.len())
        .filter(|&place| batch.targets[place].is_some())
        .collect();
    let blocks = counted.len().div_ceil(ROWS);
    (0..blocks).map(move |block| {
        let places = counted[block * ROWS..counted.len().min((block + 1) * ROWS)].to_vec();
        let targets = places.iter().map(|&place| batch.targets[place]).collect();
        (places, targets)
    })
}

struct Head<'a> {
    decoder: &'a Decoder,
    layout: &'a Layout,
    stream: &'a [f32],
    gradient: &'a mut [f32],
    scratch: &'a mut nc_kernels::Scratch,
    precision: nc_kernels::Precision,
    buffers: &'a mut HeadBuffers,
    gradients: Option<&'a mut [f32]>,
}

impl<'a> Head<'a> {
    fn new(training: &'a mut TrainingDecoder, gradients: Option<&'a mut [f32]>) -> Self {
        let precision = training.arena.precision();
        let Arena {
            stream,
            gradient,
            scratch,
            head,
            ..
        } = &mut training.arena;
        Self {
            decoder: &training.decoder,
            layout: &training.layout,
            stream,
            gradient,
            scratch,
            precision,
            buffers: head,
            gradients,
        }
    }

    /// Gathers the rows at these places, and computes their logits.
    fn logits(&mut self, places: &[usize]) {
        let (path, pool) = self.decoder.compute.training();
        let hidden = self.decoder.spec.hidden_size;
        let (rows, buffers) = (places.len(), &mut *self.buffers);
        buffers.stream.resize(rows * hidden, 0.0);
        buffers.normed.resize(rows * hidden, 0.0);
        buffers
            .logits
            .resize(rows * self.decoder.spec.vocabulary, 0.0);
        buffers.losses.resize(rows, 0.0);
        for (row, &place) in buffers.stream.chunks_exact_mut(hidden).zip(places) {
            row.copy_from_slice(&self.stream[place * hidden..][..hidden]);
        }
        let norm = &self.decoder.output_norm;
        norm.forward(path, pool, &buffers.stream, &mut buffers.normed);
        let product = Product {
            matrix: &self.decoder.output,
            output: &mut buffers.logits,
        };
        multiply(path, pool, self.scratch, &buffers.normed, &mut [product]);
    }

    fn losses(&mut self, targets: &[Option<u32>]) {
        let (path, pool) = self.decoder.compute.training();
        let HeadBuffers { logits, losses, .. } = &mut *self.buffers;
        cross_entropy(path, pool, logits, targets, losses);
    }

    /// Losses, and over the logits the gradient of their weighted sum.
    fn loss_gradients(&mut self, targets: &[Option<u32>], weights: &[f32]) {
        let (path, pool) = self.decoder.compute.training();
        let HeadBuffers { logits, losses, .. } = &mut *self.buffers;
        cross_entropy_with_gradient(path, pool, logits, (targets, weights), losses);
    }

    /// From the gradient of the logits to that of the stream at these places.
    fn back(&mut self, places: &[usize]) {
        let (path, pool) = self.decoder.compute.training();
        let (hidden, vocabulary) = (self.decoder.spec.hidden_size, self.decoder.spec.vocabulary);
        let (rows, buffers) = (places.len(), &mut *self.buffers);
        buffers.normed_gradient.resize(rows * hidden, 0.0);
        let product = TransposedProduct {
            gradient: &buffers.logits,
            matrix: &self.decoder.output,
            sums: Sums::Overwrite,
        };
        let normed_gradient = &mut buffers.normed_gradient;
        multiply_transposed(path, pool, self.scratch, &product, normed_gradient);
        let output = match self.decoder.spec.tied_output {
            true => TensorRole::Embedding,
            false => TensorRole::Output,
        };
        let mut gradients = self.gradients.as_deref_mut();
        if let Some(weight) = gradients
            .as_deref_mut()
            .and_then(|all| self.layout.weight(output, all))
        {
            let product = DenseProduct {
                left: Operand::new(&buffers.logits, (rows, vocabulary)).transposed(),
                right: Operand::new(&buffers.normed, (rows, hidden)),
                scale: 1.0,
                sums: Sums::Add,
                precision: self.precision,
            };
            multiply_dense(path, pool, self.scratch, &product, weight);
        }
        buffers.stream_gradient.clear();
        buffers.stream_gradient.resize(rows * hidden, 0.0);
        let slices = NormBackward {
            x: &buffers.stream,
            output_gradient: &buffers.normed_gradient,
            x_gradient: &mut buffers.stream_gradient,
            weight_gradient: gradients
                .and_then(|all| self.layout.weight(TensorRole::OutputNorm, all)),
            bias_gradient: None,
        };
        let norm = self.decoder.output_norm.kernel();
        norm.backward(path, pool, slices);
        for (row, &place) in buffers.stream_gradient.chunks_exact(hidden).zip(places) {
            self.gradient[place * hidden..][..hidden].copy_from_slice(row);
        }
    }
}
