//! What was measured of the kernels, kept in the library's folder for the next start.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use nc_kernels::{Machine, PathTrial};
use serde::{Deserialize, Serialize};

use super::words;
use crate::ApiError;
use crate::dto::KernelTrial;

/// Its name.
pub(super) const FILE: &str = "kernels.json";
/// A file as long as this is not ours.
const MOST_BYTES: u64 = 64 << 10;

/// What figures hold for: another processor, other threads or another program measures anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) program: String,
    pub(super) processor: String,
    pub(super) logical_processors: usize,
    pub(super) instruction_sets: Vec<String>,
}

impl Key {
    pub(super) fn of_machine() -> Self {
        let machine = Machine::find();
        let build = match cfg!(debug_assertions) {
            true => " (debug)",
            false => "",
        };
        Self {
            program: format!("{}{build}", env!("CARGO_PKG_VERSION")),
            processor: machine.processor,
            logical_processors: machine.logical_processors,
            instruction_sets: machine
                .instruction_sets
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    key: Key,
    trials: Vec<KernelTrial>,
}

/// What the file says, or, where it does not read or holds for something else, what `measure` finds, which is then kept. A file
/// that cannot be written is said and does no other harm.
pub(super) fn or_measured(
    file: Option<&Path>,
    key: Key,
    measure: impl FnOnce() -> Vec<PathTrial>,
) -> Vec<PathTrial> {
    let Some(file) = file else {
        return measure();
    };
    if let Some(trials) = read(file, &key) {
        return trials;
    }
    let trials = measure();
    if let Err(error) = write(file, key, &trials) {
        eprintln!(
            "what was measured of the kernels could not be kept: {}",
            error.message
        );
    }
    trials
}

fn read(file: &Path, key: &Key) -> Option<Vec<PathTrial>> {
    let kept = parse(file).ok()?;
    let trials: Option<Vec<PathTrial>> = kept.trials.into_iter().map(words::trial).collect();
    let trials = trials.filter(|_| kept.key == *key)?;
    let here = nc_kernels::Path::all()
        .into_iter()
        .map(nc_kernels::Path::name);
    let all = here.eq(trials.iter().map(|trial| trial.path));
    all.then_some(trials)
}

fn parse(file: &Path) -> io::Result<Kept> {
    let mut bytes = Vec::new();
    let read = File::open(file)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    if read as u64 == MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

fn write(file: &Path, key: Key, trials: &[PathTrial]) -> Result<(), ApiError> {
    let trials = trials.iter().map(KernelTrial::from).collect();
    let text = crate::convert::to_value(&Kept { key, trials })?.to_string();
    Ok(nc_library::write_atomically(file, text.as_bytes())?)
}
