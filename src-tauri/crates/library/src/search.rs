//! Full-text search over titles and messages.
//!
//! Rows of the two word indexes are written in the transaction that writes the text. A message that is being written
//! has none: it changes about once a second, and is indexed once when it is finished.

use std::collections::BTreeMap;

use rusqlite::Transaction;
use unicode_normalization::char::is_combining_mark;

use crate::rows::{CHAT_COLUMNS, chat};
use crate::words::{Word, composed, for_index, words};
use crate::{FoundChat, Library, MessageRow, MessageState, Result};

/// Words of a query that are looked at. More would only narrow what these already found.
const MAX_QUERY_WORDS: usize = 64;
/// Characters of an excerpt before its hit.
const BEFORE: usize = 40;
/// Characters of an excerpt from its hit on.
const AFTER: usize = 100;

/// What is looked for: every term must be in the same title or the same message.
struct Query {
    /// Words between two spaces; together a phrase. The last word of the last term may be only begun.
    terms: Vec<Vec<String>>,
}

impl Query {
    fn new(search: &str) -> Self {
        let mut left = MAX_QUERY_WORDS;
        let mut terms = Vec::new();
        for typed in search.split_whitespace() {
            let term: Vec<String> = words(&composed(typed))
                .take(left)
                .map(|word| word.folded)
                .collect();
            left -= term.len();
            if !term.is_empty() {
                terms.push(term);
            }
        }
        Self { terms }
    }

    /// In the index's language. Every term is quoted, so nothing in it can be an operator.
    fn for_index(&self) -> String {
        let quoted: Vec<String> = self
            .terms
            .iter()
            .map(|term| format!("\"{}\"", term.join(" ").replace('"', "\"\"")))
            .collect();
        quoted.join(" AND ") + "*"
    }

    /// The first word of a text at which one of the terms begins.
    fn first_hit(&self, text: &[Word]) -> Option<usize> {
        (0..text.len()).find(|&start| {
            self.terms.iter().enumerate().any(|(index, term)| {
                let last = index + 1 == self.terms.len();
                let Some(found) = text.get(start..start + term.len()) else {
                    return false;
                };
                found
                    .iter()
                    .zip(term)
                    .enumerate()
                    .all(|(place, (word, wanted))| {
                        word.folded == *wanted
                            || (last
                                && place + 1 == term.len()
                                && word.folded.starts_with(wanted.as_str()))
                    })
            })
        })
    }
}

impl Library {
    /// The chats in which a search finds its words, or all of them when it is blank: pinned ones first, then the last
    /// used. Words are found in titles and messages of every branch whatever their case and accents; all of them must
    /// be in one title or one message; the last one may be only begun. A search of signs alone (an emoji, say) finds
    /// them as they are.
    ///
    /// # Errors
    /// When the database cannot be read. No search is malformed.
    pub fn chats(&self, search: &str) -> Result<Vec<FoundChat>> {
        let search = search.trim();
        let query = Query::new(search);
        let found = self.read(|db| {
            let matching = if search.is_empty() {
                None
            } else if query.terms.is_empty() {
                Some(matches(db, SIGNS_IN_TITLES, SIGNS_IN_MESSAGES, search)?)
            } else {
                Some(matches(
                    db,
                    WORDS_IN_TITLES,
                    WORDS_IN_MESSAGES,
                    &query.for_index(),
                )?)
            };
            let mut statement = db.prepare_cached(&format!(
                "SELECT {CHAT_COLUMNS} FROM chats WHERE deleted_at IS NULL
                 ORDER BY pinned DESC, updated_at DESC, id DESC"
            ))?;
            let mut list = Vec::new();
            for row in statement.query_map([], chat)? {
                let chat = row?;
                let text = match &matching {
                    None => None,
                    Some(matching) => match matching.get(&chat.id) {
                        None => continue,
                        Some(Some(message)) => Some(content(db, *message)?),
                        Some(None) => Some(chat.title.clone()),
                    },
                };
                list.push((chat, text));
            }
            Ok(list)
        })?;
        // Reading through long texts is not done while others wait for the connection.
        let list = found.into_iter().map(|(chat, text)| FoundChat {
            excerpt: text
                .map(|text| excerpt(&text, &query, search))
                .unwrap_or_default(),
            chat,
        });
        Ok(list.collect())
    }
}

const WORDS_IN_TITLES: &str = "SELECT rowid FROM title_words WHERE title_words MATCH ?1";
const WORDS_IN_MESSAGES: &str = "SELECT messages.chat_id, max(messages.id)
     FROM message_words JOIN messages ON messages.id = message_words.rowid
     WHERE message_words MATCH ?1 GROUP BY messages.chat_id";
const SIGNS_IN_TITLES: &str = "SELECT id FROM chats WHERE instr(title, ?1) > 0";
const SIGNS_IN_MESSAGES: &str = "SELECT chat_id, max(id) FROM messages WHERE state <> 'writing' AND instr(content, ?1) > 0 GROUP BY chat_id";

/// The chats that match, each with the newest message that does; without one where only the title does.
fn matches(
    db: &Transaction<'_>,
    titles: &str,
    messages: &str,
    sought: &str,
) -> Result<BTreeMap<i64, Option<i64>>> {
    let mut found = BTreeMap::new();
    let mut statement = db.prepare_cached(titles)?;
    let mut rows = statement.query([sought])?;
    while let Some(row) = rows.next()? {
        found.insert(row.get(0)?, None);
    }
    let mut statement = db.prepare_cached(messages)?;
    let mut rows = statement.query([sought])?;
    while let Some(row) = rows.next()? {
        found.insert(row.get(0)?, Some(row.get(1)?));
    }
    Ok(found)
}

fn content(db: &Transaction<'_>, message: i64) -> Result<String> {
    Ok(db
        .prepare_cached("SELECT content FROM messages WHERE id = ?1")?
        .query_row([message], |row| row.get(0))?)
}

/// The words around the first hit, on one line.
fn excerpt(text: &str, query: &Query, search: &str) -> String {
    let text = composed(text);
    let all: Vec<Word> = words(&text).collect();
    let hit = match query.first_hit(&all) {
        Some(word) => all[word].at.start,
        None => text.find(search).unwrap_or(0),
    };
    around(&text, hit)
}

/// A piece of `text` with the place `hit` in it, begun and ended between words where there are spaces, with `…` where
/// something was left out.
pub(crate) fn around(text: &str, hit: usize) -> String {
    let (before, after) = text.split_at(hit);
    let mut line = String::new();

    let first = before
        .char_indices()
        .rev()
        .nth(BEFORE - 1)
        .map_or(0, |(place, _)| place);
    let mut lead = &before[first..];
    if first > 0 {
        // The word that was cut goes too, unless that would leave nothing (scripts without spaces).
        if let Some((_, whole)) = lead.split_once(char::is_whitespace) {
            lead = whole;
        }
        lead = lead.trim_start_matches(belongs_to_the_character_before);
        line.push('…');
    }
    append_on_one_line(&mut line, lead);

    let end = after
        .char_indices()
        .nth(AFTER)
        .map_or(after.len(), |(place, _)| place);
    let mut tail = &after[..end];
    if end < after.len()
        && !after[end..].starts_with(char::is_whitespace)
        && let Some((whole, _)) = tail.rsplit_once(char::is_whitespace)
    {
        tail = whole;
    }
    append_on_one_line(&mut line, tail);
    let mut line = line.trim_end().to_owned();
    if !after[tail.len()..].trim().is_empty() {
        line.push('…');
    }
    line
}

fn belongs_to_the_character_before(character: char) -> bool {
    is_combining_mark(character) || character == '\u{200d}'
}

/// Any run of white space becomes one space.
fn append_on_one_line(line: &mut String, text: &str) {
    for character in text.chars() {
        if !character.is_whitespace() {
            line.push(character);
        } else if !line.is_empty() && !line.ends_with([' ', '…']) {
            line.push(' ');
        }
    }
}

/// Brings the index in step with a message: its words when it stands, none while it is being written.
pub(crate) fn index_message(db: &Transaction<'_>, row: &MessageRow) -> Result<()> {
    db.prepare_cached("DELETE FROM message_words WHERE rowid = ?1")?
        .execute([row.id])?;
    if row.state != MessageState::Writing {
        db.prepare_cached("INSERT INTO message_words (rowid, words) VALUES (?1, ?2)")?
            .execute((row.id, for_index(&row.content)))?;
    }
    Ok(())
}

/// Brings the index in step with a chat's title.
pub(crate) fn index_title(db: &Transaction<'_>, chat: i64, title: &str) -> Result<()> {
    db.prepare_cached("DELETE FROM title_words WHERE rowid = ?1")?
        .execute([chat])?;
    db.prepare_cached("INSERT INTO title_words (rowid, words) VALUES (?1, ?2)")?
        .execute((chat, for_index(title)))?;
    Ok(())
}

/// Forgets the words of the chats that a query with one parameter names, and of their messages.
pub(crate) fn forget(db: &Transaction<'_>, chats: &str, parameter: &str) -> Result<()> {
    let messages = db.execute(
        &format!("DELETE FROM message_words WHERE rowid IN (SELECT id FROM messages WHERE chat_id IN ({chats}))"),
        [parameter],
    )?;
    let titles = db.execute(
        &format!("DELETE FROM title_words WHERE rowid IN ({chats})"),
        [parameter],
    )?;
    // The index only marks rows as gone; rewriting it drops their words.
    if messages > 0 {
        db.execute(
            "INSERT INTO message_words (message_words) VALUES ('optimize')",
            [],
        )?;
    }
    if titles > 0 {
        db.execute(
            "INSERT INTO title_words (title_words) VALUES ('optimize')",
            [],
        )?;
    }
    Ok(())
}
