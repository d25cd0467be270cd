//! Chats and messages as they are kept.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An enum that is kept as the words its schema lists.
macro_rules! kept_as_word {
    ($(#[$about:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant),+ }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(match self { $(Self::$variant => $word),+ }))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? { $($word => Ok(Self::$variant),)+ _ => Err(FromSqlError::InvalidType) }
            }
        }

        #[cfg(test)]
        impl $name {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];
        }
    };
}

kept_as_word! {
    /// What a chat is.
    ChatKind {
        /// Messages in turn.
        Chat = "chat",
        /// One running text that a base model continues.
        Text = "text",
    }
}

kept_as_word! {
    /// Who wrote a message.
    Role {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

kept_as_word! {
    /// How a message stands.
    MessageState {
        /// Whole.
        Complete = "complete",
        /// Being written now.
        Writing = "writing",
        /// Stopped by the person.
        Stopped = "stopped",
        /// Cut at the length limit.
        CutAtLength = "cut_at_length",
        /// The program ended while it was being written.
        Interrupted = "interrupted",
        /// An error in the middle; what was written is kept.
        Failed = "failed",
    }
}

/// A chat to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChat {
    /// Conversation or text.
    pub kind: ChatKind,
    /// What it is called.
    pub title: String,
    /// Its settings, as the caller keeps them.
    pub settings: Value,
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRow {
    /// Its number, never used again.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// Conversation or text.
    pub kind: ChatKind,
    /// Kept on top.
    pub pinned: bool,
    /// Its settings, as the caller keeps them.
    pub settings: Value,
    /// When it was begun, RFC 3339 in UTC.
    pub created_at: String,
    /// When a message was last added, RFC 3339 in UTC.
    pub updated_at: String,
    /// The message at the end of the path shown; none while the chat is empty.
    pub leaf: Option<i64>,
}

/// A chat that a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundChat {
    /// The chat.
    pub chat: ChatRow,
    /// The words around the hit, on one line; empty when nothing was searched for.
    pub excerpt: String,
}

/// A message to add.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// The chat it belongs to.
    pub chat_id: i64,
    /// The message it follows, of the same chat; none for a first message.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub content: String,
    /// How it stands.
    pub state: MessageState,
    /// The model that writes it.
    pub model_name: Option<String>,
}

/// What a message becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageUpdate<'a> {
    /// All it says now.
    pub content: &'a str,
    /// How it stands now.
    pub state: MessageState,
    /// Figures, as the caller keeps them; none forgets those there were.
    pub stats: Option<&'a Value>,
    /// What went wrong, as the caller keeps it; none forgets what there was.
    pub error: Option<&'a Value>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageRow {
    /// Its number, never used again and greater than its parent's.
    pub id: i64,
    /// The chat it belongs to.
    pub chat_id: i64,
    /// The message it follows.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub content: String,
    /// How it stands.
    pub state: MessageState,
    /// What went wrong.
    pub error: Option<Value>,
    /// When it was begun, RFC 3339 in UTC.
    pub created_at: String,
    /// The model that wrote it.
    pub model_name: Option<String>,
    /// Figures.
    pub stats: Option<Value>,
}

/// A message of the path shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathMessage {
    /// The message.
    pub row: MessageRow,
    /// The messages with the same parent, itself included, oldest first.
    pub siblings: Vec<i64>,
}

/// The columns [`chat`] reads, of the table `chats`.
pub(crate) const CHAT_COLUMNS: &str = "chats.id, chats.title, chats.kind, chats.pinned, chats.settings, chats.created_at, chats.updated_at, chats.leaf";

pub(crate) fn chat(row: &Row<'_>) -> rusqlite::Result<ChatRow> {
    Ok(ChatRow {
        id: row.get(0)?,
        title: row.get(1)?,
        kind: row.get(2)?,
        pinned: row.get(3)?,
        settings: json(row, 4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        leaf: row.get(7)?,
    })
}

/// The columns [`message`] reads, of the table `messages`.
pub(crate) const MESSAGE_COLUMNS: &str = "messages.id, messages.chat_id, messages.parent, messages.role, \
     messages.content, messages.state, messages.error, messages.created_at, messages.model_name, messages.stats";

pub(crate) fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        id: row.get(0)?,
        chat_id: row.get(1)?,
        parent: row.get(2)?,
        role: row.get(3)?,
        content: row.get(4)?,
        state: row.get(5)?,
        error: optional_json(row, 6)?,
        created_at: row.get(7)?,
        model_name: row.get(8)?,
        stats: optional_json(row, 9)?,
    })
}

pub(crate) fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    parse(column, row.get_ref(column)?.as_str()?)
}

pub(crate) fn optional_json(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Value>> {
    row.get_ref(column)?
        .as_str_or_null()?
        .map(|text| parse(column, text))
        .transpose()
}

fn parse(column: usize, text: &str) -> rusqlite::Result<Value> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
