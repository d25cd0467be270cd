//! Fine-tuning: everything of it that needs no model.
//!
//! - [`loss`]: the losses as functions of log-probabilities, each with its gradient.
//! - [`Schedule`]: the learning rate of every step.

pub mod loss;
mod schedule;

pub use schedule::{Schedule, ScheduleKind};
