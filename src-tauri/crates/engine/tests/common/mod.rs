//! What the tests of this crate share.
#![allow(dead_code)] // each test binary uses a part

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use nc_engine::{
    Cancel, Engine, EngineError, Event, FinishReason, Generation, ModelLocation, OpenOptions,
    OpenedModel, Prompt, Request, Sampling, Stats, Template,
};
use nc_text::Message;

/// A path from the workspace's root.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(path)
}

/// A trained base model of ../shared/data; none, said aloud, where that folder is absent.
pub fn stories() -> Option<PathBuf> {
    let folder = root("../shared/data/models/stories260k");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// The chat model that is part of the program.
pub fn starter() -> PathBuf {
    root("assets/starter")
}

pub fn open(path: impl Into<PathBuf>) -> Result<OpenedModel, EngineError> {
    open_with(path, OpenOptions::default())
}

pub fn open_with(
    path: impl Into<PathBuf>,
    options: OpenOptions,
) -> Result<OpenedModel, EngineError> {
    nc_engine::open(
        &ModelLocation::from_path(path),
        &options,
        &Cancel::default(),
        &mut |_| (),
    )
}

/// An engine with a context of this many tokens.
pub fn engine(path: impl Into<PathBuf>, context_tokens: usize) -> Engine {
    let options = OpenOptions {
        context_tokens: Some(context_tokens),
        ..OpenOptions::default()
    };
    Engine::start(open_with(path, options).expect("a model")).expect("an engine")
}

/// A greedy request.
pub fn request(prompt: Prompt, max_new_tokens: u32) -> Request {
    Request {
        prompt,
        sampling: Sampling::greedy(),
        max_new_tokens,
        stop: Vec::new(),
        stop_ids: Vec::new(),
    }
}

pub fn text(text: &str) -> Prompt {
    Prompt::Text {
        text: text.to_owned(),
        add_bos: true,
    }
}

/// Messages of user and assistant in turn.
pub fn chat(messages: &[&str]) -> Prompt {
    let roles = ["user", "assistant"].into_iter().cycle();
    Prompt::Chat {
        system: None,
        messages: messages
            .iter()
            .zip(roles)
            .map(|(text, role)| Message::new(role, *text))
            .collect(),
        template: Template::Model,
        continue_last: false,
    }
}

/// Everything an answer came to.
#[derive(Debug)]
pub struct Answer {
    pub pieces: Vec<String>,
    pub waited: bool,
    pub read: Vec<(u32, u32)>,
    pub end: Result<(FinishReason, Stats), EngineError>,
}

impl Answer {
    pub fn text(&self) -> String {
        self.pieces.concat()
    }

    pub fn finished(&self) -> (FinishReason, Stats) {
        match &self.end {
            Ok(end) => *end,
            Err(error) => panic!("the answer failed: {error}"),
        }
    }

    pub fn error(self) -> EngineError {
        self.end.expect_err("the answer should have failed")
    }
}

pub fn ask(engine: &Engine, request: Request) -> (Generation, Receiver<Event>) {
    let (sender, events) = channel();
    let generation = engine.generate(request, Box::new(move |event| drop(sender.send(event))));
    (generation, events)
}

pub fn collect(events: &Receiver<Event>) -> Answer {
    let mut answer = Answer {
        pieces: Vec::new(),
        waited: false,
        read: Vec::new(),
        end: Err(EngineError::Ended),
    };
    for event in events {
        match event {
            Event::Waiting => answer.waited = true,
            Event::Reading { done, total } => answer.read.push((done, total)),
            Event::Text(piece) => answer.pieces.push(piece),
            Event::Finished { reason, stats } => {
                answer.end = Ok((reason, stats));
                break;
            }
            Event::Failed(error) => {
                answer.end = Err(error);
                break;
            }
        }
    }
    assert!(events.try_recv().is_err(), "nothing follows the last event");
    answer
}

pub fn answer(engine: &Engine, request: Request) -> Answer {
    collect(&ask(engine, request).1)
}
