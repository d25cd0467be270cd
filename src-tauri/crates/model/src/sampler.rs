//! Drawing the next token.
//!
//! Order, as in Hugging Face's generation: penalties, temperature, top-k, top-p, min-p, draw.

use std::cmp::Ordering;
use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::ModelError;

/// How the next token is drawn. A knob at its neutral value does nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token (the lowest id among equals); otherwise logits are divided by it.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0 is off.
    pub top_k: usize,
    /// Keep the fewest likeliest tokens that together reach this probability; 1 is off.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest; 0 is off.
    pub min_p: f32,
    /// Positive logits of tokens seen in prompt or answer are divided by it, negative ones multiplied
    /// (Keskar et al., arXiv:1909.05858); 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted for every time a token occurs in the answer; 0 is off.
    pub frequency_penalty: f32,
    /// Subtracted once from a token that occurs in the answer; 0 is off.
    pub presence_penalty: f32,
    /// The same seed gives the same answer; none draws one from the operating system.
    pub seed: Option<u32>,
}

impl Default for Sampling {
    /// The model's own distribution, unchanged.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: None,
        }
    }
}

impl Sampling {
    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    /// # Errors
    /// [`ModelError::Sampling`] naming the first knob outside its range.
    pub fn check(&self) -> Result<(), ModelError> {
        let checks = [
            ("temperature", self.temperature, self.temperature >= 0.0),
            ("top-p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0),
            ("min-p", self.min_p, (0.0..=1.0).contains(&self.min_p)),
            (
                "repetition penalty",
                self.repetition_penalty,
                self.repetition_penalty > 0.0,
            ),
            ("frequency penalty", self.frequency_penalty, true),
            ("presence penalty", self.presence_penalty, true),
        ];
        match checks
            .into_iter()
            .find(|(_, value, fits)| !(value.is_finite() && *fits))
        {
            None => Ok(()),
            Some((knob, value, _)) => Err(ModelError::Sampling { knob, value }),
        }
    }
}

/// Draws tokens for one answer. The same seed and logits give the same tokens on every machine.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    seed: u32,
    random: ChaCha8Rng,
    /// Tokens of prompt and answer, with how often each occurs in the answer.
    seen: HashMap<u32, u32>,
}

/// A token that may still be drawn.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    token: u32,
    logit: f32,
}

impl Candidate {
    /// Likeliest first, lowest id among equals. Logits are never NaN here.
    fn order(&self, other: &Self) -> Ordering {
        other
            .logit
            .total_cmp(&self.logit)
            .then(self.token.cmp(&other.token))
    }
}

impl Sampler {
    /// A sampler for an answer to `prompt`, whose tokens the repetition penalty counts.
    ///
    /// # Errors
    /// [`ModelError::Sampling`] for a knob outside its range, [`ModelError::Entropy`] when the operating system gives
    /// no seed.
    pub fn new(sampling: Sampling, prompt: &[u32]) -> Result<Self, ModelError> {
        sampling.check()?;
        let seed = match sampling.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|_| ModelError::Entropy)?,
        };
        Ok(Self {
            sampling,
            seed,
            random: ChaCha8Rng::seed_from_u64(seed.into()),
            seen: prompt.iter().map(|&token| (token, 0)).collect(),
        })
    }

    /// The seed in use.
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// Draws the next token of the answer and remembers it.
    ///
    /// # Errors
    /// [`ModelError::LogitsNotFinite`] when a logit is NaN or +inf, or all are -inf.
    pub fn draw(&mut self, logits: &mut [f32]) -> Result<u32, ModelError> {
        self.penalise(logits);
        let likeliest = likeliest(logits)?;
        let token = if self.sampling.temperature == 0.0 {
            likeliest.token
        } else {
            self.draw_at_random(logits, likeliest.logit)
        };
        *self.seen.entry(token).or_default() += 1;
        Ok(token)
    }

    fn penalise(&self, logits: &mut [f32]) {
        let knobs = &self.sampling;
        for (&token, &in_answer) in &self.seen {
            let Some(logit) = logits.get_mut(token as usize) else {
                continue;
            };
            if *logit > 0.0 {
                *logit /= knobs.repetition_penalty;
            } else {
                *logit *= knobs.repetition_penalty;
            }
            if in_answer > 0 {
                *logit -= knobs.frequency_penalty * in_answer as f32 + knobs.presence_penalty;
            }
        }
    }

    fn draw_at_random(&mut self, logits: &[f32], highest: f32) -> u32 {
        let knobs = &self.sampling;
        let mut kept: Vec<Candidate> = (0u32..)
            .zip(logits)
            .map(|(token, &logit)| Candidate { token, logit })
            .collect();
        if knobs.top_k > 0 && knobs.top_k < kept.len() {
            kept.select_nth_unstable_by(knobs.top_k, Candidate::order);
            kept.truncate(knobs.top_k);
        }
        // Relative to the likeliest, whose weight is 1: no overflow, and min-p reads off directly.
        let temperature = f64::from(knobs.temperature);
        let weight = |c: &Candidate| (f64::from(c.logit - highest) / temperature).exp();
        // What top-p must reach is fixed before min-p drops the tail: in this order only few are left to sort.
        let enough = f64::from(knobs.top_p) * kept.iter().map(weight).sum::<f64>();
        let least = f64::from(knobs.min_p);
        kept.retain(|c| weight(c) >= least);
        // The order decides which token a random number means, so it never depends on how `kept` was selected.
        kept.sort_unstable_by(Candidate::order);
        if knobs.top_p < 1.0 {
            let mut reached = 0.0;
            let needed = kept.iter().take_while(|c| {
                let short = reached < enough;
                reached += weight(c);
                short
            });
            let needed = needed.count();
            kept.truncate(needed);
        }

        let total: f64 = kept.iter().map(weight).sum();
        // 53 random bits: every f64 in [0, 1) on an even grid.
        let fraction = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = fraction * total;
        for candidate in &kept {
            left -= weight(candidate);
            if left < 0.0 {
                return candidate.token;
            }
        }
        // Rounding may leave a crumb of the total: it belongs to the likeliest.
        kept[0].token
    }
}

fn likeliest(logits: &[f32]) -> Result<Candidate, ModelError> {
    let mut best: Option<Candidate> = None;
    for (token, &logit) in (0u32..).zip(logits) {
        if logit.is_nan() || logit == f32::INFINITY {
            return Err(ModelError::LogitsNotFinite);
        }
        if best.is_none_or(|best| logit > best.logit) {
            best = Some(Candidate { token, logit });
        }
    }
    match best {
        Some(best) if best.logit.is_finite() => Ok(best),
        _ => Err(ModelError::LogitsNotFinite),
    }
}
