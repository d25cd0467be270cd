//! From the crates' precise errors to the code, cause and remedy that people and pages see.

use nc_engine::{EngineError, EngineErrorKind};
use nc_library::{LibraryError, LibraryErrorKind};
use nc_train::TrainError;

use crate::{ApiError, ErrorCode};

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        let code = match error.kind() {
            LibraryErrorKind::NotFound => ErrorCode::NotFound,
            LibraryErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
            LibraryErrorKind::Damaged | LibraryErrorKind::Storage => ErrorCode::Storage,
        };
        Self::new(code, sentence(&error.to_string()), error.remedy())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let code = match error.kind() {
            EngineErrorKind::NotFound => ErrorCode::ModelNotFound,
            EngineErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
            EngineErrorKind::Damaged => ErrorCode::ModelDamaged,
            EngineErrorKind::Unsupported => ErrorCode::ModelUnsupported,
            EngineErrorKind::TooLarge => ErrorCode::ModelTooLarge,
            EngineErrorKind::TokenizerMissing => ErrorCode::TokenizerMissing,
            EngineErrorKind::Template => ErrorCode::TemplateFailed,
            EngineErrorKind::NoTemplate => ErrorCode::NoChatTemplate,
            EngineErrorKind::ContextFull => ErrorCode::ContextFull,
            EngineErrorKind::Cancelled => ErrorCode::Cancelled,
            EngineErrorKind::Request => ErrorCode::BadRequest,
            EngineErrorKind::Generation => ErrorCode::GenerationFailed,
        };
        Self::new(code, sentence(&error.to_string()), error.remedy())
    }
}

impl ApiError {
    /// What went wrong in training, in words, where the error itself is still needed.
    pub(crate) fn from_train(error: &TrainError) -> Self {
        Self::new(
            ErrorCode::BadRequest,
            sentence(&error.to_string()),
            error.remedy(),
        )
    }
}

impl From<TrainError> for ApiError {
    fn from(error: TrainError) -> Self {
        let code = match error {
            TrainError::Model(error) => return EngineError::from(error).into(),
            TrainError::Library(error) => return error.into(),
            TrainError::Stopped => ErrorCode::Cancelled,
            TrainError::NoTemplate => ErrorCode::NoChatTemplate,
            TrainError::Text(_) => ErrorCode::TemplateFailed,
            TrainError::RunBusy { .. } => ErrorCode::Busy,
            TrainError::File { .. }
            | TrainError::ManifestDamaged { .. }
            | TrainError::NotWritable { .. }
            | TrainError::JournalDamaged { .. }
            | TrainError::CheckpointDamaged { .. }
            | TrainError::NoCheckpointWhole { .. } => ErrorCode::Storage,
            TrainError::RecipeSyntax { .. }
            | TrainError::RecipeInvalid { .. }
            | TrainError::Data(_)
            | TrainError::NothingToTrain { .. }
            | TrainError::RunExists { .. }
            | TrainError::Blocked(_)
            | TrainError::Changed { .. }
            | TrainError::Diverged { .. }
            | TrainError::StartAdapter { .. } => ErrorCode::BadRequest,
        };
        Self::new(code, sentence(&error.to_string()), error.remedy())
    }
}

/// A capital at the start and a full stop at the end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let mut whole: String = characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default();
    if !whole.ends_with(['.', '!', '?']) {
        whole.push('.');
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn causes_are_sentences() {
        let check = |text: &str, expected: &str| assert_eq!(sentence(text), expected);
        check("the file is cut short", "The file is cut short.");
        check("Stopped.", "Stopped.");
        check("", ".");
        check("/tmp/x is not a file", "/tmp/x is not a file.");
    }
}
