//! Rows for supervised fine-tuning.

use nc_text::Message;
use serde_json::Value;

use crate::columns::{self as column, Names};
use crate::format::Format;
use crate::pair;
use crate::records::Row;
use crate::refusal::Refusal;

/// One row to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The row's number in its file, from 1.
    pub row: u64,
    /// What it says.
    pub content: Content,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Turns, with at least one by the assistant.
    Conversation {
        /// The turns.
        messages: Vec<Message>,
        /// Tools that the conversation may call, for the template.
        tools: Option<Value>,
    },
    /// A text without turns, trained as it is.
    Text(String),
}

/// Most specific first: a row of turns may also have a text column.
const ORDER: [Format; 5] = [
    Format::Messages,
    Format::Sharegpt,
    Format::Alpaca,
    Format::PromptResponse,
    Format::Text,
];

/// The format of a row that is to be learnt from. Of preference pairs the chosen answer is.
pub(crate) fn recognise(row: &Row) -> Option<Format> {
    let fits = |format: &&Format| match format {
        Format::Messages => column::has(row, column::MESSAGES),
        Format::Sharegpt => {
            column::has(row, column::CONVERSATIONS) && !column::has(row, column::CHOSEN)
        }
        Format::Alpaca => column::has(row, column::INSTRUCTION) && column::has(row, column::OUTPUT),
        Format::PromptResponse => {
            column::has(row, column::PROMPT) && column::has(row, column::RESPONSE)
        }
        Format::Text => column::has(row, column::TEXT),
        _ => false,
    };
    let found = ORDER.iter().find(fits).copied();
    found.or_else(|| pair::recognise(row))
}

/// Reads a row.
pub(crate) fn read(format: Format, row: &Row) -> Result<Content, Refusal> {
    let messages = match format {
        Format::Text => {
            return Ok(Content::Text(column::text(row, column::TEXT)?.to_owned()));
        }
        Format::Alpaca => {
            let mut messages = instruction(row)?;
            let output = column::text(row, column::OUTPUT)?;
            messages.push(Message::new("assistant", output));
            messages
        }
        Format::PromptResponse => {
            let mut messages = system(row)?;
            messages.push(Message::new("user", column::text(row, column::PROMPT)?));
            let response = column::text(row, column::RESPONSE)?;
            messages.push(Message::new("assistant", response));
            messages
        }
        Format::Messages => turns(row, column::MESSAGES)?,
        Format::Sharegpt => {
            let turns = turns(row, column::CONVERSATIONS)?;
            let mut messages = match turns.first() {
                Some(first) if first.role == "system" => Vec::new(),
                _ => system(row)?,
            };
            messages.extend(turns);
            messages
        }
        Format::PreferencePairs
        | Format::AlpacaPairs
        | Format::SharegptPairs
        | Format::TranscriptPairs => {
            let (mut messages, chosen, _) = pair::read(format, row)?;
            messages.push(Message::new("assistant", chosen));
            messages
        }
    };
    if !messages.iter().any(answers) {
        return Err(Refusal::NoAnswer);
    }
    Ok(Content::Conversation {
        messages,
        tools: tools(row),
    })
}

fn answers(message: &Message) -> bool {
    let says = !message.content.trim().is_empty() || message.extra.contains_key("tool_calls");
    message.role == "assistant" && says
}

/// The system's turn, where the row has one.
pub(crate) fn system(row: &Row) -> Result<Vec<Message>, Refusal> {
    let text = column::optional_text(row, column::SYSTEM)?;
    Ok(text
        .map(|text| Message::new("system", text))
        .into_iter()
        .collect())
}

/// The turns of an instruction. The Alpaca template writes an `input` in its own place, every other template would lose it: it is
/// kept in a field of its own, and [`joined_input`] puts it into the words.
pub(crate) fn instruction(row: &Row) -> Result<Vec<Message>, Refusal> {
    let mut messages = system(row)?;
    let mut turn = Message::new("user", column::text(row, column::INSTRUCTION)?);
    if let Some(input) = column::optional_text(row, column::INPUT)? {
        turn.extra.insert("input".to_owned(), Value::from(input));
    }
    messages.push(turn);
    Ok(messages)
}

/// The turns of a conversation column.
pub(crate) fn turns(row: &Row, names: Names) -> Result<Vec<Message>, Refusal> {
    // CSV holds lists as JSON in a text.
    let parsed: Value;
    let value = match column::need(row, names)? {
        Value::String(text) => {
            parsed = serde_json::from_str(text).map_err(|_| Refusal::WrongType(names[0]))?;
            &parsed
        }
        value => value,
    };
    let Value::Array(turns) = value else {
        return Err(Refusal::WrongType(names[0]));
    };
    if turns.is_empty() {
        return Err(Refusal::Empty(names[0]));
    }
    turns.iter().map(turn).collect()
}

/// One turn: `{role, content}` or `{from, value}`.
pub(crate) fn turn(value: &Value) -> Result<Message, Refusal> {
    let Value::Object(fields) = value else {
        return Err(Refusal::BadTurn);
    };
    if let Some(Value::String(speaker)) = fields.get("from") {
        let Some(Value::String(words)) = fields.get("value") else {
            return Err(Refusal::BadTurn);
        };
        return Ok(Message::new(role(speaker)?, words.as_str()));
    }
    let content = fields.get("content");
    let says = matches!(content, Some(Value::String(_) | Value::Array(_)))
        || fields.contains_key("tool_calls");
    if !says {
        return Err(Refusal::BadTurn);
    }
    serde_json::from_value(value.clone()).map_err(|_| Refusal::BadTurn)
}

/// ShareGPT's speakers.
fn role(speaker: &str) -> Result<&'static str, Refusal> {
    Ok(match speaker {
        "human" | "user" => "user",
        "gpt" | "assistant" | "chatgpt" | "bard" | "bing" | "model" | "function_call" => {
            "assistant"
        }
        "system" => "system",
        "observation" | "tool" | "function_response" => "tool",
        _ => return Err(Refusal::UnknownSpeaker),
    })
}

/// Tools, as a list or as JSON in a text; what is neither is left out, since templates read a list.
fn tools(row: &Row) -> Option<Value> {
    let tools = match column::find(row, column::TOOLS)? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        value => value.clone(),
    };
    tools
        .as_array()
        .is_some_and(|tools| !tools.is_empty())
        .then_some(tools)
}

/// The turns with every `input` field put into the words, a blank line after the instruction: for templates that know no such field.
pub fn joined_input(messages: &[Message]) -> Vec<Message> {
    let join = |message: &Message| {
        let mut message = message.clone();
        if let Some(Value::String(input)) = message.extra.shift_remove("input") {
            message.content = format!("{}\n\n{input}", message.content);
        }
        message
    };
    messages.iter().map(join).collect()
}
