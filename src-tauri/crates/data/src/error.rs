//! What can go wrong with a training file, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::refusal::Refusal;

/// The crate's result.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Every way in which a file as a whole fails.
#[derive(Debug, Error)]
pub enum DataError {
    /// The file cannot be read to its end.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system, or the decompression, said.
        source: io::Error,
    },
    /// The file is not of a kind that is read.
    #[error("{} is not a training file: {cause}", path.display())]
    NotRows {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        cause: String,
    },
    /// No row could be used.
    #[error("{} holds no row that can be used: {}", path.display(), because(*rows, first.as_ref()))]
    NoRows {
        /// The file.
        path: PathBuf,
        /// Rows that were looked at.
        rows: u64,
        /// The first row's number and why it was refused.
        first: Option<(u64, Refusal)>,
    },
}

fn because(rows: u64, first: Option<&(u64, Refusal)>) -> String {
    match first {
        None => "it is empty".to_owned(),
        Some((row, refusal)) => format!("of {rows}, row {row} {refusal}"),
    }
}

impl DataError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => "Check that the file is there, whole, and that you may read it.",
            Self::NotRows { .. } => {
                "Save it as a JSON array, JSON lines or CSV, in UTF-8, gzipped or not."
            }
            Self::NoRows { first: None, .. } => "Choose a file that has rows.",
            Self::NoRows {
                first: Some((_, refusal)),
                ..
            } => refusal.remedy(),
        }
    }
}
