//! Which parts of a rendered text the assistant says, and which parts come from messages.
//!
//! Marks are private-use characters that occur neither in the template nor in the conversation. They are written around what the
//! assistant says (by `{% generation %}` tags) and around every text that comes from a message, and taken out again. A
//! template may do anything with the texts it is given, so the result counts only if the text without marks is, to the letter, what the
//! template writes without any.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::Environment;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::environment::{NOW, run};
use super::{ChatTemplate, Rendered, compile};
use crate::error::{Result, TextError};
use crate::message::{Conversation, Message};

/// Longest role, in characters.
const ROLE: usize = 64;

/// Two pairs of opening and closing marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) generation: [char; 2],
    pub(super) content: [char; 2],
}

impl Marks {
    /// The first marks that occur in none of these texts.
    pub(super) fn absent_from<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let range = '\u{f0000}'..='\u{ffffd}';
        let used: HashSet<char> = texts
            .flat_map(str::chars)
            .filter(|character| range.contains(character))
            .collect();
        // 65,534 characters to choose from; a text that used all of them would just have no exact spans.
        let mut free = range.filter(|character| !used.contains(character));
        let mut next = || free.next().unwrap_or('\u{fffff}');
        Self {
            generation: [next(), next()],
            content: [next(), next()],
        }
    }

    fn all(&self) -> [char; 4] {
        let [open, close] = self.generation;
        let [content_open, content_close] = self.content;
        [open, close, content_open, content_close]
    }
}

/// One rendering.
pub(super) struct Job<'a> {
    pub(super) template: &'a ChatTemplate,
    pub(super) messages: &'a Conversation,
    pub(super) variables: &'a Map<String, Value>,
}

/// A text with its marks taken out; spans are none where marks did not come in pairs.
struct Unmarked {
    text: String,
    generation: Option<Vec<Range<usize>>>,
    contents: Option<Vec<Range<usize>>>,
}

impl Job<'_> {
    pub(super) fn render(&self, add_generation_prompt: bool) -> Result<Rendered> {
        for message in self.messages {
            check_role(&message.role)?;
        }
        let messages = values(self.messages)?;
        let mut texts = Vec::new();
        let mut plain_keys = true;
        for value in messages.iter().chain(self.variables.values()) {
            plain_keys &= leaves(value, &mut texts);
        }

        let template = self.template;
        let mut marks = template.marks;
        let mut recompiled = None;
        if texts.iter().any(|text| text.contains(marks.all())) {
            let own = [&template.source].into_iter();
            let own = own.chain(&template.bos_token).chain(&template.eos_token);
            marks = Marks::absent_from(own.map(String::as_str).chain(texts.iter().copied()));
            recompiled = compile(&template.source, &marks)?.1;
        }
        let marked = recompiled.as_ref().or(template.marked.as_ref());

        let text = self.run(&template.bare, &messages, add_generation_prompt)?;
        let wrapped: Vec<Value> = messages
            .iter()
            .map(|m| wrap_message(m, marks.content))
            .collect();
        let both = marked.unwrap_or(&template.bare);
        let attempt = |environment: &Environment<'static>, messages: &[Value]| {
            // Marks may make a template fail that compares contents: then there are no spans, and no error.
            let output = self
                .run(environment, messages, add_generation_prompt)
                .ok()?;
            Some(unmark(&output, &marks)).filter(|unmarked| unmarked.text == text)
        };
        let (generation, contents) = match attempt(both, &wrapped) {
            Some(unmarked) => (unmarked.generation, unmarked.contents),
            None => (
                attempt(both, &messages).and_then(|unmarked| unmarked.generation),
                attempt(&template.bare, &wrapped).and_then(|unmarked| unmarked.contents),
            ),
        };
        let spans = match (marked, add_generation_prompt) {
            (Some(_), _) => generation,
            (None, false) => self.spans_by_prefixes(&messages, &text)?,
            (None, true) => None,
        };
        let contents = contents.filter(|_| plain_keys);
        let contents_exact = contents.is_some();
        Ok(Rendered {
            text,
            mask_exact: spans.is_some(),
            assistant_spans: spans.unwrap_or_default(),
            content_spans: contents.unwrap_or_default(),
            contents_exact,
            contents: if contents_exact {
                Vec::new()
            } else {
                // Joined, since a template may write two contents side by side.
                vec![
                    texts.concat(),
                    texts.iter().map(|text| text.trim()).collect(),
                ]
            },
        })
    }

    fn run(
        &self,
        environment: &Environment<'static>,
        messages: &[Value],
        add_generation_prompt: bool,
    ) -> Result<String> {
        let mut context = Map::new();
        let now = OffsetDateTime::now_utc().unix_timestamp();
        context.insert(NOW.to_owned(), Value::from(now));
        context.insert("tools".to_owned(), Value::Null);
        context.insert("documents".to_owned(), Value::Null);
        for (name, token) in [
            ("bos_token", &self.template.bos_token),
            ("eos_token", &self.template.eos_token),
        ] {
            // Where the model has no such token the variable is undefined and writes nothing.
            if let Some(token) = token {
                context.insert(name.to_owned(), Value::from(token.as_str()));
            }
        }
        context.extend(self.variables.clone());
        context.insert("messages".to_owned(), Value::from(messages));
        context.insert(
            "add_generation_prompt".to_owned(),
            Value::from(add_generation_prompt),
        );
        run(environment, &context)
    }

    /// What the assistant says in a template without generation blocks: for each of its turns, what the template writes
    /// for the conversation up to and with that turn beyond what it writes as the prompt for it. None where one of these
    /// texts is not the beginning of the next, and so not what the model would have seen.
    fn spans_by_prefixes(
        &self,
        messages: &[Value],
        text: &str,
    ) -> Result<Option<Vec<Range<usize>>>> {
        let mut spans = Vec::new();
        for (at, message) in self.messages.iter().enumerate() {
            if message.role != "assistant" {
                continue;
            }
            let bare = &self.template.bare;
            let Ok(prompt) = self.run(bare, &messages[..at], true) else {
                return Ok(None);
            };
            let Ok(turn) = self.run(bare, &messages[..=at], false) else {
                return Ok(None);
            };
            let said = turn.strip_prefix(prompt.as_str());
            let (Some(said), true) = (said, text.starts_with(&turn)) else {
                return Ok(None);
            };
            // A line break after the end token belongs to the template: the model has stopped before it.
            let ended = said.trim_end();
            let beyond = ended.strip_prefix(message.content.as_str());
            let said = match beyond {
                Some(end) if !end.is_empty() => ended,
                _ => said,
            };
            if !said.is_empty() {
                spans.push(prompt.len()..prompt.len() + said.len());
            }
        }
        Ok(Some(spans))
    }
}

fn check_role(role: &str) -> Result<()> {
    let plain = !role.is_empty() && role.chars().count() <= ROLE && role.chars().all(is_plain);
    if plain {
        return Ok(());
    }
    Err(TextError::RoleInvalid {
        role: role.chars().take(ROLE).collect(),
    })
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

fn values(messages: &[Message]) -> Result<Vec<Value>> {
    messages
        .iter()
        .map(|message| {
            serde_json::to_value(message).map_err(|error| TextError::TemplateFailed {
                line: 0,
                cause: error.to_string(),
            })
        })
        .collect()
}

/// Collects all texts of a value, keys that could spell something too; false if there was such a key.
fn leaves<'a>(value: &'a Value, texts: &mut Vec<&'a str>) -> bool {
    match value {
        Value::String(text) => {
            texts.push(text);
            true
        }
        Value::Array(items) => {
            let mut plain = true;
            for item in items {
                plain &= leaves(item, texts);
            }
            plain
        }
        Value::Object(entries) => {
            let mut plain = true;
            for (key, item) in entries {
                let plain_key = key.chars().all(is_plain);
                if !plain_key {
                    texts.push(key);
                }
                plain &= leaves(item, texts) && plain_key;
            }
            plain
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A message with marks around its texts. The role and plain words under `type` are names that templates compare.
fn wrap_message(message: &Value, marks: [char; 2]) -> Value {
    match message {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match key.as_str() {
                "role" => (key.clone(), value.clone()),
                _ => (key.clone(), wrap(key, value, marks)),
            })
            .collect(),
        other => other.clone(),
    }
}

fn wrap(key: &str, value: &Value, [open, close]: [char; 2]) -> Value {
    match value {
        Value::String(text) if key == "type" && text.chars().all(is_plain) => value.clone(),
        Value::String(text) => {
            // Inside the white space at both ends, which templates like to trim.
            let core = text.trim();
            if core.is_empty() {
                return value.clone();
            }
            let start = text.len() - text.trim_start().len();
            let (before, rest) = text.split_at(start);
            let (core, after) = rest.split_at(core.len());
            Value::from(format!("{before}{open}{core}{close}{after}"))
        }
        Value::Array(items) => items
            .iter()
            .map(|item| wrap("", item, [open, close]))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), wrap(key, value, [open, close])))
            .collect(),
        other => other.clone(),
    }
}

/// Takes all marks out.
fn unmark(output: &str, marks: &Marks) -> Unmarked {
    let mut text = String::with_capacity(output.len());
    let mut generation = Pairs::default();
    let mut contents = Pairs::default();
    for character in output.chars() {
        match character {
            c if c == marks.generation[0] => generation.open(text.len()),
            c if c == marks.generation[1] => generation.close(text.len()),
            c if c == marks.content[0] => contents.open(text.len()),
            c if c == marks.content[1] => contents.close(text.len()),
            other => text.push(other),
        }
    }
    Unmarked {
        text,
        generation: generation.finish(),
        contents: contents.finish(),
    }
}

/// Spans between marks that must come in pairs and not nest.
#[derive(Default)]
struct Pairs {
    spans: Vec<Range<usize>>,
    start: Option<usize>,
    broken: bool,
}

impl Pairs {
    fn open(&mut self, at: usize) {
        self.broken |= self.start.replace(at).is_some();
    }

    fn close(&mut self, at: usize) {
        match self.start.take() {
            Some(start) if start < at => self.spans.push(start..at),
            Some(_) => {}
            None => self.broken = true,
        }
    }

    fn finish(self) -> Option<Vec<Range<usize>>> {
        (!self.broken && self.start.is_none()).then_some(self.spans)
    }
}
