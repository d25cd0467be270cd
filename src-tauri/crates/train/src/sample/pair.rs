//! Preference pairs to samples.

use nc_data::Pair;
use nc_text::{Message, Special};

use super::encoder::not_encoded;
use super::{DropReason, Dropped, Encoder, Sample};
use crate::recipe::Truncation;

/// A pair as two samples; what is trained of each is its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairSample {
    /// The prompt with the chosen answer.
    pub chosen: Sample,
    /// The prompt with the rejected answer.
    pub rejected: Sample,
}

/// What is cut of a pair that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairOptions {
    /// How.
    pub truncation: Truncation,
    /// [`Truncation::Trl071`]: tokens a prompt keeps when it is cut.
    pub max_prompt_tokens: usize,
}

impl PairSample {
    /// Each of these prompts with the next pair's chosen answer, the last with the first's, cut to `max_tokens`: answers that have nothing to
    /// do with their prompts, from which unpaired KTO estimates how far a policy has gone. None of a single pair.
    pub fn mismatched(pairs: &[&Self], max_tokens: usize) -> Vec<Sample> {
        let first_trained = |sample: &Sample| sample.trained.iter().position(|&trained| trained);
        let count = if pairs.len() < 2 { 0 } else { pairs.len() };
        let others = pairs.iter().cycle().skip(1);
        let both = pairs.iter().zip(others).take(count);
        both.map(|(pair, other)| {
            let sample = &pair.chosen;
            let prompt = first_trained(sample).unwrap_or(0);
            let answer = first_trained(&other.chosen).unwrap_or(0);
            let mut tokens = sample.tokens[..prompt].to_vec();
            tokens.extend_from_slice(&other.chosen.tokens[answer..]);
            let cut = tokens.len() > max_tokens;
            tokens.truncate(max_tokens);
            Sample {
                row: sample.row,
                trained: (0..tokens.len()).map(|at| at >= prompt).collect(),
                tokens,
                cut,
            }
        })
        .collect()
    }
}

type Failure = (DropReason, String);

impl Encoder {
    /// A pair's samples.
    ///
    /// [`Truncation::Trl071`] follows TRL 0.7.1: prompt and answers are tokenised apart, an end token follows both answers, and only if the prompt
    /// with the longer answer is beyond `max_tokens` the prompt keeps its last `max_prompt_tokens`; if that is not enough, both answers
    /// keep `max_tokens - max_prompt_tokens`. Unlike TRL, a tokenizer that begins texts with BOS does so here too, as it will when the model is
    /// used. [`Truncation::KeepStart`] tokenises prompt and answer as one text and keeps the first `max_tokens`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn encode_pair(&self, pair: &Pair, options: PairOptions) -> Result<PairSample, Dropped> {
        let samples = match options.truncation {
            Truncation::Trl071 => self.apart(pair, options.max_prompt_tokens),
            Truncation::KeepStart => self.together(pair),
        };
        let drop = |reason, details| Dropped {
            row: pair.row,
            reason,
            details,
        };
        let samples = samples.map_err(|(reason, details)| drop(reason, details))?;
        let PairSample { chosen, rejected } = &samples;
        if chosen.trained_tokens() == 0 || rejected.trained_tokens() == 0 {
            return Err(drop(DropReason::NothingTrained, String::new()));
        }
        if chosen.tokens == rejected.tokens {
            return Err(drop(DropReason::SameAnswers, String::new()));
        }
        Ok(samples)
    }

    fn apart(&self, pair: &Pair, max_prompt_tokens: usize) -> Result<PairSample, Failure> {
        let max_tokens = self.options.max_tokens;
        let (encoded, _) = self.render(&pair.prompt, None, true)?;
        let mut prompt = encoded.ids.as_slice();
        let answer = |text: &str| -> Result<Vec<u32>, Failure> {
            let words = self.tokenizer.encode(text, Special::Plain);
            let mut ids = words.map_err(not_encoded)?;
            ids.extend(self.end);
            Ok(ids)
        };
        let (mut chosen, mut rejected) = (answer(&pair.chosen)?, answer(&pair.rejected)?);
        let longer = chosen.len().max(rejected.len());
        let cut = prompt.len() + longer > max_tokens;
        if cut {
            prompt = &prompt[prompt.len().saturating_sub(max_prompt_tokens)..];
        }
        if prompt.len() + longer > max_tokens {
            let room = max_tokens.saturating_sub(max_prompt_tokens);
            chosen.truncate(room);
            rejected.truncate(room);
        }
        let sample = |answer: &[u32]| {
            let tokens = [prompt, answer].concat();
            let first = prompt.len().max(1);
            Sample {
                row: pair.row,
                trained: (0..tokens.len()).map(|at| at >= first).collect(),
                tokens,
                cut,
            }
        };
        Ok(PairSample {
            chosen: sample(&chosen),
            rejected: sample(&rejected),
        })
    }

    fn together(&self, pair: &Pair) -> Result<PairSample, Failure> {
        let sample = |answer: &str| -> Result<Sample, Failure> {
            let mut messages = pair.prompt.clone();
            messages.push(Message::new("assistant", answer));
            let (encoded, exact) = self.conversation(&messages, None)?;
            if !exact {
                return Err((DropReason::AnswersUnknown, String::new()));
            }
            // Only the last answer is compared: earlier ones belong to the prompt.
            let said = &encoded.assistant;
            let last = said.iter().rposition(|&said| said).unwrap_or(0);
            let before = said[..last].iter().rposition(|&said| !said);
            let first = before.map_or(1, |before| before + 1).max(1);
            let max_tokens = self.options.max_tokens;
            let cut = encoded.ids.len() > max_tokens;
            let mut tokens = encoded.ids;
            tokens.truncate(max_tokens);
            Ok(Sample {
                row: pair.row,
                trained: (0..tokens.len())
                    .map(|at| (first..=last).contains(&at))
                    .collect(),
                tokens,
                cut,
            })
        };
        Ok(PairSample {
            chosen: sample(&pair.chosen)?,
            rejected: sample(&pair.rejected)?,
        })
    }
}
