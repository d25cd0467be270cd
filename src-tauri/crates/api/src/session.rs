//! One model, used directly: for the command line, where there is no window to stream to.

use std::sync::mpsc;

use nc_engine::{Cancel, Event, FinishReason, Prompt, Request};
use serde::{Deserialize, Serialize};

use crate::dto::{
    AnswerStats, KernelReport, MachineInfo, ModelInspection, Role, Sampling, TemplateChoice,
};
use crate::engine_slot::Loaded;
use crate::{ApiError, ErrorCode, convert, kernels, open_model};

/// A loaded model.
pub struct Session {
    loaded: Loaded,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// What the model is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Continue this text; an empty one from its beginning-of-text token.
    Text(String),
    /// Answer the last turn.
    Chat {
        /// What the model is told first.
        system: Option<String>,
        /// The conversation, the question last.
        turns: Vec<Turn>,
        /// Which template makes the prompt.
        template: TemplateChoice,
    },
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The model ended it.
    EndOfText,
    /// A stop string came up.
    StopString,
    /// As long as was allowed.
    Length,
    /// The context is full.
    ContextFull,
    /// Somebody stopped it.
    Cancelled,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the model wrote.
    pub text: String,
    /// Why it ended.
    pub ended: Ended,
    /// Figures.
    pub stats: AnswerStats,
}

/// One token of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its number in the vocabulary.
    pub id: u32,
    /// Its text in the vocabulary.
    pub text: String,
}

impl Session {
    /// Loads a model: a folder, a `.gguf` file, or `starter`.
    ///
    /// # Errors
    /// Whatever is wrong with the files, with its remedy.
    pub fn open(path: &str) -> Result<Self, ApiError> {
        Self::open_with(path, kernels::compute_alone()?)
    }

    /// The same with what to compute with.
    pub(crate) fn open_with(path: &str, compute: nc_kernels::Compute) -> Result<Self, ApiError> {
        let loaded = open_model::open(path, compute, &Cancel::default(), &mut |_, _, _| ())?;
        Ok(Self { loaded })
    }

    /// What people call the model.
    pub fn name(&self) -> &str {
        &self.loaded.about.name
    }

    /// Memory the model holds.
    pub fn memory_bytes(&self) -> u64 {
        self.loaded.about.memory_bytes
    }

    /// How the model is sampled where nothing else is asked for.
    pub fn sampling(&self) -> &Sampling {
        &self.loaded.about.sampling
    }

    /// Answers, handing over text as it becomes certain; gives the whole answer at the end.
    ///
    /// # Errors
    /// Whatever stopped the model, or what `on_text` says.
    pub fn answer(
        &self,
        ask: Ask,
        sampling: &Sampling,
        mut on_text: impl FnMut(&str) -> Result<(), ApiError>,
    ) -> Result<Answer, ApiError> {
        sampling.check()?;
        let (sender, events) = mpsc::channel();
        let request = Request {
            prompt: prompt(ask),
            sampling: convert::engine_sampling(sampling),
            max_new_tokens: sampling.max_new_tokens,
            stop: sampling.stop.clone(),
            stop_ids: Vec::new(),
        };
        let generation = self.loaded.engine.generate(
            request,
            // A receiver that is gone has stopped caring.
            Box::new(move |event| drop(sender.send(event))),
        );
        let mut text = String::new();
        for event in events {
            match event {
                Event::Waiting | Event::Reading { .. } => {}
                Event::Text(piece) => {
                    text.push_str(&piece);
                    if let Err(error) = on_text(&piece) {
                        generation.cancel();
                        return Err(error);
                    }
                }
                Event::Finished { reason, stats } => {
                    return Ok(Answer {
                        text,
                        ended: ended(reason),
                        stats: convert::stats(&stats),
                    });
                }
                Event::Failed(error) => return Err(error.into()),
            }
        }
        Err(ApiError::new(
            ErrorCode::GenerationFailed,
            "The model stopped without an answer.",
            "Try again; if it happens again, report it with the model's name.",
        ))
    }
}

fn prompt(ask: Ask) -> Prompt {
    match ask {
        Ask::Text(text) => Prompt::Text {
            text,
            add_bos: true,
        },
        Ask::Chat {
            system,
            turns,
            template,
        } => Prompt::Chat {
            system,
            messages: turns
                .into_iter()
                .map(|turn| convert::text_message(turn.role, turn.content))
                .collect(),
            template: convert::template(template),
            continue_last: false,
        },
    }
}

fn ended(reason: FinishReason) -> Ended {
    match reason {
        FinishReason::EndOfText => Ended::EndOfText,
        FinishReason::StopString => Ended::StopString,
        FinishReason::Length => Ended::Length,
        FinishReason::ContextFull => Ended::ContextFull,
        FinishReason::Cancelled => Ended::Cancelled,
    }
}

/// The tokens of a text, as the model's tokenizer makes them. Reads the tokenizer only.
///
/// # Errors
/// `TokenizerMissing`, or what is wrong with the files.
pub fn tokenize(path: &str, text: &str, add_special: bool) -> Result<Vec<Token>, ApiError> {
    let tokenizer = nc_engine::open_tokenizer(&open_model::location(path))?;
    let special = if add_special {
        nc_text::Special::AddAndParse
    } else {
        nc_text::Special::Parse
    };
    let ids = tokenizer
        .encode(text, special)
        .map_err(nc_engine::EngineError::from)?;
    Ok(ids
        .into_iter()
        .map(|id| Token {
            id,
            text: tokenizer.token_text(id).unwrap_or_default(),
        })
        .collect())
}

/// What a model's files say, without loading its weights.
///
/// # Errors
/// What is wrong with the files.
pub fn inspect(path: &str) -> Result<ModelInspection, ApiError> {
    open_model::inspect(path)
}

/// What this machine is. Takes a moment, as it measures memory bandwidth, and the kernels where that was not kept.
///
/// # Errors
/// `BadRequest` when `NEURALCHAT_KERNELS` names kernels that are not there.
pub fn probe() -> Result<MachineInfo, ApiError> {
    let report = kernels::report_alone()?;
    Ok(machine(report, nc_kernels::memory_read_gb_per_s()))
}

/// This machine as it is now, beside what was measured.
pub(crate) fn machine(kernel_report: KernelReport, memory_read_gb_per_s: f64) -> MachineInfo {
    let machine = nc_kernels::Machine::find();
    MachineInfo {
        processor: machine.processor,
        logical_processors: u32::try_from(machine.logical_processors).unwrap_or(u32::MAX),
        instruction_sets: machine
            .instruction_sets
            .iter()
            .map(ToString::to_string)
            .collect(),
        kernels: kernel_report.summary(),
        kernels_reason: kernel_report.reason(),
        kernel_report,
        memory_total_bytes: machine.memory_total_bytes,
        memory_available_bytes: nc_kernels::available_memory_bytes(),
        memory_read_gb_per_s,
    }
}
