//! Training and merging, used directly: for the command line, where there is no window to stream to.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nc_engine::EngineError;
use nc_kernels::Compute;
use nc_model::{MergeOptions, ModelFiles, merge as merge_files, read_adapter};
use nc_train::run::Run;
use nc_train::{Job, Question, Recipe, plan_job, train as run_recipe};
use serde::Serialize;
use time::macros::format_description;

pub use nc_train::plan::Plan;
pub use nc_train::{Control, EvaluationFigures, Event, Finished, PreferenceFigures, StepFigures};

use crate::open_model::location;
use crate::{ApiError, ErrorCode, kernels};

/// Where runs are kept inside the library's folder.
const RUNS: &str = "runs";

/// What is to be trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainRequest {
    /// A recipe's file, as a new run in this folder, or in one of its own in the library.
    Begin {
        /// The recipe.
        recipe: PathBuf,
        /// The run's folder.
        folder: Option<PathBuf>,
    },
    /// A run's folder, or its name in the library, to go on with.
    Resume {
        /// Which.
        run: PathBuf,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// The run's folder.
    pub run: PathBuf,
    /// The folder of what was learnt: an adapter, or a model.
    pub result: PathBuf,
    /// How it ended.
    #[serde(flatten)]
    pub finished: Finished,
}

/// Trains, and tells what happens as it happens; first in which folder.
///
/// # Errors
/// `Cancelled` when `control` stopped it (the run can go on then), `BadRequest` for recipes and data that cannot be, and those of opening a
/// model and of writing.
pub fn train(
    request: &TrainRequest,
    control: &Control,
    on_begin: impl FnOnce(&Path),
    on_event: &mut dyn FnMut(&Event),
) -> Result<Trained, ApiError> {
    let (recipe, folder, resume) = match request {
        TrainRequest::Begin { recipe, folder } => {
            let folder = match folder {
                Some(folder) => folder.clone(),
                None => new_folder()?,
            };
            (Recipe::read(recipe)?, folder, false)
        }
        TrainRequest::Resume { run } => {
            let folder = known_folder(run)?;
            let recipe = Recipe::parse(&Run::open(&folder)?.manifest().recipe)?;
            (recipe, folder, true)
        }
    };
    nc_kernels::lower_thread_priority();
    let compute = background(&kernels::compute_alone()?, recipe.machine.cores);
    let job = job(recipe, &folder, resume, compute)?;
    on_begin(&folder);
    let outcome = run_recipe(job, control, on_event)?;
    Ok(Trained {
        run: folder,
        result: outcome.result,
        finished: outcome.finished,
    })
}

/// What a recipe would take on this machine, and what stands in its way.
///
/// # Errors
/// Those of opening the recipe, its model and its data.
pub fn plan(recipe: &Path) -> Result<Plan, ApiError> {
    let recipe = Recipe::read(recipe)?;
    nc_kernels::lower_thread_priority();
    let compute = background(&kernels::compute_alone()?, recipe.machine.cores);
    Ok(plan_job(&job(recipe, &runs()?, false, compute)?)?)
}

/// Everything that a run or its plan is made from.
pub(crate) fn job(
    recipe: Recipe,
    folder: &Path,
    resume: bool,
    compute: Compute,
) -> Result<Job, ApiError> {
    let files = open(&recipe.model)?;
    let (tokenizer, template) = nc_engine::tokenizer_and_template(&files)?;
    Ok(Job {
        compute,
        files,
        tokenizer,
        template,
        folder: folder.to_owned(),
        recipe,
        resume,
        measure: true,
    })
}

/// Writes a model with an adapter added to its weights as a Hugging Face folder.
///
/// # Errors
/// Those of opening both, `BadRequest` for a folder that is not empty, and those of writing.
pub fn merge(
    model: &str,
    adapter: &Path,
    out: &Path,
    on_progress: &mut dyn FnMut(f64),
) -> Result<(), ApiError> {
    let files = open(Path::new(model))?;
    let (lora, parameters) = read_adapter(adapter, &files).map_err(EngineError::from)?;
    let options = MergeOptions {
        compute: Some(kernels::compute_alone()?),
        ..MergeOptions::default()
    };
    merge_files(&files, (&lora, &parameters), &options, out, &mut |done| {
        on_progress(done.done_bytes as f64 / done.total_bytes.max(1) as f64);
        ControlFlow::Continue(())
    })
    .map_err(EngineError::from)?;
    Ok(())
}

fn open(model: &Path) -> Result<ModelFiles, ApiError> {
    let files = ModelFiles::open(&location(&model.to_string_lossy()));
    Ok(files.map_err(EngineError::from)?)
}

/// The questions of the rows that a recipe holds out.
///
/// # Errors
/// Those of opening the model's tokenizer and the data.
pub(crate) fn held_out_questions(recipe: &Recipe, most: usize) -> Result<Vec<Question>, ApiError> {
    let (tokenizer, template) = nc_engine::tokenizer_and_template(&open(&recipe.model)?)?;
    let encoder = recipe.encoder(tokenizer, template.as_deref())?;
    Ok(recipe.held_out_questions(&encoder, most)?)
}

/// What a run computes with: so many threads of its own, or all; they give way to everything else on the machine.
pub(crate) fn background(compute: &Compute, cores: usize) -> Compute {
    let threads = match cores {
        0 => compute.pool.threads(),
        cores => cores,
    };
    compute.in_background(threads)
}

fn runs() -> Result<PathBuf, ApiError> {
    Ok(nc_library::default_folder()?.join(RUNS))
}

/// A folder of its own, named by the time.
fn new_folder() -> Result<PathBuf, ApiError> {
    let name = stamp(time::OffsetDateTime::now_utc());
    let runs = runs()?;
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let mut free = names
        .map(|name| runs.join(name))
        .filter(|folder| !folder.exists());
    Ok(free.next().unwrap_or(runs))
}

/// A time as a folder's name has it.
pub(crate) fn stamp(time: time::OffsetDateTime) -> String {
    time.format(format_description!(
        "[year][month][day]-[hour][minute][second]"
    ))
    .unwrap_or_default()
}

fn known_folder(run: &Path) -> Result<PathBuf, ApiError> {
    if run.is_dir() {
        return Ok(run.to_owned());
    }
    let named = runs()?.join(run);
    if named.is_dir() {
        return Ok(named);
    }
    Err(ApiError::new(
        ErrorCode::NotFound,
        format!("There is no run called {}.", run.display()),
        "Give a run's folder, or its name in the library's folder of runs.",
    ))
}
