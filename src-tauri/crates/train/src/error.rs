//! What can go wrong in a run, and what to do about it.

use std::io;
use std::path::PathBuf;

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
    /// No row gives a sample.
    #[error("none of {rows} rows can be trained on{}", because(first.as_ref()))]
    NothingToTrain {
        /// Rows that were looked at.
        rows: u64,
        /// The first row dropped for the commonest reason.
        first: Option<Dropped>,
    },
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
    pub fn remedy(&self) -> &'static str {
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
            Self::NothingToTrain { first: None, .. } => "Choose a file that has rows.",
            Self::NothingToTrain {
                first: Some(drop), ..
            } => drop.reason.remedy(),
        }
    }
}
