//! From files to a model that is ready to answer.

use nc_model::{
    Decoder, Format, LoadProgress, Logits, ModelError, ModelFiles, ModelLocation, OpenOptions,
};
use nc_text::Tokenizer;

use crate::defaults::{OwnSampling, generation_config};
use crate::vocabulary::{Vocabulary, template_source};
use crate::{Cancel, EngineError};

/// Tokens of the first pass through a model.
const CHECK_TOKENS: u32 = 8;

/// What an opening is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenStage {
    /// Reading configuration, headers and tokenizer.
    Reading,
    /// Reading weights into memory.
    Loading,
    /// A first pass, to see that the numbers are sound.
    Checking,
}

/// How far an opening is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenProgress {
    /// What it is doing.
    pub stage: OpenStage,
    /// Bytes of weights read.
    pub done_bytes: u64,
    /// Bytes of weights to read; 0 while that is not known.
    pub total_bytes: u64,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// It has a chat template and answers.
    Chat,
    /// It continues a text.
    Base,
}

/// What is known of a loaded model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// A name for people.
    pub name: String,
    /// Chat or base.
    pub kind: ModelKind,
    /// The form its files come in.
    pub format: Format,
    /// The family, as the files name it.
    pub architecture: String,
    /// Longest context used, tokens; shorter than the model's own where memory demands it.
    pub context_tokens: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Memory of the weights and of a full context's cache.
    pub memory_bytes: u64,
    /// How its matrices are multiplied, for people: "q4_0 weights, avx512 kernels" …
    pub compute: String,
    /// The chat template's source, when there is one.
    pub chat_template: Option<String>,
    /// The token a text begins with.
    pub bos: Option<u32>,
    /// Tokens that end an answer.
    pub end_tokens: Vec<u32>,
    /// How its makers would have it sampled.
    pub sampling: OwnSampling,
}

/// A model in memory: decoder, tokenizer, template.
#[derive(Debug)]
pub struct OpenedModel {
    pub(crate) decoder: Decoder,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) info: ModelInfo,
}

impl OpenedModel {
    /// What is known of it.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.vocabulary.tokenizer
    }
}

/// Opens a model: reads and checks its files, loads the weights and runs a few tokens through it.
///
/// `cancel` is looked at before every tensor.
///
/// # Errors
/// What is wrong with the files; [`ModelError::Cancelled`]; [`ModelError::LogitsNotFinite`] from the first pass.
pub fn open(
    location: &ModelLocation,
    options: &OpenOptions,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(OpenProgress),
) -> Result<OpenedModel, EngineError> {
    let mut tell = |stage, load: LoadProgress| {
        on_progress(OpenProgress {
            stage,
            done_bytes: load.done_bytes,
            total_bytes: load.total_bytes,
        });
    };
    let mut progress = LoadProgress {
        done_bytes: 0,
        total_bytes: 0,
    };
    tell(OpenStage::Reading, progress);
    let files = ModelFiles::open(location)?;
    let vocabulary = Vocabulary::read(&files)?;
    let loaded = files.load(options, &mut |load| {
        progress = load;
        tell(OpenStage::Loading, load);
        cancel.flow()
    })?;
    tell(OpenStage::Checking, progress);
    check_logits(&loaded.decoder, &vocabulary.tokenizer)?;
    if cancel.is_cancelled() {
        return Err(ModelError::Cancelled.into());
    }
    let inspection = files.inspection();
    let chat_template = vocabulary
        .template
        .as_ref()
        .map(|(source, _)| source.clone());
    let info = ModelInfo {
        name: inspection.name,
        kind: match chat_template.is_some() {
            true => ModelKind::Chat,
            false => ModelKind::Base,
        },
        format: inspection.format,
        architecture: inspection.architecture,
        context_tokens: loaded.context_tokens as u32,
        vocabulary: inspection.vocabulary,
        memory_bytes: loaded.memory_bytes,
        compute: format!(
            "{} weights, {}",
            inspection.weight_type.to_lowercase(),
            kernels(&loaded.decoder)
        ),
        chat_template,
        bos: vocabulary.tokenizer.bos(),
        end_tokens: vocabulary.end_tokens.clone(),
        sampling: OwnSampling::of(generation_config(&files)?.as_ref()),
    };
    Ok(OpenedModel {
        decoder: loaded.decoder,
        vocabulary,
        info,
    })
}

/// The kernels a decoder reads and writes with, for people.
fn kernels(decoder: &Decoder) -> String {
    let paths = decoder.compute().paths;
    match paths.prefill == paths.decode {
        true => format!("{} kernels", paths.decode),
        false => format!(
            "{} kernels for reading, {} for writing",
            paths.prefill, paths.decode
        ),
    }
}

/// Weights that are finite one by one may still overflow together.
fn check_logits(decoder: &Decoder, tokenizer: &Tokenizer) -> Result<(), EngineError> {
    let spec = decoder.spec();
    let known = spec.vocabulary.min(tokenizer.vocabulary()) as u32;
    let count = CHECK_TOKENS.min(spec.context_tokens as u32);
    // Spread over the vocabulary, since special tokens at its beginning may be untrained.
    let tokens: Vec<u32> = (0..count).map(|i| i * (known / count)).collect();
    let mut cache = decoder.new_cache(tokens.len());
    let logits = decoder.forward(&tokens, &mut cache, Logits::All)?;
    match logits.iter().all(|logit| logit.is_finite()) {
        true => Ok(()),
        false => Err(ModelError::LogitsNotFinite.into()),
    }
}

/// What a model's files say, its chat template included.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What configuration and weight files say.
    pub model: nc_model::Inspection,
    /// The chat template's source, when there is one.
    pub chat_template: Option<String>,
}

/// Reads what a model's files say, without weights.
///
/// # Errors
/// What is wrong with the files.
pub fn inspect(location: &ModelLocation) -> Result<Inspection, EngineError> {
    let files = ModelFiles::open(location)?;
    Ok(Inspection {
        model: files.inspection(),
        chat_template: template_source(&files)?,
    })
}
