//! Rows to samples.

use nc_data::{Content, Example, joined_input};
use nc_text::{
    ChatTemplate, EncodedConversation, Message, Special, TextError, Tokenizer, encode_rendered,
};
use serde_json::{Map, Value};

use super::answer::end_answers;
use super::{DropReason, Dropped, Sample};

/// What samples are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Whether only answers are trained.
    pub answers_only: bool,
    /// Longest sample, in tokens.
    pub max_tokens: usize,
    /// Whether the template writes a turn's `input` field in its own place, as Alpaca's does; otherwise it is put into the words.
    pub writes_input: bool,
}

/// Turns rows into samples.
#[derive(Debug)]
pub struct Encoder {
    pub(super) tokenizer: Tokenizer,
    pub(super) template: ChatTemplate,
    pub(super) options: EncoderOptions,
    /// The token that ends an answer.
    pub(super) end: Option<u32>,
}

impl Encoder {
    /// An encoder for this tokenizer and template.
    pub fn new(tokenizer: Tokenizer, template: ChatTemplate, options: EncoderOptions) -> Self {
        let mut encoder = Self {
            tokenizer,
            template,
            options,
            end: None,
        };
        let talk = [Message::new("user", "a"), Message::new("assistant", "b")];
        let said = encoder.conversation(&talk, None).ok();
        encoder.end = said
            .and_then(|(encoded, _)| {
                let last = encoded.assistant.iter().rposition(|&said| said)?;
                Some(encoded.ids[last])
            })
            // Where the template's own end is no control token, the model's is what stops it.
            .filter(|&end| encoder.tokenizer.is_special(end))
            .or(encoder.tokenizer.eos());
        encoder
    }

    /// A row's sample.
    ///
    /// Every answer of a conversation is trained in one pass, each up to and with its end token. What is beyond `max_tokens` is cut from the
    /// right, without an end token put there: the model is not to learn to stop in the middle.
    ///
    /// # Errors
    /// Why there is none.
    pub fn encode(&self, example: &Example) -> Result<Sample, Dropped> {
        let drop = |(reason, details)| Dropped {
            row: example.row,
            reason,
            details,
        };
        let (encoded, exact) = match &example.content {
            Content::Text(text) => (self.text(text).map_err(drop)?, true),
            Content::Conversation { messages, tools } => {
                self.conversation(messages, tools.as_ref()).map_err(drop)?
            }
        };
        let mut trained = match (self.options.answers_only, exact) {
            (true, true) => encoded.assistant,
            (true, false) => return Err(drop((DropReason::AnswersUnknown, String::new()))),
            (false, _) => vec![true; encoded.ids.len()],
        };
        let mut tokens = encoded.ids;
        let cut = tokens.len() > self.options.max_tokens;
        tokens.truncate(self.options.max_tokens);
        trained.truncate(self.options.max_tokens);
        trained.iter_mut().take(1).for_each(|first| *first = false);
        let sample = Sample {
            row: example.row,
            tokens,
            trained,
            cut,
        };
        match sample.trained_tokens() {
            0 => Err(drop((DropReason::NothingTrained, String::new()))),
            _ => Ok(sample),
        }
    }

    /// A question as a chat begins with it, up to where the answer begins.
    ///
    /// # Errors
    /// Why the template or the tokenizer cannot have it.
    pub fn prompt(&self, question: &str) -> Result<Vec<u32>, Dropped> {
        let messages = [Message::new("user", question)];
        match self.render(&messages, None, true) {
            Ok((encoded, _)) => Ok(encoded.ids),
            Err((reason, details)) => Err(Dropped {
                row: 0,
                reason,
                details,
            }),
        }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The token that ends an answer, if there is one.
    pub fn end(&self) -> Option<u32> {
        self.end
    }

    /// A conversation with its answers ended, and whether the template tells which they are.
    pub(super) fn conversation(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
    ) -> Result<(EncodedConversation, bool), (DropReason, String)> {
        let (encoded, exact) = self.render(messages, tools, false)?;
        Ok((end_answers(&self.tokenizer, encoded), exact))
    }

    /// A conversation as the template writes it, or up to where an answer begins.
    pub(super) fn render(
        &self,
        messages: &[Message],
        tools: Option<&Value>,
        prompt: bool,
    ) -> Result<(EncodedConversation, bool), (DropReason, String)> {
        let joined;
        let messages = match self.options.writes_input {
            true => messages,
            false => {
                joined = joined_input(messages);
                &joined
            }
        };
        let variables: Map<String, Value> = tools
            .map(|tools| ("tools".to_owned(), tools.clone()))
            .into_iter()
            .collect();
        let failed = |error: TextError| (DropReason::TemplateFailed, error.to_string());
        let rendered = self
            .template
            .render_with(messages, prompt, &variables)
            .map_err(failed)?;
        let encoded = encode_rendered(&self.tokenizer, &rendered).map_err(not_encoded)?;
        Ok((encoded, rendered.mask_exact))
    }

    /// A text without turns: BOS where the tokenizer begins texts with it, and EOS.
    fn text(&self, text: &str) -> Result<EncodedConversation, (DropReason, String)> {
        let words = self.tokenizer.encode(text, Special::Plain);
        let bos = self.tokenizer.bos().filter(|_| self.tokenizer.adds_bos());
        let mut ids: Vec<u32> = bos.into_iter().collect();
        ids.extend(words.map_err(not_encoded)?);
        ids.extend(self.tokenizer.eos());
        Ok(EncodedConversation {
            assistant: vec![true; ids.len()],
            ids,
        })
    }
}

pub(super) fn not_encoded(error: TextError) -> (DropReason, String) {
    (DropReason::NotEncoded, error.to_string())
}
