//! The error every command returns: a code the page acts on, a cause, a remedy.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What went wrong, for programs. A code is added only when the page or a script acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request itself is malformed or names something that cannot be.
    BadRequest,
    /// No such chat, message or setting.
    NotFound,
    /// The model's file or folder is not there any more.
    ModelNotFound,
    /// The model's files are truncated, inconsistent or malicious.
    ModelDamaged,
    /// The files are sound, but this architecture or format is not supported.
    ModelUnsupported,
    /// The model needs more memory than the machine has free.
    ModelTooLarge,
    /// The folder has no tokenizer this program can read.
    TokenizerMissing,
    /// The chat template does not render these messages.
    TemplateFailed,
    /// The operating system refused access.
    PermissionDenied,
    /// Nothing is loaded to answer with.
    NoModelLoaded,
    /// The model is a base model: it continues text and has no chat template.
    NoChatTemplate,
    /// Another answer or another opening is under way.
    Busy,
    /// The person stopped it.
    Cancelled,
    /// The native dialog could not be shown (a cancelled dialog is not an error).
    DialogFailed,
    /// The prompt does not fit the model's context.
    ContextFull,
    /// The model produced numbers that cannot be sampled, or stopped in the middle.
    GenerationFailed,
    /// The library on disk could not be read or written.
    Storage,
    /// A fault in this program.
    Internal,
}

/// What a command answers when it could not do what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message} {remedy}")]
pub struct ApiError {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// The cause, a sentence in plain words.
    pub message: String,
    /// What the person can do about it, a sentence in plain words.
    pub remedy: String,
}

impl ApiError {
    /// An error with its cause and its remedy.
    pub fn new(code: ErrorCode, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}
