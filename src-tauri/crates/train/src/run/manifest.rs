//! What went into a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// What went into a run: enough to tell whether it can go on, and to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this file's format: 1.
    pub version: u32,
    /// The version of the program.
    pub program: String,
    /// When the run began (RFC 3339).
    pub created: String,
    /// The recipe as TOML.
    pub recipe: String,
    /// What decides orders and dropout.
    pub seed: u64,
    /// Files that went in.
    pub inputs: Vec<Input>,
    /// Kind of work, and the kernel that does it.
    pub kernels: BTreeMap<String, String>,
}

/// A file that went in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What it is to the run: `model`, `data`, `held-out`, `adapter`.
    pub role: String,
    /// Where it was.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// Its size, in bytes.
    pub bytes: u64,
}

impl Input {
    /// A file as it is now.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn of(role: &str, path: &Path) -> Result<Self> {
        let failed = |error| TrainError::file(path, error);
        Ok(Self {
            role: role.to_owned(),
            path: path.to_path_buf(),
            sha256: nc_data::hash_file(path).map_err(failed)?,
            bytes: std::fs::metadata(path).map_err(failed)?.len(),
        })
    }
}

/// What is different now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A file has other bytes than when the run began, or is another one.
    Input {
        /// What it is to the run.
        role: String,
        /// Where it is.
        path: PathBuf,
    },
    /// The recipe or the seed.
    Recipe,
    /// Another kernel does this kind of work.
    Kernel {
        /// The kind of work.
        work: String,
        /// The kernel now; none where this kind of work is no longer known.
        now: Option<String>,
    },
    /// Another version of the program.
    Program {
        /// The version now.
        now: String,
    },
}

impl Change {
    /// Whether going on would be another run: other data or another recipe. The rest changes last bits at most.
    pub fn forbids_resume(&self) -> bool {
        matches!(self, Self::Input { .. } | Self::Recipe)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { role, path } => {
                write!(f, "the {role} file {} has changed", path.display())
            }
            Self::Recipe => write!(f, "the recipe has changed"),
            Self::Kernel { work, now } => match now {
                Some(now) => write!(
                    f,
                    "{work} is now computed by {now}: no longer bit for bit the same run"
                ),
                None => write!(
                    f,
                    "{work} is no longer computed by itself: no longer bit for bit the same run"
                ),
            },
            Self::Program { now } => write!(f, "the program is now version {now}"),
        }
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`TrainError::File`] or [`TrainError::ManifestDamaged`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, error))?;
        let damaged = |cause: String| TrainError::ManifestDamaged {
            path: path.to_path_buf(),
            cause,
        };
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        match manifest.version {
            1 => Ok(manifest),
            newer => Err(damaged(format!(
                "it has version {newer}, this program knows 1"
            ))),
        }
    }

    /// The manifest as JSON.
    ///
    /// # Errors
    /// [`TrainError::NotWritable`] where a path is not Unicode, which JSON cannot hold.
    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| TrainError::NotWritable {
            what: "the run's manifest",
            cause: error.to_string(),
        })
    }

    /// What is different between when the run began and now.
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let others = self.inputs.iter().map(Some).chain(std::iter::repeat(None));
        let longest = self.inputs.len().max(now.inputs.len());
        let inputs = now.inputs.iter().map(Some).chain(std::iter::repeat(None));
        for (then, now) in others.zip(inputs).take(longest) {
            let same =
                |then: &Input, now: &Input| then.role == now.role && then.sha256 == now.sha256;
            match (then, now) {
                (Some(then), Some(now)) if same(then, now) => {}
                (_, Some(input)) | (Some(input), None) => changes.push(Change::Input {
                    role: input.role.clone(),
                    path: input.path.clone(),
                }),
                (None, None) => {}
            }
        }
        if self.recipe != now.recipe || self.seed != now.seed {
            changes.push(Change::Recipe);
        }
        for (work, kernel) in &self.kernels {
            let other = now.kernels.get(work);
            if other != Some(kernel) {
                changes.push(Change::Kernel {
                    work: work.clone(),
                    now: other.cloned(),
                });
            }
        }
        if self.program != now.program {
            changes.push(Change::Program {
                now: now.program.clone(),
            });
        }
        changes
    }
}
