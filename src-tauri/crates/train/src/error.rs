//! What can go wrong in a run, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use nc_data::DataError;
use nc_library::LibraryError;
use nc_text::TextError;
use thiserror::Error;

use crate::sample::Dropped;

/// The crate's result.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

/// Every way in which a run fails before or beside the model's own part.
#[derive(Debug, Error)]
pub enum TrainError {
    /// A file cannot be read or written.
    #[error("{} cannot be read or written: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The recipe is not TOML, or has a key or a word that is not known.
    #[error("the recipe cannot be read: {cause}")]
    RecipeSyntax {
        /// Line, key and what was expected.
        cause: String,
    },
    /// A recipe's value makes no sense.
    #[error("the recipe's {field}: {cause}")]
    RecipeInvalid {
        /// The key, with its table.
        field: &'static str,
        /// What is wrong with it.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The recipe asks for the model's own chat template, and it has none.
    #[error("the model has no chat template of its own")]
    NoTemplate,
    /// The model's chat template or tokenizer fails.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A file cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No row of a file gives a sample.
    #[error("none of the {rows} rows of {} can be trained on{}", path.display(), because(first.as_ref()))]
    NothingToTrain {
        /// The file.
        path: PathBuf,
        /// Rows that were looked at.
        rows: u64,
        /// The first row dropped for the commonest reason.
        first: Option<Dropped>,
    },
    /// There is a run in the folder already.
    #[error("there is a run in {} already", folder.display())]
    RunExists {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process works on the run.
    #[error("another process works on the run in {}", folder.display())]
    RunBusy {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the run's folder cannot be written atomically.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The run's manifest does not read.
    #[error("the run's manifest {} does not read: {cause}", path.display())]
    ManifestDamaged {
        /// The file.
        path: PathBuf,
        /// What was met.
        cause: String,
    },
    /// Something has no form that can be written down.
    #[error("{what} cannot be written: {cause}")]
    NotWritable {
        /// What was to be written.
        what: &'static str,
        /// What was met.
        cause: String,
    },
    /// The journal is damaged before its last lines.
    #[error("line {line} of the journal {} is damaged: {cause}", path.display())]
    JournalDamaged {
        /// The file.
        path: PathBuf,
        /// The first damaged line, from 1.
        line: u64,
        /// What is wrong with it.
        cause: String,
    },
    /// The model cannot be loaded, or cannot learn this way.
    #[error(transparent)]
    Model(#[from] nc_model::ModelError),
    /// Something stands in the way of starting.
    #[error("{}", .0.cause)]
    Blocked(crate::plan::Blocker),
    /// The run was stopped; what whole steps have learnt is saved.
    #[error("the run was stopped")]
    Stopped,
    /// Something that went in is different now, so that going on would be another run.
    #[error("this run cannot go on: {}", .changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Changed {
        /// What.
        changes: Vec<crate::run::Change>,
    },
    /// The loss was not a number or exploded, again after going back once.
    #[error(
        "training was given up at step {step}: {cause}, and again after going back with half the learning rate"
    )]
    Diverged {
        /// The step that went wrong.
        step: u64,
        /// What went wrong.
        cause: String,
    },
    /// The adapter to begin with does not fit the recipe.
    #[error("the adapter to begin with has {found}, the recipe asks for {expected}")]
    StartAdapter {
        /// What it has.
        found: String,
        /// What the recipe asks for.
        expected: String,
    },
    /// A checkpoint is damaged.
    #[error("the checkpoint {} is damaged: {cause}", path.display())]
    CheckpointDamaged {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// None of a run's checkpoints is whole.
    #[error("none of the {count} checkpoints in {} is whole; the newest: {cause}", folder.display())]
    NoCheckpointWhole {
        /// The folder of checkpoints.
        folder: PathBuf,
        /// How many there are.
        count: usize,
        /// What is wrong with the newest.
        cause: String,
    },
}

impl TrainError {
    /// What the system said about a file.
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_path_buf(),
            source,
        }
    }
}

fn because(first: Option<&Dropped>) -> String {
    match first {
        None => String::new(),
        Some(drop) if drop.details.is_empty() => format!(": row {}: {}", drop.row, drop.reason),
        Some(drop) => format!(": row {}: {} ({})", drop.row, drop.reason, drop.details),
    }
}

impl TrainError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &str {
        match self {
            Self::File { .. } => {
                "Check that the path is right, that you may read and write there, and that the disk has room."
            }
            Self::RecipeSyntax { .. } => {
                "Correct the recipe there. The recipes that come with the program show every key."
            }
            Self::RecipeInvalid { remedy, .. } => remedy,
            Self::NoTemplate => "Set template to chatml, neuralchat, alpaca or raw in the recipe.",
            Self::Text(error) => error.remedy(),
            Self::Data(error) => error.remedy(),
            Self::NothingToTrain { first: None, .. } => "Choose a file that has rows.",
            Self::NothingToTrain {
                first: Some(drop), ..
            } => drop.reason.remedy(),
            Self::RunExists { .. } => "Resume that run, or choose another folder.",
            Self::RunBusy { .. } => "Wait for it, or stop it first.",
            Self::Library(error) => error.remedy(),
            Self::ManifestDamaged { .. } => {
                "Restore the run's folder from a backup, or begin a new run."
            }
            Self::NotWritable { .. } => "Give files and folders names in Unicode.",
            Self::JournalDamaged { .. } => {
                "Move the journal away: the run goes on from its newest checkpoint, only its history is lost."
            }
            Self::Model(error) => error.remedy(),
            Self::Blocked(blocker) => &blocker.remedy,
            Self::Stopped => "Resume the run to go on.",
            Self::Changed { .. } => "Put the files back as they were, or begin a new run.",
            Self::Diverged { .. } => {
                "Lower optimisation.learning_rate, lengthen the warm-up, and look at the rows for garbage."
            }
            Self::StartAdapter { .. } => "Give the recipe the adapter's own settings.",
            Self::CheckpointDamaged { .. } => "Go on from an older checkpoint.",
            Self::NoCheckpointWhole { .. } => {
                "Restore the run's folder from a backup, or begin the run again."
            }
        }
    }
}
