//! Steps, rates and batches.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::schedule::{Schedule, ScheduleKind};

/// Steps, rates and batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Optimisation {
    /// How often the data is gone through; 1 where `max_steps` is not given either.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub epochs: Option<u64>,
    /// How many steps are made, instead of whole epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub max_steps: Option<u64>,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// How the rate goes after the warm-up.
    pub schedule: ScheduleKind,
    /// Over how many steps the rate rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub warmup_steps: Option<u64>,
    /// The same as a share of all steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub warmup_ratio: Option<f64>,
    /// Rows (for preferences: pairs) computed together: memory grows with it.
    pub micro_batch: usize,
    /// Micro-batches a step: a step's batch is `micro_batch` times this.
    pub accumulation: usize,
    /// Longest sequence, in tokens.
    pub max_tokens: usize,
    /// Decoupled weight decay (Loshchilov and Hutter 2017).
    pub weight_decay: f64,
    /// AdamW's two averaging factors.
    pub betas: [f64; 2],
    /// AdamW's smallest divisor.
    pub epsilon: f64,
    /// The gradient's largest norm; 0 lets it be.
    pub clip: f64,
}

impl Default for Optimisation {
    fn default() -> Self {
        Self {
            epochs: None,
            max_steps: None,
            learning_rate: 2e-4,
            schedule: ScheduleKind::Linear,
            warmup_steps: None,
            warmup_ratio: None,
            micro_batch: 1,
            accumulation: 8,
            max_tokens: 1024,
            weight_decay: 0.0,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            clip: 1.0,
        }
    }
}

impl Optimisation {
    /// Rows (or pairs) a step.
    pub fn batch(&self) -> usize {
        self.micro_batch * self.accumulation
    }

    /// How many steps a run makes, given how many micro-batches each epoch has. A step never crosses epochs: an epoch's last one may be of
    /// fewer micro-batches.
    pub fn total_steps(&self, micro_batches: impl Fn(u64) -> u64) -> u64 {
        let accumulation = self.accumulation.max(1) as u64;
        let steps = |epoch| micro_batches(epoch).div_ceil(accumulation);
        match self.max_steps {
            Some(steps) => steps,
            None => (0..self.epochs.unwrap_or(1)).map(steps).sum(),
        }
    }

    /// The learning rate over a run of this many steps.
    pub fn schedule(&self, total_steps: u64) -> Schedule {
        let ratio = self.warmup_ratio.unwrap_or(0.0);
        let warmup_steps = match self.warmup_steps {
            Some(steps) => steps,
            None => Schedule::warmup_for_ratio(ratio, total_steps),
        };
        Schedule {
            kind: self.schedule,
            peak: self.learning_rate,
            warmup_steps,
            total_steps,
        }
    }
}
