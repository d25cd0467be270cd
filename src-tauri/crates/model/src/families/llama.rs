//! Llama 1 to 3.3 and everything published in their shape.
//!
//! Reference: <https://github.com/huggingface/transformers/blob/main/src/transformers/models/llama/modeling_llama.py>

use super::Family;
use crate::config::Config;
use crate::gguf::Header;
use crate::{
    AttentionShape, DecoderSpec, LayerTensor, Mlp, MlpKind, ModelError, Norm, Pairing, Positions,
    Rotary, RotaryScaling, TensorRole,
};

const NAME: &str = "llama";

pub(super) const FAMILY: Family = Family {
    name: NAME,
    from_config,
    checkpoint_name,
    from_gguf,
    gguf_name,
};

fn from_config(config: Config<'_>) -> Result<DecoderSpec, ModelError> {
    if let Some(activation) = config.word("hidden_act")?
        && activation != "silu"
    {
        return Err(ModelError::unsupported(format!(
            "the activation \"{activation}\""
        )));
    }
    if config.get("quantization_config").is_some() {
        return Err(ModelError::unsupported("quantised safetensors weights"));
    }
    let hidden_size = config.needed_count("hidden_size")?;
    let heads = config.needed_count("num_attention_heads")?;
    let head_dim = match config.count("head_dim")? {
        Some(head_dim) => head_dim,
        None => hidden_size.checked_div(heads).unwrap_or(0),
    };
    Ok(DecoderSpec {
        family: NAME,
        vocabulary: config.needed_count("vocab_size")?,
        hidden_size,
        layers: config.needed_count("num_hidden_layers")?,
        context_tokens: config.count("max_position_embeddings")?.unwrap_or(2048),
        norm: Norm::RootMeanSquare {
            epsilon: config.number("rms_norm_eps")?.unwrap_or(1e-6),
        },
        attention: AttentionShape {
            heads,
            kv_heads: config.count("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            input_bias: config.flag("attention_bias")?,
            output_bias: config.flag("attention_bias")?,
        },
        positions: Positions::Rotary(rotary_of_config(config)?),
        mlp: Mlp {
            kind: MlpKind::GatedSilu,
            intermediate_size: config.needed_count("intermediate_size")?,
            bias: config.flag("mlp_bias")?,
        },
        tied_output: config.flag("tie_word_embeddings")?,
    })
}

/// transformers 4 writes `rope_theta` and `rope_scaling`, transformers 5 both together in `rope_parameters`.
fn rotary_of_config(config: Config<'_>) -> Result<Rotary, ModelError> {
    let parameters = config.section("rope_parameters");
    let theta = match parameters {
        Some(parameters) => parameters.number("rope_theta")?,
        None => None,
    };
    let theta = match theta {
        Some(theta) => theta,
        None => config.number("rope_theta")?.unwrap_or(10_000.0),
    };
    let scaling = match parameters.or_else(|| config.section("rope_scaling")) {
        Some(section) => scaling_of_config(section)?,
        None => RotaryScaling::Plain,
    };
    Ok(Rotary {
        theta,
        pairing: Pairing::Halves,
        scaling,
    })
}

fn scaling_of_config(section: Config<'_>) -> Result<RotaryScaling, ModelError> {
    // `type` is the older spelling.
    let kind = match section.word("rope_type")? {
        Some(kind) => kind,
        None => section.word("type")?.unwrap_or("default"),
    };
    match kind {
        "default" => Ok(RotaryScaling::Plain),
        "linear" => Ok(RotaryScaling::Linear {
            factor: section.needed_number("factor")?,
        }),
        "llama3" => Ok(RotaryScaling::Llama3 {
            factor: section.needed_number("factor")?,
            low: section.needed_number("low_freq_factor")?,
            high: section.needed_number("high_freq_factor")?,
            original_context: section.needed_number("original_max_position_embeddings")?,
        }),
        other => Err(ModelError::unsupported(format!(
            "rotary positions of the kind \"{other}\""
        ))),
    }
}

fn from_gguf(header: &Header<'_>) -> Result<DecoderSpec, ModelError> {
    if header.count("expert_count")?.unwrap_or(0) > 0 {
        return Err(ModelError::unsupported("a mixture of experts"));
    }
    if header.count("attention.sliding_window")?.unwrap_or(0) > 0 {
        return Err(ModelError::unsupported("sliding-window attention"));
    }
    let vocabulary = header.rows(&gguf_name(TensorRole::Embedding)).unwrap_or(0);
    let hidden_size = header.needed_count("embedding_length")?;
    let heads = header.needed_count("attention.head_count")?;
    let head_dim = match header.count("attention.key_length")? {
        Some(head_dim) => head_dim,
        None => hidden_size.checked_div(heads).unwrap_or(0),
    };
    if header
        .count("attention.value_length")?
        .is_some_and(|width| width != head_dim)
    {
        return Err(ModelError::unsupported("values of another width than keys"));
    }
    if header
        .count("rope.dimension_count")?
        .is_some_and(|width| width != head_dim)
    {
        return Err(ModelError::unsupported(
            "rotary positions on a part of each head",
        ));
    }
    let bias = |tensor| header.has(&gguf_name(TensorRole::Layer(0, tensor)));
    Ok(DecoderSpec {
        family: NAME,
        vocabulary,
        hidden_size,
        layers: header.needed_count("block_count")?,
        context_tokens: header.count("context_length")?.unwrap_or(2048),
        norm: Norm::RootMeanSquare {
            epsilon: header.needed_number("attention.layer_norm_rms_epsilon")?,
        },
        attention: AttentionShape {
            heads,
            kv_heads: header.count("attention.head_count_kv")?.unwrap_or(heads),
            head_dim,
            input_bias: bias(LayerTensor::QueryBias),
            output_bias: bias(LayerTensor::AttentionOutputBias),
        },
        positions: Positions::Rotary(Rotary {
            theta: header.number("rope.freq_base")?.unwrap_or(10_000.0),
            pairing: Pairing::Neighbours,
            scaling: scaling_of_gguf(header)?,
        }),
        mlp: Mlp {
            kind: MlpKind::GatedSilu,
            intermediate_size: header.needed_count("feed_forward_length")?,
            bias: bias(LayerTensor::GateBias),
        },
        tied_output: !header.has(&gguf_name(TensorRole::Output)),
    })
}

fn scaling_of_gguf(header: &Header<'_>) -> Result<RotaryScaling, ModelError> {
    if header.has(&gguf_name(TensorRole::RotaryDivisors)) {
        return Ok(RotaryScaling::Stored);
    }
    match header.word("rope.scaling.type")? {
        None | Some("none") => Ok(RotaryScaling::Plain),
        Some("linear") => Ok(RotaryScaling::Linear {
            factor: header.needed_number("rope.scaling.factor")?,
        }),
        Some(other) => Err(ModelError::unsupported(format!(
            "rotary positions of the kind \"{other}\""
        ))),
    }
}

fn checkpoint_name(role: TensorRole) -> String {
    match role {
        TensorRole::Embedding => "model.embed_tokens.weight".to_owned(),
        TensorRole::OutputNorm => "model.norm.weight".to_owned(),
        TensorRole::Output => "lm_head.weight".to_owned(),
        TensorRole::RotaryDivisors => "rope_freqs.weight".to_owned(),
        TensorRole::Layer(layer, tensor) => {
            let name = match tensor {
                LayerTensor::AttentionNorm => "input_layernorm.weight",
                LayerTensor::Query => "self_attn.q_proj.weight",
                LayerTensor::Key => "self_attn.k_proj.weight",
                LayerTensor::Value => "self_attn.v_proj.weight",
                LayerTensor::AttentionOutput => "self_attn.o_proj.weight",
                LayerTensor::QueryBias => "self_attn.q_proj.bias",
                LayerTensor::KeyBias => "self_attn.k_proj.bias",
                LayerTensor::ValueBias => "self_attn.v_proj.bias",
                LayerTensor::AttentionOutputBias => "self_attn.o_proj.bias",
                LayerTensor::MlpNorm => "post_attention_layernorm.weight",
                LayerTensor::Gate => "mlp.gate_proj.weight",
                LayerTensor::Up => "mlp.up_proj.weight",
                LayerTensor::Down => "mlp.down_proj.weight",
                LayerTensor::GateBias => "mlp.gate_proj.bias",
                LayerTensor::UpBias => "mlp.up_proj.bias",
                LayerTensor::DownBias => "mlp.down_proj.bias",
            };
            format!("model.layers.{layer}.{name}")
        }
    }
}

fn gguf_name(role: TensorRole) -> String {
    match role {
        TensorRole::Embedding => "token_embd.weight".to_owned(),
        TensorRole::OutputNorm => "output_norm.weight".to_owned(),
        TensorRole::Output => "output.weight".to_owned(),
        TensorRole::RotaryDivisors => "rope_freqs.weight".to_owned(),
        TensorRole::Layer(layer, tensor) => {
            let name = match tensor {
                LayerTensor::AttentionNorm => "attn_norm.weight",
                LayerTensor::Query => "attn_q.weight",
                LayerTensor::Key => "attn_k.weight",
                LayerTensor::Value => "attn_v.weight",
                LayerTensor::AttentionOutput => "attn_output.weight",
                LayerTensor::QueryBias => "attn_q.bias",
                LayerTensor::KeyBias => "attn_k.bias",
                LayerTensor::ValueBias => "attn_v.bias",
                LayerTensor::AttentionOutputBias => "attn_output.bias",
                LayerTensor::MlpNorm => "ffn_norm.weight",
                LayerTensor::Gate => "ffn_gate.weight",
                LayerTensor::Up => "ffn_up.weight",
                LayerTensor::Down => "ffn_down.weight",
                LayerTensor::GateBias => "ffn_gate.bias",
                LayerTensor::UpBias => "ffn_up.bias",
                LayerTensor::DownBias => "ffn_down.bias",
            };
            format!("blk.{layer}.{name}")
        }
    }
}
