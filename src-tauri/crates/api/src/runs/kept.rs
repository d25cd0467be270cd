//! What is kept of a run beside what the trainer keeps: its name, its recipe before it begins, how it ended, whether it was discarded.

use std::path::{Path, PathBuf};

use nc_train::Recipe;
use nc_train::run::{Manifest, has_begun, manifest_path};
use serde::{Deserialize, Serialize};

use crate::{ApiError, ErrorCode};

const FILE: &str = "run.json";

/// A run's own file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What people call it.
    pub(crate) name: String,
    /// When it was made, RFC 3339.
    pub(crate) created: String,
    /// The recipe as TOML.
    pub(crate) recipe: String,
    /// How it stood when this was written.
    pub(crate) state: KeptState,
    /// When it was discarded, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) discarded: Option<String>,
}

/// How a run stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum KeptState {
    /// Waits for its turn.
    Queued,
    /// Goes; a program that starts and finds this was ended in the middle.
    Going,
    /// Ended by the person.
    Stopped,
    /// Could not go on.
    Failed {
        /// Why.
        error: ApiError,
    },
    /// Done.
    Finished,
}

impl Kept {
    /// What is kept of the run in `folder`. One that the command line made has its manifest only.
    ///
    /// # Errors
    /// `NotFound` where there is no run, `Storage` where its file is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self, ApiError> {
        match std::fs::read(folder.join(FILE)) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| damaged(folder, &error.to_string()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && has_begun(folder) => {
                let manifest = Manifest::read(&manifest_path(folder))?;
                Ok(Self {
                    name: id_of(folder),
                    created: manifest.created,
                    recipe: manifest.recipe,
                    state: KeptState::Going,
                    discarded: None,
                })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(no_run(&id_of(folder)))
            }
            Err(error) => Err(damaged(folder, &error.to_string())),
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// `Storage`, `PermissionDenied`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), ApiError> {
        let bytes =
            serde_json::to_vec_pretty(self).map_err(|error| damaged(folder, &error.to_string()))?;
        std::fs::create_dir_all(folder).map_err(|error| damaged(folder, &error.to_string()))?;
        Ok(nc_library::write_atomically(&folder.join(FILE), &bytes)?)
    }

    /// What it does.
    ///
    /// # Errors
    /// `BadRequest` where the recipe does not read.
    pub(crate) fn recipe(&self) -> Result<Recipe, ApiError> {
        Ok(Recipe::parse(&self.recipe)?)
    }
}

fn damaged(folder: &Path, cause: &str) -> ApiError {
    ApiError::new(
        ErrorCode::Storage,
        format!(
            "What is kept of the run {} cannot be used: {cause}.",
            id_of(folder)
        ),
        "Look at the folder's rights and the room on the disk; other runs are not touched.",
    )
}

/// Whether the window made the run of this folder.
pub(crate) fn is_one(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// The name of a run's folder.
pub(crate) fn id_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or(folder.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The folder of a run in the folder of runs. A name that leads elsewhere names no run.
///
/// # Errors
/// `NotFound`.
pub(crate) fn folder_of(runs: &Path, id: &str) -> Result<PathBuf, ApiError> {
    let folder = runs.join(id);
    let plain = Path::new(id).components().count() == 1 && !id.starts_with('.');
    match plain && folder.is_dir() {
        true => Ok(folder),
        false => Err(no_run(id)),
    }
}

fn no_run(id: &str) -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        format!("There is no run called {id}."),
        "It may have been discarded more than 30 days ago.",
    )
}

/// All folders of runs, the newest first; folders that hold none are left alone.
pub(crate) fn all(runs: &Path) -> Vec<(PathBuf, Kept)> {
    let folders = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut found: Vec<(PathBuf, Kept)> = folders
        .map(|entry| entry.path())
        .filter(|folder| folder.is_dir())
        .filter_map(|folder| Some((folder.clone(), Kept::read(&folder).ok()?)))
        .collect();
    found.sort_by(|(a, x), (b, y)| (&y.created, b).cmp(&(&x.created, a)));
    found
}
