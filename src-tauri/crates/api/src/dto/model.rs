//! Models: what is known, what is open, what a file holds.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Sampling;
use crate::ApiError;

/// The reserved path of the model inside the program.
pub const STARTER: &str = "starter";

/// Names one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ModelPath {
    /// A Hugging Face folder, a `.gguf` file, or `starter`.
    pub path: String,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// It has a chat template and answers.
    Chat,
    /// It continues a text.
    Base,
}

/// What the files say, read without loading the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelInspection {
    /// Where it lies.
    pub path: String,
    /// A name for people (folder or file name, or the name in the metadata).
    pub name: String,
    /// "Hugging Face folder", "GGUF" or "built in".
    pub format: String,
    /// The model that an adapter belongs to; none for a model of its own.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub base: Option<String>,
    /// The family, as the files name it: "llama" …
    pub architecture: String,
    /// Chat or base.
    pub kind: ModelKind,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of the weight files.
    pub file_bytes: u64,
    /// Memory needed once loaded, weights and a full context's cache.
    pub memory_bytes: u64,
    /// The type most weights are stored in: "F32", "BF16", "Q4_K" …
    pub weight_type: String,
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Attention heads.
    pub heads: u32,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Longest context, tokens.
    pub context_tokens: u32,
    /// Number of tensors in the files.
    pub tensors: u32,
    /// The chat template's source, when there is one.
    pub chat_template: Option<String>,
}

/// How a known model stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelStanding {
    /// Answers now.
    Loaded,
    /// Lies on disk, ready to open.
    OnDisk,
    /// Is not where it was.
    Missing,
    /// Could not be opened the last time, and why.
    Failed {
        /// Cause and remedy of the last attempt.
        error: ApiError,
    },
}

/// A model this program has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelEntry {
    /// Where it lies; `starter` for the one inside the program.
    pub path: String,
    /// A name for people.
    pub name: String,
    /// How it stands.
    pub standing: ModelStanding,
    /// What its files said when they were last read.
    pub inspection: Option<ModelInspection>,
    /// When it was last opened, RFC 3339.
    pub last_opened: Option<String>,
}

/// What an opening is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OpeningStage {
    /// Reading configuration, header and tokenizer.
    Reading,
    /// Reading weights into memory.
    Loading,
    /// A first pass through the model, to see that its numbers are sound.
    Checking,
}

/// An opening under way. The model loaded before stays usable until this one is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Opening {
    /// Which model.
    pub path: String,
    /// A name for people.
    pub name: String,
    /// What it is doing.
    pub stage: OpeningStage,
    /// Bytes of weights done.
    pub done_bytes: u64,
    /// Bytes of weights in all.
    pub total_bytes: u64,
    /// Seconds left, once it can be told.
    pub seconds_left: Option<f64>,
}

/// The model that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LoadedModel {
    /// Where it lies.
    pub path: String,
    /// A name for people.
    pub name: String,
    /// Chat or base.
    pub kind: ModelKind,
    /// It is the small model inside the program.
    pub starter: bool,
    /// Longest context used, tokens.
    pub context_tokens: u32,
    /// Memory it holds.
    pub memory_bytes: u64,
    /// How its matrices are multiplied, for people: "q4_0 weights, avx512 kernels" …
    pub compute: String,
    /// How a chat is sampled that sets nothing of its own: what the model's files say, and the program's defaults for the rest.
    pub sampling: Sampling,
}

/// Which model answers, which is being opened, what went wrong last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelState {
    /// The model that answers.
    pub loaded: Option<LoadedModel>,
    /// The model being opened.
    pub opening: Option<Opening>,
    /// Why the last opening failed, until the next one.
    pub failed: Option<FailedOpening>,
}

/// An opening that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FailedOpening {
    /// Which model.
    pub path: String,
    /// Cause and remedy.
    pub error: ApiError,
}

/// All models known, and the state of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelsView {
    /// Models seen, the starter first, then last opened first.
    pub models: Vec<ModelEntry>,
    /// Which answers, which is being opened.
    pub state: ModelState,
}

/// What the person picks in the native dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PickKind {
    /// A Hugging Face folder.
    Folder,
    /// A `.gguf` file.
    File,
}

/// Ask for a model by native dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PickModel {
    /// Folder or file.
    pub kind: PickKind,
}

/// What came out of a native dialog: a path, or nothing when the person cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Picked {
    /// The path, or nothing when the person cancelled.
    pub path: Option<String>,
}

/// An independent decoder's answer beside ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ModelCheck {
    /// The prompt both were given.
    pub prompt: String,
    /// What our decoder continues with, greedily.
    pub ours: String,
    /// What candle-transformers continues with, greedily.
    pub independent: String,
    /// Tokens compared.
    pub tokens: u32,
    /// Largest difference between two logits.
    pub largest_logit_difference: f64,
    /// Both chose the same tokens.
    pub agree: bool,
}
