//! Decoders with random weights of known shapes, for measuring without a file.

use std::sync::Arc;

use nc_kernels::{Compute, ElementType, Matrix, WeightFormat};

use crate::layer::{AttentionLayer, Layer, MlpLayer, NormLayer};
use crate::rotary::Frequencies;
use crate::weights::Projection;
use crate::{
    AttentionShape, Decoder, DecoderSpec, LayerTensor, Mlp, MlpKind, Norm, Pairing, Positions,
    Rotary, RotaryScaling, TensorRole,
};

/// Which weights a random decoder gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RandomWeights {
    /// All matrices in one format.
    Uniform(WeightFormat),
    /// llama.cpp's mixture Q4_K_M: Q4_K, and Q6_K for the output and, in half of the layers, for values and the way down.
    Q4KM,
}

impl RandomWeights {
    fn of(self, spec: &DecoderSpec, role: TensorRole) -> WeightFormat {
        match self {
            Self::Uniform(format) => format,
            Self::Q4KM => match role {
                TensorRole::Output => WeightFormat::Q6K,
                TensorRole::Layer(index, LayerTensor::Value | LayerTensor::Down) => {
                    let eighth = spec.layers / 8;
                    let edge = index < eighth || index >= 7 * spec.layers / 8;
                    match edge || (index - eighth) % 3 == 2 {
                        true => WeightFormat::Q6K,
                        false => WeightFormat::Q4K,
                    }
                }
                _ => WeightFormat::Q4K,
            },
        }
    }
}

impl DecoderSpec {
    /// Shapes to measure, by name: `llama-1.1b` (TinyLlama's), `llama-7b` (Llama 2's).
    pub fn preset(name: &str) -> Option<Self> {
        let (hidden_size, intermediate_size, layers, heads, kv_heads, context_tokens) = match name {
            "llama-1.1b" => (2048, 5632, 22, 32, 4, 8192),
            "llama-7b" => (4096, 11008, 32, 32, 32, 8192),
            _ => return None,
        };
        Some(Self {
            family: "llama",
            vocabulary: 32000,
            hidden_size,
            layers,
            context_tokens,
            norm: Norm::RootMeanSquare { epsilon: 1e-5 },
            attention: AttentionShape {
                heads,
                kv_heads,
                head_dim: hidden_size / heads,
                input_bias: false,
                output_bias: false,
            },
            positions: Positions::Rotary(Rotary {
                theta: 10_000.0,
                pairing: Pairing::Neighbours,
                scaling: RotaryScaling::Plain,
            }),
            mlp: Mlp {
                kind: MlpKind::GatedSilu,
                intermediate_size,
                bias: false,
            },
            tied_output: false,
        })
    }
}

impl Decoder {
    /// A decoder of this shape without biases, random weights, keys and values in f16.
    pub fn random(spec: DecoderSpec, weights: RandomWeights, compute: Compute) -> Self {
        let mut seed = 0;
        let mut matrix = |role: TensorRole, outputs: usize, inputs: usize| {
            seed += 1;
            Matrix::random(
                weights.of(&spec, role),
                (outputs, inputs),
                &compute.pool,
                seed,
            )
        };
        let norm = || NormLayer {
            norm: spec.norm,
            weight: vec![1.0; spec.hidden_size],
        };
        let (hidden, inner) = (spec.hidden_size, spec.mlp.intermediate_size);
        let queries = spec.attention.heads * spec.attention.head_dim;
        let keys = spec.attention.kv_heads * spec.attention.head_dim;
        let layers = (0..spec.layers)
            .map(|index| {
                let mut project = |tensor, outputs, inputs| Projection {
                    weight: matrix(TensorRole::Layer(index, tensor), outputs, inputs),
                    bias: None,
                };
                Layer {
                    attention_norm: norm(),
                    attention: AttentionLayer {
                        shape: spec.attention,
                        query: project(LayerTensor::Query, queries, hidden),
                        key: project(LayerTensor::Key, keys, hidden),
                        value: project(LayerTensor::Value, keys, hidden),
                        output: project(LayerTensor::AttentionOutput, hidden, queries),
                    },
                    mlp_norm: norm(),
                    mlp: MlpLayer {
                        kind: spec.mlp.kind,
                        gate: project(LayerTensor::Gate, inner, hidden),
                        up: project(LayerTensor::Up, inner, hidden),
                        down: project(LayerTensor::Down, hidden, inner),
                    },
                }
            })
            .collect();
        let embedding = Arc::new(matrix(TensorRole::Embedding, spec.vocabulary, hidden));
        let output = match spec.tied_output {
            true => Arc::clone(&embedding),
            false => Arc::new(matrix(TensorRole::Output, spec.vocabulary, hidden)),
        };
        let Positions::Rotary(rotary) = spec.positions;
        Self {
            frequencies: Frequencies::new(&rotary, spec.attention.head_dim, None),
            output_norm: norm(),
            cache_element: ElementType::F16,
            adapters: None,
            compute,
            embedding,
            layers,
            output,
            spec,
        }
    }

    /// The format of most weights: that of the first layer's gate.
    pub fn main_format(&self) -> WeightFormat {
        let first = self.layers.first();
        first.map_or(self.output.format(), |layer| layer.mlp.gate.weight.format())
    }

    /// Bytes of weights that a step of decoding reads: all but the embedding, of which it reads a row.
    pub fn bytes_per_token(&self) -> u64 {
        let embedding = match self.spec.tied_output {
            true => 0,
            false => self.embedding.bytes() as u64,
        };
        self.weight_bytes() - embedding
    }
}
