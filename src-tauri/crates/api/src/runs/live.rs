//! The run that goes: its thread, what it has told, how it stands.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nc_train::run::has_begun;
use nc_train::{Event, TrainError};

use super::Going;
use super::before_after;
use super::history::History;
use super::kept::{Kept, KeptState};
use super::view::summary;
use crate::dto::{AppEvent, Preparing, RunStanding};
use crate::{Api, ApiError, ErrorCode, kernels, training};

/// The page is told of a run this often.
const PERIOD: Duration = Duration::from_millis(150);
/// Steps before speed and time left are worth showing.
const WARM_STEPS: usize = 2;

/// What the run that goes has told.
pub(super) struct Live {
    pub(super) folder: PathBuf,
    pub(super) history: History,
    pub(super) saving: bool,
    comparing: Option<(u64, u64)>,
    told: Option<Instant>,
}

impl Live {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            // A journal that cannot be read is said by the trainer.
            history: History::read(&folder).unwrap_or_default(),
            folder,
            saving: false,
            comparing: None,
            told: None,
        }
    }
}

/// How a run that goes stands.
pub(super) fn standing(going: &Going) -> RunStanding {
    let live = going.live();
    let history = &live.history;
    if let Some((done, total)) = live.comparing {
        return RunStanding::Comparing { done, total };
    }
    if live.saving {
        return RunStanding::Saving;
    }
    if going.control.is_waiting() {
        return RunStanding::Paused;
    }
    if going.control.is_paused() {
        return RunStanding::Pausing;
    }
    if let Some((doing, done, total)) = history.preparing {
        return RunStanding::Preparing { doing, done, total };
    }
    if history.evaluating {
        return RunStanding::Evaluating;
    }
    match history.steps_of_attempt < WARM_STEPS {
        true => RunStanding::WarmingUp,
        false => RunStanding::Running,
    }
}

/// Tells the page how a run stands; where not `now`, only once in a while.
pub(super) fn tell(api: &Arc<Api>, going: &Going, now: bool) {
    {
        let mut live = going.live();
        if !now && live.told.is_some_and(|at| at.elapsed() < PERIOD) {
            return;
        }
        live.told = Some(Instant::now());
    }
    // Without a summary (its file cannot be read at this moment) the next event tells.
    if let Ok(summary) = summary(api, &going.id) {
        api.events.publish(AppEvent::Run {
            summary: Box::new(summary),
        });
    }
}

/// Keeps how a run stands now.
pub(super) fn keep(going: &Going, state: KeptState) {
    let folder = going.live().folder.clone();
    let kept = Kept::read(&folder).and_then(|kept| Kept { state, ..kept }.write(&folder));
    if let Err(error) = kept {
        eprintln!("how the run {} stands could not be kept: {error}", going.id);
    }
}

/// A run from its beginning, or from where it was, to its end; how it stands then.
pub(super) fn work(api: &Arc<Api>, going: &Going) -> KeptState {
    nc_kernels::lower_thread_priority();
    going.live().history.preparing = Some((Preparing::Reading, 0, 0));
    keep(going, KeptState::Going);
    tell(api, going, true);
    let worked = catch_unwind(AssertUnwindSafe(|| train(api, going))).unwrap_or_else(|_| {
        Err(ApiError::new(
            ErrorCode::Internal,
            "The run hit a fault in the program.",
            "Resume it from its last checkpoint. Please report this with the run's log.",
        ))
    });
    match worked {
        Ok(Ended::Finished) => KeptState::Finished,
        Ok(Ended::Stopped) => KeptState::Stopped,
        Err(error) => KeptState::Failed { error },
    }
}

/// Tells the page, and a person who may be elsewhere, how a run has ended.
pub(super) fn tell_end(api: &Arc<Api>, going: &Going, state: &KeptState) {
    tell(api, going, true);
    api.events.publish(AppEvent::RunsChanged);
    let kept = Kept::read(&going.live().folder);
    let name = kept.map_or_else(|_| going.id.clone(), |kept| kept.name);
    match state {
        KeptState::Finished => api.desktop.notify("Fine-tuning is finished", &name),
        KeptState::Failed { error } => {
            let text = format!("{name}: {}", error.message);
            api.desktop.notify("Fine-tuning could not go on", &text);
        }
        KeptState::Queued | KeptState::Going | KeptState::Stopped => {}
    }
}

enum Ended {
    Finished,
    Stopped,
}

fn train(api: &Arc<Api>, going: &Going) -> Result<Ended, ApiError> {
    let folder = going.live().folder.clone();
    let recipe = Kept::read(&folder)?.recipe()?;
    let compute =
        training::background(&kernels::compute(Some(&api.library))?, recipe.machine.cores);
    let resume = has_begun(&folder);
    let job = training::job(recipe.clone(), &folder, resume, compute.clone())?;
    let outcome = nc_train::train(job, &going.control, &mut |event| take(api, going, event));
    let result = match outcome {
        Ok(outcome) => outcome.result.clone(),
        Err(TrainError::Stopped) => return Ok(Ended::Stopped),
        Err(error) => return Err(error.into()),
    };
    // What was learnt is safe; answers that cannot be had are only missing.
    let mut comparing = |done, total| {
        going.live().comparing = Some((done, total));
        tell(api, going, done == total);
    };
    let found = before_after::find(
        (&folder, &recipe, &result),
        &compute,
        &going.cancel,
        &mut comparing,
    );
    if let Err(error) = found {
        eprintln!("answers before and after could not be compared: {error}");
    }
    Ok(Ended::Finished)
}

fn take(api: &Arc<Api>, going: &Going, event: &Event) {
    going.live().history.take(event);
    let now = !matches!(event, Event::Step(_) | Event::Reference { .. });
    tell(api, going, now);
}
