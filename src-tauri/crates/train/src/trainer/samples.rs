//! Answers to fixed prompts, as training goes.

use nc_model::{Logits, ModelError};
use nc_text::Tokenizer;

use super::learner::Learner;
use crate::error::Result;
use crate::sample::Encoder;

/// The likeliest answer to a prompt as the model is now.
pub(super) fn answer(
    learner: &mut Learner,
    encoder: &Encoder,
    (prompt, max_tokens): (&[u32], usize),
) -> Result<String> {
    let tokenizer = encoder.tokenizer();
    let shown = match learner.decoder.method() {
        nc_model::Method::Lora(_) => Some(&learner.parameters[..]),
        nc_model::Method::Full => None,
    };
    learner.decoder.show_adapter(shown)?;
    let answer = greedy(learner, tokenizer, prompt, (max_tokens, encoder.end()));
    learner.decoder.show_adapter(None)?;
    Ok(tokenizer.decode(&answer?)?)
}

fn greedy(
    learner: &Learner,
    tokenizer: &Tokenizer,
    prompt: &[u32],
    (max_tokens, end): (usize, Option<u32>),
) -> Result<Vec<u32>, ModelError> {
    let decoder = learner.decoder.decoder();
    let mut cache = decoder.new_cache(prompt.len() + max_tokens);
    let mut logits = decoder.forward(prompt, &mut cache, Logits::Last)?;
    let mut answer = Vec::new();
    while answer.len() < max_tokens {
        let likeliest = logits
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        let token = likeliest.map_or(0, |(token, _)| token as u32);
        if Some(token) == end || Some(token) == tokenizer.eos() {
            break;
        }
        answer.push(token);
        logits = decoder.forward(&[token], &mut cache, Logits::Last)?;
    }
    Ok(answer)
}
