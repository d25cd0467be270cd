//! A run: supervised fine-tuning or preference optimisation, from a recipe to what was learnt.
//!
//! A step adds up the gradients of its micro-batches, holds their norm down, and lets AdamW change the parameters. Everything that decides
//! what comes next lies in the checkpoint, and nothing depends on how many threads compute: a run that goes on after a crash
//! gives the same losses bit for bit.

mod control;
mod event;
mod first_batch;
mod learner;
mod meter;
mod opening;
mod preference;
mod progress;
mod reference;
mod result;
mod samples;
mod stage;
mod state;
mod steps;
mod supervised;

use std::path::PathBuf;

use nc_model::{Compute, ModelFiles, TrainingDecoder};
use nc_text::Tokenizer;

pub use control::Control;
pub use event::{
    BatchRow, BatchToken, EvaluationFigures, Event, Finished, PreferenceFigures, StepFigures,
};

use opening::{
    begin, encoder, go_on, learner, manifest, plan_prepared, reference, tell_drops, unblocked,
};
use preference::Preference;
use progress::Progress;
use steps::steps;
use supervised::Supervised;

use crate::error::Result;
use crate::plan::Plan;
use crate::recipe::{Recipe, Stage as StageName};
use crate::run::Run;

/// What a run is made from.
pub struct Job {
    /// What to do.
    pub recipe: Recipe,
    /// The model's files.
    pub files: ModelFiles,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The source of its own chat template, if it has one.
    pub template: Option<String>,
    /// What to compute with.
    pub compute: Compute,
    /// The run's folder.
    pub folder: PathBuf,
    /// Go on with the run there, rather than begin one.
    pub resume: bool,
    /// Measure this machine for seconds, to foretell how long the run takes.
    pub measure: bool,
}

/// What came of a run.
pub struct Outcome {
    /// How it ended.
    pub finished: Finished,
    /// The folder of what was learnt: an adapter, or a model.
    pub result: PathBuf,
    /// What was learnt: the decoder, and the parameters that were kept.
    pub decoder: TrainingDecoder,
    /// In the order of [`TrainingDecoder::tensors`].
    pub parameters: Vec<f32>,
}

impl std::fmt::Debug for Outcome {
    /// Without the parameters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome")
            .field("finished", &self.finished)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// Runs a recipe. `on_event` is told what the journal keeps, as it happens.
///
/// # Errors
/// [`TrainError::Stopped`](crate::TrainError::Stopped) when `control` stopped it: what whole steps have learnt is saved then, and the run can go on. [`TrainError::Changed`](crate::TrainError::Changed)
/// for a run whose inputs are others now, [`TrainError::Diverged`](crate::TrainError::Diverged), and everything that reading data, loading the model and writing can meet.
pub fn train(job: Job, control: &Control, on_event: &mut dyn FnMut(&Event)) -> Result<Outcome> {
    let manifest = manifest(&job)?;
    let held = match job.resume {
        true => Some(go_on(&job, &manifest, on_event)?),
        false => Run::check_free(&job.folder).map(|()| None)?,
    };
    // A new run gets its folder when nothing stands in its way any more.
    let open = || match held {
        Some(run) => Ok(run),
        None => Run::create(&job.folder, manifest),
    };
    let encoder = encoder(&job)?;
    match job.recipe.stage {
        StageName::Sft => {
            let prepared = job.recipe.samples(&encoder)?;
            tell_drops(&prepared, on_event);
            let plan = unblocked(plan_prepared(&job, &prepared)?)?;
            let run = open()?;
            let mut progress = Progress::open(&run, job.resume, on_event)?;
            let meter = begin(&mut progress, plan)?;
            let learner = learner(&job)?;
            steps(
                (&job, &encoder),
                &mut progress,
                &prepared,
                learner,
                (&Supervised, control, meter),
            )
        }
        StageName::Preference => {
            let prepared = job.recipe.pairs(&encoder)?;
            tell_drops(&prepared, on_event);
            let plan = unblocked(plan_prepared(&job, &prepared)?)?;
            let run = open()?;
            let mut progress = Progress::open(&run, job.resume, on_event)?;
            let meter = begin(&mut progress, plan)?;
            let mut learner = learner(&job)?;
            let reference = reference(
                &job,
                (&run, &mut progress),
                &prepared,
                &mut learner,
                control,
            )?;
            let stage = Preference {
                objective: job.recipe.preference.objective(),
                reference: &reference,
                pairs: &prepared.train,
                held_out: &prepared.held_out,
                max_tokens: job.recipe.optimisation.max_tokens,
            };
            steps(
                (&job, &encoder),
                &mut progress,
                &prepared,
                learner,
                (&stage, control, meter),
            )
        }
    }
}

/// What a job would take, before anything is loaded: memory, time if `job.measure` says so, disk, and what stands in the way.
///
/// # Errors
/// What is wrong with recipe or data, and [`TrainError::File`](crate::TrainError::File) where the room on the disk cannot be
/// asked for.
pub fn plan_job(job: &Job) -> Result<Plan> {
    let encoder = encoder(job)?;
    match job.recipe.stage {
        StageName::Sft => plan_prepared(job, &job.recipe.samples(&encoder)?),
        StageName::Preference => plan_prepared(job, &job.recipe.pairs(&encoder)?),
    }
}
