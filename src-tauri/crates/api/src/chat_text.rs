//! A chat as a file: Markdown for people, JSON for programs.

use std::fmt::Write as _;

use nc_library::MessageRow;
use serde_json::json;

use crate::dto::{ChatKind, ChatView, ExportFormat, MessageStanding, Role};
use crate::{ApiError, ErrorCode};

/// Longest stem of a proposed file name, characters.
const STEM_CHARACTERS: usize = 60;

/// A file name made of the title: letters and digits of any script are kept, everything else becomes a hyphen.
pub(crate) fn file_name(title: &str, format: ExportFormat) -> String {
    let mut stem = String::new();
    for character in title.chars().take(STEM_CHARACTERS) {
        if character.is_alphanumeric() {
            stem.push(character);
        } else if !stem.is_empty() && !stem.ends_with('-') {
            stem.push('-');
        }
    }
    let stem = stem.trim_end_matches('-');
    let stem = if stem.is_empty() { "chat" } else { stem };
    match format {
        ExportFormat::Markdown => format!("{stem}.md"),
        ExportFormat::Json => format!("{stem}.json"),
    }
}

/// The path shown, a heading for every message. A text is written as it runs.
pub(crate) fn markdown(view: &ChatView) -> String {
    if view.summary.kind == ChatKind::Text {
        return view
            .messages
            .iter()
            .map(|message| message.content.as_str())
            .collect();
    }
    let mut text = format!("# {}\n", view.summary.title);
    if !view.settings.system_prompt.is_empty() {
        section(&mut text, "System prompt", &view.settings.system_prompt);
    }
    for message in &view.messages {
        let author = match message.role {
            Role::User => "You",
            Role::Assistant => message.model_name.as_deref().unwrap_or("Model"),
        };
        let note = match message.standing {
            MessageStanding::Complete => "",
            MessageStanding::Writing => " (being written)",
            MessageStanding::Stopped => " (stopped)",
            MessageStanding::CutAtLength => " (cut at the length limit)",
            MessageStanding::Interrupted => " (interrupted)",
            MessageStanding::Failed { .. } => " (failed)",
        };
        section(&mut text, &format!("{author}{note}"), &message.content);
    }
    text
}

fn section(text: &mut String, heading: &str, content: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, "\n## {heading}\n\n{}\n", content.trim_end());
}

/// Every message with its parent, and which one ends the path shown.
pub(crate) fn json(view: &ChatView, tree: &[MessageRow]) -> Result<String, ApiError> {
    let messages: Vec<_> = tree
        .iter()
        .map(|row| {
            json!({
                "id": row.id,
                "parent": row.parent,
                "role": crate::convert::role(row.role),
                "content": row.content,
                "standing": crate::convert::standing(row),
                "created_at": row.created_at,
                "model_name": row.model_name,
                "stats": row.stats,
            })
        })
        .collect();
    let document = json!({
        "format": "neuralchat-chat",
        "version": 1,
        "title": view.summary.title,
        "kind": view.summary.kind,
        "settings": view.settings,
        "shown": view.messages.iter().map(|message| message.id).collect::<Vec<_>>(),
        "messages": messages,
    });
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .map_err(|error| {
            ApiError::new(
                ErrorCode::Internal,
                error.to_string(),
                "Please report this as a bug.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_safe_everywhere() {
        let check = |title: &str, expected: &str| {
            assert_eq!(
                file_name(title, ExportFormat::Markdown),
                expected,
                "{title:?}"
            );
        };
        check("What is 7 + 5?", "What-is-7-5.md");
        check("../../etc/passwd", "etc-passwd.md");
        check("???", "chat.md");
        check("", "chat.md");
        check("日本語 chat", "日本語-chat.md");
        check(
            &"x".repeat(200),
            &format!("{}.md", "x".repeat(STEM_CHARACTERS)),
        );
    }
}
