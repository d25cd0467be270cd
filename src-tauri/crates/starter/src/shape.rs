//! The model before it has learnt anything: its shape, and random weights.

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use crate::error::Result;
use crate::files::write;
use crate::random::{Purpose, Random};
use crate::vocabulary::{CONTEXT_TOKENS, TOKENS};

/// Sizes of a Llama. Every row of every matrix is a multiple of 256, so that each block format can store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Width of the stream.
    pub hidden: usize,
    /// Width between the two halves of an MLP.
    pub intermediate: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
}

/// The starter's.
pub const SHAPE: Shape = Shape {
    hidden: 256,
    intermediate: 512,
    layers: 4,
    heads: 8,
    kv_heads: 4,
};

/// Deviation of the first weights. The usual 0.02 is meant for streams several times as wide.
const DEVIATION: f32 = 0.04;

impl Shape {
    /// Every tensor: name, rows, columns (0 for a vector), and whether it adds to the stream.
    fn tensors(self) -> Vec<(String, usize, usize, bool)> {
        let head = self.hidden / self.heads;
        let mut tensors = vec![(
            "model.embed_tokens.weight".to_owned(),
            TOKENS,
            self.hidden,
            false,
        )];
        for layer in 0..self.layers {
            let mut add = |name: &str, rows, columns, adds| {
                tensors.push((
                    format!("model.layers.{layer}.{name}.weight"),
                    rows,
                    columns,
                    adds,
                ));
            };
            add("input_layernorm", self.hidden, 0, false);
            add("self_attn.q_proj", self.heads * head, self.hidden, false);
            add("self_attn.k_proj", self.kv_heads * head, self.hidden, false);
            add("self_attn.v_proj", self.kv_heads * head, self.hidden, false);
            add("self_attn.o_proj", self.hidden, self.heads * head, true);
            add("post_attention_layernorm", self.hidden, 0, false);
            add("mlp.gate_proj", self.intermediate, self.hidden, false);
            add("mlp.up_proj", self.intermediate, self.hidden, false);
            add("mlp.down_proj", self.hidden, self.intermediate, true);
        }
        tensors.push(("model.norm.weight".to_owned(), self.hidden, 0, false));
        tensors
    }

    /// How many numbers the model has.
    pub fn parameters(self) -> usize {
        let sizes = self.tensors().into_iter();
        sizes
            .map(|(_, rows, columns, _)| rows * columns.max(1))
            .sum()
    }

    /// Writes config.json, generation_config.json and random weights in bfloat16.
    ///
    /// What adds to the stream begins smaller, by the root of how often it is added to (Radford et al. 2019).
    ///
    /// # Errors
    /// [`StarterError::File`](crate::StarterError::File).
    pub fn write(self, seed: u64, folder: &Path) -> Result<()> {
        let config = json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": TOKENS,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.hidden / self.heads,
            "max_position_embeddings": CONTEXT_TOKENS,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": true,
            "rope_theta": 10000.0,
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "pad_token_id": 0,
            "dtype": "bfloat16",
            "torch_dtype": "bfloat16",
        });
        write(
            &folder.join("config.json"),
            format!("{config:#}\n").as_bytes(),
        )?;
        let generation = json!({
            "bos_token_id": 0,
            "eos_token_id": [2, 0],
            "pad_token_id": 0,
            "do_sample": true,
            "temperature": 0.3,
            "top_p": 0.9,
            "max_new_tokens": 256,
        });
        write(
            &folder.join("generation_config.json"),
            format!("{generation:#}\n").as_bytes(),
        )?;
        let mut random = Random::new(seed, Purpose::Weights);
        let residual = DEVIATION / ((2 * self.layers) as f32).sqrt();
        let made: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .tensors()
            .into_iter()
            .map(|(name, rows, columns, adds)| match columns {
                0 => (name, vec![rows], bytes((0..rows).map(|_| 1.0))),
                _ => {
                    let deviation = if adds { residual } else { DEVIATION };
                    let values = (0..rows * columns).map(|_| random.normal() * deviation);
                    let values = bytes(values);
                    (name, vec![rows, columns], values)
                }
            })
            .collect();
        let views = made
            .iter()
            .map(|(name, shape, bytes)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::BF16, shape.clone(), bytes)?,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = [("format".to_owned(), "pt".to_owned())]
            .into_iter()
            .collect();
        let file = safetensors::serialize(views, Some(metadata))?;
        write(&folder.join("model.safetensors"), &file)
    }
}

/// Rounded to bfloat16, the nearest, ties to even.
fn bytes(values: impl Iterator<Item = f32>) -> Vec<u8> {
    let rounded = values.map(|value| {
        let bits = value.to_bits();
        ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
    });
    rounded.flat_map(u16::to_le_bytes).collect()
}
