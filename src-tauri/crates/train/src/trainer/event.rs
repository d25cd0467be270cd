//! What a run tells as it goes, and keeps in its journal.

use serde::{Deserialize, Serialize};

use crate::loss::PairFigures;
use crate::plan::{Outcome, TimeBand};
use crate::run::CheckpointId;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It begins, or goes on.
    Started {
        /// Steps done before.
        step: u64,
        /// Steps in all.
        total_steps: u64,
        /// Samples, or pairs, that are trained.
        samples: u64,
        /// And those that are held out.
        held_out: u64,
        /// Numbers that learn.
        parameters: u64,
        /// The kernels.
        kernels: String,
    },
    /// What the run is expected to take.
    Planned {
        /// From loading to the end; none where nothing was measured.
        seconds: Option<TimeBand>,
        /// Memory at most, bytes, beside what the program took before.
        memory_bytes: u64,
        /// On the disk at most, bytes.
        disk_bytes: u64,
    },
    /// Log-probabilities of the reference are computed, once for the run.
    Reference {
        /// Pairs done.
        done: u64,
        /// Pairs in all.
        total: u64,
    },
    /// What the model reads first, once for the run.
    FirstBatch {
        /// Its first rows.
        rows: Vec<BatchRow>,
    },
    /// The held-out rows are being looked at.
    Evaluating,
    /// A step was made.
    Step(StepFigures),
    /// The held-out rows were looked at.
    Evaluation(EvaluationFigures),
    /// A fixed prompt was answered.
    Sample {
        /// After so many steps.
        step: u64,
        /// The prompt.
        prompt: String,
        /// What the model says.
        answer: String,
    },
    /// What was learnt is safe on the disk.
    Checkpoint {
        /// Which.
        id: CheckpointId,
        /// The best so far, by the held-out rows.
        best: bool,
    },
    /// The loss was not a number or exploded: back to the last good state, with half the learning rate.
    RolledBack {
        /// The step that went wrong.
        step: u64,
        /// The step that was gone back to.
        to_step: u64,
        /// What went wrong.
        cause: String,
        /// What learning rates are multiplied with from here on.
        rate_factor: f64,
    },
    /// Something a person should know.
    Notice {
        /// What.
        text: String,
    },
    /// It is done.
    Finished(Finished),
    /// It was stopped, and can go on.
    Stopped {
        /// After so many steps.
        step: u64,
    },
}

/// A row of the first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRow {
    /// Its first tokens.
    pub tokens: Vec<BatchToken>,
    /// How many were left out at the end.
    pub more: u64,
}

/// A token of the first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchToken {
    /// What it stands for.
    pub text: String,
    /// Whether the model is trained to say it.
    pub trained: bool,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepFigures {
    /// Which, from 1.
    pub step: u64,
    /// Passes through the data, in part.
    pub epoch: f64,
    /// Mean over the step: of trained tokens, of pairs for preferences.
    pub loss: f64,
    /// The learning rate.
    pub lr: f64,
    /// The gradient's norm before it was held down.
    pub grad_norm: f64,
    /// Tokens read a second.
    pub tokens_per_second: f64,
    /// Tokens read.
    pub tokens: u64,
    /// Of a preference run.
    #[serde(flatten)]
    pub preference: Option<PreferenceFigures>,
}

/// What a preference run tells beside the loss: means over pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PreferenceFigures {
    /// `β (ln π - ln π_ref)` of chosen answers.
    pub rewards_chosen: f64,
    /// Of rejected answers.
    pub rewards_rejected: f64,
    /// Share of pairs whose chosen answer has the larger reward.
    pub accuracy: f64,
    /// The mean difference of the rewards.
    pub margin: f64,
    /// Log-probability of chosen answers, nats.
    pub logps_chosen: f64,
    /// Of rejected answers.
    pub logps_rejected: f64,
    /// Log-probability of chosen answers per token, less that under the reference: how far the model has moved away from what it
    /// should prefer. None where the loss has no reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen_drift: Option<f64>,
}

impl PreferenceFigures {
    pub(crate) fn new(
        figures: &PairFigures,
        [chosen, rejected]: [f64; 2],
        chosen_drift: Option<f64>,
    ) -> Self {
        Self {
            rewards_chosen: figures.reward_chosen,
            rewards_rejected: figures.reward_rejected,
            accuracy: figures.accuracy,
            margin: figures.margin,
            logps_chosen: chosen,
            logps_rejected: rejected,
            chosen_drift,
        }
    }
}

/// The held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFigures {
    /// After so many steps.
    pub step: u64,
    /// Mean loss: of trained tokens, of pairs for preferences.
    pub loss: f64,
    /// Whether none before was better.
    pub best: bool,
    /// Of a preference run.
    #[serde(flatten)]
    pub preference: Option<PreferenceFigures>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Steps made.
    pub step: u64,
    /// Why before the last one, if so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub early: Option<String>,
    /// The step whose parameters were kept: the best by the held-out rows, the last without any.
    pub kept_step: u64,
    /// Seconds of this attempt from loading the model on, without pauses.
    pub seconds: f64,
    /// What was foretold against what came; none where no time was foretold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub against_plan: Option<Outcome>,
}
