//! Every command the user can give, with its request, response and error code. Hosts (the window, the command line,
//! the server) are adapters over this crate; the page's TypeScript types are written from it.

mod answering;
pub mod bench;
mod chat_text;
pub mod commands;
mod convert;
mod desktop;
pub mod dto;
mod engine_slot;
mod error;
mod errors_from;
mod events;
mod kernels;
mod list;
mod open_model;
mod registry;
mod runs;
pub mod session;
mod starter;
pub mod training;
mod typescript;
mod view;
mod wizard;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use nc_library::Library;

pub use async_trait::async_trait;
pub use desktop::{Desktop, Headless, PickFiles, SaveRequest};
pub use error::{ApiError, ErrorCode};
pub use events::{EventBus, Subscription};
pub use list::{COMMANDS, CommandInfo, call};
pub use typescript::typescript;

use crate::dto::{AppEvent, MachineInfo, STARTER};

/// A deleted chat can be brought back for this long.
const KEPT_AFTER_DELETION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Everything the commands share: the library, the model that answers, the answers under way, the events.
pub struct Api {
    pub(crate) library: Library,
    pub(crate) desktop: Box<dyn Desktop>,
    pub(crate) engine: engine_slot::EngineSlot,
    pub(crate) answers: answering::Answers,
    pub(crate) events: EventBus,
    pub(crate) runs: runs::Runs,
    memory_read_gb_per_s: OnceLock<f64>,
    claim: OnceLock<nc_library::Claim>,
}

impl Api {
    /// Opens the library in `folder`. Nothing is loaded yet.
    ///
    /// # Errors
    /// `PermissionDenied` or `Storage` when the library cannot be opened.
    pub fn open(folder: &Path, desktop: Box<dyn Desktop>) -> Result<Arc<Self>, ApiError> {
        Self::open_with_clock(folder, desktop, SystemTime::now)
    }

    /// The same, with the time taken from `clock`.
    ///
    /// # Errors
    /// As [`Api::open`].
    pub fn open_with_clock(
        folder: &Path,
        desktop: Box<dyn Desktop>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Arc<Self>, ApiError> {
        Ok(Arc::new(Self {
            library: Library::open_with_clock(folder, move || clock().into())?,
            desktop,
            engine: Default::default(),
            answers: Default::default(),
            events: EventBus::default(),
            runs: Default::default(),
            memory_read_gb_per_s: OnceLock::new(),
            claim: OnceLock::new(),
        }))
    }

    /// What the one window does at start: it claims the library, answers that a crash cut off are marked so, chats deleted
    /// long ago are removed, the starter is opened, then the model used last.
    ///
    /// # Errors
    /// `Storage` when another window has the library, or it cannot be written.
    pub fn start(self: &Arc<Self>) -> Result<(), ApiError> {
        self.start_with(None)
    }

    /// The same, with a model to open instead of the one used last (a double-click on a file). No page listens yet, so
    /// this cannot be told by an event.
    ///
    /// # Errors
    /// As [`Api::start`].
    pub fn start_with(self: &Arc<Self>, path: Option<String>) -> Result<(), ApiError> {
        // A second start of the same process finds the place taken by itself.
        let _ = self.claim.set(self.library.claim()?);
        self.library.recover()?;
        // What is left over takes room and does no harm, so a failure here keeps nobody from their chats.
        if let Err(error) = self
            .library
            .purge_deleted(self.library.time() - KEPT_AFTER_DELETION)
        {
            eprintln!("chats deleted long ago could not be removed: {error}");
        }
        runs::recover(self);
        let asked = path
            .map(|path| commands::models::settled(&path))
            .transpose()?;
        let next = asked
            .or_else(|| registry::last_model(self))
            .filter(|path| path != STARTER);
        engine_slot::begin_opening(self, STARTER.to_owned(), next)
    }

    /// Listens to everything after event `after`, or to what comes from now on.
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        self.events.subscribe(after)
    }

    /// Tells the page that something outside asked to open a path (a double-click on a file).
    pub fn ask_to_open(&self, path: String) {
        self.events.publish(AppEvent::OpenPath { path });
    }

    /// Whether a run is going: then closing the window does not end the program.
    pub fn run_is_going(&self) -> bool {
        self.runs.is_going()
    }

    /// Tells the page that its window was closed while a run goes on.
    pub fn closed_with_run(&self) {
        self.events.publish(AppEvent::ClosedWithRun);
    }

    /// What this machine is; its speed is measured once.
    pub(crate) fn machine(&self) -> Result<MachineInfo, ApiError> {
        let report = kernels::report(Some(&self.library))?;
        let read = *self
            .memory_read_gb_per_s
            .get_or_init(nc_kernels::memory_read_gb_per_s);
        Ok(session::machine(report, read))
    }
}

/// Runs work that takes a while where it holds up no other command.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(ApiError::new(
                ErrorCode::Internal,
                format!("The work ended in a fault: {error}."),
                "Please report this as a bug.",
            ))
        })
}

/// The folder everything is kept in: `NEURALCHAT_HOME`, or the platform's data folder.
///
/// # Errors
/// `Storage` when the platform names none.
pub fn default_folder() -> Result<std::path::PathBuf, ApiError> {
    Ok(nc_library::default_folder()?)
}
