//! From a file to examples or pairs.

use std::path::Path;

use crate::error::{DataError, Result};
use crate::example::{self, Example};
use crate::file;
use crate::format::Format;
use crate::pair::{self, Pair};
use crate::records::{Records, Row};
use crate::refusal::{Refusal, Refused};

/// How a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// What rows are; none takes the format of the first row that has a known one.
    pub format: Option<Format>,
    /// Most rows that are used; what follows is not looked at.
    pub max_rows: Option<u64>,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// SHA-256 of the file's bytes, in hexadecimal digits.
    pub sha256: String,
    /// What the rows are.
    pub format: Format,
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that were used.
    pub used: u64,
    /// The others, by reason.
    pub refused: Refused,
}

/// Reads a file for supervised fine-tuning and gives each example to `take`.
///
/// # Errors
/// A file that cannot be read or is of no known kind, or [`DataError::NoRows`].
pub fn read_examples(
    path: &Path,
    options: Options,
    mut take: impl FnMut(Example),
) -> Result<Reading> {
    read(path, options, example::recognise, |format, number, row| {
        let content = example::read(format, row)?;
        take(Example {
            row: number,
            content,
        });
        Ok(())
    })
}

/// Reads a file of preference pairs and gives each to `take`.
///
/// # Errors
/// As [`read_examples`].
pub fn read_pairs(path: &Path, options: Options, mut take: impl FnMut(Pair)) -> Result<Reading> {
    read(path, options, pair::recognise, |format, number, row| {
        let (prompt, chosen, rejected) = pair::read(format, row)?;
        take(Pair {
            row: number,
            prompt,
            chosen,
            rejected,
        });
        Ok(())
    })
}

fn read(
    path: &Path,
    options: Options,
    recognise: impl Fn(&Row) -> Option<Format>,
    mut take: impl FnMut(Format, u64, &Row) -> std::result::Result<(), Refusal>,
) -> Result<Reading> {
    let failed = |source| DataError::File {
        path: path.to_path_buf(),
        source,
    };
    let reader = file::open(path)?;
    let Some(mut records) = Records::recognise(reader).map_err(failed)? else {
        return Err(DataError::NotRows {
            path: path.to_path_buf(),
            cause: "it begins neither with JSON nor with a line of column names".to_owned(),
        });
    };
    let mut format = options.format;
    let mut refused = Refused::default();
    let (mut rows, mut used) = (0, 0);
    while options.max_rows.is_none_or(|most| used < most) {
        let Some(row) = records.next().map_err(failed)? else {
            break;
        };
        rows += 1;
        let done = row.and_then(|row| {
            let known = format.or_else(|| recognise(&row));
            format = known;
            take(known.ok_or(Refusal::Unrecognised)?, rows, &row)
        });
        match done {
            Ok(()) => used += 1,
            Err(refusal) => refused.add(refusal, rows),
        }
    }
    match format {
        Some(format) if used > 0 => Ok(Reading {
            sha256: file::hash_file(path).map_err(failed)?,
            format,
            rows,
            used,
            refused,
        }),
        _ => Err(DataError::NoRows {
            path: path.to_path_buf(),
            rows,
            first: refused.first(),
        }),
    }
}
