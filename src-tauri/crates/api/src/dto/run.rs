//! Runs: how they stand, and everything their page shows.

use nc_train::Recipe;
use nc_train::plan::TimeBand;
use nc_train::recipe::Stage;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{BeforeAfter, Chart};
use crate::ApiError;

/// Names one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunId {
    /// The name of its folder.
    pub id: String,
}

/// Begin a run, or put it in the queue behind the one that is going.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StartRun {
    /// What people call it.
    pub name: String,
    /// What to do.
    pub recipe: Recipe,
}

/// Open a run's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GetRun {
    /// Which run.
    pub id: String,
    /// How much of the value before stays in a smoothed line: 0 (not smoothed) to below 1.
    pub smoothing: f64,
}

/// All runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunsView {
    /// The newest first; those discarded are among them for 30 days.
    pub runs: Vec<RunSummary>,
    /// The run whose result is the chat's default model, if any.
    pub adopted: Option<Adopted>,
}

/// A run whose result is the chat's default model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Adopted {
    /// The run.
    pub run: String,
    /// Its name.
    pub name: String,
    /// The model that was the default before; Roll back opens it.
    pub before: String,
    /// Its name.
    pub before_name: String,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunSummary {
    /// The name of its folder.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The model it begins with: a path, or `starter`.
    pub model: String,
    /// Its name.
    pub model_name: String,
    /// Supervised, or by preferences.
    pub stage: Stage,
    /// What learns and how, in a few words: "LoRA, rank 16".
    pub method: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// How it stands.
    pub standing: RunStanding,
    /// How far it is; none before the first step.
    pub progress: Option<RunProgress>,
    /// The loss so far in at most 60 values, for a small line.
    pub line: Vec<f64>,
    /// The last step's loss.
    pub loss: Option<f64>,
    /// The last loss on held-out rows.
    pub held_out_loss: Option<f64>,
    /// Its result is the chat's default model.
    pub adopted: bool,
    /// When it was discarded, RFC 3339; it can be brought back for 30 days.
    pub discarded: Option<String>,
    /// What was learnt: a folder that opens as a model. None before it is finished.
    pub result: Option<String>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunStanding {
    /// Waits for the runs before it.
    Queued {
        /// 1 for the next.
        position: u32,
        /// The queue was left by an earlier start of the program and waits to be told to go on.
        on_hold: bool,
    },
    /// Before the first step.
    Preparing {
        /// What is being done.
        doing: Preparing,
        /// How much is done, of `total`; both 0 where it cannot be told.
        done: u64,
        /// Of how much.
        total: u64,
    },
    /// The first steps, before speed and time left are known.
    WarmingUp,
    /// Steps are made.
    Running,
    /// The held-out rows are looked at.
    Evaluating,
    /// Will pause before the next micro-batch.
    Pausing,
    /// Waits, with everything in memory.
    Paused,
    /// Saves, then stops.
    Saving,
    /// Trained; unseen questions are answered by the model before and after.
    Comparing {
        /// Answers written.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// Done.
    Finished {
        /// Why before the last step, if so.
        early: Option<String>,
        /// The step whose parameters were kept.
        kept_step: u64,
    },
    /// Stopped by the person; what whole steps have learnt is saved.
    Stopped {
        /// After so many steps.
        step: u64,
    },
    /// The program ended while it was going; it can go on.
    Interrupted {
        /// The step of the newest checkpoint, 0 before the first.
        step: u64,
    },
    /// It could not go on.
    Failed {
        /// Cause and remedy.
        error: ApiError,
        /// Whether it can be tried again from its newest checkpoint.
        can_resume: bool,
    },
}

/// What is done before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Preparing {
    /// Files are hashed, rows read and turned into tokens.
    Reading,
    /// The model is loaded.
    Loading,
    /// The reference's log-probabilities are computed.
    Reference,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct RunProgress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub total_steps: u64,
    /// Passes through the data, in part.
    pub epoch: f64,
    /// Tokens read a second, a mean over the last steps.
    pub tokens_per_second: f64,
    /// Until the last step; none before that can be told.
    pub seconds_left: Option<f64>,
}

/// Everything a run's page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunView {
    /// As in the list.
    pub summary: RunSummary,
    /// What it does.
    pub recipe: Recipe,
    /// Where it lies.
    pub folder: String,
    /// What was foretold, and what came.
    pub plan: PlanAndOutcome,
    /// Curves, down-sampled.
    pub charts: Vec<Chart>,
    /// Answers to the recipe's prompts as training went, the first step first.
    pub samples: Vec<SampleAnswer>,
    /// The first batch's rows as tokens.
    pub first_batch: Vec<BatchRow>,
    /// What a person should know, the oldest first.
    pub log: Vec<LogLine>,
    /// How a preference run is doing.
    pub health: Option<Health>,
    /// It went wrong once and went back.
    pub rolled_back: Option<RolledBack>,
    /// The step it went on from after a stop or a crash, the last time.
    pub resumed_from: Option<u64>,
    /// Unseen questions answered by the model before and after; none before it is finished.
    pub before_after: Option<BeforeAfter>,
    /// The number of the last event inside this view.
    pub as_of: u64,
}

/// What was foretold, and what came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanAndOutcome {
    /// Foretold, from loading to the end; none where nothing was measured.
    pub planned_seconds: Option<TimeBand>,
    /// Foretold, beside what the program took before.
    pub planned_memory_bytes: Option<u64>,
    /// Foretold.
    pub planned_disk_bytes: Option<u64>,
    /// Taken, without pauses; none before the end.
    pub seconds: Option<f64>,
    /// Most that was taken; none before the end.
    pub memory_bytes: Option<u64>,
    /// What the run's folder holds now.
    pub disk_bytes: u64,
}

/// An answer to one of the recipe's prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SampleAnswer {
    /// After so many steps.
    pub step: u64,
    /// The prompt.
    pub prompt: String,
    /// What the model said.
    pub answer: String,
}

/// A row of the first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BatchRow {
    /// Its first tokens.
    pub tokens: Vec<BatchToken>,
    /// Tokens left out at the end.
    pub more: u64,
}

/// A token of the first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BatchToken {
    /// What it stands for.
    pub text: String,
    /// Whether the model is trained to say it.
    pub trained: bool,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// After so many steps.
    pub step: u64,
    /// What kind.
    pub kind: LogKind,
    /// A sentence.
    pub text: String,
}

/// Kinds of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// As expected.
    Info,
    /// To be looked at.
    Warning,
    /// What was learnt was saved.
    Saved,
}

/// How a preference run is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Health {
    /// In a word.
    pub state: HealthState,
    /// In a sentence, with the figures.
    pub words: String,
    /// Log-probability of chosen answers per token, less that at the start.
    pub chosen_drift: f64,
    /// Whether that is of held-out pairs; else of pairs that are trained.
    pub held_out: bool,
}

/// How a preference run is doing, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// It learns to prefer without forgetting how to say what it prefers.
    Healthy,
    /// It moves away from the answers it should prefer.
    Drifting,
    /// It forgets how to answer.
    Collapsing,
}

/// A run that went wrong and went back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RolledBack {
    /// The step that went wrong.
    pub step: u64,
    /// The step that was gone back to.
    pub to_step: u64,
    /// What went wrong.
    pub cause: String,
}
