//! Reading and writing whole files.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, StarterError};

/// Writes a file whole or not at all, with its folder where there is none.
///
/// # Errors
/// [`StarterError::File`] and [`StarterError::Write`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(StarterError::file(folder))?;
    }
    Ok(nc_library::write_atomically(path, bytes)?)
}

/// Writes values as JSON, one a line.
///
/// # Errors
/// As [`write`].
pub fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let json = |source| StarterError::Json {
        path: path.to_owned(),
        source,
    };
    let lines: Vec<String> = rows
        .iter()
        .map(serde_json::to_string)
        .collect::<std::result::Result<_, _>>()
        .map_err(json)?;
    write(path, (lines.join("\n") + "\n").as_bytes())
}

/// Reads a file.
///
/// # Errors
/// [`StarterError::File`].
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(StarterError::file(path))
}

/// Reads a value that was written as JSON.
///
/// # Errors
/// [`StarterError::File`] and [`StarterError::Json`].
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|source| StarterError::Json {
        path: path.to_owned(),
        source,
    })
}
