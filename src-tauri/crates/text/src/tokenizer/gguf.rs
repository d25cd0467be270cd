//! A tokenizer from the vocabulary that a GGUF file carries in its metadata.

use std::collections::{HashMap, HashSet};

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split as SplitStep, SplitPattern};
use tokenizers::{
    AddedToken, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
};

use super::decode::{Spelling, byte_of};
use super::model::SharedModel;
use super::parts::{LARGEST_ID, Parts};
use super::split::split;
use super::spm::SentencePieces;
use crate::error::{Result, TextError};

/// What stands for a space in SentencePiece vocabularies.
const SPACE: char = '▁';

/// The tokenizer metadata of a GGUF file (`tokenizer.ggml.*`), as plain data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GgufVocab {
    /// `model`: `llama` (SentencePiece) or `gpt2` (byte-level BPE).
    pub model: String,
    /// `pre`: how a byte-level vocabulary cuts text before merging.
    pub pre: Option<String>,
    /// `tokens`, by id.
    pub tokens: Vec<String>,
    /// `scores`, by id; empty where the file has none.
    pub scores: Vec<f32>,
    /// `token_type`, by id; empty where the file has none.
    pub types: Vec<i32>,
    /// `merges`, each two tokens with a space between, best first.
    pub merges: Vec<String>,
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`.
    pub eos: Option<u32>,
    /// `unknown_token_id`.
    pub unk: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_eos_token`.
    pub add_eos: Option<bool>,
    /// `add_space_prefix`.
    pub add_space_prefix: Option<bool>,
}

/// `token_type` by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

fn inconsistent(cause: String) -> TextError {
    TextError::VocabularyInconsistent { cause }
}

/// Checks a vocabulary and makes a tokenizer's parts of it.
pub(super) fn read(vocab: &GgufVocab) -> Result<Parts> {
    let count = vocab.tokens.len();
    if count > LARGEST_ID as usize {
        return Err(TextError::TooLarge {
            what: "the vocabulary",
            size: count as u64,
            limit: u64::from(LARGEST_ID),
        });
    }
    if count == 0 {
        return Err(inconsistent("it has no tokens".to_owned()));
    }
    for (name, id) in [
        ("BOS", vocab.bos),
        ("EOS", vocab.eos),
        ("unknown", vocab.unk),
    ] {
        if id.is_some_and(|id| id as usize >= count) {
            return Err(inconsistent(format!(
                "the {name} token is {id:?} of {count}"
            )));
        }
    }
    let kinds = kinds(vocab)?;
    match vocab.model.as_str() {
        "llama" => sentence_piece(vocab, &kinds),
        "gpt2" => byte_level(vocab, &kinds),
        other => Err(TextError::TokenizerUnsupported {
            kind: format!("{other:?} in a GGUF file"),
        }),
    }
}

fn kinds(vocab: &GgufVocab) -> Result<Vec<TokenKind>> {
    if vocab.types.is_empty() {
        return Ok(vocab.tokens.iter().map(|_| TokenKind::Normal).collect());
    }
    if vocab.types.len() != vocab.tokens.len() {
        return Err(inconsistent(format!(
            "{} tokens have {} types",
            vocab.tokens.len(),
            vocab.types.len()
        )));
    }
    Ok(vocab
        .types
        .iter()
        .map(|kind| match kind {
            2 => TokenKind::Unknown,
            3 => TokenKind::Control,
            4 => TokenKind::UserDefined,
            5 => TokenKind::Unused,
            6 => TokenKind::Byte,
            _ => TokenKind::Normal,
        })
        .collect())
}

/// Ids by text. The first of equal texts keeps the name, as in the files' own program.
fn ids(vocab: &GgufVocab) -> HashMap<String, u32> {
    let mut ids = HashMap::with_capacity(vocab.tokens.len());
    for (id, token) in (0u32..).zip(&vocab.tokens) {
        ids.entry(token.clone()).or_insert(id);
    }
    ids
}

/// Control, unknown and user-defined tokens as added ones.
fn added(
    vocab: &GgufVocab,
    kinds: &[TokenKind],
    ids: &HashMap<String, u32>,
) -> Vec<(u32, AddedToken)> {
    (0u32..)
        .zip(vocab.tokens.iter().zip(kinds))
        .filter(|(id, (token, _))| !token.is_empty() && ids.get(*token) == Some(id))
        .filter_map(|(id, (token, kind))| {
            let special = match kind {
                TokenKind::Control | TokenKind::Unknown => true,
                TokenKind::UserDefined => false,
                TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => return None,
            };
            let token = AddedToken::from(token.clone(), special).normalized(false);
            Some((id, token))
        })
        .collect()
}

/// Tokens that are no text besides the added ones: further ids of a name that occurs twice.
fn doubled(vocab: &GgufVocab, kinds: &[TokenKind], ids: &HashMap<String, u32>) -> Vec<u32> {
    (0u32..)
        .zip(vocab.tokens.iter().zip(kinds))
        .filter(|(id, (token, kind))| {
            matches!(kind, TokenKind::Control | TokenKind::Unknown) && ids.get(*token) != Some(id)
        })
        .map(|(id, _)| id)
        .collect()
}

fn sentence_piece(vocab: &GgufVocab, kinds: &[TokenKind]) -> Result<Parts> {
    if vocab.scores.len() != vocab.tokens.len() {
        return Err(inconsistent(format!(
            "{} tokens have {} scores",
            vocab.tokens.len(),
            vocab.scores.len()
        )));
    }
    if let Some(id) = vocab.scores.iter().position(|score| !score.is_finite()) {
        return Err(inconsistent(format!(
            "the score of token {id} is no number"
        )));
    }
    let ids = ids(vocab);
    let added = added(vocab, kinds, &ids);
    let also_special = doubled(vocab, kinds, &ids);
    let prefixed = vocab.add_space_prefix.unwrap_or(true);
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if prefixed {
        steps.push(Prepend::new(SPACE.to_string()).into());
    }
    let replace = Replace::new(" ".to_owned(), SPACE.to_string());
    steps.push(
        replace
            .map_err(|error| inconsistent(error.to_string()))?
            .into(),
    );
    let size = vocab.tokens.len();
    let pieces = SentencePieces::new(
        vocab.tokens.clone(),
        vocab.scores.clone(),
        kinds,
        ids,
        vocab.unk,
    );
    Ok(Parts {
        model: SharedModel::sentence_piece(pieces),
        normalizer: Some(Normalizers::new(steps).into()),
        pre_tokenizer: None,
        post_processor: None,
        decoder: None,
        spelling: Spelling::Pieces {
            mark: SPACE,
            bytes: true,
            strip: usize::from(prefixed),
        },
        added,
        bos: vocab.bos,
        eos: vocab.eos,
        also_special,
        add_bos: Some(vocab.add_bos.unwrap_or(true)),
        add_eos: Some(vocab.add_eos.unwrap_or(false)),
        size,
    })
}

fn byte_level(vocab: &GgufVocab, kinds: &[TokenKind]) -> Result<Parts> {
    let ids = ids(vocab);
    let split = split(vocab.pre.as_deref())?;
    check_alphabet(&ids)?;
    let merges = merges(&vocab.merges, &ids)?;
    let added = added(vocab, kinds, &ids);
    let also_special = doubled(vocab, kinds, &ids);
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for pattern in split.patterns {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        let step = SplitStep::new(pattern, SplitDelimiterBehavior::Isolated, false)
            .map_err(|error| inconsistent(error.to_string()))?;
        steps.push(step.into());
    }
    steps.push(ByteLevel::new(false, false, false).into());
    let bpe = BPE::builder()
        .vocab_and_merges(ids.into_iter().collect::<Vocab>(), merges)
        .ignore_merges(split.whole_words)
        .build()
        .map_err(|error| inconsistent(error.to_string()))?;
    Ok(Parts {
        model: SharedModel::library(ModelWrapper::BPE(bpe), HashMap::new()),
        normalizer: None,
        pre_tokenizer: Some(PreTokenizers::new(steps).into()),
        post_processor: None,
        decoder: None,
        spelling: Spelling::ByteLevel,
        added,
        bos: vocab.bos,
        eos: vocab.eos,
        also_special,
        add_bos: Some(vocab.add_bos.unwrap_or(split.begins_with_bos)),
        add_eos: Some(vocab.add_eos.unwrap_or(false)),
        size: vocab.tokens.len(),
    })
}

/// Every byte of printable ASCII and the line break must be a token, or ordinary text would vanish without a word. Real
/// vocabularies lack a few others: Falcon has no token for some control characters, and drops them.
fn check_alphabet(ids: &HashMap<String, u32>) -> Result<()> {
    let mut known: HashSet<u8> = HashSet::new();
    for character in ids.keys().filter_map(|token| {
        let mut characters = token.chars();
        characters.next().filter(|_| characters.next().is_none())
    }) {
        known.extend(byte_of(character));
    }
    let missing = (b' '..=b'~')
        .chain([b'\n'])
        .find(|byte| !known.contains(byte));
    match missing {
        Some(byte) => Err(inconsistent(format!(
            "no token stands for the byte {byte:#04x}"
        ))),
        None => Ok(()),
    }
}

/// Merges as pairs, each checked to join two tokens into a third.
fn merges(lines: &[String], ids: &HashMap<String, u32>) -> Result<Vec<(String, String)>> {
    lines
        .iter()
        .map(|line| {
            // The space is a separator only from the second character on.
            let split = line
                .char_indices()
                .skip(1)
                .find(|(_, character)| *character == ' ')
                .map(|(at, _)| (&line[..at], &line[at + 1..]));
            let Some((left, right)) = split else {
                return Err(inconsistent(format!("{line:?} is no merge of two tokens")));
            };
            for token in [left, right, &format!("{left}{right}")] {
                if !ids.contains_key(token) {
                    return Err(inconsistent(format!(
                        "the merge {line:?} names {token:?}, which is no token"
                    )));
                }
            }
            Ok((left.to_owned(), right.to_owned()))
        })
        .collect()
}
