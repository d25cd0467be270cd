//! What the commands need of a desktop: native dialogs. The window supplies them; without one they fail with words.

use std::path::PathBuf;

use async_trait::async_trait;

use crate::dto::PickKind;
use crate::{ApiError, ErrorCode};

/// Where a file is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveRequest {
    /// The dialog's title.
    pub title: String,
    /// The name proposed.
    pub file_name: String,
    /// What such files are called, for the dialog's filter.
    pub kind: &'static str,
    /// Their ending, without the dot.
    pub extension: &'static str,
}

/// Which files are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickFiles {
    /// The dialog's title.
    pub title: &'static str,
    /// What such files are called, for the dialog's filter.
    pub kind: &'static str,
    /// Their endings, without the dot.
    pub extensions: &'static [&'static str],
    /// Whether more than one can be chosen.
    pub several: bool,
}

/// Native dialogs. `Ok(None)` is a person who cancelled; a dialog that could not be shown is an error.
#[async_trait]
pub trait Desktop: Send + Sync {
    /// Asks for a model folder or file.
    async fn pick_model(&self, kind: PickKind) -> Result<Option<PathBuf>, ApiError>;
    /// Asks for files to learn from, or for a recipe's file.
    async fn pick_files(&self, request: PickFiles) -> Result<Vec<PathBuf>, ApiError>;
    /// Asks where to write a file; the dialog itself asks before it replaces one.
    async fn pick_save(&self, request: SaveRequest) -> Result<Option<PathBuf>, ApiError>;
    /// Tells the person something while they may be elsewhere. A desktop that shows no such notes is none the worse.
    fn notify(&self, title: &str, text: &str);
    /// Ends the program.
    fn quit(&self);
}

/// No window: every dialog fails.
pub struct Headless;

fn no_window() -> ApiError {
    ApiError::new(
        ErrorCode::DialogFailed,
        "There is no window to show a dialog in.",
        "Give the path as an argument instead.",
    )
}

#[async_trait]
impl Desktop for Headless {
    async fn pick_model(&self, _kind: PickKind) -> Result<Option<PathBuf>, ApiError> {
        Err(no_window())
    }

    async fn pick_files(&self, _request: PickFiles) -> Result<Vec<PathBuf>, ApiError> {
        Err(no_window())
    }

    async fn pick_save(&self, _request: SaveRequest) -> Result<Option<PathBuf>, ApiError> {
        Err(no_window())
    }

    fn notify(&self, _title: &str, _text: &str) {}

    fn quit(&self) {}
}
