//! From a rendered conversation to token ids and the assistant's mask.

use std::ops::Range;

use super::Rendered;
use crate::error::Result;
use crate::tokenizer::{ControlToken, Located, Tokenizer};

/// A conversation as token ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedConversation {
    /// Token ids.
    pub ids: Vec<u32>,
    /// For each id whether the assistant says it, its end token included; all false where the rendering's mask is not exact.
    pub assistant: Vec<bool>,
}

/// Encodes a rendered conversation.
///
/// - Control tokens that the template wrote are recognised. Those that a message spells stay text, even where only part of one comes from a message.
/// - BOS stands in front once, where this tokenizer begins texts with it or the template wrote it.
/// - A token belongs to the assistant if any of its bytes does.
///
/// Where no message spells a control token the ids are those of encoding the whole text at once.
///
/// # Errors
/// [`TextError::EncodeFailed`](crate::TextError::EncodeFailed).
pub fn encode_rendered(tokenizer: &Tokenizer, rendered: &Rendered) -> Result<EncodedConversation> {
    let text = rendered.text.as_str();
    let found = occurrences(tokenizer.control(), text);
    let trusted: Vec<bool> = found
        .iter()
        .map(|(token, range)| trusts(rendered, token, range))
        .collect();
    let located = if trusted.iter().all(|&trusted| trusted) {
        tokenizer.locate(text)?
    } else {
        let written = found
            .into_iter()
            .zip(trusted)
            .filter(|(_, trusted)| *trusted);
        locate_around(tokenizer, text, written.map(|(found, _)| found).collect())?
    };
    let mut encoded = EncodedConversation::default();
    if let Some(bos) = tokenizer.bos().filter(|_| tokenizer.adds_bos())
        && located.first().is_none_or(|(id, _)| *id != bos)
    {
        encoded.ids.push(bos);
        encoded.assistant.push(false);
    }
    let mut spans = rendered.assistant_spans.iter().peekable();
    for (id, range) in located {
        // Tokens and spans both come in order of their places.
        while spans.next_if(|span| span.end <= range.start).is_some() {}
        let said = spans
            .peek()
            .is_some_and(|span| range.start < span.end && span.start < range.end);
        encoded.ids.push(id);
        encoded.assistant.push(said);
    }
    Ok(encoded)
}

/// Every place where a control token's text stands.
fn occurrences<'t>(
    control: &'t [ControlToken],
    text: &str,
) -> Vec<(&'t ControlToken, Range<usize>)> {
    control
        .iter()
        .filter(|token| !token.text.is_empty())
        .flat_map(|token| {
            text.match_indices(token.text.as_str())
                .map(move |(at, found)| (token, at..at + found.len()))
        })
        .collect()
}

/// Whether the template wrote this control token.
fn trusts(rendered: &Rendered, token: &ControlToken, range: &Range<usize>) -> bool {
    if rendered.contents_exact {
        let spans = &rendered.content_spans;
        // The first span that ends behind the token's beginning is the only one that can overlap it first.
        let next = spans.partition_point(|span| span.end <= range.start);
        return spans.get(next).is_none_or(|span| span.start >= range.end);
    }
    !rendered
        .contents
        .iter()
        .any(|contents| contents.contains(token.text.as_str()))
}

/// Encodes with exactly these control tokens recognised; of overlapping ones the leftmost, then the longest.
fn locate_around(
    tokenizer: &Tokenizer,
    text: &str,
    mut written: Vec<(&ControlToken, Range<usize>)>,
) -> Result<Vec<Located>> {
    written.sort_by_key(|(_, range)| (range.start, std::cmp::Reverse(range.end)));
    let mut located = Vec::new();
    let mut done = 0;
    for (token, range) in written {
        if range.start < done {
            continue;
        }
        let mut between = &text[done..range.start];
        if token.strip_left {
            between = between.trim_end();
        }
        if !between.is_empty() {
            located.extend(tokenizer.locate_plain(between, done, done == 0)?);
        }
        done = range.end;
        if token.strip_right {
            let rest = &text[done..];
            done += rest.len() - rest.trim_start().len();
        }
        located.push((token.id, range));
    }
    if done < text.len() {
        located.extend(tokenizer.locate_plain(&text[done..], done, done == 0)?);
    }
    Ok(located)
}
