//! Which kernels models are computed with: what `NEURALCHAT_KERNELS` names, else what is set in Settings, else what is fastest
//! on this machine.

mod kept;
mod words;

use std::sync::OnceLock;

use nc_kernels::{Choice, Compute, PathError, PathName, PathTrial, Paths, Reason, WorkKind};
use nc_library::Library;

use crate::ApiError;
use crate::commands::settings;
use crate::dto::KernelReport;

/// What the next model is computed with. Paths are measured when this is first asked without the variable.
///
/// # Errors
/// `BadRequest` when the variable names kernels that are not there.
pub(crate) fn compute(library: Option<&Library>) -> Result<Compute, ApiError> {
    // A path asked for is not measured first.
    if nc_kernels::path_of_variable().map_err(refused)?.is_some() {
        return Compute::of_process().map_err(refused);
    }
    let decision = decide(asked(library)?, trials(library)?);
    let of = |work: WorkKind| {
        let choice = decision.choices.iter().find(|choice| choice.work == work);
        nc_kernels::Path::get(choice.map_or(PathName::Portable, |choice| choice.path))
    };
    let paths = || -> Result<Paths, PathError> {
        Ok(Paths {
            prefill: of(WorkKind::Prefill)?,
            decode: of(WorkKind::Decode)?,
            backward: of(WorkKind::Backward)?,
        })
    };
    let compute = Compute::of_process().map_err(refused)?;
    Ok(compute.with_paths(paths().map_err(refused)?))
}

/// The same where no library is open: with the one that this program would open. One that cannot be opened is said, and then
/// nothing is set and nothing kept.
///
/// # Errors
/// As [`compute`].
pub(crate) fn compute_alone() -> Result<Compute, ApiError> {
    if nc_kernels::path_of_variable().map_err(refused)?.is_some() {
        return compute(None);
    }
    compute(own_library().as_ref())
}

/// What was found, chosen and why.
///
/// # Errors
/// As [`compute`].
pub(crate) fn report(library: Option<&Library>) -> Result<KernelReport, ApiError> {
    let (asked, trials) = (asked(library)?, trials(library)?);
    Ok(words::report(asked, trials, &decide(asked, trials)))
}

/// The same where no library is open.
///
/// # Errors
/// As [`compute`].
pub(crate) fn report_alone() -> Result<KernelReport, ApiError> {
    nc_kernels::path_of_variable().map_err(refused)?;
    report(own_library().as_ref())
}

fn own_library() -> Option<Library> {
    let opened = nc_library::default_folder().and_then(|folder| Library::open(&folder));
    if let Err(error) = &opened {
        eprintln!("settings could not be read, and kernels are measured anew: {error}");
    }
    opened.ok()
}

fn refused(error: PathError) -> ApiError {
    nc_engine::EngineError::from(nc_model::ModelError::from(error)).into()
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    variable: Option<PathName>,
    setting: Option<PathName>,
}

fn asked(library: Option<&Library>) -> Result<Asked, ApiError> {
    let variable = nc_kernels::path_of_variable().map_err(refused)?;
    let setting = library.and_then(|library| match settings::kept(library) {
        Ok(settings) => settings.kernels,
        // No reason to answer nobody.
        Err(error) => {
            eprintln!("the setting of kernels could not be read: {error}");
            None
        }
    });
    Ok(Asked {
        variable: variable.map(nc_kernels::Path::name),
        setting: setting.map(PathName::from),
    })
}

/// Every path of this machine, tried once a process; what an earlier one kept is taken.
fn trials(library: Option<&Library>) -> Result<&'static [PathTrial], ApiError> {
    static TRIALS: OnceLock<Vec<PathTrial>> = OnceLock::new();
    let pool = Compute::of_process().map_err(refused)?.pool;
    Ok(TRIALS.get_or_init(|| {
        let file = library.map(|library| library.folder().join(kept::FILE));
        kept::or_measured(file.as_deref(), kept::Key::of_machine(), || {
            nc_kernels::try_paths(&pool)
        })
    }))
}

/// What follows from what was asked and measured.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    choices: [Choice; 3],
    notice: Option<String>,
}

fn decide(asked: Asked, trials: &[PathTrial]) -> Decision {
    let trial = |path| trials.iter().find(|trial| trial.path == path);
    let fault = |path| trial(path)?.outcome.as_ref().err();
    let automatic = |notice| Decision {
        choices: nc_kernels::choose(trials),
        notice,
    };
    match asked {
        Asked {
            variable: Some(path),
            ..
        } => Decision {
            choices: Choice::all(path, Reason::Variable),
            notice: fault(path).map(|fault| words::variable_is_faulty(path, fault)),
        },
        Asked {
            setting: Some(path),
            ..
        } => match (trial(path), fault(path)) {
            (None, _) => automatic(Some(words::setting_is_not_here(path))),
            (Some(_), Some(fault)) => automatic(Some(words::setting_is_faulty(path, fault))),
            (Some(_), None) => Decision {
                choices: Choice::all(path, Reason::Setting),
                notice: None,
            },
        },
        Asked { .. } => automatic(None),
    }
}

#[cfg(test)]
mod tests;
