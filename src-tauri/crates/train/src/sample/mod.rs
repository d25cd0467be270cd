//! From rows to tokens, and which of them are trained.

mod answer;
mod encoder;
mod pair;
mod template;

pub use encoder::{Encoder, EncoderOptions};
pub use pair::{PairOptions, PairSample};
pub use template::chat_template;

/// A row as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The row's number in its file, from 1.
    pub row: u64,
    /// Token ids, at most `max_tokens`.
    pub tokens: Vec<u32>,
    /// For each token whether the model learns to say it. Never the first: nothing comes before it that could predict it.
    pub trained: Vec<bool>,
    /// Whether tokens beyond `max_tokens` were cut off.
    pub cut: bool,
}

impl Sample {
    /// How many tokens are trained.
    pub fn trained_tokens(&self) -> usize {
        self.trained.iter().filter(|&&trained| trained).count()
    }
}

/// Why a row gives no sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum DropReason {
    /// The template refuses the conversation or fails on it.
    #[error("the chat template refuses the conversation")]
    TemplateFailed,
    /// The template does not tell which part of the text is the assistant's.
    #[error("the chat template does not show which words are the assistant's")]
    AnswersUnknown,
    /// The tokenizer fails on the text.
    #[error("the text cannot be turned into tokens")]
    NotEncoded,
    /// No trained token is left within `max_tokens`.
    #[error("no word of the answer is left within max_tokens")]
    NothingTrained,
    /// What is left of both answers is the same.
    #[error("the chosen and the rejected answer are the same as far as max_tokens reaches")]
    SameAnswers,
}

impl DropReason {
    /// What a person can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::TemplateFailed => {
                "Make the turns as the template expects them, or choose another template in the recipe."
            }
            Self::AnswersUnknown => {
                "Choose the template chatml, neuralchat or alpaca in the recipe, or set sft.answers_only = false."
            }
            Self::NotEncoded => "Take out unusual characters.",
            Self::NothingTrained => "Raise optimisation.max_tokens, or shorten the prompts.",
            Self::SameAnswers => {
                "Raise optimisation.max_tokens, or lower preference.max_prompt_tokens."
            }
        }
    }
}

/// A row that gives no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The row's number in its file, from 1.
    pub row: u64,
    /// Why.
    pub reason: DropReason,
    /// What the template or the tokenizer said; empty where there is nothing to add.
    pub details: String,
}
