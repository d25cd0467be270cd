//! `tokenizer.json` and `tokenizer_config.json`, checked before anything is built from them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::{AddedToken, Model, ModelWrapper};

use super::model::SharedModel;
use super::parts::{LARGEST_ID, Parts};
use super::rules::{check_chain, spelling};
use super::{Spelling, fenced};
use crate::error::{Result, TextError};

/// Largest file accepted, in bytes; the largest published one has about 35 million.
const FILE_BYTES: usize = 128 << 20;
/// Most added tokens.
const ADDED: usize = 1 << 16;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    model: Value,
}

#[derive(Deserialize)]
struct Added {
    id: u64,
    #[serde(flatten)]
    token: Flags,
}

#[derive(Deserialize)]
struct Flags {
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

impl Flags {
    fn token(self) -> AddedToken {
        AddedToken::from(self.content, self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized)
    }
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    bos_token: Value,
    #[serde(default)]
    eos_token: Value,
    #[serde(default)]
    pad_token: Value,
    #[serde(default)]
    unk_token: Value,
    #[serde(default)]
    add_bos_token: Value,
    #[serde(default)]
    add_eos_token: Value,
    #[serde(default)]
    added_tokens_decoder: Map<String, Value>,
}

fn invalid(cause: impl ToString) -> TextError {
    TextError::TokenizerInvalid {
        cause: cause.to_string(),
    }
}

fn inconsistent(cause: String) -> TextError {
    TextError::VocabularyInconsistent { cause }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.len() > FILE_BYTES {
        return Err(TextError::TooLarge {
            what: "the tokenizer file",
            size: bytes.len() as u64,
            limit: FILE_BYTES as u64,
        });
    }
    serde_json::from_slice(bytes).map_err(invalid)
}

/// Reads and checks both files.
pub(super) fn read(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Parts> {
    let file: File = parse(tokenizer)?;
    let config: Config = config.map(parse).transpose()?.unwrap_or_default();
    if file.version.as_deref().is_some_and(|v| v != "1.0") {
        return Err(TextError::TokenizerUnsupported {
            kind: format!(
                "tokenizer.json version {:?}",
                file.version.unwrap_or_default()
            ),
        });
    }
    for chain in [&file.normalizer, &file.pre_tokenizer, &file.decoder] {
        check_chain(chain)?;
    }
    let spelling: Spelling = spelling(&file.decoder)?;

    let model = fenced("while its model was built", || model(file.model)).map_err(invalid)??;
    let added = added(file.added_tokens, config.added_tokens_decoder, &model)?;
    let mut largest = 0;
    let mut names: HashMap<u32, String> = HashMap::new();
    let by_model = model.get_vocab();
    let declared = added.iter().map(|(id, token)| (&token.content, *id));
    for (text, id) in by_model
        .iter()
        .map(|(text, id)| (text, *id))
        .chain(declared)
    {
        if id >= LARGEST_ID {
            return Err(inconsistent(format!("the token {text:?} has the id {id}")));
        }
        largest = largest.max(id as usize + 1);
        let known = names.entry(id).or_insert_with(|| text.clone());
        if known != text {
            return Err(inconsistent(format!(
                "{known:?} and {text:?} have the same id {id}"
            )));
        }
    }
    let ids: HashMap<&str, u32> = names.iter().map(|(id, t)| (t.as_str(), *id)).collect();
    if ids.len() != names.len() {
        return Err(inconsistent("one text has two ids".to_owned()));
    }
    let named = |value: &Value| ids.get(content(value)?).copied();
    let usual_ends = [
        "</s>",
        "<|endoftext|>",
        "<eos>",
        "<|end_of_text|>",
        "<|im_end|>",
    ];
    let eos = match &config.eos_token {
        Value::Null => usual_ends.iter().find_map(|text| ids.get(text).copied()),
        value => named(value),
    };
    let bos = match &config.bos_token {
        // With no word about it the post-processor says which token begins a text.
        Value::Null => None,
        value => named(value),
    };
    let also_special = [&config.pad_token, &config.unk_token]
        .into_iter()
        .filter_map(named)
        .filter(|id| added.iter().any(|(added, _)| added == id))
        .collect();
    let missing: HashMap<String, u32> = added
        .iter()
        .filter(|(_, token)| !by_model.contains_key(&token.content))
        .map(|(id, token)| (token.content.clone(), *id))
        .collect();
    Ok(Parts {
        model: SharedModel::library(model, missing),
        normalizer: part(file.normalizer)?,
        pre_tokenizer: part(file.pre_tokenizer)?,
        post_processor: part(file.post_processor)?,
        decoder: part(file.decoder)?,
        spelling,
        bos,
        eos,
        also_special,
        add_bos: config.add_bos_token.as_bool(),
        add_eos: config.add_eos_token.as_bool(),
        added,
        size: largest,
    })
}

/// A token in `tokenizer_config.json`: its text, or an object with `content`.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// A rule through the library's own reader.
fn part<T: DeserializeOwned>(value: Value) -> Result<Option<T>> {
    fenced("while its rules were built", || {
        serde_json::from_value::<Option<T>>(value)
    })
    .map_err(invalid)?
    .map_err(invalid)
}

/// Added tokens of both files, those of `tokenizer.json` first.
fn added(
    listed: Vec<Added>,
    decoder: Map<String, Value>,
    model: &ModelWrapper,
) -> Result<Vec<(u32, AddedToken)>> {
    let count = listed.len() + decoder.len();
    if count > ADDED {
        return Err(TextError::TooLarge {
            what: "the list of added tokens",
            size: count as u64,
            limit: ADDED as u64,
        });
    }
    let id_of = |id: u64, text: &str| {
        u32::try_from(id)
            .ok()
            .filter(|id| *id < LARGEST_ID)
            .ok_or_else(|| inconsistent(format!("the added token {text:?} has the id {id}")))
    };
    let mut texts: HashSet<String> = HashSet::new();
    let mut found = Vec::new();
    for Added { id, token } in listed {
        let id = id_of(id, &token.content)?;
        if token.content.is_empty() {
            continue;
        }
        if !texts.insert(token.content.clone()) {
            return Err(inconsistent(format!("{:?} is added twice", token.content)));
        }
        if model
            .token_to_id(&token.content)
            .is_some_and(|known| known != id)
        {
            return Err(inconsistent(format!(
                "the added token {:?} has the id {id}, but another in the vocabulary",
                token.content
            )));
        }
        found.push((id, token.token()));
    }
    for (id, value) in decoder {
        let Ok(id) = id.parse::<u64>() else { continue };
        let flags: Flags = serde_json::from_value(value).map_err(invalid)?;
        if flags.content.is_empty() || texts.contains(&flags.content) {
            continue;
        }
        let id = id_of(id, &flags.content)?;
        // Older exports list ids that `tokenizer.json` has for another text; that file is the one that counts.
        if model
            .token_to_id(&flags.content)
            .is_none_or(|known| known == id)
            && model
                .id_to_token(id)
                .is_none_or(|known| known == flags.content)
            && !found.iter().any(|(known, _)| *known == id)
        {
            texts.insert(flags.content.clone());
            found.push((id, flags.token()));
        }
    }
    Ok(found)
}

/// The model: byte-pair encoding is checked and built here, other kinds go through the library's reader.
fn model(value: Value) -> Result<ModelWrapper> {
    let kind = value.get("type").and_then(Value::as_str);
    let has_merges = value.get("merges").is_some();
    match kind {
        Some("BPE") => byte_pair(value),
        None if has_merges => byte_pair(value),
        Some("WordPiece" | "WordLevel" | "Unigram") | None => {
            check_vocabulary(&value)?;
            serde_json::from_value(value).map_err(invalid)
        }
        Some(other) => Err(TextError::TokenizerUnsupported {
            kind: format!("model {other:?}"),
        }),
    }
}

/// Ids of a vocabulary that is an object; a Unigram list has them by position.
fn check_vocabulary(model: &Value) -> Result<()> {
    match model.get("vocab") {
        Some(Value::Object(vocab)) => vocabulary(vocab).map(drop),
        Some(Value::Array(list)) if list.len() > LARGEST_ID as usize => Err(TextError::TooLarge {
            what: "the vocabulary",
            size: list.len() as u64,
            limit: u64::from(LARGEST_ID),
        }),
        _ => Ok(()),
    }
}

fn vocabulary(vocab: &Map<String, Value>) -> Result<HashMap<String, u32>> {
    let mut seen: HashSet<u32> = HashSet::with_capacity(vocab.len());
    let mut ids = HashMap::with_capacity(vocab.len());
    for (text, id) in vocab {
        let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
        let Some(number) = number.filter(|id| *id < LARGEST_ID) else {
            return Err(inconsistent(format!("the token {text:?} has the id {id}")));
        };
        if !seen.insert(number) {
            return Err(inconsistent(format!("the id {number} is given twice")));
        }
        ids.insert(text.clone(), number);
    }
    Ok(ids)
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

/// Byte-pair encoding. Dropout is for training tokenizers and is left out: text must always give the same ids.
fn byte_pair(mut value: Value) -> Result<ModelWrapper> {
    let (Some(Value::Object(vocab)), Some(Value::Array(merges))) = (
        value.get_mut("vocab").map(Value::take),
        value.get_mut("merges").map(Value::take),
    ) else {
        return Err(invalid("the model has no vocabulary or no merges"));
    };
    let options: Options = serde_json::from_value(value).map_err(invalid)?;
    let ids = vocabulary(&vocab)?;
    drop(vocab);
    let prefix = options.continuing_subword_prefix.as_deref().unwrap_or("");
    let mut pairs = Vec::with_capacity(merges.len());
    for merge in &merges {
        if let Some((left, right)) = merge_pair(merge, prefix, &ids)? {
            pairs.push((left, right));
        }
    }
    if let Some(unknown) = &options.unk_token
        && !ids.contains_key(unknown)
    {
        return Err(inconsistent(format!(
            "the unknown token {unknown:?} is no token"
        )));
    }
    let mut builder = BPE::builder()
        .vocab_and_merges(ids.into_iter().collect::<Vocab>(), pairs)
        .fuse_unk(options.fuse_unk.unwrap_or(false))
        .byte_fallback(options.byte_fallback.unwrap_or(false))
        .ignore_merges(options.ignore_merges.unwrap_or(false));
    if let Some(unknown) = options.unk_token {
        builder = builder.unk_token(unknown);
    }
    if let Some(prefix) = options.continuing_subword_prefix {
        builder = builder.continuing_subword_prefix(prefix);
    }
    if let Some(suffix) = options.end_of_word_suffix {
        builder = builder.end_of_word_suffix(suffix);
    }
    builder.build().map(ModelWrapper::BPE).map_err(invalid)
}

/// One merge, `"a b"` or `["a", "b"]`; none for the version line of old files.
fn merge_pair(
    merge: &Value,
    prefix: &str,
    ids: &HashMap<String, u32>,
) -> Result<Option<(String, String)>> {
    let pair = match merge {
        Value::String(line) if line.starts_with("#version") => return Ok(None),
        Value::String(line) => line
            .split_once(' ')
            .filter(|(_, right)| !right.contains(' ')),
        Value::Array(two) => match two.as_slice() {
            [Value::String(left), Value::String(right)] => Some((left.as_str(), right.as_str())),
            _ => None,
        },
        _ => None,
    };
    let Some((left, right)) = pair else {
        return Err(inconsistent(format!("{merge} is no merge of two tokens")));
    };
    let Some(rest) = right.get(prefix.len()..) else {
        return Err(inconsistent(format!(
            "the merge {merge} lacks the prefix {prefix:?}"
        )));
    };
    let joined = format!("{left}{rest}");
    for token in [left, right, &joined] {
        if !ids.contains_key(token) {
            return Err(inconsistent(format!(
                "the merge {merge} names {token:?}, which is no token"
            )));
        }
    }
    Ok(Some((left.to_owned(), right.to_owned())))
}
