//! Chats: begin, name, pin, delete and take back.

use rusqlite::{OptionalExtension, ToSql, Transaction};
use serde_json::Value;
use time::OffsetDateTime;

use crate::clock::rfc3339;
use crate::rows::{CHAT_COLUMNS, chat};
use crate::{ChatRow, Item, Library, LibraryError, NewChat, Result, search};

impl Library {
    /// Begins a chat; it has no messages yet.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn create_chat(&self, new: &NewChat) -> Result<ChatRow> {
        let now = self.now();
        self.write(|db| insert(db, new, &now))
    }

    /// One chat.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be read.
    pub fn chat(&self, id: i64) -> Result<ChatRow> {
        self.read(|db| one(db, id))
    }

    /// Gives a chat another title.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be written.
    pub fn rename_chat(&self, id: i64, title: &str) -> Result<()> {
        self.write(|db| {
            set(db, id, "title", &title)?;
            search::index_title(db, id, title)
        })
    }

    /// Keeps a chat on top, or no longer.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be written.
    pub fn pin_chat(&self, id: i64, pinned: bool) -> Result<()> {
        self.write(|db| set(db, id, "pinned", &pinned))
    }

    /// Changes a chat's settings, all at once.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be written.
    pub fn configure_chat(&self, id: i64, settings: &Value) -> Result<()> {
        self.write(|db| set(db, id, "settings", &settings.to_string()))
    }

    /// Deletes a chat so that it can be taken back: it is no longer found, listed or added to, but its messages stay
    /// until [`Library::purge_deleted`]. An answer still being written into it goes on being kept.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be written.
    pub fn delete_chat(&self, id: i64) -> Result<()> {
        let now = self.now();
        self.write(|db| set(db, id, "deleted_at", &now))
    }

    /// Takes a deleted chat back. One that was not deleted stays as it is.
    ///
    /// # Errors
    /// When there is no such chat, or not any more; when the database cannot be written.
    pub fn restore_chat(&self, id: i64) -> Result<()> {
        self.write(|db| {
            let changed = db
                .prepare_cached("UPDATE chats SET deleted_at = NULL WHERE id = ?1")?
                .execute([id])?;
            if changed == 0 {
                Err(LibraryError::NotFound(Item::Chat(id)))
            } else {
                Ok(())
            }
        })
    }

    /// Removes for good what was deleted before a moment; returns how many chats.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn purge_deleted(&self, older_than: OffsetDateTime) -> Result<usize> {
        let before = rfc3339(older_than);
        self.write(|db| {
            const GONE: &str = "SELECT id FROM chats WHERE deleted_at < ?1";
            search::forget(db, GONE, &before)?;
            // In this order, so that nothing ever points at a row that is gone.
            db.execute(
                &format!("UPDATE chats SET leaf = NULL WHERE id IN ({GONE})"),
                [&before],
            )?;
            db.execute(
                &format!("DELETE FROM messages WHERE chat_id IN ({GONE})"),
                [&before],
            )?;
            Ok(db.execute("DELETE FROM chats WHERE deleted_at < ?1", [&before])?)
        })
    }
}

/// Begins a chat.
pub(crate) fn insert(db: &Transaction<'_>, new: &NewChat, now: &str) -> Result<ChatRow> {
    let row = db
        .prepare_cached(&format!(
            "INSERT INTO chats (title, kind, settings, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)
             RETURNING {CHAT_COLUMNS}"
        ))?
        .query_row((&new.title, new.kind, new.settings.to_string(), now), chat)?;
    search::index_title(db, row.id, &new.title)?;
    Ok(row)
}

/// One chat that is not deleted.
pub(crate) fn one(db: &Transaction<'_>, id: i64) -> Result<ChatRow> {
    db.prepare_cached(&format!(
        "SELECT {CHAT_COLUMNS} FROM chats WHERE id = ?1 AND deleted_at IS NULL"
    ))?
    .query_row([id], chat)
    .optional()?
    .ok_or(LibraryError::NotFound(Item::Chat(id)))
}

/// Sets one column of a chat that is not deleted.
fn set(db: &Transaction<'_>, id: i64, column: &'static str, value: &dyn ToSql) -> Result<()> {
    let changed = db
        .prepare_cached(&format!(
            "UPDATE chats SET {column} = ?2 WHERE id = ?1 AND deleted_at IS NULL"
        ))?
        .execute(rusqlite::params![id, value])?;
    if changed == 0 {
        Err(LibraryError::NotFound(Item::Chat(id)))
    } else {
        Ok(())
    }
}
