//! Text to token ids and back.

mod decode;
mod gguf;
mod json;
mod model;
mod parts;
mod pattern;
mod rules;
mod split;
mod spm;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokenizers::{
    AddedToken, AddedVocabulary, DecoderWrapper, Encoding, Model, NormalizerWrapper,
    PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

pub use decode::StreamDecoder;
pub use gguf::GgufVocab;

use crate::error::{Result, TextError};
use decode::Spelling;
use model::SharedModel;
use parts::Parts;

type Inner = TokenizerImpl<
    SharedModel,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// What becomes of special tokens when text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// BOS and EOS are added where this tokenizer adds them (BOS never twice); special tokens in the text are recognised.
    AddAndParse,
    /// Nothing is added; special tokens in the text are recognised.
    Parse,
    /// Nothing is added, and text that spells a control token stays text: for words from outside.
    Plain,
}

/// A tokenizer, cheap to clone and to share between threads.
#[derive(Clone)]
pub struct Tokenizer(Arc<Shared>);

struct Shared {
    /// Recognises control tokens in text.
    parsing: Inner,
    /// Does not.
    plain: Inner,
    spelling: Spelling,
    /// Text of added tokens by id.
    added: HashMap<u32, String>,
    /// Tokens that steer the model and are no text: never decoded, never recognised in plain text.
    control: Vec<ControlToken>,
    bos: Option<u32>,
    eos: Option<u32>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    size: usize,
}

/// A token that only a template may write.
#[derive(Debug, Clone)]
pub(crate) struct ControlToken {
    pub(crate) id: u32,
    pub(crate) text: String,
    /// White space on this side belongs to the token.
    pub(crate) strip_left: bool,
    pub(crate) strip_right: bool,
}

/// A token id with the bytes of the text it came from.
pub(crate) type Located = (u32, std::ops::Range<usize>);

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("size", &self.0.size)
            .field("spelling", &self.0.spelling)
            .field("bos", &self.0.bos)
            .field("eos", &self.0.eos)
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// From the bytes of `tokenizer.json` and, where there is one, `tokenizer_config.json` (which names BOS and EOS and may
    /// switch them on or off).
    ///
    /// # Errors
    /// [`TextError::TokenizerInvalid`], [`TextError::VocabularyInconsistent`], [`TextError::RuleUnsafe`],
    /// [`TextError::TooLarge`] or [`TextError::TokenizerUnsupported`].
    pub fn from_bytes(tokenizer_json: &[u8], config_json: Option<&[u8]>) -> Result<Self> {
        Self::assemble(json::read(tokenizer_json, config_json)?)
    }

    /// From the vocabulary in a GGUF file's metadata.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_gguf(vocab: &GgufVocab) -> Result<Self> {
        Self::assemble(gguf::read(vocab)?)
    }

    fn assemble(parts: Parts) -> Result<Self> {
        fenced("while it was built", || parts::assemble(parts))
            .map_err(|cause| TextError::TokenizerInvalid { cause })?
            .map(|shared| Self(Arc::new(shared)))
    }

    /// Token ids of a text.
    ///
    /// # Errors
    /// [`TextError::EncodeFailed`].
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>> {
        let inner = match special {
            Special::AddAndParse | Special::Parse => &self.0.parsing,
            Special::Plain => &self.0.plain,
        };
        let encoding = run(|| inner.encode_fast(text, false))?;
        let ids = encoding.get_ids();
        if special != Special::AddAndParse {
            return Ok(ids.to_vec());
        }
        let begun = !ids.is_empty() && ids.first() == self.0.bos.as_ref();
        let prefix = self.0.prefix.iter().copied();
        Ok(prefix
            .filter(|&id| !(begun && Some(id) == self.0.bos))
            .chain(ids.iter().copied())
            .chain(self.0.suffix.iter().copied())
            .collect())
    }

    /// Text of these ids; special tokens are left out, ids outside the vocabulary too.
    ///
    /// # Errors
    /// [`TextError::DecodeFailed`], only where the file brings a decoder of its own kind.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        if self.0.spelling == Spelling::Library {
            return self.decode_by_library(ids);
        }
        let mut decoder = self.stream();
        let mut text = String::new();
        for &id in ids {
            text.push_str(&decoder.push(id)?);
        }
        text.push_str(&decoder.finish()?);
        Ok(text)
    }

    /// Text token by token, from the beginning of a text (an answer of its own).
    pub fn stream(&self) -> StreamDecoder {
        StreamDecoder::new(self.clone())
    }

    /// Text token by token, going on after `before` (continuing a text): a space at the beginning is kept.
    ///
    /// # Errors
    /// As [`StreamDecoder::push`].
    pub fn stream_after(&self, before: &[u32]) -> Result<StreamDecoder> {
        StreamDecoder::after(self.clone(), before)
    }

    /// The token's own spelling in the vocabulary, such as `Ġthe` or `▁the`.
    pub fn token_text(&self, id: u32) -> Option<String> {
        let added = self.0.added.get(&id).cloned();
        added.or_else(|| self.0.plain.get_model().id_to_token(id))
    }

    /// The id of a token by its spelling in the vocabulary.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.0.plain.token_to_id(text)
    }

    /// Largest id plus one. A model may have more rows than that, as padding.
    pub fn vocabulary(&self) -> usize {
        self.0.size
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.0.bos
    }

    /// The token that ends an answer.
    pub fn eos(&self) -> Option<u32> {
        self.0.eos
    }

    /// Whether [`Special::AddAndParse`] puts BOS in front.
    pub fn adds_bos(&self) -> bool {
        self.0.bos.is_some_and(|bos| self.0.prefix.contains(&bos))
    }

    /// Whether the token steers the model and is no text.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.control.binary_search_by_key(&id, |t| t.id).is_ok()
    }

    pub(crate) fn control(&self) -> &[ControlToken] {
        &self.0.control
    }

    fn is_added(&self, id: u32) -> bool {
        self.0.added.contains_key(&id)
    }

    fn spelling(&self) -> Spelling {
        self.0.spelling
    }

    /// Ids with their places, control tokens recognised.
    pub(crate) fn locate(&self, text: &str) -> Result<Vec<Located>> {
        let encoding = run(|| self.0.parsing.encode(text, false))?;
        Ok(located(&encoding, 0))
    }

    /// Ids with their places (counted from `base`) of a stretch in which no control token is recognised; `first` where
    /// nothing precedes it.
    pub(crate) fn locate_plain(
        &self,
        text: &str,
        base: usize,
        first: bool,
    ) -> Result<Vec<Located>> {
        if first {
            let encoding = run(|| self.0.plain.encode(text, false))?;
            return Ok(located(&encoding, base));
        }
        // Some rules treat the beginning of a text differently (Metaspace, "first"). A token of our own in front, dropped
        // again afterwards, makes this stretch one in the middle.
        let Some(mark) = ('\u{e000}'..'\u{f8ff}').find(|&mark| !text.contains(mark)) else {
            return Err(TextError::EncodeFailed {
                cause: "the text uses every private character".to_owned(),
            });
        };
        let marked = format!("{mark}{text}");
        let encoding = run(|| {
            let mut middle = self.0.plain.clone();
            let token = AddedToken::from(mark.to_string(), false).normalized(false);
            middle.add_tokens([token])?;
            middle.encode(marked.as_str(), false)
        })?;
        let mut ids = located(&encoding, base);
        ids.remove(0);
        for (_, range) in &mut ids {
            range.start -= mark.len_utf8();
            range.end -= mark.len_utf8();
        }
        Ok(ids)
    }

    fn decode_by_library(&self, ids: &[u32]) -> Result<String> {
        let ids: Vec<u32> = ids
            .iter()
            .copied()
            .filter(|&id| !self.is_special(id))
            .collect();
        fenced("while it decoded", || self.0.plain.decode(&ids, false))
            .and_then(|done| done.map_err(|error| error.to_string()))
            .map_err(|cause| TextError::DecodeFailed { cause })
    }
}

fn located(encoding: &Encoding, base: usize) -> Vec<Located> {
    let offsets = encoding.get_offsets().iter();
    let ids = encoding.get_ids().iter().copied();
    ids.zip(offsets.map(|&(start, end)| base + start..base + end))
        .collect()
}

fn run(encode: impl FnOnce() -> tokenizers::Result<Encoding>) -> Result<Encoding> {
    fenced("while it encoded", encode)
        .and_then(|done| done.map_err(|error| error.to_string()))
        .map_err(|cause| TextError::EncodeFailed { cause })
}

/// The last fence: files are checked before they reach the library, but its regular expression engine still panics when a
/// match needs too many steps, and a panic must not reach whoever holds the model.
fn fenced<T>(when: &str, work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        format!("the tokenizer broke off {when}: {said}")
    })
}

/// An added vocabulary over the model's.
fn add(
    tokens: Vec<AddedToken>,
    model: &SharedModel,
    normalizer: Option<&NormalizerWrapper>,
) -> Result<AddedVocabulary> {
    let mut added = AddedVocabulary::new();
    added
        .add_tokens(tokens, model, normalizer)
        .map_err(|error| TextError::TokenizerInvalid {
            cause: error.to_string(),
        })?;
    Ok(added)
}
