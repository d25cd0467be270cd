//! The thread that owns a loaded model, and the handle that speaks to it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nc_model::{Compute, KvCache, Sampling};
use nc_text::Tokenizer;

use crate::{Cancel, EngineError, ModelInfo, OpenedModel, Prompt};

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is to be continued or answered.
    pub prompt: Prompt,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The answer ends after this many tokens.
    pub max_new_tokens: u32,
    /// The answer ends before any of these, wherever tokens cut them.
    pub stop: Vec<String>,
    /// The answer ends before any of these tokens, beside the model's own end tokens.
    pub stop_ids: Vec<u32>,
}

/// What happens to a request, in order: any number of the first three, then exactly one of the last two.
#[derive(Debug)]
pub enum Event {
    /// Another answer is being finished first.
    Waiting,
    /// Reading the prompt.
    Reading {
        /// Tokens read, cached ones included.
        done: u32,
        /// Tokens to read.
        total: u32,
    },
    /// More of the answer: whole characters, never a part of a stop string. One event a token; empty while a character or a
    /// possible stop string is held back.
    Text(String),
    /// The answer is over.
    Finished {
        /// Why.
        reason: FinishReason,
        /// Its figures.
        stats: Stats,
    },
    /// The answer broke off.
    Failed(EngineError),
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it.
    EndOfText,
    /// A stop string, or one of the stop tokens asked for.
    StopString,
    /// The length asked for.
    Length,
    /// The context is full.
    ContextFull,
    /// Someone asked to stop, or the model was dropped.
    Cancelled,
}

/// Figures of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Of these, taken from the cache of the answer before.
    pub cached_tokens: u32,
    /// Tokens written.
    pub new_tokens: u32,
    /// From the request to the first token, milliseconds, waiting included; 0 without one.
    pub first_token_ms: f64,
    /// Prompt tokens read a second, cached ones not counted.
    pub prompt_tokens_per_s: f64,
    /// Tokens written a second after the first; 0 without a second.
    pub tokens_per_s: f64,
    /// Messages at the beginning that did not fit.
    pub unseen_messages: u32,
    /// Tokens at the beginning of a text that did not fit.
    pub unseen_tokens: u32,
    /// The seed that was used.
    pub seed: u32,
}

/// Takes events on the engine's thread; what it does delays the answer.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;

/// A handle to a loaded model. Clones speak to the same one; when the last is dropped, what is under way ends as
/// [`FinishReason::Cancelled`] and the memory is given back.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

struct Shared {
    model: Arc<OpenedModel>,
    jobs: Sender<Job>,
    closing: Cancel,
    last_id: AtomicU64,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Not waited for: the last handle may be dropped by an event handler, on the engine's own thread.
        self.closing.cancel();
    }
}

/// An answer asked for. Dropping it does not stop the answer.
#[derive(Debug, Clone)]
pub struct Generation {
    id: u64,
    cancel: Cancel,
}

impl Generation {
    /// Counts from 1 for each engine.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Stops it, within one token or one chunk of the prompt.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Engine {
    /// Gives the model a thread of its own.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub fn start(model: OpenedModel) -> Result<Self, EngineError> {
        let model = Arc::new(model);
        let cache = model.decoder.new_cache(model.info.context_tokens as usize);
        let (jobs, receiver) = channel();
        let closing = Cancel::default();
        let mut worker = Worker {
            model: Arc::clone(&model),
            cache,
            cached: Vec::new(),
            queue: Queue {
                receiver,
                waiting: VecDeque::new(),
                closing: closing.clone(),
            },
        };
        thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || worker.run())
            .map_err(EngineError::Thread)?;
        Ok(Self(Arc::new(Shared {
            model,
            jobs,
            closing,
            last_id: AtomicU64::new(0),
        })))
    }

    /// What is known of the model.
    pub fn info(&self) -> &ModelInfo {
        &self.0.model.info
    }

    /// What the model computes with.
    pub fn compute(&self) -> &Compute {
        self.0.model.decoder.compute()
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.model.vocabulary.tokenizer
    }

    /// Tokens a prompt takes, whole or not.
    ///
    /// # Errors
    /// [`EngineError::NoTemplate`], or why template or tokenizer failed.
    pub fn count(&self, prompt: &Prompt) -> Result<usize, EngineError> {
        self.0.model.count(prompt)
    }

    /// Asks for an answer. Requests are answered one after another; `on_event` is called on the engine's thread.
    pub fn generate(&self, request: Request, on_event: OnEvent) -> Generation {
        let generation = Generation {
            id: self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1,
            cancel: Cancel::default(),
        };
        let job = Job {
            request,
            on_event,
            cancel: generation.cancel.clone(),
            asked: std::time::Instant::now(),
        };
        // The thread outlives its handles, and ends jobs rather than itself; were it gone, the caller must still be told.
        if let Err(lost) = self.0.jobs.send(job) {
            let mut job = lost.0;
            (job.on_event)(Event::Failed(EngineError::Ended));
        }
        generation
    }
}

/// A request on its way.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) on_event: OnEvent,
    pub(crate) cancel: Cancel,
    pub(crate) asked: std::time::Instant,
}

impl Job {
    /// Tells the one who asked. A handler that panics must take neither the model nor another's answer with it.
    fn tell(&mut self, event: Event) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.on_event)(event)));
    }

    fn cancelled(mut self) {
        self.tell(Event::Finished {
            reason: FinishReason::Cancelled,
            stats: Stats::default(),
        });
    }
}

/// Jobs that came while another is answered.
pub(crate) struct Queue {
    receiver: Receiver<Job>,
    waiting: VecDeque<Job>,
    closing: Cancel,
}

impl Queue {
    /// The next job; none when all handles are gone.
    fn next(&mut self) -> Option<Job> {
        self.waiting
            .pop_front()
            .or_else(|| self.receiver.recv().ok())
    }

    /// Whether the job being answered is to stop. Tells those that came meanwhile that they wait, and lets those go that
    /// were cancelled; called at every token and chunk.
    pub(crate) fn is_over(&mut self, current: &Cancel) -> bool {
        while let Ok(mut job) = self.receiver.try_recv() {
            job.tell(Event::Waiting);
            self.waiting.push_back(job);
        }
        for job in std::mem::take(&mut self.waiting) {
            match job.cancel.is_cancelled() {
                true => job.cancelled(),
                false => self.waiting.push_back(job),
            }
        }
        current.is_cancelled() || self.closing.is_cancelled()
    }
}

/// What lives on the engine's thread.
pub(crate) struct Worker {
    pub(crate) model: Arc<OpenedModel>,
    pub(crate) cache: KvCache,
    /// The tokens whose keys and values are in the cache.
    pub(crate) cached: Vec<u32>,
    pub(crate) queue: Queue,
}

impl Worker {
    fn run(&mut self) {
        while let Some(mut job) = self.queue.next() {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.answer(&mut job)));
            let last = match outcome {
                Ok(Ok((reason, stats))) => Event::Finished { reason, stats },
                Ok(Err(error)) => {
                    self.forget();
                    Event::Failed(error)
                }
                Err(panic) => {
                    self.forget();
                    Event::Failed(EngineError::Fault {
                        message: said(&*panic),
                    })
                }
            };
            job.tell(last);
        }
    }

    /// After a failure the cache is not trusted.
    fn forget(&mut self) {
        self.cache.truncate(0);
        self.cached.clear();
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}
