//! What the tests of this crate share.
#![allow(dead_code)] // each test binary uses a part

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nc_model::{LoadedDecoder, ModelError, ModelFiles, ModelLocation, OpenOptions};

/// A path from the workspace's root.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(path)
}

/// A model of ../shared/data; none, said aloud, where that folder is absent.
pub fn shared_model(name: &str) -> Option<PathBuf> {
    let folder = root("../shared/data/models").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// The random Llama that most tests change one thing of.
pub fn tiny(name: &str) -> PathBuf {
    root("tests/golden/tiny_llama").join(name)
}

pub fn load(path: impl Into<PathBuf>) -> Result<LoadedDecoder, ModelError> {
    let files = ModelFiles::open(&ModelLocation::Path(path.into()))?;
    files.load(&OpenOptions::default(), &mut |_| ControlFlow::Continue(()))
}

/// A copy of the random Llama in a folder of its own.
pub fn copy_of_base() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "model.safetensors"] {
        let from = tiny("base").join(file);
        let bytes = std::fs::read(from).expect("the random Llama is committed");
        std::fs::write(folder.path().join(file), bytes).expect("room for a copy");
    }
    folder
}
