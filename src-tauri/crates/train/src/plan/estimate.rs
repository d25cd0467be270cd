//! Steps, tokens, time and disk of a run.

use nc_model::{MicroBatchShape, StepSpeed};

use super::{DataFacts, ModelFacts, TimeBand};
use crate::recipe::{PreferenceLoss, Recipe, Stage};

/// What weights are read at, and checkpoints written: what packing them while they come allowed on a slow disk (EXPERIMENTS.md).
const FILE_BYTES_PER_SECOND: f64 = 5e8;
/// A step's line in the journal, bytes.
const JOURNAL_LINE_BYTES: u64 = 256;

/// What a run computes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work<'a> {
    pub(super) steps: u64,
    pub(super) tokens: u64,
    pub(super) trained_tokens: u64,
    /// Micro-batches with how often each comes; those of the first epoch stand for the others'.
    micro_batches: Vec<(MicroBatchShape, f64)>,
    data: &'a DataFacts,
    evaluations: u64,
    checkpoints: u64,
}

impl<'a> Work<'a> {
    pub(super) fn of(data: &'a DataFacts, recipe: &Recipe) -> Self {
        let accumulation = recipe.optimisation.accumulation.max(1) as u64;
        let last = data.epoch_lengths.last().copied().unwrap_or(0);
        let of_epoch = |epoch: u64| {
            let length = usize::try_from(epoch)
                .ok()
                .and_then(|epoch| data.epoch_lengths.get(epoch));
            length.copied().unwrap_or(last)
        };
        let steps = match data.micro_batches.is_empty() {
            true => 0,
            false => recipe.optimisation.total_steps(of_epoch),
        };
        let micro_batches = micro_batches(data, steps, accumulation);
        let sum = |of: fn(&MicroBatchShape) -> usize| {
            let sum: f64 = micro_batches
                .iter()
                .map(|(shape, times)| of(shape) as f64 * times)
                .sum();
            sum.round() as u64
        };
        let every = |every: u64| match every {
            0 => 1,
            every => steps / every + u64::from(!steps.is_multiple_of(every)),
        };
        Self {
            steps,
            tokens: sum(|shape| shape.tokens),
            trained_tokens: sum(|shape| shape.counted),
            data,
            evaluations: every(recipe.evaluation.every_steps),
            checkpoints: every(recipe.checkpoints.every_steps),
            micro_batches,
        }
    }

    pub(super) fn seconds(
        &self,
        speed: &StepSpeed,
        model: &ModelFacts,
        parameters: u64,
        recipe: &Recipe,
    ) -> TimeBand {
        let preference = recipe.stage == Stage::Preference;
        let forward = |shapes: &[MicroBatchShape]| -> f64 {
            let seconds = shapes.iter().map(|shape| speed.log_probabilities(*shape));
            seconds.sum()
        };
        let gradients: f64 = (self.micro_batches.iter())
            .map(|(shape, times)| {
                // Unpaired KTO also asks what the policy says of answers to other prompts.
                let mismatched = match preference && recipe.preference.loss == PreferenceLoss::Kto {
                    true => speed.log_probabilities(*shape) / 2.0,
                    false => 0.0,
                };
                times * (speed.gradients(*shape, preference) + mismatched)
            })
            .sum();
        let (train, held_out) = (&self.data.micro_batches, &self.data.held_out);
        let reference = match has_reference(recipe) {
            true => forward(train) + forward(held_out),
            false => 0.0,
        };
        let evaluations = self.evaluations as f64 * forward(held_out);
        let samples = samples_seconds(self.steps, speed, recipe);
        let computing = gradients + self.steps as f64 * speed.optimizer;
        let band = speed.with_band(computing + reference + evaluations + samples);
        let written = self.checkpoints * checkpoint_bytes(parameters);
        let files = (model.file_bytes + written) as f64 / FILE_BYTES_PER_SECOND;
        TimeBand {
            low: band.low + files / 2.0,
            expected: band.expected + files,
            high: band.high + 2.0 * files,
        }
    }
}

/// The first epoch's micro-batches, and how often each comes in so many steps.
fn micro_batches(data: &DataFacts, steps: u64, accumulation: u64) -> Vec<(MicroBatchShape, f64)> {
    let count = data.micro_batches.len() as u64;
    let steps_of_epoch = count.div_ceil(accumulation);
    let (epochs, rest) = match steps_of_epoch {
        0 => (0, 0),
        of_epoch => (steps / of_epoch, steps % of_epoch),
    };
    let rest = (rest * accumulation).min(count);
    // Less than an epoch: those that come first. Otherwise nobody knows which the last ones are.
    let share = |at: u64| match epochs {
        0 => f64::from(u8::from(at < rest)),
        epochs => epochs as f64 + rest as f64 / count as f64,
    };
    let shapes = data.micro_batches.iter().zip(0..);
    shapes.map(|(shape, at)| (*shape, share(at))).collect()
}

/// Whether log-probabilities of a reference are computed before the first step.
fn has_reference(recipe: &Recipe) -> bool {
    let loss = recipe.preference.loss;
    recipe.stage == Stage::Preference
        && !recipe.preference.reference_free
        && !matches!(loss, PreferenceLoss::Orpo | PreferenceLoss::Simpo)
}

/// Each token of an answer reads all weights, as a micro-batch of one token does.
fn samples_seconds(steps: u64, speed: &StepSpeed, recipe: &Recipe) -> f64 {
    let samples = &recipe.samples;
    let Some(times) = steps.checked_div(samples.every_steps) else {
        return 0.0;
    };
    let token = MicroBatchShape::of_lengths([1], 1);
    let tokens = times * samples.prompts.len() as u64 * samples.max_tokens as u64;
    tokens as f64 * speed.log_probabilities(token)
}

/// Parameters and AdamW's two averages, f32.
fn checkpoint_bytes(parameters: u64) -> u64 {
    3 * 4 * parameters
}

/// Checkpoints that are kept, the best, one that is being written, the result and the journal.
pub(super) fn disk_bytes(parameters: u64, work: &Work, recipe: &Recipe) -> u64 {
    let written = work.checkpoints;
    let kept = written.min(recipe.checkpoints.keep as u64);
    let best = u64::from(!work.data.held_out.is_empty() && written > kept);
    let unfinished = u64::from(written > 0);
    let result = 4 * parameters;
    (kept + best + unfinished) * checkpoint_bytes(parameters)
        + result
        + work.steps * JOURNAL_LINE_BYTES
}
