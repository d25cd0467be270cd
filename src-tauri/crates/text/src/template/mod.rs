//! Chat templates: a conversation becomes text, with the assistant's words marked.

mod encode;
mod environment;
mod fallback;
mod find;
mod generation;
mod guard;
mod json;
mod marks;
mod methods;
mod strftime;

use std::ops::Range;

use minijinja::Environment;
use serde_json::{Map, Value};

pub use encode::{EncodedConversation, encode_rendered};
pub use fallback::Fallback;
pub use find::find_chat_template;

use crate::error::{Result, TextError};
use crate::message::Conversation;
use generation::Tags;
use marks::Marks;

/// Longest template accepted, in bytes; the longest published ones have about 30,000. It also bounds how deep the parser goes.
const SOURCE_BYTES: usize = 256 << 10;

/// A conversation as a template wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text, without any mark of ours.
    pub text: String,
    /// Byte ranges of `text` that the assistant says, each with the token that ends it: what is trained on.
    pub assistant_spans: Vec<Range<usize>>,
    /// Whether `assistant_spans` is exact. If not it is empty: the template has no `{% generation %}` blocks and does not
    /// write a conversation's beginning the same way whatever follows, or the text ends in a generation prompt.
    pub mask_exact: bool,
    /// Byte ranges of `text` that come from messages rather than from the template.
    pub content_spans: Vec<Range<usize>>,
    /// Whether `content_spans` is exact. If not it is empty, because the template changes contents (cuts, compares, escapes), and
    /// [`encode_rendered`] recognises no control token that a message spells anywhere.
    pub contents_exact: bool,
    /// Where `contents_exact` is false: what the messages say.
    pub(crate) contents: Vec<String>,
}

/// A chat template, checked and ready to use.
pub struct ChatTemplate {
    source: String,
    bos_token: Option<String>,
    eos_token: Option<String>,
    /// The template as it is, and with marks around what the assistant says, where it says so.
    bare: Environment<'static>,
    marked: Option<Environment<'static>>,
    marks: Marks,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("source", &self.source)
            .field("bos_token", &self.bos_token)
            .field("eos_token", &self.eos_token)
            .finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// A template from its Jinja source, with the texts that it may write as `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// [`TextError::TemplateSyntax`] with the line, or [`TextError::TooLarge`].
    pub fn new(source: &str, bos_token: Option<&str>, eos_token: Option<&str>) -> Result<Self> {
        if source.len() > SOURCE_BYTES {
            return Err(TextError::TooLarge {
                what: "the chat template",
                size: source.len() as u64,
                limit: SOURCE_BYTES as u64,
            });
        }
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let bos_token = bos_token.map(str::to_owned);
        let eos_token = eos_token.map(str::to_owned);
        let marks = Marks::absent_from(
            [&source]
                .into_iter()
                .chain(&bos_token)
                .chain(&eos_token)
                .map(String::as_str),
        );
        let (bare, marked) = compile(&source, &marks)?;
        Ok(Self {
            source,
            bos_token,
            eos_token,
            bare,
            marked,
            marks,
        })
    }

    /// One of the built-in templates, for a model whose BOS and EOS are not known.
    pub fn fallback(kind: Fallback) -> Self {
        Self::fallback_with(kind, None, None)
    }

    /// One of the built-in templates, with the texts of the model's own BOS and EOS.
    pub fn fallback_with(kind: Fallback, bos_token: Option<&str>, eos_token: Option<&str>) -> Self {
        // The sources are constants and a test compiles each; tokens are values and cannot break one.
        Self::new(kind.source(), bos_token, eos_token).expect("built-in templates compile")
    }

    /// The Jinja source, line ends normalised.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Writes the conversation; with `add_generation_prompt` the text ends where the assistant is to speak.
    ///
    /// # Errors
    /// [`TextError::TemplateRaised`], [`TextError::TemplateFailed`], [`TextError::TemplateTooLong`],
    /// [`TextError::TemplateOutputTooLarge`], or [`TextError::RoleInvalid`].
    pub fn render(&self, messages: &Conversation, add_generation_prompt: bool) -> Result<Rendered> {
        self.render_with(messages, add_generation_prompt, &Map::new())
    }

    /// As [`render`](Self::render), with further variables for the template, such as `tools` or `enable_thinking`.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_with(
        &self,
        messages: &Conversation,
        add_generation_prompt: bool,
        variables: &Map<String, Value>,
    ) -> Result<Rendered> {
        let job = marks::Job {
            template: self,
            messages,
            variables,
        };
        environment::on_a_deep_stack(|| job.render(add_generation_prompt))
    }
}

/// The template as it is, and with marks where it has generation blocks.
fn compile(
    source: &str,
    marks: &Marks,
) -> Result<(Environment<'static>, Option<Environment<'static>>)> {
    let Tags { bare, marked } = generation::rewrite(source, marks.generation).map_err(|line| {
        TextError::TemplateSyntax {
            line,
            cause: "a tag does not end".to_owned(),
        }
    })?;
    let bare = environment::compile(bare)?;
    let marked = marked.map(environment::compile).transpose()?;
    Ok((bare, marked))
}
