//! Training files: recognised by content, read as hostile input, row by row.
//!
//! A file is a JSON array, JSON lines (or JSON objects one after the other), CSV or TSV, any of them gzipped. Memory stays bounded by the longest row
//! accepted, whatever the file holds. A row that cannot be used is counted with its reason and the first row it was met in; the
//! rest is read.
//!
//! - [`read_examples`]: conversations and texts for supervised fine-tuning.
//! - [`read_pairs`]: a prompt with a chosen and a rejected answer.

mod columns;
mod error;
mod example;
mod file;
mod format;
mod pair;
mod read;
mod records;
mod refusal;
mod transcript;

pub use error::{DataError, Result};
pub use example::{Content, Example, joined_input};
pub use file::hash_file;
pub use format::Format;
pub use pair::Pair;
pub use read::{Options, Reading, read_examples, read_pairs};
pub use refusal::{Refusal, Refused};
