//! How many held-out questions a model answers right: greedy answers, compared letter by letter.

use std::path::Path;
use std::sync::mpsc::channel;

use nc_engine::{Cancel, Engine, Event, OpenOptions, Prompt, Request, Sampling, Template, open};
use nc_kernels::Compute;
use nc_model::ModelLocation;
use nc_text::Message;
use serde::{Deserialize, Serialize};

use crate::conversation::Asked;
use crate::error::Result;
use crate::exchange::Kind;
use crate::vocabulary::CONTEXT_TOKENS;

/// Longest answer, tokens; no right one is as long.
const ANSWER_TOKENS: u32 = 240;

/// A question that was asked, and what the model said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The kind's title.
    pub kind: String,
    /// The last line before the answer.
    pub question: String,
    /// What the model said.
    pub answer: String,
    /// Whether it is one of the right answers.
    pub right: bool,
}

/// How a kind of question went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Answered right.
    pub right: usize,
    /// Asked.
    pub asked: usize,
}

impl Score {
    /// How the answers of a kind went; of all kinds where none is given.
    pub fn of(answers: &[Answered], kind: Option<Kind>) -> Self {
        let counted = answers
            .iter()
            .filter(|answer| kind.is_none_or(|kind| answer.kind == kind.title()));
        counted.fold(Self { right: 0, asked: 0 }, |score, answer| Self {
            right: score.right + usize::from(answer.right),
            asked: score.asked + 1,
        })
    }

    /// Right ones of a hundred.
    pub fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.asked.max(1) as f64
    }
}

/// Asks a model all these questions.
///
/// # Errors
/// What opening the model and answering can meet.
pub fn evaluate(
    model: &Path,
    compute: &Compute,
    questions: &[(Kind, Asked)],
) -> Result<Vec<Answered>> {
    let options = OpenOptions {
        context_tokens: Some(CONTEXT_TOKENS),
        compute: Some(compute.clone()),
        ..OpenOptions::default()
    };
    let opened = open(
        &ModelLocation::from_path(model),
        &options,
        &Cancel::default(),
        &mut |_| (),
    )?;
    let engine = Engine::start(opened)?;
    questions
        .iter()
        .map(|(kind, asked)| {
            let answer = answer(&engine, asked)?;
            Ok(Answered {
                kind: kind.title().to_owned(),
                question: asked
                    .turns
                    .last()
                    .map(|turn| turn.content.clone())
                    .unwrap_or_default(),
                right: asked.answers.iter().any(|right| right == answer.trim()),
                answer,
            })
        })
        .collect()
}

fn answer(engine: &Engine, asked: &Asked) -> Result<String> {
    let messages = asked
        .turns
        .iter()
        .map(|turn| Message::new(turn.role.as_str(), turn.content.as_str()));
    let request = Request {
        prompt: Prompt::Chat {
            system: None,
            messages: messages.collect(),
            template: Template::Model,
            continue_last: false,
        },
        sampling: Sampling::greedy(),
        max_new_tokens: ANSWER_TOKENS,
        stop: Vec::new(),
        stop_ids: Vec::new(),
    };
    let (sender, events) = channel();
    engine.generate(request, Box::new(move |event| drop(sender.send(event))));
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(piece) => text += &piece,
            Event::Failed(error) => return Err(error.into()),
            Event::Finished { .. } => break,
            Event::Waiting | Event::Reading { .. } => {}
        }
    }
    Ok(text)
}
