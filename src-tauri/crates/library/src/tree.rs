//! A chat's tree: the path shown, its branches, and a new chat made of a path.

use std::collections::HashMap;

use rusqlite::Transaction;

use crate::messages::{require_in_chat, set_leaf};
use crate::rows::{MESSAGE_COLUMNS, message};
use crate::{
    ChatRow, Library, MessageRow, MessageState, NewChat, PathMessage, Result, chats, search,
};

/// The messages from a root (`?2` of chat `?1` upwards). Ids grow along a path, so they give it its order.
const UPWARDS: &str = "WITH RECURSIVE upwards (id, parent) AS (
         SELECT id, parent FROM messages WHERE chat_id = ?1 AND id = ?2
         UNION ALL
         SELECT messages.id, messages.parent FROM upwards JOIN messages ON messages.id = upwards.parent
     )";

impl Library {
    /// The path shown: from the first message to the chat's leaf, each with its siblings. Three queries however long
    /// the chat is.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be read.
    pub fn path(&self, chat_id: i64) -> Result<Vec<PathMessage>> {
        self.read(|db| {
            let Some(leaf) = chats::one(db, chat_id)?.leaf else {
                return Ok(Vec::new());
            };
            let mut children: HashMap<Option<i64>, Vec<i64>> = HashMap::new();
            let mut statement = db.prepare_cached(
                "SELECT parent, id FROM messages WHERE chat_id = ?1 ORDER BY parent, id",
            )?;
            let mut rows = statement.query([chat_id])?;
            while let Some(row) = rows.next()? {
                children.entry(row.get(0)?).or_default().push(row.get(1)?);
            }
            let path = upwards(db, chat_id, leaf)?;
            Ok(path
                .into_iter()
                .map(|row| PathMessage {
                    siblings: children.get(&row.parent).cloned().unwrap_or_default(),
                    row,
                })
                .collect())
        })
    }

    /// Every message of a chat, oldest first: parents before their children.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, or the database cannot be read.
    pub fn tree(&self, chat_id: i64) -> Result<Vec<MessageRow>> {
        self.read(|db| {
            chats::one(db, chat_id)?;
            let mut statement = db.prepare_cached(&format!(
                "SELECT {MESSAGE_COLUMNS} FROM messages WHERE chat_id = ?1 ORDER BY id"
            ))?;
            let rows = statement.query_map([chat_id], message)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Shows the path through a message: on to its newest child, that one's newest child, and so on.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, the message is not in it, or the database cannot be written.
    pub fn select(&self, chat_id: i64, message_id: i64) -> Result<()> {
        self.write(|db| {
            chats::one(db, chat_id)?;
            require_in_chat(db, chat_id, message_id)?;
            let leaf: i64 = db
                .prepare_cached(
                    "WITH RECURSIVE downwards (id) AS (
                         SELECT ?2
                         UNION ALL
                         SELECT (SELECT max(id) FROM messages WHERE chat_id = ?1 AND parent = downwards.id)
                         FROM downwards WHERE downwards.id IS NOT NULL
                     )
                     SELECT max(id) FROM downwards",
                )?
                .query_row((chat_id, message_id), |row| row.get(0))?;
            set_leaf(db, chat_id, leaf)
        })
    }

    /// Makes a new chat of the path up to a message: the same kind and settings, messages of its own with the times
    /// they had. A message that is being written is copied as it stands now, as interrupted.
    ///
    /// # Errors
    /// When there is no such chat or it was deleted, the message is not in it, or the database cannot be written.
    pub fn fork(&self, chat_id: i64, message_id: i64, title: &str) -> Result<ChatRow> {
        let now = self.now();
        self.write(|db| {
            let source = chats::one(db, chat_id)?;
            require_in_chat(db, chat_id, message_id)?;
            let new = NewChat { kind: source.kind, title: title.to_owned(), settings: source.settings };
            let mut copy = chats::insert(db, &new, &now)?;

            let mut statement = db.prepare_cached(
                "INSERT INTO messages (chat_id, parent, role, content, state, error, created_at, model_name, stats)
                 SELECT ?2, ?3, role, content, ?4, error, created_at, model_name, stats FROM messages WHERE id = ?1",
            )?;
            for mut row in upwards(db, chat_id, message_id)? {
                if row.state == MessageState::Writing {
                    row.state = MessageState::Interrupted;
                }
                row.id = statement.insert((row.id, copy.id, copy.leaf, row.state))?;
                search::index_message(db, &row)?;
                copy.leaf = Some(row.id);
            }
            if let Some(leaf) = copy.leaf {
                set_leaf(db, copy.id, leaf)?;
            }
            Ok(copy)
        })
    }
}

/// The path from the root to a message.
fn upwards(db: &Transaction<'_>, chat_id: i64, end: i64) -> Result<Vec<MessageRow>> {
    let mut statement = db.prepare_cached(&format!(
        "{UPWARDS} SELECT {MESSAGE_COLUMNS} FROM upwards JOIN messages ON messages.id = upwards.id ORDER BY messages.id"
    ))?;
    let rows = statement.query_map((chat_id, end), message)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
