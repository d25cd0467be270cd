//! What a model's files say, told without reading weights.

use std::collections::BTreeMap;

use crate::{Format, ModelError, ModelFiles, ModelLocation};

/// What a model's files say.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// A name for people.
    pub name: String,
    /// The form it comes in.
    pub format: Format,
    /// The family, as the files name it.
    pub architecture: String,
    /// Number of weights, shared ones counted once.
    pub parameters: u64,
    /// Bytes of the weight files.
    pub file_bytes: u64,
    /// Memory needed once loaded: weights and a full context's cache.
    pub memory_bytes: u64,
    /// The type most weights are stored in: `F32`, `BF16`, `Q4_K` …
    pub weight_type: String,
    /// Layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Attention heads.
    pub heads: u32,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Longest context, tokens.
    pub context_tokens: u32,
    /// Tensors in the files.
    pub tensors: u32,
}

/// Opens the files and tells what they hold; the same checks as before loading.
///
/// # Errors
/// Those of [`ModelFiles::open`].
pub fn inspect(location: &ModelLocation) -> Result<Inspection, ModelError> {
    Ok(ModelFiles::open(location)?.inspection())
}

impl ModelFiles {
    /// What these files say.
    pub fn inspection(&self) -> Inspection {
        // A checked spec has no count beyond 2^27; a file, no more than 2^20 tensors.
        let spec = self.spec();
        let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
        for info in self.tensors().values() {
            *by_type.entry(info.weight_type.name()).or_default() += info.weights() as u64;
        }
        let most = by_type.into_iter().max_by_key(|(_, weights)| *weights);
        Inspection {
            name: self.name().to_owned(),
            format: self.format(),
            architecture: spec.family.to_owned(),
            parameters: spec.parameters(),
            file_bytes: self.file_bytes(),
            memory_bytes: self
                .weight_memory_bytes()
                .saturating_add(spec.cache_bytes(self.cache_element(), spec.context_tokens)),
            weight_type: most.map(|(name, _)| name.to_owned()).unwrap_or_default(),
            layers: spec.layers as u32,
            hidden_size: spec.hidden_size as u32,
            heads: spec.attention.heads as u32,
            kv_heads: spec.attention.kv_heads as u32,
            vocabulary: spec.vocabulary as u32,
            context_tokens: spec.context_tokens as u32,
            tensors: self.tensors().len() as u32,
        }
    }
}
