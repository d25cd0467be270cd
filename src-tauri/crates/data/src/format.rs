//! The shapes that rows of training data come in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What columns a row has and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `instruction`, optionally `input` (or `context`), and `output` (or `response`).
    Alpaca,
    /// `prompt` (or `question`, `query`) and `response` (or `completion`, `answer`); optionally `system`.
    PromptResponse,
    /// `messages`: a list of `{role, content}`; optionally `tools`.
    Messages,
    /// `conversations`: a list of `{from, value}`; optionally `system` and `tools`.
    Sharegpt,
    /// `text`, trained as it is.
    Text,
    /// `chosen` and `rejected`, texts or lists of messages, with `prompt` (or `question`) and optionally `system`. Lists may hold the prompt
    /// themselves. Intel/orca_dpo_pairs is of this kind, and its first form with the answers' columns named after models.
    PreferencePairs,
    /// `instruction`, optionally `input`, `chosen` and `rejected`.
    AlpacaPairs,
    /// `conversations` up to the answer, `chosen` and `rejected` as `{from, value}`.
    SharegptPairs,
    /// `chosen` and `rejected` as whole transcripts, turns begun by `Human:` and `Assistant:` (Anthropic's hh-rlhf).
    TranscriptPairs,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Alpaca,
        Self::PromptResponse,
        Self::Messages,
        Self::Sharegpt,
        Self::Text,
        Self::PreferencePairs,
        Self::AlpacaPairs,
        Self::SharegptPairs,
        Self::TranscriptPairs,
    ];

    /// Whether rows hold a chosen and a rejected answer.
    pub fn is_preference(self) -> bool {
        matches!(
            self,
            Self::PreferencePairs | Self::AlpacaPairs | Self::SharegptPairs | Self::TranscriptPairs
        )
    }
}
