//! A run's folder: what went in, what happened, and what to go on from.
//!
//! ```text
//! manifest.json          what went in: recipe, files by hash, seed, versions, kernels
//! journal.jsonl          what happened, line by line
//! checkpoints/ATTEMPT-STEP/
//!     tensors.safetensors    parameters and the optimizer's averages
//!     state.json             everything else, with the hash of the tensors
//! run.lock               held by the process that works on the run
//! ```

mod checkpoint;
mod journal;
mod manifest;
mod tensors;

#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub use checkpoint::{CheckpointId, Checkpoints, Restored, Skipped};
pub use journal::{Entry, History, Journal};
pub use manifest::{Change, Input, Manifest};
pub use tensors::{NamedTensor, TensorFile};

use crate::error::{Result, TrainError};

const MANIFEST: &str = "manifest.json";
const JOURNAL: &str = "journal.jsonl";
const CHECKPOINTS: &str = "checkpoints";
const LOCK: &str = "run.lock";

/// A run's folder, held by this process.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    manifest: Manifest,
    #[allow(dead_code, reason = "held open for its lock")]
    lock: File,
}

impl Run {
    /// Begins a run in a folder that is made, or is there and empty.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where there is a run already, [`TrainError::File`], [`TrainError::Library`].
    pub fn create(folder: &Path, manifest: Manifest) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| TrainError::file(folder, error))?;
        let lock = lock(folder)?;
        Self::check_free(folder)?;
        let path = folder.join(MANIFEST);
        nc_library::write_atomically(&path, &manifest.to_json()?)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            lock,
        })
    }

    /// Whether a run can begin in a folder.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where there is a run already.
    pub fn check_free(folder: &Path) -> Result<()> {
        match folder.join(MANIFEST).exists() {
            true => Err(TrainError::RunExists {
                folder: folder.to_path_buf(),
            }),
            false => Ok(()),
        }
    }

    /// Opens a run to go on with it.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] while another process has it, [`TrainError::ManifestDamaged`], [`TrainError::File`].
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = Manifest::read(&folder.join(MANIFEST))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest,
            lock: lock(folder)?,
        })
    }

    /// What went in.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        journal_path(&self.folder)
    }

    /// The run's checkpoints.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn checkpoints(&self) -> Result<Checkpoints> {
        Checkpoints::open(&self.folder.join(CHECKPOINTS))
    }
}

/// Where the journal of a run's folder is, for those who only look.
pub fn journal_path(folder: &Path) -> PathBuf {
    folder.join(JOURNAL)
}

/// Where the manifest of a run's folder is.
pub fn manifest_path(folder: &Path) -> PathBuf {
    folder.join(MANIFEST)
}

/// Whether a folder is a run's that has begun.
pub fn has_begun(folder: &Path) -> bool {
    manifest_path(folder).exists()
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|error| TrainError::file(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrainError::RunBusy {
            folder: folder.to_path_buf(),
        }),
        Err(TryLockError::Error(error)) => Err(TrainError::file(&path, error)),
    }
}

/// Makes names in a folder safe. Where a folder cannot be synced, the system does it in its own time.
fn sync_folder(folder: &Path) {
    let _: io::Result<()> = File::open(folder).and_then(|folder| folder.sync_all());
}
