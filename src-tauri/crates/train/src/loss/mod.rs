//! Losses as pure functions in f64.
//!
//! A model gives the log-probability of every token that is trained. What is done with them is decided here, on a few numbers a
//! sequence, so that every loss can be held against its published values and against finite differences. The gradient that comes
//! back is that of the loss with respect to a sequence's *summed* log-probability: a trainer multiplies it into the gradient of each of the
//! sequence's trained tokens.

mod desirability;
mod functions;
mod pairs;
mod tokens;

#[cfg(test)]
mod tests;

pub use desirability::{Desirability, Judged, JudgedLoss};
pub use functions::{log_sigmoid, sigmoid};
pub use pairs::{
    PairFigures, PairLogProbabilities, PairLoss, PairObjective, PairObjectiveKind,
    SequenceLogProbability,
};
pub use tokens::TokenMean;
