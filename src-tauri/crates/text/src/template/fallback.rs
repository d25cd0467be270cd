//! Templates for models that bring none: the forms that NeuralChat was trained with.

/// A built-in chat template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// ChatML (`<|im_start|>user …<|im_end|>`) with the first NeuralChat's system text where the conversation has none.
    ChatMl,
    /// `### System:`, `### User:`, `### Assistant:`, each turn of system and assistant ended by EOS (NeuralChat v2 and v3).
    NeuralChat,
    /// Alpaca's two forms: with an input (a field `input` of the user's message) and without.
    Alpaca,
}

impl Fallback {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::ChatMl, Self::NeuralChat, Self::Alpaca];

    /// The Jinja source.
    pub fn source(self) -> &'static str {
        match self {
            Self::ChatMl => include_str!("chatml.jinja"),
            Self::NeuralChat => include_str!("neuralchat.jinja"),
            Self::Alpaca => include_str!("alpaca.jinja"),
        }
    }
}
