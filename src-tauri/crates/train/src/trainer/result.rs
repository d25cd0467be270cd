//! What a run leaves behind: an adapter as PEFT has them, or a model of its own.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nc_model::{MergeOptions, Method, ModelFiles, write_adapter, write_trained};

use super::learner::Learner;
use crate::error::{Result, TrainError};

/// The folder of an adapter in a run's folder.
const ADAPTER: &str = "adapter";
/// The folder of a model.
const MODEL: &str = "model";

/// Writes what was learnt into the run's folder; where it is.
pub(super) fn write(
    files: &ModelFiles,
    base: &Path,
    run: &Path,
    learner: &Learner,
) -> Result<PathBuf> {
    match learner.decoder.method() {
        Method::Lora(lora) => {
            let folder = run.join(ADAPTER);
            let base = base.display().to_string();
            write_adapter(&folder, files, &base, (lora, &learner.parameters))?;
            Ok(folder)
        }
        Method::Full => {
            let folder = run.join(MODEL);
            // One that is there already was written before a crash, and is written anew.
            if folder.exists() {
                std::fs::remove_dir_all(&folder)
                    .map_err(|error| TrainError::file(&folder, error))?;
            }
            let options = MergeOptions {
                compute: Some(learner.decoder.decoder().compute().clone()),
                ..MergeOptions::default()
            };
            let trained = (learner.decoder.tensors(), &learner.parameters[..]);
            write_trained(files, trained, &options, &folder, &mut |_| {
                ControlFlow::Continue(())
            })?;
            Ok(folder)
        }
    }
}
