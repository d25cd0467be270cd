//! What the core tells whoever listens, numbered.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Message, ModelState, Progress, RunSummary};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AppEvent {
    /// The model that answers, or the one being opened, changed.
    Model {
        /// The state now.
        state: Box<ModelState>,
    },
    /// The list of models changed.
    ModelsChanged,
    /// The list of chats changed.
    ChatsChanged,
    /// An answer under way moved on.
    AnswerProgress {
        /// The chat.
        chat_id: i64,
        /// The answer.
        message_id: i64,
        /// Where it stands.
        progress: Progress,
        /// Text to append to the message's content.
        text: String,
    },
    /// An answer is over, one way or another.
    AnswerEnded {
        /// The chat.
        chat_id: i64,
        /// The message, as it is kept.
        message: Box<Message>,
    },
    /// A run moved on. Told a few times a second; its page asks for the rest.
    Run {
        /// As in the list.
        summary: Box<RunSummary>,
    },
    /// The list of runs changed: one was made, ended, discarded, adopted.
    RunsChanged,
    /// The person closed the window while a run is going: it was minimised, and the run goes on.
    ClosedWithRun,
    /// Another instance was started with a path (double-click on a file).
    OpenPath {
        /// What to open.
        path: String,
    },
    /// Events were lost (the listener was too slow): ask for the state anew.
    Resync,
}

/// An event with its number. Numbers have no gaps; `Resync` stands for those that were lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NumberedEvent {
    /// Counts from 1.
    pub seq: u64,
    /// What happened.
    pub event: AppEvent,
}
