//! Everything kept on disk: chats, models seen, settings.
//!
//! One SQLite database, `library.sqlite`, in one folder. A [`Library`] is one connection behind a lock; every call is
//! short, runs in one transaction and never calls back into its user. Several processes may have the same library open.
//!
//! A chat is a tree of messages: a message knows its parent, a chat knows its *leaf*, and the *path* from the root to
//! the leaf is what is shown. Text being streamed is appended to its message about once a second and is then safe.

mod chats;
mod clock;
mod database;
mod error;
mod files;
mod folder;
mod library;
mod messages;
mod models;
mod rows;
mod search;
mod settings;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub use clock::rfc3339;
pub use error::{Item, LibraryError, LibraryErrorKind};
pub use files::{Claim, write_atomically};
pub use folder::default_folder;
pub use library::Library;
pub use models::ModelRow;
pub use rows::{
    ChatKind, ChatRow, FoundChat, MessageRow, MessageState, MessageUpdate, NewChat, NewMessage,
    PathMessage, Role,
};

/// What every call of this crate returns.
pub type Result<T, E = LibraryError> = std::result::Result<T, E>;
