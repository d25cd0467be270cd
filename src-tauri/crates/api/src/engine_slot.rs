//! The place of the model that answers, and of the one being opened beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nc_engine::{Cancel, Engine};

use crate::dto::{AppEvent, FailedOpening, LoadedModel, ModelState, Opening, OpeningStage};
use crate::{Api, ApiError, ErrorCode, open_model, registry};

/// The page is told of an opening's progress this often.
const PERIOD: Duration = Duration::from_millis(50);

/// The model that answers.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) about: LoadedModel,
}

/// Which model answers, which one is being opened, which one failed last.
#[derive(Default)]
pub(crate) struct EngineSlot {
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    loaded: Option<Arc<Loaded>>,
    opening: Option<Job>,
    failed: Option<FailedOpening>,
}

struct Job {
    cancel: Cancel,
    opening: Opening,
}

impl EngineSlot {
    fn lock(&self) -> MutexGuard<'_, SlotState> {
        // The state is whole between statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn loaded(&self) -> Option<Arc<Loaded>> {
        self.lock().loaded.clone()
    }

    pub(crate) fn state(&self) -> ModelState {
        let state = self.lock();
        ModelState {
            loaded: state.loaded.as_ref().map(|loaded| loaded.about.clone()),
            opening: state.opening.as_ref().map(|job| job.opening.clone()),
            failed: state.failed.clone(),
        }
    }

    /// Stops the opening under way.
    pub(crate) fn cancel(&self) {
        if let Some(job) = &self.lock().opening {
            job.cancel.cancel();
        }
    }

    /// Takes the failure of a path off the screen, as the person dropped the model from the list.
    pub(crate) fn forget_failure(&self, path: &str) {
        self.lock().failed.take_if(|failed| failed.path == path);
    }

    /// Puts a job in; the one before it is cancelled.
    fn enter(&self, path: &str, cancel: &Cancel) {
        let mut state = self.lock();
        if let Some(before) = state.opening.take() {
            before.cancel.cancel();
        }
        state.failed = None;
        state.opening = Some(Job {
            cancel: cancel.clone(),
            opening: Opening {
                path: path.to_owned(),
                name: registry::name_of(path),
                stage: OpeningStage::Reading,
                done_bytes: 0,
                total_bytes: 0,
                seconds_left: None,
            },
        });
    }

    /// Ends the job with this cancel token: only that one may touch the state, not one that was replaced.
    fn leave(&self, cancel: &Cancel, end: impl FnOnce(&mut SlotState)) {
        let mut state = self.lock();
        if state
            .opening
            .as_ref()
            .is_some_and(|job| job.cancel.is_same(cancel))
        {
            state.opening = None;
            end(&mut state);
        }
    }
}

fn tell(api: &Api) {
    api.events.publish(AppEvent::Model {
        state: Box::new(api.engine.state()),
    });
}

/// Begins to open a model on a thread of its own; `then` is opened after it, if any.
///
/// # Errors
/// `Internal` when the operating system gives no thread.
pub(crate) fn begin_opening(
    api: &Arc<Api>,
    path: String,
    then: Option<String>,
) -> Result<(), ApiError> {
    let cancel = Cancel::default();
    api.engine.enter(&path, &cancel);
    tell(api);
    let job_api = Arc::clone(api);
    let job_cancel = cancel.clone();
    let spawned = thread::Builder::new()
        .name("open-model".into())
        .spawn(move || {
            // The starter opened at start is not what the person chose last.
            run(&job_api, &path, &job_cancel, then.is_none());
            if let Some(next) = then.filter(|_| !job_cancel.is_cancelled()) {
                // Without a thread the model just opened stays, which is what the person sees.
                let _ = begin_opening(&job_api, next, None);
            }
        });
    if let Err(error) = spawned {
        api.engine.leave(&cancel, |_| ());
        tell(api);
        return Err(ApiError::new(
            ErrorCode::Internal,
            format!("No thread could be started: {error}."),
            "Close other programs and try again.",
        ));
    }
    Ok(())
}

fn run(api: &Arc<Api>, path: &str, cancel: &Cancel, chosen: bool) {
    let begun = Instant::now();
    let mut told: Option<Instant> = None;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        // The first opening measures the kernels.
        let compute = crate::kernels::compute(Some(&api.library))?;
        open_model::open(
            path,
            compute,
            cancel,
            &mut |stage, done_bytes, total_bytes| {
                let mut state = api.engine.lock();
                let Some(job) = state
                    .opening
                    .as_mut()
                    .filter(|job| job.cancel.is_same(cancel))
                else {
                    return;
                };
                job.opening.stage = stage;
                job.opening.done_bytes = done_bytes;
                job.opening.total_bytes = total_bytes;
                job.opening.seconds_left = seconds_left(begun.elapsed(), done_bytes, total_bytes);
                drop(state);
                if told.is_none_or(|at| at.elapsed() >= PERIOD) {
                    told = Some(Instant::now());
                    tell(api);
                }
            },
        )
    }))
    .unwrap_or_else(|_| {
        Err(ApiError::new(
            ErrorCode::Internal,
            "Opening this model hit a fault in the program.",
            "The model loaded before still works. Please report this with the model's name.",
        ))
    });
    registry::remember(api, path, &opened, chosen);
    api.engine.leave(cancel, |state| match opened {
        Ok(loaded) => state.loaded = Some(Arc::new(loaded)),
        Err(error) if error.code == ErrorCode::Cancelled => {}
        Err(error) => {
            state.failed = Some(FailedOpening {
                path: path.to_owned(),
                error,
            });
        }
    });
    tell(api);
    api.events.publish(AppEvent::ModelsChanged);
}

/// Told once a twentieth is done; before that it would jump about.
fn seconds_left(elapsed: Duration, done: u64, total: u64) -> Option<f64> {
    let share = done as f64 / total as f64;
    (0.05..1.0)
        .contains(&share)
        .then(|| elapsed.as_secs_f64() * (1.0 - share) / share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_told_once_it_is_known() {
        let check = |done, total, expected: Option<f64>| {
            let left = seconds_left(Duration::from_secs(10), done, total);
            assert_eq!(left, expected, "{done} of {total}");
        };
        check(0, 0, None);
        check(1, 100, None);
        check(25, 100, Some(30.0));
        check(50, 100, Some(10.0));
        check(100, 100, None);
    }
}
