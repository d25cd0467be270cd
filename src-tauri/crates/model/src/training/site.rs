//! The projections of a layer, and where a decoder keeps the weight of each role.

use std::sync::Arc;

use nc_kernels::Matrix;

use crate::layer::Layer;
use crate::weights::Projection;
use crate::{Decoder, DecoderSpec, LayerTensor, TensorRole};

/// A projection of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Site {
    Query,
    Key,
    Value,
    AttentionOutput,
    Gate,
    Up,
    Down,
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];

    /// Its weight.
    pub fn weight(self) -> LayerTensor {
        match self {
            Self::Query => LayerTensor::Query,
            Self::Key => LayerTensor::Key,
            Self::Value => LayerTensor::Value,
            Self::AttentionOutput => LayerTensor::AttentionOutput,
            Self::Gate => LayerTensor::Gate,
            Self::Up => LayerTensor::Up,
            Self::Down => LayerTensor::Down,
        }
    }

    /// Its bias, in families that have one.
    pub fn bias(self) -> LayerTensor {
        match self {
            Self::Query => LayerTensor::QueryBias,
            Self::Key => LayerTensor::KeyBias,
            Self::Value => LayerTensor::ValueBias,
            Self::AttentionOutput => LayerTensor::AttentionOutputBias,
            Self::Gate => LayerTensor::GateBias,
            Self::Up => LayerTensor::UpBias,
            Self::Down => LayerTensor::DownBias,
        }
    }

    /// Values out and in, in each layer of such a decoder.
    pub fn shape(self, spec: &DecoderSpec) -> (usize, usize) {
        let hidden = spec.hidden_size;
        let queries = spec.attention.heads * spec.attention.head_dim;
        let keys = spec.attention.kv_heads * spec.attention.head_dim;
        let inner = spec.mlp.intermediate_size;
        match self {
            Self::Query => (queries, hidden),
            Self::Key | Self::Value => (keys, hidden),
            Self::AttentionOutput => (hidden, queries),
            Self::Gate | Self::Up => (inner, hidden),
            Self::Down => (hidden, inner),
        }
    }

    fn of(tensor: LayerTensor) -> Option<(Self, bool)> {
        Self::ALL.into_iter().find_map(|site| {
            if site.weight() == tensor {
                return Some((site, false));
            }
            (site.bias() == tensor).then_some((site, true))
        })
    }
}

impl Layer {
    pub(super) fn projection(&self, site: Site) -> &Projection {
        match site {
            Site::Query => &self.attention.query,
            Site::Key => &self.attention.key,
            Site::Value => &self.attention.value,
            Site::AttentionOutput => &self.attention.output,
            Site::Gate => &self.mlp.gate,
            Site::Up => &self.mlp.up,
            Site::Down => &self.mlp.down,
        }
    }

    pub(super) fn projections_mut(&mut self) -> [&mut Projection; Site::ALL.len()] {
        let (attention, mlp) = (&mut self.attention, &mut self.mlp);
        [
            &mut attention.query,
            &mut attention.key,
            &mut attention.value,
            &mut attention.output,
            &mut mlp.gate,
            &mut mlp.up,
            &mut mlp.down,
        ]
    }

    fn projection_mut(&mut self, site: Site) -> &mut Projection {
        // In the order of `Site::ALL`.
        let [query, key, value, output, gate, up, down] = self.projections_mut();
        match site {
            Site::Query => query,
            Site::Key => key,
            Site::Value => value,
            Site::AttentionOutput => output,
            Site::Gate => gate,
            Site::Up => up,
            Site::Down => down,
        }
    }
}

impl Decoder {
    /// The matrix of a role; none for roles of norms, biases and angles.
    pub(super) fn matrix(&self, role: TensorRole) -> Option<&Matrix> {
        match role {
            TensorRole::Embedding => Some(&self.embedding),
            TensorRole::Output => Some(&self.output),
            TensorRole::Layer(layer, tensor) => match Site::of(tensor)? {
                (site, false) => Some(&self.layers[layer].projection(site).weight),
                (_, true) => None,
            },
            TensorRole::OutputNorm | TensorRole::RotaryDivisors => None,
        }
    }

    /// The same to be written; none also while somebody else holds it.
    pub(super) fn matrix_mut(&mut self, role: TensorRole) -> Option<&mut Matrix> {
        match role {
            TensorRole::Embedding => Arc::get_mut(&mut self.embedding),
            TensorRole::Output => Arc::get_mut(&mut self.output),
            TensorRole::Layer(layer, tensor) => match Site::of(tensor)? {
                (site, false) => Some(&mut self.layers[layer].projection_mut(site).weight),
                (_, true) => None,
            },
            TensorRole::OutputNorm | TensorRole::RotaryDivisors => None,
        }
    }

    /// The norm's weight or the bias of a role.
    pub(super) fn vector(&self, role: TensorRole) -> Option<&[f32]> {
        let TensorRole::Layer(layer, tensor) = role else {
            return (role == TensorRole::OutputNorm).then_some(&self.output_norm.weight);
        };
        let layer = &self.layers[layer];
        match tensor {
            LayerTensor::AttentionNorm => Some(&layer.attention_norm.weight),
            LayerTensor::MlpNorm => Some(&layer.mlp_norm.weight),
            tensor => match Site::of(tensor)? {
                (site, true) => layer.projection(site).bias.as_deref(),
                (_, false) => None,
            },
        }
    }

    /// The same to be written.
    pub(super) fn vector_mut(&mut self, role: TensorRole) -> Option<&mut [f32]> {
        let TensorRole::Layer(layer, tensor) = role else {
            return (role == TensorRole::OutputNorm).then_some(&mut self.output_norm.weight);
        };
        let layer = &mut self.layers[layer];
        match tensor {
            LayerTensor::AttentionNorm => Some(&mut layer.attention_norm.weight),
            LayerTensor::MlpNorm => Some(&mut layer.mlp_norm.weight),
            tensor => match Site::of(tensor)? {
                (site, true) => layer.projection_mut(site).bias.as_deref_mut(),
                (_, false) => None,
            },
        }
    }
}
