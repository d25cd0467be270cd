//! Adapters as [PEFT](https://github.com/huggingface/peft) writes and reads them, and their merging into a model's weights.
//!
//! A folder holds `adapter_config.json` and `adapter_model.safetensors`. Its tensors are named after the modules of the
//! Hugging Face model, `base_model.model.` before and `.lora_A.weight`, `(rank, inputs)`, or `.lora_B.weight`,
//! `(outputs, rank)`, behind. Rows of B are in the order of the Hugging Face checkpoint: GGUF files of the Llama
//! architecture hold the rows of queries and keys in another, so that rows of B are exchanged on the way in and out.

mod config;
mod error;
mod merge;
mod output;
mod read;
mod write;

pub use error::AdapterError;
pub use merge::{MergeOptions, merge, write_trained};
pub use read::read_adapter;
pub use write::write_adapter;

use crate::{ModelFiles, Pairing, Positions, Site, TensorRole};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT wraps a model in.
const PREFIX: &str = "base_model.model.";

/// The module of a projection in the Hugging Face model, `model.layers.0.self_attn.q_proj`.
fn module(files: &ModelFiles, layer: usize, site: Site) -> String {
    let mut name = files.checkpoint_name(TensorRole::Layer(layer, site.weight()));
    name.truncate(name.strip_suffix(".weight").map_or(name.len(), str::len));
    name
}

/// Where these files hold a projection's row of the Hugging Face checkpoint.
///
/// Value `i` of a head turns with value `i + width / 2` there; where neighbours turn together, converters have put both side
/// by side.
fn row_in_files(files: &ModelFiles, site: Site, row: usize) -> usize {
    let Positions::Rotary(rotary) = files.spec().positions;
    let turned = matches!(site, Site::Query | Site::Key);
    if !turned || files.gguf().is_none() || rotary.pairing != Pairing::Neighbours {
        return row;
    }
    let width = files.spec().attention.head_dim;
    let (head, within) = (row / width, row % width);
    let half = width / 2;
    head * width + within % half * 2 + within / half
}
