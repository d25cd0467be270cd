//! What learns, with the optimizer's memory.

use nc_model::{
    AdamW, AdamWSlices, MicroBatch as Row, ModelError, Objective, StepOptions, TrainingDecoder,
    gradient_norm,
};

use crate::batch::MicroBatch;
use crate::recipe::Optimisation;

/// A decoder, its parameters, and AdamW's averages.
pub(super) struct Learner {
    pub(super) decoder: TrainingDecoder,
    pub(super) parameters: Vec<f32>,
    pub(super) first_moments: Vec<f32>,
    pub(super) second_moments: Vec<f32>,
    pub(super) gradients: Vec<f32>,
    pub(super) recompute: bool,
}

impl Learner {
    pub(super) fn new(decoder: TrainingDecoder, parameters: Vec<f32>, recompute: bool) -> Self {
        let zeros = || vec![0.0; parameters.len()];
        Self {
            first_moments: zeros(),
            second_moments: zeros(),
            gradients: zeros(),
            parameters,
            decoder,
            recompute,
        }
    }

    /// Puts other parameters in place.
    pub(super) fn put(&mut self, parameters: Vec<f32>, [first, second]: [Vec<f32>; 2]) {
        (self.parameters, self.first_moments, self.second_moments) = (parameters, first, second);
        self.decoder.update(&self.parameters);
    }

    /// Log-probabilities of a micro-batch's trained tokens.
    pub(super) fn log_probabilities(&mut self, batch: &MicroBatch) -> Result<Vec<f32>, ModelError> {
        self.decoder
            .log_probabilities(Some(&self.parameters), &row(batch))
    }

    /// Adds the gradients of a micro-batch.
    pub(super) fn add_gradients(
        &mut self,
        batch: &MicroBatch,
        objective: Objective,
        dropout_seed: u64,
    ) -> Result<Vec<f32>, ModelError> {
        let options = StepOptions {
            recompute: self.recompute,
            dropout_seed: Some(dropout_seed),
        };
        let (parameters, gradients) = (&self.parameters, &mut self.gradients);
        self.decoder
            .gradients(parameters, &row(batch), objective, options, gradients)
    }

    /// The norm of the gradients that were added up.
    pub(super) fn gradient_norm(&self) -> f64 {
        let (path, pool) = self.decoder.decoder().compute().training();
        gradient_norm(path, pool, &[&self.gradients])
    }

    /// The optimizer's step, counted from 1.
    pub(super) fn step(&mut self, rules: &Optimisation, step: u64, (rate, norm): (f64, f64)) {
        let (path, pool) = self.decoder.decoder().compute().training();
        // As PyTorch's clip_grad_norm_ does.
        let gradient_scale = match rules.clip > 0.0 {
            true => (rules.clip / (norm + 1e-6)).min(1.0) as f32,
            false => 1.0,
        };
        for tensor in self.decoder.tensors() {
            let optimizer = AdamW {
                learning_rate: rate as f32,
                beta1: rules.betas[0],
                beta2: rules.betas[1],
                epsilon: rules.epsilon as f32,
                weight_decay: if tensor.decays {
                    rules.weight_decay as f32
                } else {
                    0.0
                },
            };
            let range = || tensor.range.clone();
            let slices = AdamWSlices {
                parameters: &mut self.parameters[range()],
                first_moments: &mut self.first_moments[range()],
                second_moments: &mut self.second_moments[range()],
                gradients: &self.gradients[range()],
                gradient_scale,
            };
            optimizer.step(path, pool, step, slices);
        }
        self.decoder.update(&self.parameters);
    }
}

/// A micro-batch as the decoder takes it.
pub(super) fn row(batch: &MicroBatch) -> Row<'_> {
    Row {
        tokens: &batch.tokens,
        starts: &batch.starts,
        targets: &batch.targets,
    }
}
