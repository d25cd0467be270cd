//! Reading weights into memory.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{CpuStorage, Tensor};

use crate::layer::{Attention, Layer, MlpLayer, NormLayer};
use crate::location::Weights;
use crate::rotary::RotaryTable;
use crate::weights::{Matrix, Projection};
use crate::{Decoder, DecoderSpec, LayerTensor, ModelError, ModelFiles, Positions, TensorRole};

/// A model may be opened when at least this many tokens of context fit beside its weights.
const LEAST_CONTEXT_TOKENS: usize = 512;
/// Weights looked at in one go when blocks are searched for values that are not numbers.
const CHECK_WEIGHTS: usize = 1 << 20;

/// How a model is to be opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Longest context wanted, tokens; none takes the model's own.
    pub context_tokens: Option<usize>,
    /// Memory that may be used; none does not ask. The context is shortened to fit it.
    pub available_bytes: Option<u64>,
}

/// How far the weights are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// Bytes of weights read.
    pub done_bytes: u64,
    /// Bytes of weights to read.
    pub total_bytes: u64,
}

/// A decoder in memory, and the context it may use.
#[derive(Debug)]
pub struct LoadedDecoder {
    /// The decoder.
    pub decoder: Decoder,
    /// Longest context, tokens: the model's, shortened as asked or as memory demands.
    pub context_tokens: usize,
    /// Memory of the weights and of a full context's cache.
    pub memory_bytes: u64,
}

impl ModelFiles {
    /// Memory the weights take once loaded: quantised matrices as they are, everything else in f32.
    pub fn weight_memory_bytes(&self) -> u64 {
        let tensors = self.spec().tensors().into_iter();
        tensors
            .map(|(role, shape)| self.tensor_memory_bytes(role, &shape))
            .sum()
    }

    fn tensor_memory_bytes(&self, role: TensorRole, shape: &[usize]) -> u64 {
        let weights: usize = shape.iter().product();
        match self.tensors().get(&self.tensor_name(role)) {
            Some(info) if shape.len() == 2 && info.weight_type.is_quantized() => info.bytes,
            _ => weights as u64 * size_of::<f32>() as u64,
        }
    }

    /// Reads all weights. `on_progress` is called before every tensor and may stop.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] before anything is read, [`ModelError::Cancelled`] when `on_progress` stopped,
    /// [`ModelError::NotFinite`] naming a tensor with NaN or infinite weights, [`ModelError::File`] for a file that
    /// cannot be read or shrank.
    pub fn load(
        &self,
        options: &OpenOptions,
        on_progress: &mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
    ) -> Result<LoadedDecoder, ModelError> {
        let spec = self.spec();
        let weight_bytes = self.weight_memory_bytes();
        let context_tokens = context_that_fits(spec, weight_bytes, options)?;
        let total_bytes = spec
            .tensors()
            .into_iter()
            .filter_map(|(role, _)| self.tensors().get(&self.tensor_name(role)))
            .map(|info| info.bytes)
            .sum();
        let mut loader = Loader {
            files: self,
            on_progress,
            progress: LoadProgress {
                done_bytes: 0,
                total_bytes,
            },
        };
        let decoder = loader.decoder()?;
        loader.report()?;
        Ok(LoadedDecoder {
            decoder,
            context_tokens,
            memory_bytes: weight_bytes.saturating_add(spec.cache_bytes(context_tokens)),
        })
    }
}

/// The longest context that fits beside the weights.
fn context_that_fits(
    spec: &DecoderSpec,
    weight_bytes: u64,
    options: &OpenOptions,
) -> Result<usize, ModelError> {
    let wanted = options.context_tokens.unwrap_or(spec.context_tokens);
    let wanted = wanted.clamp(1, spec.context_tokens);
    let Some(available_bytes) = options.available_bytes else {
        return Ok(wanted);
    };
    let left = available_bytes.saturating_sub(weight_bytes);
    let fits = usize::try_from(left / spec.cache_bytes_per_token()).unwrap_or(usize::MAX);
    let least = wanted.min(LEAST_CONTEXT_TOKENS);
    if available_bytes < weight_bytes || fits < least {
        return Err(ModelError::TooLarge {
            needed_bytes: weight_bytes.saturating_add(spec.cache_bytes(least)),
            available_bytes,
        });
    }
    Ok(wanted.min(fits))
}

struct Loader<'a> {
    files: &'a ModelFiles,
    on_progress: &'a mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
    progress: LoadProgress,
}

impl Loader<'_> {
    fn decoder(&mut self) -> Result<Decoder, ModelError> {
        let spec = self.files.spec().clone();
        let embedding = self.matrix(TensorRole::Embedding)?;
        let Positions::Rotary(rotary) = spec.positions;
        let divisors = match rotary.scaling {
            crate::RotaryScaling::Stored => Some(self.divisors()?),
            _ => None,
        };
        let rotary = RotaryTable::new(&rotary, spec.attention.head_dim, divisors.as_deref());
        let layers = (0..spec.layers)
            .map(|index| self.layer(&spec, index))
            .collect::<Result<_, _>>()?;
        let output_norm = self.norm(&spec, TensorRole::OutputNorm)?;
        let output = match spec.tied_output {
            true => embedding.clone(),
            false => self.matrix(TensorRole::Output)?,
        };
        Ok(Decoder {
            spec,
            embedding,
            rotary,
            layers,
            output_norm,
            output,
        })
    }

    fn layer(&mut self, spec: &DecoderSpec, index: usize) -> Result<Layer, ModelError> {
        let role = |tensor| TensorRole::Layer(index, tensor);
        let (input_bias, output_bias) = (spec.attention.input_bias, spec.attention.output_bias);
        let mut project = |weight, bias, biased: bool| -> Result<Projection, ModelError> {
            Ok(Projection {
                weight: self.matrix(role(weight))?,
                bias: if biased {
                    Some(self.full(role(bias))?)
                } else {
                    None
                },
            })
        };
        let attention = Attention {
            shape: spec.attention,
            query: project(LayerTensor::Query, LayerTensor::QueryBias, input_bias)?,
            key: project(LayerTensor::Key, LayerTensor::KeyBias, input_bias)?,
            value: project(LayerTensor::Value, LayerTensor::ValueBias, input_bias)?,
            output: project(
                LayerTensor::AttentionOutput,
                LayerTensor::AttentionOutputBias,
                output_bias,
            )?,
        };
        let mlp = MlpLayer {
            kind: spec.mlp.kind,
            gate: project(LayerTensor::Gate, LayerTensor::GateBias, spec.mlp.bias)?,
            up: project(LayerTensor::Up, LayerTensor::UpBias, spec.mlp.bias)?,
            down: project(LayerTensor::Down, LayerTensor::DownBias, spec.mlp.bias)?,
        };
        Ok(Layer {
            attention_norm: self.norm(spec, role(LayerTensor::AttentionNorm))?,
            attention,
            mlp_norm: self.norm(spec, role(LayerTensor::MlpNorm))?,
            mlp,
        })
    }

    fn norm(&mut self, spec: &DecoderSpec, role: TensorRole) -> Result<NormLayer, ModelError> {
        Ok(NormLayer {
            norm: spec.norm,
            weight: self.full(role)?,
        })
    }

    fn divisors(&mut self) -> Result<Vec<f32>, ModelError> {
        let divisors = self.full(TensorRole::RotaryDivisors)?.to_vec1::<f32>()?;
        match divisors.iter().find(|divisor| **divisor <= 0.0) {
            None => Ok(divisors),
            Some(divisor) => Err(ModelError::config(
                self.files.tensor_name(TensorRole::RotaryDivisors),
                format!("{divisor} is not a positive number"),
            )),
        }
    }

    fn matrix(&mut self, role: TensorRole) -> Result<Matrix, ModelError> {
        let name = self.files.tensor_name(role);
        let quantized = self
            .files
            .tensors()
            .get(&name)
            .is_some_and(|info| info.weight_type.is_quantized());
        match self.files.weights() {
            Weights::Gguf(file) if quantized => {
                self.report()?;
                let blocks = file.read_quantized(&name)?;
                if !all_finite(&blocks)? {
                    return Err(ModelError::NotFinite { tensor: name });
                }
                self.count(&name);
                Ok(Matrix::Blocks(Arc::new(blocks)))
            }
            _ => Ok(Matrix::Full(self.full(role)?)),
        }
    }

    fn full(&mut self, role: TensorRole) -> Result<Tensor, ModelError> {
        self.report()?;
        let name = self.files.tensor_name(role);
        let tensor = self.files.read_f32(&name)?;
        let finite = {
            let (storage, _) = tensor.storage_and_layout();
            match &*storage {
                candle_core::Storage::Cpu(storage) => storage
                    .as_slice::<f32>()?
                    .iter()
                    .all(|weight| weight.is_finite()),
                _ => false,
            }
        };
        if !finite {
            return Err(ModelError::NotFinite { tensor: name });
        }
        self.count(&name);
        Ok(tensor)
    }

    fn report(&mut self) -> Result<(), ModelError> {
        match (self.on_progress)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ModelError::Cancelled),
        }
    }

    fn count(&mut self, name: &str) {
        self.progress.done_bytes += self.files.tensors().get(name).map_or(0, |info| info.bytes);
    }
}

/// Decodes blocks piece by piece, only to look at the values.
fn all_finite(blocks: &QTensor) -> Result<bool, ModelError> {
    let dtype = blocks.dtype();
    let bytes = blocks.data()?;
    let per_piece = CHECK_WEIGHTS / dtype.block_size() * dtype.type_size();
    for piece in bytes.chunks(per_piece) {
        let weights = piece.len() / dtype.type_size() * dtype.block_size();
        match dtype.from_data(piece.into()).dequantize(weights)? {
            CpuStorage::F32(weights) if weights.iter().all(|weight| weight.is_finite()) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}
