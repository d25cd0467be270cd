//! Tokenizer, chat template and end tokens, from a model's files.

use nc_model::{ModelFiles, ModelLocation};
use nc_text::{ChatTemplate, GgufVocab, TextError, Tokenizer, find_chat_template};
use serde_json::Value;

use crate::EngineError;
use crate::defaults::generation_config;

/// Tokens that end an answer where they are control tokens, whatever the configuration says: chat templates end turns with them.
const TURN_ENDS: [&str; 6] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
];

/// What turns text into tokens for one model.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) tokenizer: Tokenizer,
    /// The template's source, and the template or why it does not compile.
    pub(crate) template: Option<(String, Result<ChatTemplate, TextError>)>,
    /// An answer ends before any of these.
    pub(crate) end_tokens: Vec<u32>,
}

/// Reads a model's tokenizer and nothing else of it.
///
/// # Errors
/// [`EngineError::TokenizerMissing`], or what is wrong with the files.
pub fn open_tokenizer(location: &ModelLocation) -> Result<Tokenizer, EngineError> {
    tokenizer(&ModelFiles::open(location)?)
}

/// A model's tokenizer, and the source of its chat template if it has one: what training needs beside the weights.
///
/// # Errors
/// [`EngineError::TokenizerMissing`], or what is wrong with the files.
pub fn tokenizer_and_template(
    files: &ModelFiles,
) -> Result<(Tokenizer, Option<String>), EngineError> {
    Ok((tokenizer(files)?, template_source(files)?))
}

impl Vocabulary {
    pub(crate) fn read(files: &ModelFiles) -> Result<Self, EngineError> {
        let tokenizer = tokenizer(files)?;
        let template = template_source(files)?.map(|source| {
            let spelled = |token: Option<u32>| token.and_then(|id| tokenizer.token_text(id));
            let (bos, eos) = (spelled(tokenizer.bos()), spelled(tokenizer.eos()));
            let template = ChatTemplate::new(&source, bos.as_deref(), eos.as_deref());
            (source, template)
        });
        let end_tokens = end_tokens(files, &tokenizer)?;
        Ok(Self {
            tokenizer,
            template,
            end_tokens,
        })
    }
}

fn tokenizer(files: &ModelFiles) -> Result<Tokenizer, EngineError> {
    let missing = || EngineError::TokenizerMissing {
        model: files.name().to_owned(),
    };
    if let Some(file) = files.gguf() {
        let vocab = gguf_vocab(file.metadata()).ok_or_else(missing)?;
        return Ok(Tokenizer::from_gguf(&vocab)?);
    }
    let json = files.text("tokenizer.json")?.ok_or_else(missing)?;
    let config = files.text("tokenizer_config.json")?;
    Ok(Tokenizer::from_bytes(
        json.as_bytes(),
        config.as_deref().map(str::as_bytes),
    )?)
}

/// None where the file has no vocabulary.
fn gguf_vocab(metadata: &nc_model::Metadata) -> Option<GgufVocab> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let id = |name| {
        metadata
            .u64(&key(name))
            .and_then(|id| u32::try_from(id).ok())
    };
    Some(GgufVocab {
        model: metadata.str(&key("model"))?.to_owned(),
        pre: metadata.str(&key("pre")).map(str::to_owned),
        tokens: metadata.strings(&key("tokens"))?,
        scores: metadata.f32s(&key("scores")).unwrap_or_default(),
        types: metadata.i32s(&key("token_type")).unwrap_or_default(),
        merges: metadata.strings(&key("merges")).unwrap_or_default(),
        bos: id("bos_token_id"),
        eos: id("eos_token_id"),
        unk: id("unknown_token_id"),
        add_bos: metadata.bool(&key("add_bos_token")),
        add_eos: metadata.bool(&key("add_eos_token")),
        add_space_prefix: metadata.bool(&key("add_space_prefix")),
    })
}

pub(crate) fn template_source(files: &ModelFiles) -> Result<Option<String>, EngineError> {
    let gguf = files
        .gguf()
        .and_then(|file| file.metadata().str("tokenizer.chat_template"));
    let own = match files.text("chat_template.jinja")? {
        Some(own) => Some(own),
        None => files.text("chat_template.json")?,
    };
    let config = files.text("tokenizer_config.json")?;
    Ok(find_chat_template(
        config.as_deref().map(str::as_bytes),
        own.as_deref().map(str::as_bytes),
        gguf,
    ))
}

fn end_tokens(files: &ModelFiles, tokenizer: &Tokenizer) -> Result<Vec<u32>, EngineError> {
    let mut ends: Vec<u32> = tokenizer.eos().into_iter().collect();
    // generation_config.json is the newer place; config.json counts only where there is none.
    let configured = match generation_config(files)? {
        Some(config) => Some(config),
        None => files
            .text("config.json")?
            .and_then(|text| serde_json::from_str::<Value>(&text).ok()),
    };
    match configured
        .as_ref()
        .and_then(|config| config.get("eos_token_id"))
    {
        Some(Value::Array(ids)) => ends.extend(ids.iter().filter_map(token_id)),
        Some(id) => ends.extend(token_id(id)),
        None => {}
    }
    if let Some(file) = files.gguf() {
        let ids = ["eot_token_id", "eom_token_id"].into_iter();
        ends.extend(ids.filter_map(|key| {
            let id = file.metadata().u64(&format!("tokenizer.ggml.{key}"))?;
            u32::try_from(id).ok()
        }));
    }
    let turn_ends = TURN_ENDS
        .into_iter()
        .filter_map(|text| tokenizer.token_id(text));
    ends.extend(turn_ends.filter(|&id| tokenizer.is_special(id)));
    ends.sort_unstable();
    ends.dedup();
    Ok(ends)
}

fn token_id(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}
