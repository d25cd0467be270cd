//! Training files of every format, of our own and of others, and hostile ones.

mod formats;
mod hostile;
mod real;

use std::io::Write as _;
use std::path::PathBuf;

use nc_data::{Example, Options, Pair, Reading, Result, read_examples, read_pairs};
use tempfile::NamedTempFile;

/// A file with these bytes.
fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it is written");
    file
}

fn examples(bytes: &[u8], options: Options) -> Result<(Vec<Example>, Reading)> {
    let mut found = Vec::new();
    let reading = read_examples(file(bytes).path(), options, |example| found.push(example))?;
    Ok((found, reading))
}

fn pairs(bytes: &[u8], options: Options) -> Result<(Vec<Pair>, Reading)> {
    let mut found = Vec::new();
    let reading = read_pairs(file(bytes).path(), options, |pair| found.push(pair))?;
    Ok((found, reading))
}

/// Third-party test data, where this machine has it.
fn shared(what: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = root.join("../shared/data").join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "NOT RUN on third-party data: there is no {}",
        path.display()
    );
    None
}
