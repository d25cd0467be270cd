//! One answer, from prompt to last token.

use std::time::{Duration, Instant};

use nc_model::{Logits, ModelError, Sampler};
use nc_text::{StopMatcher, StreamDecoder, TextError};

use crate::engine::{Job, Worker};
use crate::prompt::Fitted;
use crate::{EngineError, Event, FinishReason, Stats};

impl Worker {
    /// Writes the answer to one request.
    pub(crate) fn answer(&mut self, job: &mut Job) -> Result<(FinishReason, Stats), EngineError> {
        let mut stats = Stats::default();
        if self.queue.is_over(&job.cancel) {
            return Ok((FinishReason::Cancelled, stats));
        }
        let max_new_tokens = job.request.max_new_tokens;
        let fitted = self
            .model
            .fit(&job.request.prompt, max_new_tokens as usize)?;
        let prompt = fitted.tokens.as_slice();
        stats.prompt_tokens = prompt.len() as u32;
        stats.unseen_messages = fitted.unseen_messages;
        stats.unseen_tokens = fitted.unseen_tokens;
        let mut sampler = Sampler::new(job.request.sampling.clone(), prompt)?;
        stats.seed = sampler.seed();
        if max_new_tokens == 0 {
            return Ok((FinishReason::Length, stats));
        }

        let Some(mut logits) = self.read_prompt(prompt, job, &mut stats)? else {
            return Ok((FinishReason::Cancelled, stats));
        };
        let mut text = self.text_of_answer(&fitted, &job.request.stop)?;
        let mut first = None;
        let reason = loop {
            if self.queue.is_over(&job.cancel) {
                break FinishReason::Cancelled;
            }
            let token = sampler.draw(&mut logits)?;
            if self.model.vocabulary.end_tokens.contains(&token) {
                break FinishReason::EndOfText;
            }
            if job.request.stop_ids.contains(&token) {
                break FinishReason::StopString;
            }
            stats.new_tokens += 1;
            let begun = *first.get_or_insert_with(|| {
                stats.first_token_ms = milliseconds(job.asked.elapsed());
                Instant::now()
            });
            stats.tokens_per_s = rate(stats.new_tokens - 1, begun.elapsed());
            let (piece, stopped) = text.push(token)?;
            (job.on_event)(Event::Text(piece));
            if stopped {
                break FinishReason::StopString;
            }
            if stats.new_tokens >= max_new_tokens {
                break FinishReason::Length;
            }
            if self.cache.tokens() >= self.cache.limit_tokens() {
                break FinishReason::ContextFull;
            }
            logits = self
                .model
                .decoder
                .forward(&[token], &mut self.cache, Logits::Last)?;
            self.cached.push(token);
        };
        let rest = text.finish()?;
        if !rest.is_empty() {
            (job.on_event)(Event::Text(rest));
        }
        Ok((reason, stats))
    }

    /// Reads what the cache does not hold of the prompt; none when cancelled.
    fn read_prompt(
        &mut self,
        prompt: &[u32],
        job: &mut Job,
        stats: &mut Stats,
    ) -> Result<Option<Vec<f32>>, EngineError> {
        // The last token is always read again: its logits are not kept.
        let alike = self
            .cached
            .iter()
            .zip(prompt)
            .take_while(|(a, b)| a == b)
            .count();
        let kept = alike.min(prompt.len() - 1);
        self.cache.truncate(kept);
        self.cached.truncate(kept);
        stats.cached_tokens = kept as u32;

        let total = prompt.len() as u32;
        let mut tell = |done: u32| (job.on_event)(Event::Reading { done, total });
        tell(kept as u32);
        let begun = Instant::now();
        let queue = &mut self.queue;
        let cancel = &job.cancel;
        let read = self
            .model
            .decoder
            .read(&prompt[kept..], &mut self.cache, &mut |done| {
                tell((kept + done) as u32);
                match queue.is_over(cancel) {
                    true => std::ops::ControlFlow::Break(()),
                    false => std::ops::ControlFlow::Continue(()),
                }
            });
        self.cached
            .extend_from_slice(&prompt[kept..self.cache.tokens()]);
        stats.prompt_tokens_per_s = rate((self.cache.tokens() - kept) as u32, begun.elapsed());
        match read {
            Ok(logits) => Ok(Some(logits)),
            Err(ModelError::Cancelled) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn text_of_answer(&self, fitted: &Fitted, stop: &[String]) -> Result<AnswerText, EngineError> {
        let tokenizer = &self.model.vocabulary.tokenizer;
        let stop: Vec<String> = stop.iter().chain(&fitted.stop).cloned().collect();
        Ok(AnswerText {
            decoder: match fitted.goes_on {
                true => tokenizer.stream_after(&fitted.tokens)?,
                false => tokenizer.stream(),
            },
            matcher: StopMatcher::new(&stop),
            stopped: false,
        })
    }
}

/// Tokens on their way to text that may be shown.
struct AnswerText {
    decoder: StreamDecoder,
    matcher: StopMatcher,
    stopped: bool,
}

impl AnswerText {
    fn push(&mut self, token: u32) -> Result<(String, bool), TextError> {
        let step = self.matcher.push(&self.decoder.push(token)?);
        self.stopped |= step.stopped;
        Ok((step.text, step.stopped))
    }

    /// What was held back, once nothing follows.
    fn finish(&mut self) -> Result<String, TextError> {
        if self.stopped {
            return Ok(String::new());
        }
        let last = self.matcher.push(&self.decoder.finish()?);
        let mut text = last.text;
        if !last.stopped {
            text.push_str(&self.matcher.finish());
        }
        Ok(text)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn rate(tokens: u32, duration: Duration) -> f64 {
    let seconds = duration.as_secs_f64();
    if tokens == 0 || seconds <= 0.0 {
        return 0.0;
    }
    f64::from(tokens) / seconds
}
