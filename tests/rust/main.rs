//! Tests that join crates: the table of allowed edges, the commands as a host sees them.

mod architecture;
mod commands;
mod types;

use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file or folder of the real data that lies beside the repository, or nothing (said aloud) where it does not.
fn shared(path: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "{} is not here: this check runs on the project's own data only",
        path.display()
    );
    None
}
