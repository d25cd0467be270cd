//! Fine-tuning on the processor: supervised, and by preferences.
//!
//! - [`train`]: a run, from its recipe to what was learnt.
//! - [`Recipe`]: what a run is to do; [`Recipe::samples`] and [`Recipe::pairs`] read its data.
//! - [`loss`]: the losses as functions of log-probabilities, each with its gradient.
//! - [`sample`]: rows to tokens, and which of them are trained.
//! - [`batch`]: samples to micro-batches.
//! - [`plan`]: memory, time and disk of a run before it starts, and what stands in its way.
//! - [`Schedule`]: the learning rate of every step.
//! - [`run`]: a run's folder, with manifest, journal and checkpoints.

pub mod batch;
mod error;
mod health;
pub mod loss;
mod method;
pub mod plan;
mod prepare;
mod questions;
pub mod recipe;
pub mod run;
pub mod sample;
mod schedule;
mod trainer;

pub use error::{Result, TrainError};
pub use health::Health;
pub use prepare::{FileReport, Prepared};
pub use questions::Question;
pub use recipe::Recipe;
pub use schedule::{Schedule, ScheduleKind};
pub use trainer::{
    BatchRow, BatchToken, Control, EvaluationFigures, Event, Finished, Job, Outcome,
    PreferenceFigures, StepFigures, plan_job, train,
};
