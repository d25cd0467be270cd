//! What a decoder is made of: the one description that every family is turned into.

use crate::ModelError;

/// A decoder-only transformer, described. Families differ only in these values, never in code paths of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderSpec {
    /// The family, as the files name it (`llama`).
    pub family: &'static str,
    /// Rows of the embedding and of the output, tokens.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// The longest context the model was made for, tokens.
    pub context_tokens: usize,
    /// How the residual stream is normalised before attention, before the MLP and before the output.
    pub norm: Norm,
    /// How the attention heads are laid out.
    pub attention: AttentionShape,
    /// How a token learns its place.
    pub positions: Positions,
    /// The feed-forward part of a layer.
    pub mlp: Mlp,
    /// The output shares its weights with the embedding.
    pub tied_output: bool,
}

/// A normalisation over the residual stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// `x / sqrt(mean(x²) + epsilon) · weight`.
    RootMeanSquare {
        /// Added to the mean square.
        epsilon: f32,
    },
}

/// Number and width of the attention heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; `heads / kv_heads` query heads share one.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Query, key and value projections add a bias.
    pub input_bias: bool,
    /// The output projection adds a bias.
    pub output_bias: bool,
}

/// A position scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// Queries and keys are turned by an angle that grows with the position (RoPE).
    Rotary(Rotary),
}

/// The angles of rotary positions: frequency `i` is `theta^(-2i / head_dim)`, then scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotary {
    /// The base of the frequencies.
    pub theta: f32,
    /// Which two values of a head turn together.
    pub pairing: Pairing,
    /// How the frequencies are stretched for longer contexts.
    pub scaling: RotaryScaling,
}

/// Which two values of a head turn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Value `i` with value `i + head_dim / 2`, as Hugging Face checkpoints are laid out.
    Halves,
    /// Value `2i` with value `2i + 1`, as GGUF files of the Llama architecture are laid out.
    Neighbours,
}

/// A stretching of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RotaryScaling {
    /// None.
    Plain,
    /// Every frequency is divided by the factor.
    Linear {
        /// The divisor.
        factor: f32,
    },
    /// Llama 3: low frequencies are divided by the factor, high ones kept, those between blended.
    Llama3 {
        /// The divisor of low frequencies.
        factor: f32,
        /// Wavelengths above `original_context / low` are divided.
        low: f32,
        /// Wavelengths below `original_context / high` are kept.
        high: f32,
        /// The context the model was first trained with, tokens.
        original_context: f32,
    },
    /// The checkpoint holds a divisor for each frequency (GGUF's `rope_freqs.weight`).
    Stored,
}

/// The feed-forward part of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mlp {
    /// How it is computed.
    pub kind: MlpKind,
    /// Its inner width.
    pub intermediate_size: usize,
    /// Its projections add a bias.
    pub bias: bool,
}

/// How a feed-forward part is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpKind {
    /// `down(silu(gate(x)) · up(x))` (SwiGLU).
    GatedSilu,
}

/// What a tensor is for, whatever the file calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TensorRole {
    /// Token embedding, `(vocabulary, hidden_size)`.
    Embedding,
    /// The norm before the output.
    OutputNorm,
    /// Output projection, `(vocabulary, hidden_size)`.
    Output,
    /// Divisors of the rotary frequencies, `(head_dim / 2)`.
    RotaryDivisors,
    /// A tensor of one layer.
    Layer(usize, LayerTensor),
}

/// What a layer's tensor is for. Matrices are `(out, in)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum LayerTensor {
    AttentionNorm,
    Query,
    Key,
    Value,
    AttentionOutput,
    QueryBias,
    KeyBias,
    ValueBias,
    AttentionOutputBias,
    MlpNorm,
    Gate,
    Up,
    Down,
    GateBias,
    UpBias,
    DownBias,
}

/// The largest values a config may name. Far above any model there is, far below what would exhaust memory by counting.
const LIMITS: [(&str, usize); 8] = [
    ("vocabulary size", 1 << 22),
    ("hidden size", 1 << 18),
    ("layers", 1 << 12),
    ("context length", 1 << 27),
    ("attention heads", 1 << 12),
    ("key/value heads", 1 << 12),
    ("head width", 1 << 12),
    ("intermediate size", 1 << 20),
];

impl DecoderSpec {
    /// Refuses values that no decoder can have, before anything is allocated for them.
    ///
    /// # Errors
    /// [`ModelError::Config`] naming the field.
    pub fn check(&self) -> Result<(), ModelError> {
        let attention = &self.attention;
        let values = [
            self.vocabulary,
            self.hidden_size,
            self.layers,
            self.context_tokens,
            attention.heads,
            attention.kv_heads,
            attention.head_dim,
            self.mlp.intermediate_size,
        ];
        for ((field, limit), value) in LIMITS.into_iter().zip(values) {
            if value == 0 || value > limit {
                return Err(ModelError::config(
                    field,
                    format!("{value} is not between 1 and {limit}"),
                ));
            }
        }
        if !attention.heads.is_multiple_of(attention.kv_heads) {
            return Err(ModelError::config(
                "key/value heads",
                format!(
                    "{} attention heads cannot share {} key/value heads evenly",
                    attention.heads, attention.kv_heads
                ),
            ));
        }
        if !attention.head_dim.is_multiple_of(2) {
            return Err(ModelError::config(
                "head width",
                format!("{} is odd; rotary positions need pairs", attention.head_dim),
            ));
        }
        let Norm::RootMeanSquare { epsilon } = self.norm;
        positive("norm epsilon", epsilon)?;
        let Positions::Rotary(rotary) = self.positions;
        positive("rotary base", rotary.theta)?;
        match rotary.scaling {
            RotaryScaling::Plain | RotaryScaling::Stored => {}
            RotaryScaling::Linear { factor } => positive("rotary factor", factor)?,
            RotaryScaling::Llama3 {
                factor,
                low,
                high,
                original_context,
            } => {
                positive("rotary factor", factor)?;
                positive("rotary low frequency factor", low)?;
                positive("rotary original context", original_context)?;
                if !(high.is_finite() && high > low) {
                    return Err(ModelError::config(
                        "rotary high frequency factor",
                        format!("{high} is not above the low one, {low}"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Every tensor this decoder needs, with the shape it must have.
    pub fn tensors(&self) -> Vec<(TensorRole, Vec<usize>)> {
        let hidden = self.hidden_size;
        let mut all = vec![(TensorRole::Embedding, vec![self.vocabulary, hidden])];
        let Positions::Rotary(rotary) = self.positions;
        if rotary.scaling == RotaryScaling::Stored {
            all.push((
                TensorRole::RotaryDivisors,
                vec![self.attention.head_dim / 2],
            ));
        }
        for layer in 0..self.layers {
            let tensors = self.layer_tensors().into_iter();
            all.extend(tensors.map(|(tensor, shape)| (TensorRole::Layer(layer, tensor), shape)));
        }
        all.push((TensorRole::OutputNorm, vec![hidden]));
        if !self.tied_output {
            all.push((TensorRole::Output, vec![self.vocabulary, hidden]));
        }
        all
    }

    /// The tensors of one layer, with their shapes.
    pub fn layer_tensors(&self) -> Vec<(LayerTensor, Vec<usize>)> {
        let hidden = self.hidden_size;
        let attention = &self.attention;
        let query = attention.heads * attention.head_dim;
        let key = attention.kv_heads * attention.head_dim;
        let inner = self.mlp.intermediate_size;
        let mut all = vec![
            (LayerTensor::AttentionNorm, vec![hidden]),
            (LayerTensor::Query, vec![query, hidden]),
            (LayerTensor::Key, vec![key, hidden]),
            (LayerTensor::Value, vec![key, hidden]),
            (LayerTensor::AttentionOutput, vec![hidden, query]),
            (LayerTensor::MlpNorm, vec![hidden]),
            (LayerTensor::Gate, vec![inner, hidden]),
            (LayerTensor::Up, vec![inner, hidden]),
            (LayerTensor::Down, vec![hidden, inner]),
        ];
        if attention.input_bias {
            all.push((LayerTensor::QueryBias, vec![query]));
            all.push((LayerTensor::KeyBias, vec![key]));
            all.push((LayerTensor::ValueBias, vec![key]));
        }
        if attention.output_bias {
            all.push((LayerTensor::AttentionOutputBias, vec![hidden]));
        }
        if self.mlp.bias {
            all.push((LayerTensor::GateBias, vec![inner]));
            all.push((LayerTensor::UpBias, vec![inner]));
            all.push((LayerTensor::DownBias, vec![hidden]));
        }
        all
    }

    /// Number of weights, shared ones counted once.
    pub fn parameters(&self) -> u64 {
        let weights = |shape: &[usize]| shape.iter().map(|&n| n as u64).product::<u64>();
        let layer: u64 = self.layer_tensors().iter().map(|(_, s)| weights(s)).sum();
        let table = self.vocabulary as u64 * self.hidden_size as u64;
        let tables = if self.tied_output { 1 } else { 2 };
        tables * table + self.hidden_size as u64 + self.layers as u64 * layer
    }
}

fn positive(field: &'static str, value: f32) -> Result<(), ModelError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(ModelError::config(
        field,
        format!("{value} is not a positive number"),
    ))
}
