//! What can go wrong with text, and what a person can do about it.

use thiserror::Error;

/// The crate's result.
pub type Result<T> = std::result::Result<T, TextError>;

/// Every way in which a tokenizer or a chat template fails.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextError {
    /// `tokenizer.json` or `tokenizer_config.json` is not what its format says.
    #[error("the tokenizer file cannot be read: {cause}")]
    TokenizerInvalid {
        /// What the parser met, with its place where it is known.
        cause: String,
    },
    /// A file or a table is larger than any real one.
    #[error("{what} has a size of {size}, more than the {limit} that are accepted")]
    TooLarge {
        /// The thing that was measured.
        what: &'static str,
        /// Its size, in the unit of `limit` (bytes, or entries of a table).
        size: u64,
        /// The largest size accepted.
        limit: u64,
    },
    /// The vocabulary contradicts itself: duplicate ids, merges of unknown tokens, ids out of range.
    #[error("the tokenizer's vocabulary is inconsistent: {cause}")]
    VocabularyInconsistent {
        /// The first contradiction found.
        cause: String,
    },
    /// A kind of tokenizer this program does not know.
    #[error("the tokenizer is of a kind that is not supported: {kind}")]
    TokenizerUnsupported {
        /// The kind, as the file names it.
        kind: String,
    },
    /// A regular expression that could take for ever, or a rule that could inflate text without bound.
    #[error("the tokenizer contains a rule that is not safe to run ({cause}): {rule}")]
    RuleUnsafe {
        /// The rule, shortened.
        rule: String,
        /// Why it was refused.
        cause: &'static str,
    },
    /// The tokenizer could not turn this text into tokens.
    #[error("the text could not be turned into tokens: {cause}")]
    EncodeFailed {
        /// What the tokenizer said.
        cause: String,
    },
    /// The tokenizer could not turn these tokens into text.
    #[error("the tokens could not be turned into text: {cause}")]
    DecodeFailed {
        /// What the tokenizer said.
        cause: String,
    },
    /// The chat template is not valid Jinja.
    #[error("the chat template has a mistake in line {line}: {cause}")]
    TemplateSyntax {
        /// Line in the template, from 1.
        line: usize,
        /// What the parser expected.
        cause: String,
    },
    /// The template called `raise_exception`: it refuses this conversation.
    #[error("the chat template refused the conversation: {message}")]
    TemplateRaised {
        /// The template's own words.
        message: String,
    },
    /// The template did something that is not possible, such as an unknown function.
    #[error("the chat template failed in line {line}: {cause}")]
    TemplateFailed {
        /// Line in the template, from 1 (0 where it is not known).
        line: usize,
        /// What went wrong.
        cause: String,
    },
    /// The template ran for more steps than any conversation needs.
    #[error("the chat template did not come to an end within {steps} steps")]
    TemplateTooLong {
        /// The number of steps it was given.
        steps: u64,
    },
    /// A role is not a plain word: templates write roles as they are, so it could spell control tokens.
    #[error("{role:?} is not a role: a role is a word of letters, digits, '-', '_' and '.'")]
    RoleInvalid {
        /// The role, shortened.
        role: String,
    },
    /// The template wrote more text than any conversation needs.
    #[error("the chat template wrote more than {limit_bytes} bytes")]
    TemplateOutputTooLarge {
        /// The most it may write, in bytes.
        limit_bytes: usize,
    },
}

impl TextError {
    /// One sentence that says what to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::TokenizerInvalid { .. } => {
                "Download the model's tokenizer files again; the file may be cut short."
            }
            Self::TooLarge { .. } => "Check that this is the model's own tokenizer file.",
            Self::VocabularyInconsistent { .. } => {
                "Download the model again, or take its tokenizer from the original publisher."
            }
            Self::TokenizerUnsupported { .. } => {
                "Use the model's folder with its tokenizer.json instead of this file."
            }
            Self::RuleUnsafe { .. } => {
                "Take the tokenizer from the model's original publisher; this one is not safe to use."
            }
            Self::EncodeFailed { .. } => {
                "Shorten the text or take out unusual characters, and try again."
            }
            Self::DecodeFailed { .. } => "Check that the tokenizer belongs to this model.",
            Self::TemplateSyntax { .. } | Self::TemplateFailed { .. } => {
                "Correct the model's chat template, or choose one of the built-in templates."
            }
            Self::TemplateRaised { .. } => {
                "Change the conversation as the template asks, or choose one of the built-in templates."
            }
            Self::RoleInvalid { .. } => {
                "Use system, user, assistant or another plain word as the role of every message."
            }
            Self::TemplateTooLong { .. } | Self::TemplateOutputTooLarge { .. } => {
                "Shorten the conversation, or choose one of the built-in templates."
            }
        }
    }
}
