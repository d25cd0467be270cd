//! Reading weights into memory.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use nc_kernels::{Compute, ElementType, Matrix, WeightFormat};
use nc_quant::WeightType;

use crate::layer::{AttentionLayer, Layer, MlpLayer, NormLayer};
use crate::low_rank::Adapters;
use crate::rotary::Frequencies;
use crate::weights::{Projection, format_of};
use crate::{
    Decoder, DecoderSpec, LayerTensor, ModelError, ModelFiles, Positions, TensorRole, read_adapter,
};

/// A model may be opened when at least this many tokens of context fit beside its weights.
const LEAST_CONTEXT_TOKENS: usize = 512;
/// Tokens by which a context is shortened to fit the memory: what the cache grows by.
const CONTEXT_STEP_TOKENS: usize = 256;

/// How a model is to be opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Longest context wanted, tokens; none takes the model's own.
    pub context_tokens: Option<usize>,
    /// Memory that may be used; none does not ask. The context is shortened to fit it.
    pub available_bytes: Option<u64>,
    /// What keys and values are rounded to in the cache; none takes f32 where all weights are f32, f16 otherwise.
    pub cache_element: Option<ElementType>,
    /// What to compute with; none takes what the process uses.
    pub compute: Option<Compute>,
    /// A folder with an adapter as PEFT writes them, used beside the weights, which stay as they are.
    pub adapter: Option<PathBuf>,
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
    /// Memory the weights take once loaded: matrices in the type they are stored in, everything else in f32.
    pub fn weight_memory_bytes(&self) -> u64 {
        let tensors = self.spec().tensors().into_iter();
        tensors
            .map(|(role, shape)| self.tensor_memory_bytes(role, &shape))
            .sum()
    }

    /// How a matrix will lie in memory: as it is stored, or as f32 where the kernels do not multiply that.
    pub(crate) fn weight_format(&self, role: TensorRole) -> WeightFormat {
        let info = self.tensors().get(&self.tensor_name(role));
        let format = info.and_then(|info| format_of(info.weight_type));
        format.unwrap_or(WeightFormat::F32)
    }

    fn tensor_memory_bytes(&self, role: TensorRole, shape: &[usize]) -> u64 {
        let bytes = match *shape {
            [outputs, inputs] => self.weight_format(role).packed_bytes(outputs, inputs),
            _ => shape.iter().product::<usize>() * size_of::<f32>(),
        };
        bytes as u64
    }

    /// What keys and values are rounded to unless asked otherwise: nothing where all weights are f32.
    pub fn cache_element(&self) -> ElementType {
        let tensors = self.spec().tensors().into_iter();
        let mut types = tensors.filter_map(|(role, _)| self.tensors().get(&self.tensor_name(role)));
        match types.all(|info| info.weight_type == WeightType::F32) {
            true => ElementType::F32,
            false => ElementType::F16,
        }
    }

    /// Reads all weights. `on_progress` is called before every tensor and may stop.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] before anything is read, [`ModelError::Cancelled`] when `on_progress` stopped,
    /// [`ModelError::NotFinite`] naming a tensor with NaN or infinite weights, [`ModelError::File`] for a file that
    /// cannot be read or shrank, those of [`read_adapter`] before any weight is read.
    pub fn load(
        &self,
        options: &OpenOptions,
        on_progress: &mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
    ) -> Result<LoadedDecoder, ModelError> {
        let spec = self.spec();
        let adapter = match &options.adapter {
            Some(folder) => Some(read_adapter(folder, self)?),
            None => None,
        };
        let adapter_bytes = adapter
            .as_ref()
            .map_or(0, |(lora, _)| Adapters::bytes_of(spec, lora));
        let weight_bytes = self.weight_memory_bytes().saturating_add(adapter_bytes);
        let compute = match &options.compute {
            Some(compute) => compute.clone(),
            None => Compute::of_process()?,
        };
        let cache_element = options
            .cache_element
            .unwrap_or_else(|| self.cache_element());
        let context_tokens = context_that_fits(spec, weight_bytes, cache_element, options)?;
        let total_bytes = spec
            .tensors()
            .into_iter()
            .filter_map(|(role, _)| self.tensors().get(&self.tensor_name(role)))
            .map(|info| info.bytes)
            .sum();
        let mut loader = Loader {
            files: self,
            compute,
            cache_element,
            on_progress,
            progress: LoadProgress {
                done_bytes: 0,
                total_bytes,
            },
        };
        let mut decoder = loader.decoder()?;
        if let Some((lora, parameters)) = &adapter {
            decoder.set_adapter(Some((lora, parameters)))?;
        }
        loader.report()?;
        Ok(LoadedDecoder {
            decoder,
            context_tokens,
            memory_bytes: weight_bytes
                .saturating_add(spec.cache_bytes(cache_element, context_tokens)),
        })
    }
}

/// The longest context that fits beside the weights.
fn context_that_fits(
    spec: &DecoderSpec,
    weight_bytes: u64,
    element: ElementType,
    options: &OpenOptions,
) -> Result<usize, ModelError> {
    let wanted = options.context_tokens.unwrap_or(spec.context_tokens);
    let wanted = wanted.clamp(1, spec.context_tokens);
    let Some(available_bytes) = options.available_bytes else {
        return Ok(wanted);
    };
    let left = available_bytes.saturating_sub(weight_bytes);
    let fits = match spec.cache_bytes(element, wanted) <= left {
        true => wanted,
        false => {
            let steps = left / spec.cache_bytes(element, CONTEXT_STEP_TOKENS);
            usize::try_from(steps)
                .unwrap_or(usize::MAX)
                .saturating_mul(CONTEXT_STEP_TOKENS)
        }
    };
    let least = wanted.min(LEAST_CONTEXT_TOKENS);
    if available_bytes < weight_bytes || fits < least {
        return Err(ModelError::TooLarge {
            needed_bytes: weight_bytes.saturating_add(spec.cache_bytes(element, least)),
            available_bytes,
        });
    }
    Ok(wanted.min(fits))
}

struct Loader<'a> {
    files: &'a ModelFiles,
    compute: Compute,
    cache_element: ElementType,
    on_progress: &'a mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
    progress: LoadProgress,
}

impl Loader<'_> {
    fn decoder(&mut self) -> Result<Decoder, ModelError> {
        let spec = self.files.spec().clone();
        let embedding = Arc::new(self.matrix(TensorRole::Embedding)?);
        let Positions::Rotary(rotary) = spec.positions;
        let divisors = match rotary.scaling {
            crate::RotaryScaling::Stored => Some(self.divisors()?),
            _ => None,
        };
        let frequencies = Frequencies::new(&rotary, spec.attention.head_dim, divisors.as_deref());
        let layers = (0..spec.layers)
            .map(|index| self.layer(&spec, index))
            .collect::<Result<_, _>>()?;
        let output_norm = self.norm(&spec, TensorRole::OutputNorm)?;
        let output = match spec.tied_output {
            true => Arc::clone(&embedding),
            false => Arc::new(self.matrix(TensorRole::Output)?),
        };
        Ok(Decoder {
            spec,
            compute: self.compute.clone(),
            cache_element: self.cache_element,
            embedding,
            frequencies,
            layers,
            output_norm,
            output,
            adapters: None,
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
        let attention = AttentionLayer {
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
        let divisors = self.full(TensorRole::RotaryDivisors)?;
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
        let info = self.files.tensors().get(&name);
        let stored =
            info.and_then(|info| Some((format_of(info.weight_type)?, info.shape.as_slice())));
        let Some((format, &[outputs, inputs])) = stored else {
            return self.decoded_matrix(role);
        };
        self.report()?;
        let row_bytes = format.row_bytes(inputs) as u64;
        let matrix = Matrix::pack(
            format,
            (outputs, inputs),
            &self.compute.pool,
            |rows, target| {
                self.files
                    .read_part(&name, rows.start as u64 * row_bytes, target)
            },
        )?;
        if !matrix.is_finite() {
            return Err(ModelError::NotFinite { tensor: name });
        }
        self.count(&name);
        Ok(matrix)
    }

    /// A matrix of a type that the kernels do not multiply, as f32.
    fn decoded_matrix(&mut self, role: TensorRole) -> Result<Matrix, ModelError> {
        let name = self.files.tensor_name(role);
        let shape = self
            .files
            .tensors()
            .get(&name)
            .map(|info| info.shape.clone());
        let weights = self.full(role)?;
        let inputs = shape
            .and_then(|shape| shape.last().copied())
            .unwrap_or(weights.len());
        let outputs = weights.len().checked_div(inputs).unwrap_or(0);
        let rows = bytemuck::cast_slice(&weights);
        Ok(Matrix::from_bytes(
            WeightFormat::F32,
            (outputs, inputs),
            &self.compute.pool,
            rows,
        ))
    }

    fn full(&mut self, role: TensorRole) -> Result<Vec<f32>, ModelError> {
        self.report()?;
        let name = self.files.tensor_name(role);
        let weights: Vec<f32> = self.files.read_f32(&name)?.flatten_all()?.to_vec1()?;
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(ModelError::NotFinite { tensor: name });
        }
        self.count(&name);
        Ok(weights)
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
