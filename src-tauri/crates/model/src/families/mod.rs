//! Model families: how each one's configuration and tensor names become a [`DecoderSpec`].
//!
//! The family is decided by `model_type` of a config, or `general.architecture` of a GGUF file, never by a file's name.

mod llama;

use crate::config::Config;
use crate::gguf::Header;
use crate::{DecoderSpec, ModelError, TensorRole};

/// One family: functions only, no state.
#[derive(Debug)]
pub(crate) struct Family {
    /// What `model_type` and `general.architecture` say.
    pub(crate) name: &'static str,
    /// The spec of a Hugging Face config.
    pub(crate) from_config: fn(Config<'_>) -> Result<DecoderSpec, ModelError>,
    /// The name of a tensor in a Hugging Face checkpoint.
    pub(crate) checkpoint_name: fn(TensorRole) -> String,
    /// The spec of a GGUF file.
    pub(crate) from_gguf: fn(&Header<'_>) -> Result<DecoderSpec, ModelError>,
    /// The name of a tensor in a GGUF file.
    pub(crate) gguf_name: fn(TensorRole) -> String,
}

const FAMILIES: [Family; 1] = [llama::FAMILY];

/// The families this program knows, as files name them.
pub fn supported_families() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.name).collect()
}

/// The family of that name.
///
/// # Errors
/// [`ModelError::UnsupportedFamily`].
pub(crate) fn family(name: &str) -> Result<&'static Family, ModelError> {
    const KNOWN: &[Family] = &FAMILIES;
    KNOWN
        .iter()
        .find(|family| family.name == name)
        .ok_or_else(|| ModelError::UnsupportedFamily {
            found: name.chars().take(60).collect(),
            supported: supported_families(),
        })
}
