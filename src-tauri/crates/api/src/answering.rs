//! Answers under way: one a chat. The engine's thread calls in with events; the page is told at most 30 times a second
//! and the disk about once a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nc_engine::{Engine, Event, FinishReason, Generation, Request};
use nc_library::{MessageState, MessageUpdate};

use crate::dto::{AnswerStats, AppEvent, Progress};
use crate::{Api, ApiError, ErrorCode, convert};

/// The page is told at most 30 times a second.
const PAGE_PERIOD: Duration = Duration::from_millis(34);
/// The disk keeps all but the last second.
const DISK_PERIOD: Duration = Duration::from_millis(900);

/// Answers under way, by chat.
#[derive(Default)]
pub(crate) struct Answers {
    live: Mutex<HashMap<i64, LiveAnswer>>,
}

/// One answer under way.
pub(crate) struct LiveAnswer {
    /// The message being written.
    pub(crate) message_id: i64,
    /// Its content so far.
    pub(crate) content: String,
    /// Where it stands.
    pub(crate) progress: Progress,
    /// Set once the engine has taken the request.
    generation: Option<Generation>,
    /// The person stopped it before the engine had taken the request.
    cancelled: bool,
    /// Keeps the model alive until the answer is whole, even when another one is opened meanwhile.
    _engine: Engine,
}

impl Answers {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<i64, LiveAnswer>> {
        // The map is whole between statements, so a panic elsewhere does not spoil it.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// `Busy` while an answer is being written in this chat.
    pub(crate) fn refuse_if_busy(&self, chat_id: i64) -> Result<(), ApiError> {
        if self.lock().contains_key(&chat_id) {
            return Err(ApiError::new(
                ErrorCode::Busy,
                "An answer is being written in this chat.",
                "Wait for it, or stop it first.",
            ));
        }
        Ok(())
    }

    /// Stops the answer of this chat; what was written is kept.
    pub(crate) fn cancel(&self, chat_id: i64) {
        let mut live = self.lock();
        let Some(answer) = live.get_mut(&chat_id) else {
            return;
        };
        answer.cancelled = true;
        if let Some(generation) = &answer.generation {
            generation.cancel();
        }
    }
}

/// What an answer begins with.
pub(crate) struct Begin {
    pub(crate) chat_id: i64,
    pub(crate) message_id: i64,
    /// What the message already holds (an answer that is continued).
    pub(crate) content: String,
    /// Figures of the part already there.
    pub(crate) before: Option<AnswerStats>,
    pub(crate) engine: Engine,
    pub(crate) request: Request,
}

/// Hands a request to the engine; from here on its events write the message.
pub(crate) fn begin(api: &Arc<Api>, begin: Begin) {
    let Begin {
        chat_id,
        message_id,
        content,
        before,
        engine,
        request,
    } = begin;
    api.answers.lock().insert(
        chat_id,
        LiveAnswer {
            message_id,
            content,
            progress: Progress::Waiting,
            generation: None,
            cancelled: false,
            _engine: engine.clone(),
        },
    );
    let mut writer = Writer {
        api: Arc::clone(api),
        chat_id,
        message_id,
        before,
        begun: Instant::now(),
        reading_since: None,
        first_token: None,
        new_tokens: 0,
        unsaved: String::new(),
        unsent: String::new(),
        saved_at: Instant::now(),
        sent_at: None,
    };
    let generation = engine.generate(request, Box::new(move |event| writer.take(event)));
    if let Some(answer) = api.answers.lock().get_mut(&chat_id)
        && answer.message_id == message_id
    {
        if answer.cancelled {
            generation.cancel();
        }
        answer.generation = Some(generation);
    }
}

struct Writer {
    api: Arc<Api>,
    chat_id: i64,
    message_id: i64,
    before: Option<AnswerStats>,
    begun: Instant,
    /// When reading began, and the tokens already in the cache then.
    reading_since: Option<(Instant, u32)>,
    first_token: Option<Instant>,
    new_tokens: u32,
    unsaved: String,
    unsent: String,
    saved_at: Instant,
    sent_at: Option<Instant>,
}

impl Writer {
    fn take(&mut self, event: Event) {
        match event {
            Event::Waiting => self.tell(Progress::Waiting, false),
            Event::Reading { done, total } => self.reading(done, total),
            Event::Text(text) => self.writing(&text),
            Event::Finished { reason, stats } => {
                let state = match reason {
                    FinishReason::EndOfText | FinishReason::StopString => MessageState::Complete,
                    FinishReason::Length | FinishReason::ContextFull => MessageState::CutAtLength,
                    FinishReason::Cancelled => MessageState::Stopped,
                };
                self.end(state, Some(convert::stats(&stats)), None);
            }
            Event::Failed(error) => self.end(MessageState::Failed, None, Some(error.into())),
        }
    }

    fn reading(&mut self, done: u32, total: u32) {
        // What was found in the cache cost no time and says nothing of the rate.
        let (since, found) = *self
            .reading_since
            .get_or_insert_with(|| (Instant::now(), done));
        let read = done.saturating_sub(found);
        let seconds_left = (read > 0 && done < total)
            .then(|| since.elapsed().as_secs_f64() * f64::from(total - done) / f64::from(read));
        let progress = Progress::Reading {
            done_tokens: done,
            total_tokens: total,
            seconds_left,
        };
        self.tell(progress, done >= total);
    }

    fn writing(&mut self, text: &str) {
        let first = *self.first_token.get_or_insert_with(Instant::now);
        self.new_tokens += 1;
        self.unsent.push_str(text);
        self.unsaved.push_str(text);
        let seconds = first.elapsed().as_secs_f64();
        let after_first = f64::from(self.new_tokens - 1);
        let progress = Progress::Writing {
            new_tokens: self.new_tokens,
            tokens_per_s: if seconds > 0.0 {
                after_first / seconds
            } else {
                0.0
            },
            first_token_ms: first.duration_since(self.begun).as_secs_f64() * 1e3,
        };
        self.tell(progress, false);
        if self.saved_at.elapsed() >= DISK_PERIOD {
            self.save();
        }
    }

    /// Keeps the progress, and tells the page unless it was told a moment ago.
    fn tell(&mut self, progress: Progress, always: bool) {
        let due = always || self.sent_at.is_none_or(|at| at.elapsed() >= PAGE_PERIOD);
        let mut live = self.api.answers.lock();
        if let Some(answer) = live.get_mut(&self.chat_id) {
            answer.progress.clone_from(&progress);
            if due {
                answer.content.push_str(&self.unsent);
            }
        }
        if due {
            self.sent_at = Some(Instant::now());
            self.api.events.publish(AppEvent::AnswerProgress {
                chat_id: self.chat_id,
                message_id: self.message_id,
                progress,
                text: std::mem::take(&mut self.unsent),
            });
        }
    }

    fn save(&mut self) {
        self.saved_at = Instant::now();
        match self
            .api
            .library
            .append_message(self.message_id, &self.unsaved)
        {
            Ok(()) => self.unsaved.clear(),
            // Kept in memory; the next second, or the end of the answer, tries again and then says so.
            Err(error) => eprintln!("the answer so far could not be saved: {error}"),
        }
    }

    fn end(&mut self, state: MessageState, stats: Option<AnswerStats>, error: Option<ApiError>) {
        let mut live = self.api.answers.lock();
        let mut content = live
            .remove(&self.chat_id)
            .map(|answer| answer.content)
            .unwrap_or_default();
        content.push_str(&self.unsent);
        // Those of the last part: the parts before are in its prompt. A part that failed leaves those before.
        let stats = stats.or(self.before.take());
        let kept = self.keep(&content, state, stats.as_ref(), error.as_ref());
        match kept {
            Ok(message) => self.api.events.publish(AppEvent::AnswerEnded {
                chat_id: self.chat_id,
                message: Box::new(message),
            }),
            Err(error) => {
                eprintln!("the answer could not be saved: {error}");
                self.api.events.publish(AppEvent::Resync);
            }
        }
        drop(live);
        self.api.events.publish(AppEvent::ChatsChanged);
    }

    fn keep(
        &self,
        content: &str,
        state: MessageState,
        stats: Option<&AnswerStats>,
        error: Option<&ApiError>,
    ) -> Result<crate::dto::Message, ApiError> {
        let library = &self.api.library;
        library.update_message(
            self.message_id,
            &MessageUpdate {
                content,
                state,
                stats: stats.map(convert::to_value).transpose()?.as_ref(),
                error: error.map(convert::to_value).transpose()?.as_ref(),
            },
        )?;
        library
            .path(self.chat_id)?
            .into_iter()
            .find(|message| message.row.id == self.message_id)
            .map(convert::message)
            .ok_or_else(|| {
                ApiError::new(
                    ErrorCode::NotFound,
                    "The answer is no longer in this chat.",
                    "Open the chat again.",
                )
            })
    }
}
