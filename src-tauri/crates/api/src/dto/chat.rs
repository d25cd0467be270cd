//! Chats: a tree of messages, of which one path is shown.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ApiError;

/// How the next token is drawn. A knob at its neutral value does nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Sampling {
    /// 0 always takes the likeliest token; 1 draws as the model says; more is wilder.
    pub temperature: f32,
    /// Draw only from the k likeliest tokens; 0 is off.
    pub top_k: u32,
    /// Draw only from the likeliest tokens that together reach this probability; 1 is off.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest; 0 is off.
    pub min_p: f32,
    /// Divide the logits of tokens already seen; 1 is off.
    pub repetition_penalty: f32,
    /// Subtract this for every time a token was seen; 0 is off.
    pub frequency_penalty: f32,
    /// Subtract this once for a token that was seen; 0 is off.
    pub presence_penalty: f32,
    /// The same seed gives the same answer; none draws a new one each time.
    pub seed: Option<u32>,
    /// Longest answer, tokens.
    pub max_new_tokens: u32,
    /// The answer ends before any of these.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            seed: None,
            max_new_tokens: 512,
            stop: Vec::new(),
        }
    }
}

/// A conversation, or a text that a base model continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Messages, put through a chat template.
    Chat,
    /// One running text: the path's contents joined, no template.
    Text,
}

/// Which template turns messages into a prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TemplateChoice {
    /// The model's own.
    #[default]
    Model,
    /// `<|im_start|>` … `<|im_end|>`, as NeuralChat v1.
    Chatml,
    /// `### System:` / `### User:` / `### Assistant:`, as NeuralChat v2 and v3.
    NeuralChat,
    /// `### Instruction:` / `### Response:`.
    Alpaca,
}

/// A chat in the sidebar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChatSummary {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub title: String,
    /// Conversation or text.
    pub kind: ChatKind,
    /// Kept on top.
    pub pinned: bool,
    /// When something last happened in it, RFC 3339.
    pub updated_at: String,
    /// Where a search found its words, with the words around them; empty without a search.
    pub excerpt: String,
}

/// Settings of one chat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ChatSettings {
    /// What the model is told before the conversation; empty for the template's own default.
    pub system_prompt: String,
    /// How tokens are drawn; none as the model that answers would have it.
    pub sampling: Option<Sampling>,
    /// Which template is used.
    pub template: TemplateChoice,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person (in a text: what was typed).
    User,
    /// The model (in a text: the continuation).
    Assistant,
}

/// How a message stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MessageStanding {
    /// Whole.
    Complete,
    /// Being written now.
    Writing,
    /// Stopped by the person; can be continued.
    Stopped,
    /// Cut at the length limit; can be continued.
    CutAtLength,
    /// The program ended while it was being written; can be continued.
    Interrupted,
    /// An error in the middle; what was written is kept.
    Failed {
        /// Cause and remedy.
        error: ApiError,
    },
}

/// Figures of one answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct AnswerStats {
    /// Tokens in the prompt.
    pub prompt_tokens: u32,
    /// Of these, taken from the cache of the turn before.
    pub cached_tokens: u32,
    /// Tokens written.
    pub new_tokens: u32,
    /// From sending to the first token, milliseconds.
    pub first_token_ms: f64,
    /// Prompt tokens read a second, cached ones not counted.
    pub prompt_tokens_per_s: f64,
    /// Tokens written a second after the first.
    pub tokens_per_s: f64,
    /// Messages at the start of the chat that no longer fitted.
    pub unseen_messages: u32,
    /// Tokens at the start of the text that no longer fitted.
    #[serde(default)]
    pub unseen_tokens: u32,
    /// The seed that was used.
    pub seed: u32,
}

/// One message of the path shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// The message before it.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub role: Role,
    /// Markdown (a chat) or plain text (a text).
    pub content: String,
    /// How it stands.
    pub standing: MessageStanding,
    /// When it was begun, RFC 3339.
    pub created_at: String,
    /// The model that wrote it.
    pub model_name: Option<String>,
    /// Figures, once it is written.
    pub stats: Option<AnswerStats>,
    /// All alternatives at this place, itself included, oldest first.
    pub siblings: Vec<i64>,
}

/// Where an answer under way stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Progress {
    /// Another answer is being finished first.
    Waiting,
    /// Reading the prompt.
    Reading {
        /// Tokens read.
        done_tokens: u32,
        /// Tokens to read.
        total_tokens: u32,
        /// Seconds left, once it can be told.
        seconds_left: Option<f64>,
    },
    /// Writing.
    Writing {
        /// Tokens written.
        new_tokens: u32,
        /// Tokens a second so far.
        tokens_per_s: f64,
        /// From sending to the first token, milliseconds.
        first_token_ms: f64,
    },
}

/// How full the model's context is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ContextUse {
    /// Tokens of the path shown, as last counted.
    pub used_tokens: u32,
    /// Tokens the loaded model can see.
    pub limit_tokens: u32,
    /// Messages at the start that are no longer seen.
    pub unseen_messages: u32,
    /// Tokens at the start of a text that are no longer seen.
    pub unseen_tokens: u32,
}

/// A chat, opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ChatView {
    /// Its line in the sidebar.
    pub summary: ChatSummary,
    /// Its settings.
    pub settings: ChatSettings,
    /// The path shown, first message first.
    pub messages: Vec<Message>,
    /// The answer under way in this chat.
    pub progress: Option<Progress>,
    /// How full the context is; none before the first answer or without a model.
    pub context: Option<ContextUse>,
    /// Events with a number up to this one are already in this view.
    pub as_of: u64,
}

/// Names one chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChatId {
    /// Its number.
    pub chat_id: i64,
}

/// Names one message of one chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MessageId {
    /// The chat's number.
    pub chat_id: i64,
    /// The message's number.
    pub message_id: i64,
}

/// List or search chats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListChats {
    /// Words to find in titles and messages; empty lists all.
    pub search: String,
}

/// Begin a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CreateChat {
    /// Conversation or text.
    pub kind: ChatKind,
    /// Settings to start with; none takes the defaults.
    pub settings: Option<ChatSettings>,
}

/// Give a chat another title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RenameChat {
    /// Its number.
    pub chat_id: i64,
    /// The new title, not empty.
    pub title: String,
}

/// Keep a chat on top, or no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PinChat {
    /// Its number.
    pub chat_id: i64,
    /// On top or not.
    pub pinned: bool,
}

/// Change a chat's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConfigureChat {
    /// Its number.
    pub chat_id: i64,
    /// All settings, changed and unchanged.
    pub settings: ChatSettings,
}

/// Send a message, or in a text, type more and let the model continue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SendMessage {
    /// Its number.
    pub chat_id: i64,
    /// What was typed.
    pub content: String,
}

/// Rewrite a message as a new sibling. A user's message is then answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EditMessage {
    /// The chat's number.
    pub chat_id: i64,
    /// The message to rewrite.
    pub message_id: i64,
    /// Its new content.
    pub content: String,
}

/// The form of an exported chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// For people.
    Markdown,
    /// For programs: every message, branches included.
    Json,
}

/// Write a chat to a file chosen in the native dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExportChat {
    /// Its number.
    pub chat_id: i64,
    /// Markdown or JSON.
    pub format: ExportFormat,
}

/// A chat as a file's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChatText {
    /// A file name made of the title.
    pub file_name: String,
    /// The file's text.
    pub text: String,
}
