//! What a model computes with.

use std::sync::{Arc, OnceLock};

use crate::choice::WorkKind;
use crate::{FEW_ROWS, Path, PathError, PathName, Pool};

/// The environment variable that names the path to take.
pub const KERNELS_VARIABLE: &str = "NEURALCHAT_KERNELS";

/// The path that each kind of work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths {
    /// Passes of more than [`FEW_ROWS`] rows.
    pub prefill: Path,
    /// Passes of at most [`FEW_ROWS`] rows.
    pub decode: Path,
    /// Training, forward and backward.
    pub backward: Path,
}

impl Paths {
    /// One path for everything.
    pub fn all(path: Path) -> Self {
        Self {
            prefill: path,
            decode: path,
            backward: path,
        }
    }

    /// That of a kind of work.
    pub fn of(self, work: WorkKind) -> Path {
        match work {
            WorkKind::Prefill => self.prefill,
            WorkKind::Decode => self.decode,
            WorkKind::Backward => self.backward,
        }
    }
}

/// Paths and the threads that take them. Clones share the threads.
#[derive(Debug, Clone)]
pub struct Compute {
    /// Which instructions, for each kind of work.
    pub paths: Paths,
    /// Which threads.
    pub pool: Arc<Pool>,
}

impl Compute {
    /// One path for everything, with so many threads of its own.
    pub fn new(path: Path, threads: usize) -> Self {
        Self {
            paths: Paths::all(path),
            pool: Arc::new(Pool::new(threads)),
        }
    }

    /// Other paths with the same threads.
    pub fn with_paths(&self, paths: Paths) -> Self {
        Self {
            paths,
            pool: Arc::clone(&self.pool),
        }
    }

    /// The same paths with so many threads of its own that give way to others: a chat stays usable while they train. The
    /// thread that calls works too; it gives way after [`lower_thread_priority`](crate::lower_thread_priority).
    pub fn in_background(&self, threads: usize) -> Self {
        Self {
            paths: self.paths,
            pool: Arc::new(Pool::with_low_priority(threads)),
        }
    }

    /// The path and the threads of training: one path forward and backward, which a run can be pinned to.
    pub fn training(&self) -> (Path, &Pool) {
        (self.paths.backward, &self.pool)
    }

    /// The path of a forward pass of so many rows. All of a pass takes the same one, so that up to [`FEW_ROWS`] rows each
    /// has the same bits whatever the others.
    pub fn path_for(&self, rows: usize) -> Path {
        match rows <= FEW_ROWS {
            true => self.paths.decode,
            false => self.paths.prefill,
        }
    }

    /// What this process computes with where nothing was measured: one thread for each processor it may use, and the path
    /// that [`KERNELS_VARIABLE`] names, or the strongest. The same threads for all that ask.
    ///
    /// # Errors
    /// When the variable names no path, or one that this machine does not offer.
    pub fn of_process() -> Result<Self, PathError> {
        static COMPUTE: OnceLock<Result<Compute, PathError>> = OnceLock::new();
        COMPUTE
            .get_or_init(|| {
                let path = path_of_variable()?.unwrap_or_else(Path::strongest);
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                Ok(Self::new(path, threads))
            })
            .clone()
    }
}

/// The path that [`KERNELS_VARIABLE`] names; none where it is unset or empty.
///
/// # Errors
/// As [`Compute::of_process`].
pub fn path_of_variable() -> Result<Option<Path>, PathError> {
    let wanted = std::env::var(KERNELS_VARIABLE).unwrap_or_default();
    match wanted.trim() {
        "" => Ok(None),
        name => Path::get(name.parse::<PathName>()?).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_decide_the_path_and_training_has_one() {
        let (weak, strong) = (Path::all()[0], Path::strongest());
        if weak == strong {
            eprintln!("this machine has one path: which of two is taken cannot be told apart here");
        }
        let compute = Compute::new(weak, 1).with_paths(Paths {
            prefill: strong,
            ..Paths::all(weak)
        });
        let check = |rows, expected| assert_eq!(compute.path_for(rows), expected, "{rows} rows");
        check(1, weak);
        check(FEW_ROWS, weak);
        check(FEW_ROWS + 1, strong);
        check(512, strong);
        assert_eq!(compute.training().0, weak);
        let background = compute.in_background(2);
        assert_eq!(background.paths, compute.paths);
        assert_eq!(background.pool.threads(), 2);
        for work in WorkKind::ALL {
            let expected = match work {
                WorkKind::Prefill => strong,
                WorkKind::Decode | WorkKind::Backward => weak,
            };
            assert_eq!(compute.paths.of(work), expected, "{work}");
        }
    }
}
