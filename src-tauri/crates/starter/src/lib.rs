//! Makes the model inside the program, with the program's own trainer.
//!
//! [`pipeline::make`] writes texts of our own making ([`topics`], [`conversation`], [`worksheets`]), trains a tokenizer
//! ([`vocabulary`]), and takes random weights ([`shape`]) through three stages ([`stage`]): every token of everything,
//! answers only, preferences. Questions that [`held_out`] keeps from every stage are asked after each
//! ([`evaluation`], [`preferences`]).

pub mod card;
pub mod conversation;
pub mod corpus;
mod error;
pub mod evaluation;
pub mod exchange;
mod files;
pub mod held_out;
pub mod pattern;
pub mod pipeline;
pub mod preferences;
pub mod random;
pub mod samples;
pub mod shape;
pub mod stage;
pub mod taste;
pub mod texts;
pub mod topics;
pub mod vocabulary;
pub mod worksheets;

pub use error::{Result, StarterError};
