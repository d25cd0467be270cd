//! What a model computes with.

use std::sync::{Arc, OnceLock};

use crate::{Path, PathError, PathName, Pool};

/// The environment variable that names the path to take.
pub const KERNELS_VARIABLE: &str = "NEURALCHAT_KERNELS";

/// A path and the threads that take it. Clones share the threads.
#[derive(Debug, Clone)]
pub struct Compute {
    /// Which instructions.
    pub path: Path,
    /// Which threads.
    pub pool: Arc<Pool>,
}

impl Compute {
    /// A path with so many threads of its own.
    pub fn new(path: Path, threads: usize) -> Self {
        Self {
            path,
            pool: Arc::new(Pool::new(threads)),
        }
    }

    /// What this process computes with unless told otherwise: one thread for each processor it may use, and the path that
    /// [`KERNELS_VARIABLE`] names, or the strongest. The same threads for all that ask.
    ///
    /// # Errors
    /// When the variable names no path, or one that this machine does not offer.
    pub fn of_process() -> Result<Self, PathError> {
        static COMPUTE: OnceLock<Result<Compute, PathError>> = OnceLock::new();
        COMPUTE
            .get_or_init(|| {
                let wanted = std::env::var(KERNELS_VARIABLE).unwrap_or_default();
                let path = match wanted.trim() {
                    "" => Path::strongest(),
                    name => Path::get(name.parse::<PathName>()?)?,
                };
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                Ok(Self::new(path, threads))
            })
            .clone()
    }
}
