//! Rows of a chosen and a rejected answer.

use nc_text::Message;
use serde_json::Value;

use crate::columns::{self as column, Names};
use crate::example;
use crate::format::Format;
use crate::records::Row;
use crate::refusal::Refusal;
use crate::transcript;

/// A prompt with a better and a worse answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The row's number in its file, from 1.
    pub row: u64,
    /// The conversation up to the answer.
    pub prompt: Vec<Message>,
    /// The better answer.
    pub chosen: String,
    /// The worse answer.
    pub rejected: String,
}

/// A pair's prompt, chosen and rejected answer.
type Parts = (Vec<Message>, String, String);

/// The format of a row of two answers.
pub(crate) fn recognise(row: &Row) -> Option<Format> {
    let chosen = column::find(row, column::CHOSEN)?;
    column::find(row, column::REJECTED)?;
    let is_transcript = chosen.as_str().is_some_and(transcript::is_one);
    Some(if column::has(row, column::CONVERSATIONS) {
        Format::SharegptPairs
    } else if column::has(row, column::INSTRUCTION) {
        Format::AlpacaPairs
    } else if column::has(row, column::PROMPT) && !(is_transcript && chosen_holds_prompt(row)) {
        Format::PreferencePairs
    } else if is_transcript {
        Format::TranscriptPairs
    } else if chosen.is_array() {
        Format::PreferencePairs
    } else {
        return None;
    })
}

/// Some copies of hh-rlhf repeat the prompt in a column of its own.
fn chosen_holds_prompt(row: &Row) -> bool {
    let text = |names| column::find(row, names).and_then(Value::as_str);
    match (text(column::CHOSEN), text(column::PROMPT)) {
        (Some(chosen), Some(prompt)) => chosen.starts_with(prompt),
        _ => false,
    }
}

/// Reads a row.
pub(crate) fn read(format: Format, row: &Row) -> Result<Parts, Refusal> {
    let (prompt, chosen, rejected) = match format {
        Format::TranscriptPairs => {
            let transcript = |names| transcript::read(column::text(row, names)?);
            split(transcript(column::CHOSEN)?, transcript(column::REJECTED)?)?
        }
        Format::AlpacaPairs => answered(row, example::instruction(row)?)?,
        Format::SharegptPairs => {
            let turns = example::turns(row, column::CONVERSATIONS)?;
            let mut prompt = match turns.first() {
                Some(first) if first.role == "system" => Vec::new(),
                _ => example::system(row)?,
            };
            prompt.extend(turns);
            answered(row, prompt)?
        }
        Format::PreferencePairs => preference(row)?,
        _ => return Err(Refusal::MissingColumn(column::CHOSEN[0])),
    };
    for (names, answer) in [(column::CHOSEN, &chosen), (column::REJECTED, &rejected)] {
        if answer.trim().is_empty() {
            return Err(Refusal::Empty(names[0]));
        }
    }
    match chosen == rejected {
        true => Err(Refusal::EqualAnswers),
        false => Ok((prompt, chosen, rejected)),
    }
}

/// `prompt`, `chosen` and `rejected`, each a text or a list of messages.
fn preference(row: &Row) -> Result<Parts, Refusal> {
    let chosen = column::need(row, column::CHOSEN)?;
    let rejected = column::need(row, column::REJECTED)?;
    let prompt = match column::find(row, column::PROMPT) {
        Some(Value::Array(_)) => Some(example::turns(row, column::PROMPT)?),
        Some(_) => {
            let mut prompt = example::system(row)?;
            prompt.push(Message::new("user", column::text(row, column::PROMPT)?));
            Some(prompt)
        }
        None => None,
    };
    if chosen.is_array() && rejected.is_array() {
        let chosen = example::turns(row, column::CHOSEN)?;
        let rejected = example::turns(row, column::REJECTED)?;
        // Lists of more than the answer hold the prompt themselves.
        if chosen.len() > 1 || rejected.len() > 1 || prompt.is_none() {
            return split(chosen, rejected);
        }
    }
    let prompt = prompt.ok_or(Refusal::MissingColumn(column::PROMPT[0]))?;
    answered(row, prompt)
}

/// A prompt with the answers of the row.
fn answered(row: &Row, prompt: Vec<Message>) -> Result<Parts, Refusal> {
    Ok((
        prompt,
        answer(row, column::CHOSEN)?,
        answer(row, column::REJECTED)?,
    ))
}

/// An answer: a text, a turn, or a list of one turn.
fn answer(row: &Row, names: Names) -> Result<String, Refusal> {
    let turn = match column::need(row, names)? {
        Value::Array(turns) => match turns.as_slice() {
            [turn] => example::turn(turn)?,
            _ => return Err(Refusal::WrongType(names[0])),
        },
        turn @ Value::Object(_) => example::turn(turn)?,
        _ => return Ok(column::text(row, names)?.to_owned()),
    };
    match turn.role.as_str() {
        "assistant" => Ok(turn.content),
        _ => Err(Refusal::NoAnswer),
    }
}

/// Two whole conversations that differ in their last answer.
fn split(mut chosen: Vec<Message>, mut rejected: Vec<Message>) -> Result<Parts, Refusal> {
    let (Some(better), Some(worse)) = (chosen.pop(), rejected.pop()) else {
        return Err(Refusal::NoAnswer);
    };
    if better.role != "assistant" || worse.role != "assistant" {
        return Err(Refusal::NoAnswer);
    }
    match chosen == rejected {
        true => Ok((chosen, better.content, worse.content)),
        false => Err(Refusal::DifferentPrompts),
    }
}
