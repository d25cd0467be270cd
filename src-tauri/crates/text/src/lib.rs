//! Tokenizers, chat templates, conversations and loss masks.
//!
//! Everything here turns text into token ids or back, and knows nothing of models. Files come from outside and count as
//! hostile: they are checked before anything is built from them, and what cannot be checked runs inside limits.
//!
//! - [`Tokenizer`]: from `tokenizer.json` or from a GGUF file's vocabulary; [`StreamDecoder`] gives text as tokens arrive.
//! - [`ChatTemplate`]: a conversation to text, with the assistant's part marked; [`encode_rendered`] gives ids and mask.
//! - [`StopMatcher`]: stop strings in streamed text.

mod error;
mod message;
mod stop;
mod template;
mod tokenizer;

pub use error::{Result, TextError};
pub use message::{Conversation, Message};
pub use stop::{StopMatcher, Stopped};
pub use template::{
    ChatTemplate, EncodedConversation, Fallback, Rendered, encode_rendered, find_chat_template,
};
pub use tokenizer::{GgufVocab, Special, StreamDecoder, Tokenizer};
