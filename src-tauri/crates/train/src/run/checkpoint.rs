//! What to go on from, written so that at any moment a whole one is there.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::sync_folder;
use super::tensors::{NamedTensor, TensorFile, write};
use crate::error::{Result, TrainError};

const VERSION: u32 = 1;
const TENSORS: &str = "tensors.safetensors";
const STATE: &str = "state.json";
/// Folders of this name are being written or deleted, and are no checkpoints.
const UNFINISHED: &str = ".unfinished-";

/// A checkpoint's name. Of two, the one of the later attempt is newer, then that of the later step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckpointId {
    /// The attempt that wrote it, from 1.
    pub attempt: u32,
    /// How many steps were done.
    pub step: u64,
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}-{:08}", self.attempt, self.step)
    }
}

impl CheckpointId {
    fn parse(name: &str) -> Option<Self> {
        let (attempt, step) = name.split_once('-')?;
        let id = Self {
            attempt: attempt.parse().ok()?,
            step: step.parse().ok()?,
        };
        (id.to_string() == name).then_some(id)
    }
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct StateFile {
    version: u32,
    /// Of the tensors' hash and the state.
    crc32: u32,
    tensors_bytes: u64,
    tensors_sha256: String,
    state: Box<RawValue>,
}

impl StateFile {
    fn checksum(&self) -> u32 {
        let mut hash = crc32fast::Hasher::new();
        hash.update(&self.tensors_bytes.to_le_bytes());
        hash.update(self.tensors_sha256.as_bytes());
        hash.update(self.state.get().as_bytes());
        hash.finalize()
    }
}

/// A checkpoint that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub id: CheckpointId,
    /// What is wrong with it.
    pub cause: String,
}

/// A checkpoint read back. Its files were hashed and are whole.
#[derive(Debug)]
pub struct Restored<S> {
    /// Which.
    pub id: CheckpointId,
    /// Everything but tensors.
    pub state: S,
    /// The tensors.
    pub tensors: TensorFile,
    /// Newer ones that are damaged: to be told to the user.
    pub skipped: Vec<Skipped>,
}

/// A run's checkpoints.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// The checkpoints of a folder, which is made where it is not there. What a crash left unfinished is deleted.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn open(folder: &Path) -> Result<Self> {
        let failed = |error| TrainError::file(folder, error);
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// Writes a checkpoint: to a temporary name, every file synced, then renamed. After a failure the ones before are as they were, and
    /// nothing of this one is left.
    ///
    /// # Errors
    /// [`TrainError::File`], or [`TrainError::NotWritable`] for a state that has no form in JSON.
    pub fn save<S: Serialize>(
        &self,
        id: CheckpointId,
        tensors: &[NamedTensor<'_>],
        state: &S,
    ) -> Result<PathBuf> {
        self.save_through(id, tensors, state, |file| Box::new(file))
    }

    /// The same through a writer of the caller's: a full disk for tests.
    pub(super) fn save_through<S: Serialize>(
        &self,
        id: CheckpointId,
        tensors: &[NamedTensor<'_>],
        state: &S,
        through: impl for<'f> Fn(&'f File) -> Box<dyn Write + 'f>,
    ) -> Result<PathBuf> {
        let state =
            serde_json::value::to_raw_value(state).map_err(|error| TrainError::NotWritable {
                what: "the run's state",
                cause: error.to_string(),
            })?;
        let unfinished = self.folder.join(format!("{UNFINISHED}{id}"));
        let finished = self.path(id);
        let write = || -> io::Result<()> {
            fs::create_dir(&unfinished)?;
            let (tensors_bytes, tensors_sha256) = synced(&unfinished.join(TENSORS), |file| {
                let mut hashing = Hashing {
                    writer: BufWriter::new(through(file)),
                    hash: Sha256::new(),
                    bytes: 0,
                };
                write(tensors, &mut hashing)?;
                hashing.writer.flush()?;
                Ok((hashing.bytes, hexadecimal(hashing.hash)))
            })?;
            let mut contents = StateFile {
                version: VERSION,
                crc32: 0,
                tensors_bytes,
                tensors_sha256,
                state,
            };
            contents.crc32 = contents.checksum();
            let bytes = serde_json::to_vec(&contents)?;
            synced(&unfinished.join(STATE), |file| {
                through(file).write_all(&bytes)
            })?;
            sync_folder(&unfinished);
            fs::rename(&unfinished, &finished)?;
            sync_folder(&self.folder);
            Ok(())
        };
        match write() {
            Ok(()) => Ok(finished),
            Err(error) => {
                // Gives the room back; what cannot be deleted now is when the folder is opened next.
                let _: io::Result<()> = fs::remove_dir_all(&unfinished);
                Err(TrainError::file(&finished, error))
            }
        }
    }

    /// All checkpoints by name, newest first, whole or not.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn list(&self) -> Result<Vec<CheckpointId>> {
        let failed = |error| TrainError::file(&self.folder, error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            found.extend(name.to_str().and_then(CheckpointId::parse));
        }
        found.sort_unstable_by(|left, right| right.cmp(left));
        Ok(found)
    }

    /// Reads a checkpoint after hashing all of it.
    ///
    /// # Errors
    /// [`TrainError::CheckpointDamaged`].
    pub fn load<S: DeserializeOwned>(&self, id: CheckpointId) -> Result<Restored<S>> {
        let path = self.path(id);
        let damaged = |cause: String| TrainError::CheckpointDamaged {
            path: path.clone(),
            cause,
        };
        let read = || -> std::result::Result<Restored<S>, String> {
            let said = |error: io::Error| error.to_string();
            let bytes = fs::read(path.join(STATE)).map_err(said)?;
            let contents: StateFile =
                serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            if contents.version != VERSION {
                return Err(format!("it has version {}", contents.version));
            }
            if contents.checksum() != contents.crc32 {
                return Err(format!("the checksum of {STATE} does not fit"));
            }
            let tensors = path.join(TENSORS);
            let size = fs::metadata(&tensors).map_err(said)?.len();
            // The hash last: it reads everything.
            let same = size == contents.tensors_bytes
                && nc_data::hash_file(&tensors).map_err(said)? == contents.tensors_sha256;
            if !same {
                return Err(format!("the hash of {TENSORS} does not fit"));
            }
            Ok(Restored {
                id,
                state: serde_json::from_str(contents.state.get())
                    .map_err(|error| error.to_string())?,
                tensors: TensorFile::open(&tensors).map_err(said)?,
                skipped: Vec::new(),
            })
        };
        read().map_err(damaged)
    }

    /// Reads the newest checkpoint that is whole, and tells which newer ones are not. None where there is none at all.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpointWhole`] where all are damaged, or [`TrainError::File`].
    pub fn load_newest<S: DeserializeOwned>(&self) -> Result<Option<Restored<S>>> {
        let all = self.list()?;
        let mut skipped = Vec::new();
        for &id in &all {
            match self.load(id) {
                Ok(restored) => {
                    return Ok(Some(Restored {
                        skipped,
                        ..restored
                    }));
                }
                Err(error) => skipped.push(Skipped {
                    id,
                    cause: error.to_string(),
                }),
            }
        }
        match skipped.into_iter().next() {
            None => Ok(None),
            Some(newest) => Err(TrainError::NoCheckpointWhole {
                folder: self.folder.clone(),
                count: all.len(),
                cause: newest.cause,
            }),
        }
    }

    /// Deletes all but the newest `keep` and the best.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn prune(&self, keep: usize, best: Option<CheckpointId>) -> Result<()> {
        for id in self.list()?.into_iter().skip(keep) {
            if Some(id) == best {
                continue;
            }
            let path = self.path(id);
            let going = self.folder.join(format!("{UNFINISHED}{id}"));
            // Renamed first, so that one half deleted is not taken for a damaged one.
            fs::rename(&path, &going)
                .and_then(|()| fs::remove_dir_all(&going))
                .map_err(|error| TrainError::file(&path, error))?;
        }
        Ok(())
    }

    /// Where a checkpoint is.
    pub fn path(&self, id: CheckpointId) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

/// A new file with what `fill` writes, safe on the disk and closed (where a folder with open files cannot be renamed).
fn synced<T>(path: &Path, fill: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let file = File::create_new(path)?;
    let filled = fill(&file)?;
    file.sync_all()?;
    Ok(filled)
}

/// Hashes what passes.
struct Hashing<W> {
    writer: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn hexadecimal(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
