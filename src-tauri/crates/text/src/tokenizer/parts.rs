//! What both kinds of files are turned into, and the tokenizer made of it.

use std::collections::{HashMap, HashSet};

use tokenizers::{
    AddedToken, DecoderWrapper, Model, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, TokenizerBuilder,
};

use super::decode::Spelling;
use super::model::SharedModel;
use super::{ControlToken, Inner, Shared, add};
use crate::error::{Result, TextError};

/// Largest token id accepted; the largest published vocabularies stay under 300,000.
pub(super) const LARGEST_ID: u32 = 1 << 22;

/// A tokenizer's checked parts.
pub(super) struct Parts {
    pub(super) model: SharedModel,
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(super) post_processor: Option<PostProcessorWrapper>,
    pub(super) decoder: Option<DecoderWrapper>,
    pub(super) spelling: Spelling,
    /// Added tokens with the ids that the file declares for them.
    pub(super) added: Vec<(u32, AddedToken)>,
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    /// Tokens that are special besides those marked so (padding, unknown).
    pub(super) also_special: Vec<u32>,
    /// What the file says about adding BOS and EOS; none leaves it to the post-processor.
    pub(super) add_bos: Option<bool>,
    pub(super) add_eos: Option<bool>,
    /// Largest id plus one.
    pub(super) size: usize,
}

/// Builds both tokenizers over one model, and learns what the post-processor adds.
pub(super) fn assemble(parts: Parts) -> Result<Shared> {
    let special: HashSet<u32> = parts
        .added
        .iter()
        .filter(|(_, token)| token.special || steers(&token.content))
        .map(|(id, _)| *id)
        .chain(parts.bos)
        .chain(parts.eos)
        .chain(parts.also_special.iter().copied())
        .collect();
    let mut control: Vec<ControlToken> = Vec::new();
    let mut listed: HashSet<u32> = HashSet::new();
    for (id, token) in parts.added.iter().filter(|(id, _)| special.contains(id)) {
        listed.insert(*id);
        control.push(ControlToken {
            id: *id,
            text: token.content.clone(),
            strip_left: token.lstrip,
            strip_right: token.rstrip,
        });
    }
    // BOS and the like may be plain entries of the vocabulary.
    for &id in special.difference(&listed) {
        if let Some(text) = parts.model.id_to_token(id) {
            control.push(ControlToken {
                id,
                text,
                strip_left: false,
                strip_right: false,
            });
        }
    }
    control.sort_by_key(|token| token.id);

    let tokens: Vec<AddedToken> = parts.added.iter().map(|(_, t)| t.clone()).collect();
    let silent: Vec<AddedToken> = parts
        .added
        .iter()
        .map(|(id, token)| token.clone().special(special.contains(id)))
        .collect();
    let normalizer = parts.normalizer.as_ref();
    let added_parsing = add(tokens, &parts.model, normalizer)?;
    for (id, token) in &parts.added {
        let given = added_parsing.token_to_id(&token.content, &parts.model);
        if given != Some(*id) {
            return Err(TextError::VocabularyInconsistent {
                cause: format!(
                    "the added token {:?} is declared as {id} but is {given:?} in the vocabulary",
                    token.content
                ),
            });
        }
    }
    let mut added_plain = add(silent, &parts.model, normalizer)?;
    added_plain.set_encode_special_tokens(true);

    let builder = TokenizerBuilder::default()
        .with_model(parts.model)
        .with_normalizer(parts.normalizer)
        .with_pre_tokenizer(parts.pre_tokenizer)
        .with_post_processor(parts.post_processor)
        .with_decoder(parts.decoder)
        .with_added_vocabulary(added_parsing);
    let mut parsing: Inner = builder
        .build()
        .map_err(|error| TextError::TokenizerInvalid {
            cause: error.to_string(),
        })?;
    let (mut prefix, mut suffix) = additions(&parsing)?;
    // Kept out of the way from here on: it would add its tokens, and trims the places of tokens.
    parsing.with_post_processor(None::<PostProcessorWrapper>);
    let size = u32::try_from(parts.size).unwrap_or(u32::MAX);
    if let Some(id) = prefix.iter().chain(&suffix).find(|&&id| id >= size) {
        return Err(TextError::VocabularyInconsistent {
            cause: format!("the post-processor adds token {id}, which does not exist"),
        });
    }
    let bos = parts.bos.or_else(|| prefix.first().copied());
    set(&mut prefix, bos, parts.add_bos, true);
    set(&mut suffix, parts.eos, parts.add_eos, false);

    let mut plain = parsing.clone();
    plain.with_added_vocabulary(added_plain);
    let added: HashMap<u32, String> = parts
        .added
        .into_iter()
        .map(|(id, token)| (id, token.content))
        .collect();
    Ok(Shared {
        parsing,
        plain,
        spelling: parts.spelling,
        added,
        control,
        bos,
        eos: parts.eos,
        prefix,
        suffix,
        size: parts.size,
    })
}

/// Adds or takes out one token as the file asks.
fn set(ids: &mut Vec<u32>, token: Option<u32>, wanted: Option<bool>, front: bool) {
    let (Some(token), Some(wanted)) = (token, wanted) else {
        return;
    };
    if !wanted {
        ids.retain(|&id| id != token);
    } else if !ids.contains(&token) {
        ids.insert(if front { 0 } else { ids.len() }, token);
    }
}

/// The ids that the post-processor puts before and after a text.
fn additions(inner: &Inner) -> Result<(Vec<u32>, Vec<u32>)> {
    if inner.get_post_processor().is_none() {
        return Ok((Vec::new(), Vec::new()));
    }
    let ids = |text: &str, add: bool| {
        inner
            .encode_fast(text, add)
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|error| TextError::TokenizerInvalid {
                cause: error.to_string(),
            })
    };
    for probe in ["a", "0", " "] {
        let bare = ids(probe, false)?;
        let whole = ids(probe, true)?;
        if bare.is_empty() {
            continue;
        }
        let found = whole.windows(bare.len()).position(|window| window == bare);
        if let Some(at) = found {
            let after = whole[at + bare.len()..].to_vec();
            return Ok((whole[..at].to_vec(), after));
        }
    }
    Ok((ids("", true)?, Vec::new()))
}

/// Tokens that mark turns although some files list them as ordinary ones.
fn steers(text: &str) -> bool {
    let marked = text.len() > 4
        && ((text.starts_with("<|") && text.ends_with("|>"))
            || (text.starts_with("<｜") && text.ends_with("｜>")));
    marked
        || matches!(
            text,
            "<s>"
                | "</s>"
                | "<start_of_turn>"
                | "<end_of_turn>"
                | "[INST]"
                | "[/INST]"
                | "<<SYS>>"
                | "<</SYS>>"
                | "<bos>"
                | "<eos>"
                | "<pad>"
                | "<unk>"
        )
}
