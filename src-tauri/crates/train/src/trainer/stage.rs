//! What differs between the two recipes.

use super::control::Control;
use super::event::PreferenceFigures;
use super::learner::Learner;
use crate::batch::{MicroBatch, Unit};
use crate::error::{Result, TrainError};

/// Supervised fine-tuning, or preference optimisation.
pub(super) trait Stage {
    /// What its batches are made of.
    type Unit: Unit;

    /// Adds up the gradients of a step's micro-batches.
    fn step(&self, learner: &mut Learner, batches: &[MicroBatch], work: &mut Work) -> Result<Made>;

    /// Looks at held-out micro-batches.
    fn evaluate(
        &self,
        learner: &mut Learner,
        batches: &[MicroBatch],
        work: &mut Work,
    ) -> Result<Held>;
}

/// What a step came to.
pub(super) struct Made {
    pub(super) loss: f64,
    pub(super) preference: Option<PreferenceFigures>,
}

/// What held-out rows came to.
pub(super) type Held = Made;

/// Asked before each micro-batch.
pub(super) struct Work<'a> {
    pub(super) control: &'a Control,
    /// Decides what is dropped; another for each micro-batch.
    pub(super) seed: u64,
}

impl Work<'_> {
    /// Waits while the run is paused; the next micro-batch's seed of dropout.
    pub(super) fn next(&mut self) -> Result<u64> {
        if self.control.check().is_err() {
            return Err(TrainError::Stopped);
        }
        self.seed = self.seed.wrapping_add(1);
        Ok(self.seed)
    }
}
