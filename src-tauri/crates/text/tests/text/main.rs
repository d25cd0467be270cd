//! Tokenizers and chat templates against other people's files and results, and against hostile ones.

mod conversations;
mod golden_templates;
mod hostile_templates;
mod hostile_tokenizers;
mod small;
mod vocabularies;

use std::path::PathBuf;

/// The repository's root.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The folder of third-party test data, where this machine has it.
fn shared(what: &str) -> Option<PathBuf> {
    let folder = root().join("../shared/data").join(what);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!(
        "NOT RUN on third-party data: there is no {}",
        folder.display()
    );
    None
}
