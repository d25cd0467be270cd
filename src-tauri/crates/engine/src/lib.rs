//! The thread that owns a loaded model: prefill, decode, prefix reuse, token events.
//!
//! [`open`] turns files into an [`OpenedModel`], [`Engine::start`] gives it a thread, [`Engine::generate`] asks for an answer
//! whose [`Event`]s arrive on that thread. [`check`] holds our decoder against an independent one.

mod answer;
mod cancel;
mod check;
mod defaults;
mod engine;
mod error;
mod open;
mod prompt;
mod vocabulary;

pub use cancel::Cancel;
pub use check::{CheckReport, check};
pub use defaults::OwnSampling;
pub use engine::{Engine, Event, FinishReason, Generation, OnEvent, Request, Stats};
pub use error::{EngineError, EngineErrorKind};
/// What callers name when they open a model or ask for an answer.
pub use nc_model::{
    FileError, FileErrorKind, Format, ModelError, ModelLocation, OpenOptions, Sampling,
    supported_families,
};
pub use open::{
    Inspection, ModelInfo, ModelKind, OpenProgress, OpenStage, OpenedModel, inspect, open,
};
pub use prompt::{Prompt, Template};
pub use vocabulary::{open_tokenizer, tokenizer_and_template};
