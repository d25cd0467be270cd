//! Columns by the names they go by.

use serde_json::Value;

use crate::records::Row;
use crate::refusal::Refusal;

/// The names of one column, the first being the one that messages use.
pub(crate) type Names = &'static [&'static str];

pub(crate) const INSTRUCTION: Names = &["instruction"];
pub(crate) const INPUT: Names = &["input", "context"];
pub(crate) const OUTPUT: Names = &["output", "response"];
pub(crate) const PROMPT: Names = &["prompt", "question", "query"];
pub(crate) const RESPONSE: Names = &["response", "completion", "answer"];
pub(crate) const SYSTEM: Names = &["system", "system_prompt"];
pub(crate) const MESSAGES: Names = &["messages"];
pub(crate) const CONVERSATIONS: Names = &["conversations"];
pub(crate) const TEXT: Names = &["text"];
pub(crate) const TOOLS: Names = &["tools"];
/// The last of each is the first form of Intel/orca_dpo_pairs.
pub(crate) const CHOSEN: Names = &["chosen", "chatgpt"];
pub(crate) const REJECTED: Names = &["rejected", "llama2-13b-chat"];

/// The column's value under the first of its names that the row has.
pub(crate) fn find(row: &Row, names: Names) -> Option<&Value> {
    names.iter().find_map(|&name| row.get(name))
}

pub(crate) fn has(row: &Row, names: Names) -> bool {
    find(row, names).is_some()
}

/// A column that must be there.
pub(crate) fn need(row: &Row, names: Names) -> Result<&Value, Refusal> {
    find(row, names).ok_or(Refusal::MissingColumn(names[0]))
}

/// A column that must hold a text that says something.
pub(crate) fn text(row: &Row, names: Names) -> Result<&str, Refusal> {
    match need(row, names)? {
        Value::String(text) if text.trim().is_empty() => Err(Refusal::Empty(names[0])),
        Value::String(text) => Ok(text),
        Value::Null => Err(Refusal::Empty(names[0])),
        _ => Err(Refusal::WrongType(names[0])),
    }
}

/// A column that may be missing, null or empty.
pub(crate) fn optional_text(row: &Row, names: Names) -> Result<Option<&str>, Refusal> {
    match find(row, names) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(Refusal::WrongType(names[0])),
    }
}
