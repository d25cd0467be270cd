//! What can go wrong.

use std::path::{Path, PathBuf};

/// What can go wrong while the starter is made.
#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written whole.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Write(#[from] nc_library::LibraryError),
    /// The tokenizer cannot be trained or saved.
    #[error("the tokenizer cannot be made: {cause}")]
    Tokenizer {
        /// What the library says.
        cause: String,
    },
    /// The first weights cannot be written.
    #[error("the first weights cannot be written: {0}")]
    Weights(#[from] safetensors::SafeTensorError),
    /// A file of ours does not hold what it should.
    #[error("{path} does not hold what it should: {source}; delete it and start again", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A stage of training failed or was stopped.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Train(#[from] nc_train::TrainError),
    /// The adapter cannot be merged, or a model cannot compute.
    #[error("{0}")]
    Model(#[from] nc_model::ModelError),
    /// An adapter cannot be read or merged.
    #[error("{0}")]
    Adapter(#[from] nc_model::AdapterError),
    /// A model cannot be opened or asked.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Engine(#[from] nc_engine::EngineError),
    /// No kernels to compute with.
    #[error("{0}")]
    Kernels(#[from] nc_kernels::PathError),
    /// What was made is not good enough to be the starter.
    #[error("{what}: nothing was written to {out}", out = out.display())]
    NotGoodEnough {
        /// Which bound is missed.
        what: String,
        /// Where it would have gone.
        out: PathBuf,
    },
}

impl StarterError {
    /// What makes an error of a file out of that of the system.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// What comes of it, or what went wrong.
pub type Result<T> = std::result::Result<T, StarterError>;
