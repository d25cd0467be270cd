//! Conversations written as one text, each turn begun by `Human:` or `Assistant:` on a line of its own (Anthropic's hh-rlhf).

use nc_text::Message;

use crate::refusal::Refusal;

const HUMAN: &str = "\n\nHuman:";
const ASSISTANT: &str = "\n\nAssistant:";

/// Whether a text is a transcript.
pub(crate) fn is_one(text: &str) -> bool {
    let start = text.trim_start();
    start.starts_with(HUMAN.trim_start()) && text.contains(ASSISTANT)
}

/// The turns of a transcript.
pub(crate) fn read(text: &str) -> Result<Vec<Message>, Refusal> {
    if !is_one(text) {
        return Err(Refusal::BadTurn);
    }
    // The first turn is begun like every other, whatever white space stood there.
    let text = format!("\n\n{}", text.trim_start());
    let mut rest = text.as_str();
    let mut turns = Vec::new();
    while !rest.is_empty() {
        let (role, mark) = match rest.starts_with(HUMAN) {
            true => ("user", HUMAN),
            false => ("assistant", ASSISTANT),
        };
        let words = &rest[mark.len()..];
        let ends = [HUMAN, ASSISTANT].map(|mark| words.find(mark));
        let end = ends.into_iter().flatten().min().unwrap_or(words.len());
        turns.push(Message::new(role, words[..end].trim()));
        rest = &words[end..];
    }
    Ok(turns)
}
