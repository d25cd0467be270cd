//! The first batch as tokens, to be looked at: what the model reads, and which words it is trained to say.

use nc_text::Tokenizer;

use super::event::{BatchRow, BatchToken};
use crate::batch::MicroBatch;

/// Rows shown.
const ROWS: usize = 4;
/// Tokens shown of each.
const TOKENS: usize = 400;

pub(super) fn rows(batch: &MicroBatch, tokenizer: &Tokenizer) -> Vec<BatchRow> {
    let shown = batch.sequences.iter().take(ROWS);
    shown
        .map(|sequence| {
            let tokens = sequence.clone().take(TOKENS).map(|at| BatchToken {
                text: text(tokenizer, batch.tokens[at]),
                // A token is trained where the one before it is to predict it.
                trained: at > sequence.start && batch.targets[at - 1].is_some(),
            });
            BatchRow {
                tokens: tokens.collect(),
                more: sequence.len().saturating_sub(TOKENS) as u64,
            }
        })
        .collect()
}

/// What a token stands for: special ones by name, others by what they write.
fn text(tokenizer: &Tokenizer, token: u32) -> String {
    let written = match tokenizer.is_special(token) {
        true => None,
        false => tokenizer.decode(&[token]).ok(),
    };
    let named = || tokenizer.token_text(token);
    written
        .filter(|text| !text.is_empty())
        .or_else(named)
        .unwrap_or_default()
}
