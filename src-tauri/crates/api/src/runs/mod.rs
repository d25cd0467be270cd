//! Runs of the window: a queue of which one goes at a time, on a thread of its own.

mod adoption;
mod before_after;
pub(crate) mod charts;
mod compare;
pub(crate) mod history;
mod kept;
mod live;
mod picture;
mod view;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nc_engine::Cancel;
use nc_train::Control;

pub(crate) use adoption::{adopt, roll_back};
pub(crate) use compare::compare;
pub(crate) use picture::draw;
pub(crate) use view::{ask, list, summary, view};

use crate::dto::{AppEvent, RunSummary, StartRun};
use crate::{Api, ApiError, ErrorCode};
use kept::{Kept, KeptState};
use live::Live;

/// How long a run that is asked to stop is waited for when the program ends: micro-batches of large models are long.
const PATIENCE: Duration = Duration::from_secs(120);
/// A discarded run can be brought back for this long.
const KEPT_AFTER_DISCARD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Letters of a run's name in the name of its folder.
const SLUG: usize = 32;

/// The run that goes, and those that wait.
#[derive(Default)]
pub(crate) struct Runs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    going: Option<Arc<Going>>,
    queue: VecDeque<String>,
    /// The queue is an earlier start's and waits for a word.
    on_hold: bool,
}

/// The run that goes.
pub(crate) struct Going {
    id: String,
    control: Control,
    /// Ends what comes after training.
    cancel: Cancel,
    live: Mutex<Live>,
}

impl Going {
    fn live(&self) -> MutexGuard<'_, Live> {
        // Figures are whole after every statement, so a panic elsewhere does not spoil them.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, State> {
        // As above.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn going(&self, id: &str) -> Option<Arc<Going>> {
        self.lock().going.clone().filter(|going| going.id == id)
    }

    /// Whether a run goes.
    pub(crate) fn is_going(&self) -> bool {
        self.lock().going.is_some()
    }
}

/// The folder of all runs.
pub(crate) fn folder(api: &Api) -> PathBuf {
    api.library.folder().join("runs")
}

/// The folder of a run.
///
/// # Errors
/// `NotFound`.
pub(crate) fn folder_of(api: &Api, id: &str) -> Result<PathBuf, ApiError> {
    kept::folder_of(&folder(api), id)
}

/// The name of the run that a model is the result of.
pub(crate) fn name_of_result(path: &std::path::Path) -> Option<String> {
    let folder = path.parent()?;
    kept::is_one(folder)
        .then(|| Kept::read(folder).ok())?
        .map(|kept| kept.name)
}

/// What the one window does at start: runs left in the queue wait for a word, those discarded long ago are removed.
pub(crate) fn recover(api: &Api) {
    let long_ago = nc_library::rfc3339(api.library.time() - KEPT_AFTER_DISCARD);
    let mut queue = Vec::new();
    for (folder, kept) in kept::all(&folder(api)) {
        if kept.discarded.as_ref().is_some_and(|when| *when < long_ago) {
            // What is left over takes room and does no harm.
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                eprintln!("{}: {error}", folder.display());
            }
        } else if kept.state == KeptState::Queued && kept.discarded.is_none() {
            queue.push(kept::id_of(&folder));
        }
    }
    let mut state = api.runs.lock();
    state.on_hold = !queue.is_empty();
    state.queue = queue.into_iter().rev().collect();
}

/// Makes a run and begins it, or puts it behind the one that goes.
///
/// # Errors
/// `BadRequest` for a recipe that cannot be, `Storage`.
pub(crate) fn start(api: &Arc<Api>, request: StartRun) -> Result<RunSummary, ApiError> {
    request.recipe.check()?;
    let name = match request.name.trim() {
        "" => "Fine-tuning",
        name => name,
    };
    let (id, folder) = new_folder(api, name)?;
    let kept = Kept {
        name: name.to_owned(),
        created: api.library.now(),
        recipe: request.recipe.to_toml()?,
        state: KeptState::Queued,
        discarded: None,
    };
    kept.write(&folder)?;
    api.runs.lock().queue.push_back(id.clone());
    advance(api);
    api.events.publish(AppEvent::RunsChanged);
    summary(api, &id)
}

/// A new folder, named by time and name.
fn new_folder(api: &Api, name: &str) -> Result<(String, PathBuf), ApiError> {
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .take(SLUG)
        .collect();
    let time = crate::training::stamp(api.library.time());
    let ids = std::iter::once(format!("{time}-{slug}"))
        .chain((2..).map(|number| format!("{time}-{slug}-{number}")));
    let runs = folder(api);
    let failed = |error: std::io::Error| {
        ApiError::new(
            ErrorCode::Storage,
            format!("The run's folder could not be made: {error}."),
            "Look at the rights of the library's folder and the room on the disk.",
        )
    };
    std::fs::create_dir_all(&runs).map_err(failed)?;
    for id in ids {
        let folder = runs.join(&id);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok((id, folder)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(std::io::ErrorKind::AlreadyExists.into()))
}

/// Goes on with a run that was stopped, interrupted or failed, or begins the queue with this one.
///
/// # Errors
/// `NotFound`, `Busy` for one that goes, `BadRequest` for one that is finished or discarded.
pub(crate) fn resume(api: &Arc<Api>, id: &str) -> Result<RunSummary, ApiError> {
    let folder = folder_of(api, id)?;
    let mut kept = Kept::read(&folder)?;
    if api.runs.going(id).is_some() {
        return Err(ApiError::new(
            ErrorCode::Busy,
            "This run is going already.",
            "Wait for it, or pause or stop it.",
        ));
    }
    if kept.discarded.is_some() || kept.state == KeptState::Finished {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "This run is over.",
            "Begin a new one with its recipe.",
        ));
    }
    kept.state = KeptState::Queued;
    kept.write(&folder)?;
    let mut state = api.runs.lock();
    state.on_hold = false;
    state.queue.retain(|queued| queued != id);
    // What was begun goes before what was not.
    state.queue.push_front(id.to_owned());
    drop(state);
    advance(api);
    api.events.publish(AppEvent::RunsChanged);
    summary(api, id)
}

/// Pauses, or goes on after a pause.
///
/// # Errors
/// `BadRequest` for a run that does not go.
pub(crate) fn pause(api: &Arc<Api>, id: &str, pause: bool) -> Result<RunSummary, ApiError> {
    let Some(going) = api.runs.going(id) else {
        let is_queued = api.runs.lock().queue.iter().any(|queued| queued == id);
        return match is_queued && !pause {
            // The word that a queue on hold waits for.
            true => resume(api, id),
            false => Err(not_going()),
        };
    };
    match pause {
        true => going.control.pause(),
        false => going.control.go_on(),
    }
    live::tell(api, &going, true);
    if pause {
        // The trainer tells nothing while it waits, so somebody has to look when it does.
        let api = Arc::clone(api);
        tokio::spawn(async move {
            while going.control.is_paused() && !going.control.is_waiting() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            live::tell(&api, &going, true);
        });
    }
    summary(api, id)
}

/// Stops a run that goes after saving it, or takes one out of the queue.
///
/// # Errors
/// `BadRequest` for a run that does neither.
pub(crate) fn stop(api: &Arc<Api>, id: &str) -> Result<RunSummary, ApiError> {
    if let Some(going) = api.runs.going(id) {
        going.live().saving = true;
        going.cancel.cancel();
        going.control.stop();
        live::tell(api, &going, true);
        return summary(api, id);
    }
    let mut state = api.runs.lock();
    let before = state.queue.len();
    state.queue.retain(|queued| queued != id);
    if state.queue.len() == before {
        return Err(not_going());
    }
    drop(state);
    let folder = folder_of(api, id)?;
    let mut kept = Kept::read(&folder)?;
    kept.state = KeptState::Stopped;
    kept.write(&folder)?;
    api.events.publish(AppEvent::RunsChanged);
    summary(api, id)
}

/// Stops the run that goes, holds the queue, and waits until all is saved: before the program ends.
pub(crate) async fn stop_all(api: &Arc<Api>) {
    let going = {
        let mut state = api.runs.lock();
        state.on_hold = true;
        state.going.clone()
    };
    let Some(going) = going else {
        return;
    };
    // One that ended in this moment cannot be stopped any more, which is as well.
    let _ = stop(api, &going.id);
    let begun = std::time::Instant::now();
    while api.runs.is_going() && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn not_going() -> ApiError {
    ApiError::new(
        ErrorCode::BadRequest,
        "This run is not going.",
        "Look at how it stands; Resume goes on with one that was stopped.",
    )
}

/// Puts a run away, or brings it back.
///
/// # Errors
/// `NotFound`; `Busy` for a run that goes; `Storage`.
pub(crate) fn discard(api: &Arc<Api>, id: &str, discard: bool) -> Result<RunSummary, ApiError> {
    let folder = folder_of(api, id)?;
    if discard && api.runs.going(id).is_some() {
        return Err(ApiError::new(
            ErrorCode::Busy,
            "This run is still going.",
            "Stop it first.",
        ));
    }
    if discard {
        adoption::forget(api, id)?;
        api.runs.lock().queue.retain(|queued| queued != id);
    }
    let mut kept = Kept::read(&folder)?;
    kept.discarded = discard.then(|| api.library.now());
    if kept.state == KeptState::Queued {
        kept.state = KeptState::Stopped;
    }
    kept.write(&folder)?;
    api.events.publish(AppEvent::RunsChanged);
    summary(api, id)
}

/// Begins the next run of the queue where none goes.
fn advance(api: &Arc<Api>) {
    let mut state = api.runs.lock();
    if state.going.is_some() || state.on_hold {
        return;
    }
    let Some(id) = state.queue.pop_front() else {
        return;
    };
    let going = Arc::new(Going {
        live: Mutex::new(Live::new(folder(api).join(&id))),
        id,
        control: Control::default(),
        cancel: Cancel::default(),
    });
    state.going = Some(Arc::clone(&going));
    drop(state);
    let worker = Arc::clone(api);
    let run = Arc::clone(&going);
    let spawned = std::thread::Builder::new()
        .name("run".to_owned())
        .spawn(move || {
            let state = live::work(&worker, &run);
            live::keep(&run, state.clone());
            worker.runs.lock().going = None;
            live::tell_end(&worker, &run, &state);
            advance(&worker);
        });
    if let Err(error) = spawned {
        api.runs.lock().going = None;
        let error = ApiError::new(
            ErrorCode::Internal,
            format!("No thread could be started: {error}."),
            "Close other programs and try again.",
        );
        live::keep(&going, KeptState::Failed { error });
        live::tell(api, &going, true);
    }
}
