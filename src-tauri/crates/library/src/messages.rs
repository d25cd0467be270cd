//! Messages: add, stream into, finish, and pick up after a crash.

use rusqlite::{OptionalExtension, Transaction};
use serde_json::Value;

use crate::rows::{MESSAGE_COLUMNS, message};
use crate::{
    Item, Library, LibraryError, MessageRow, MessageState, MessageUpdate, NewMessage, Result,
    chats, search,
};

impl Library {
    /// Adds a message and makes it the end of the path shown.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, the parent is not in it, or the database cannot be written.
    pub fn add_message(&self, new: &NewMessage) -> Result<MessageRow> {
        let now = self.now();
        self.write(|db| {
            let chat = chats::one(db, new.chat_id)?;
            if let Some(parent) = new.parent {
                require_in_chat(db, chat.id, parent)?;
            }
            let row = db
                .prepare_cached(&format!(
                    "INSERT INTO messages (chat_id, parent, role, content, state, created_at, model_name)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING {MESSAGE_COLUMNS}"
                ))?
                .query_row((chat.id, new.parent, new.role, &new.content, new.state, &now, &new.model_name), message)?;
            search::index_message(db, &row)?;
            set_leaf(db, chat.id, row.id)?;
            db.prepare_cached("UPDATE chats SET updated_at = ?2 WHERE id = ?1")?.execute((chat.id, &now))?;
            Ok(row)
        })
    }

    /// Gives a message its content and state, in a deleted chat too.
    ///
    /// # Errors
    /// When there is no such message, or the database cannot be written.
    pub fn update_message(&self, id: i64, update: &MessageUpdate<'_>) -> Result<MessageRow> {
        self.write(|db| {
            let row = db
                .prepare_cached(&format!(
                    "UPDATE messages SET content = ?2, state = ?3, stats = ?4, error = ?5 WHERE id = ?1
                     RETURNING {MESSAGE_COLUMNS}"
                ))?
                .query_row(
                    (
                        id,
                        update.content,
                        update.state,
                        update.stats.map(Value::to_string),
                        update.error.map(Value::to_string),
                    ),
                    message,
                )
                .optional()?
                .ok_or(LibraryError::NotFound(Item::Message(id)))?;
            search::index_message(db, &row)?;
            Ok(row)
        })
    }

    /// Appends streamed text to a message that is being written. Once this returns, the text survives the program's
    /// death. Words are indexed for the search only when the message is finished.
    ///
    /// # Errors
    /// When there is no such message, it is not [`MessageState::Writing`], or the database cannot be written.
    pub fn append_message(&self, id: i64, text: &str) -> Result<()> {
        self.write(|db| {
            let changed = db
                .prepare_cached(
                    "UPDATE messages SET content = content || ?2 WHERE id = ?1 AND state = ?3",
                )?
                .execute((id, text, MessageState::Writing))?;
            if changed > 0 {
                return Ok(());
            }
            one(db, id)?;
            Err(LibraryError::NotWriting { message: id })
        })
    }

    /// One message, of a deleted chat too.
    ///
    /// # Errors
    /// When there is no such message, or the database cannot be read.
    pub fn message(&self, id: i64) -> Result<MessageRow> {
        self.read(|db| one(db, id))
    }

    /// Marks every message that is being written as interrupted and returns how many there were. For the one program
    /// that writes answers, at its start: in anybody else's hands it would interrupt an answer that is going well.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn recover(&self) -> Result<usize> {
        self.write(|db| {
            let mut statement = db.prepare(&format!(
                "UPDATE messages SET state = ?2 WHERE state = ?1 RETURNING {MESSAGE_COLUMNS}"
            ))?;
            let rows = statement
                .query_map((MessageState::Writing, MessageState::Interrupted), message)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for row in &rows {
                search::index_message(db, row)?;
            }
            Ok(rows.len())
        })
    }
}

fn one(db: &Transaction<'_>, id: i64) -> Result<MessageRow> {
    db.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = ?1"
    ))?
    .query_row([id], message)
    .optional()?
    .ok_or(LibraryError::NotFound(Item::Message(id)))
}

pub(crate) fn require_in_chat(db: &Transaction<'_>, chat: i64, message: i64) -> Result<()> {
    let found = db
        .prepare_cached("SELECT 1 FROM messages WHERE chat_id = ?1 AND id = ?2")?
        .exists((chat, message))?;
    if found {
        Ok(())
    } else {
        Err(LibraryError::NotInChat { message, chat })
    }
}

pub(crate) fn set_leaf(db: &Transaction<'_>, chat: i64, leaf: i64) -> Result<()> {
    db.prepare_cached("UPDATE chats SET leaf = ?2 WHERE id = ?1")?
        .execute((chat, leaf))?;
    Ok(())
}
