//! Training: the same decoder forward with what gradients need kept, and backward layer by layer.
//!
//! Every loss the trainers know is a function of the log-probabilities that a model gives to the tokens that should come
//! next. So a step is: [`TrainingDecoder::gradients`] computes them for a micro-batch, asks the objective for the derivative
//! of the loss by each of them, and adds the gradients of the parameters to a slice. Parameters lie in one slice too, owned
//! by the trainer: a step is a function of parameters and micro-batch.
//!
//! Kept for each token and layer are the input, queries, keys, values, attention's output and log-sum-exp, the residual in
//! the middle, gate and up, in bfloat16 unless all weights are f32; norms, gated products and scores are computed again.

mod adapter;
mod arena;
mod backward;
mod batch;
mod forward;
mod head;
mod layout;
mod memory;
mod site;
mod speed;

use std::sync::Arc;

pub use adapter::{Lora, LoraError};
pub use batch::{MicroBatch, MicroBatchShape, Objective};
pub use layout::{ParameterRole, ParameterTensor};
pub use memory::{MemoryRequest, TrainingMemory, WeightFacts};
pub use site::Site;
pub use speed::{Line, ProbeRequest, Seconds, StepSpeed};

use arena::Arena;
use layout::Layout;
use nc_kernels::{Compute, ElementType, Matrix, WeightFormat, rounds_to_bf16};

use crate::{Decoder, ModelError, TensorRole};

/// Which parameters learn.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Low-rank adapters beside frozen projections (Hu et al., arXiv:2106.09685).
    Lora(Lora),
    /// Everything, with f32 master weights.
    Full,
}

/// How a micro-batch is computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepOptions {
    /// Keep only each layer's input and compute the rest again on the way back: less memory, a third more work.
    pub recompute: bool,
    /// Seed of this micro-batch's dropout; none drops nothing.
    pub dropout_seed: Option<u64>,
}

/// A decoder that learns.
pub struct TrainingDecoder {
    decoder: Decoder,
    method: Method,
    layout: Layout,
    arena: Arena,
}

impl std::fmt::Debug for TrainingDecoder {
    /// Without weights and buffers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingDecoder")
            .field("method", &self.method)
            .field("parameters", &self.layout.length())
            .finish_non_exhaustive()
    }
}

impl TrainingDecoder {
    /// Takes over a decoder. For [`Method::Full`] its matrices are packed anew, as f32 where they are f32 or the path has no
    /// tiles of bfloat16, as bfloat16 otherwise.
    ///
    /// # Errors
    /// [`ModelError::Lora`] for adapters that do not fit; [`ModelError::QuantizedTraining`] for full training of quantised
    /// weights.
    pub fn new(mut decoder: Decoder, method: Method) -> Result<Self, ModelError> {
        match &method {
            Method::Lora(lora) => lora.check(&decoder.spec)?,
            Method::Full => decoder.prepare_full_training()?,
        }
        // A pass of training knows the adapter that learns, and no other.
        decoder.set_adapter(None)?;
        let layout = Layout::new(&decoder.spec, &method);
        let keeps_f32 = decoder.output.format() == WeightFormat::F32
            && decoder.main_format() == WeightFormat::F32;
        Ok(Self {
            arena: Arena::new(&decoder.spec, keeps_f32),
            decoder,
            method,
            layout,
        })
    }

    /// The decoder as it is: with the last [`TrainingDecoder::update`] for full training, without adapters otherwise.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Puts the adapter that learns, as it is in `parameters`, beside the decoder of [`TrainingDecoder::decoder`], or takes
    /// it away again. Training neither needs it there nor minds it; full training changes nothing.
    ///
    /// # Errors
    /// None but those of [`TrainingDecoder::new`], which have been ruled out.
    ///
    /// # Panics
    /// When there are fewer or more parameters than [`TrainingDecoder::parameters`].
    pub fn show_adapter(&mut self, parameters: Option<&[f32]>) -> Result<(), ModelError> {
        match &self.method {
            Method::Lora(lora) => {
                let adapter = parameters.map(|parameters| (lora, parameters));
                self.decoder.set_adapter(adapter)
            }
            Method::Full => Ok(()),
        }
    }

    /// Gives the decoder back.
    pub fn into_decoder(self) -> Decoder {
        self.decoder
    }

    /// Which parameters learn.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The tensors that learn, in the order in which they lie in the slice of parameters.
    pub fn tensors(&self) -> &[ParameterTensor] {
        self.layout.tensors()
    }

    /// How many parameters learn.
    pub fn parameters(&self) -> usize {
        self.layout.length()
    }

    /// What they are before the first step. For full training the weights themselves; for LoRA the first factor is uniform
    /// within `±1/√inputs`, the second zero, so that the adapter changes nothing yet.
    pub fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        let mut parameters = vec![0.0; self.layout.length()];
        for tensor in self.layout.tensors() {
            let values = &mut parameters[tensor.range.clone()];
            match tensor.role {
                ParameterRole::LoraA(layer, site) => {
                    adapter::fill_first_factor(values, tensor.shape[1], (seed, layer, site));
                }
                ParameterRole::LoraB(..) => {}
                ParameterRole::Weight(role) => self.decoder.copy_weights(role, values),
            }
        }
        parameters
    }

    /// Takes over parameters after an optimizer's step: for full training weights are packed anew, adapters need nothing.
    ///
    /// # Panics
    /// When there are fewer or more parameters than [`TrainingDecoder::parameters`].
    pub fn update(&mut self, parameters: &[f32]) {
        assert_eq!(parameters.len(), self.layout.length(), "all parameters");
        for tensor in self.layout.tensors() {
            if let ParameterRole::Weight(role) = tensor.role {
                self.decoder
                    .put_weights(role, &parameters[tensor.range.clone()]);
            }
        }
    }

    /// The log-probability of each token that should come next, in the order of the micro-batch; `adapter` is the slice of
    /// parameters, or none for the model without its adapter. Nothing is dropped.
    ///
    /// # Errors
    /// [`ModelError::EmptyInput`] and [`ModelError::TokenOutOfRange`].
    pub fn log_probabilities(
        &mut self,
        adapter: Option<&[f32]>,
        batch: &MicroBatch,
    ) -> Result<Vec<f32>, ModelError> {
        self.check(batch)?;
        self.forward(adapter, batch, None, forward::Keep::Nothing);
        Ok(self.log_probabilities_of_stream(batch))
    }

    /// Adds the gradients of a micro-batch's loss to `gradients`, as long as the parameters, and returns the log-probability
    /// of each token that should come next.
    ///
    /// # Errors
    /// [`ModelError::EmptyInput`] and [`ModelError::TokenOutOfRange`].
    ///
    /// # Panics
    /// When slices are not as long as the parameters, or the objective gives another number of derivatives.
    pub fn gradients(
        &mut self,
        parameters: &[f32],
        batch: &MicroBatch,
        objective: Objective,
        options: StepOptions,
        gradients: &mut [f32],
    ) -> Result<Vec<f32>, ModelError> {
        let length = self.layout.length();
        assert!(
            parameters.len() == length && gradients.len() == length,
            "a gradient for each parameter"
        );
        self.check(batch)?;
        let keep = match options.recompute {
            true => forward::Keep::Inputs,
            false => forward::Keep::All,
        };
        self.forward(Some(parameters), batch, options.dropout_seed, keep);
        let log_probabilities = self.head_gradients(batch, objective, gradients);
        self.backward(parameters, batch, options, gradients);
        Ok(log_probabilities)
    }

    fn check(&self, batch: &MicroBatch) -> Result<(), ModelError> {
        batch.check_lengths();
        if batch.tokens.is_empty() {
            return Err(ModelError::EmptyInput);
        }
        let vocabulary = self.decoder.spec.vocabulary;
        let mut ids = batch
            .tokens
            .iter()
            .chain(batch.targets.iter().flatten())
            .copied();
        match ids.find(|id| *id as usize >= vocabulary) {
            Some(token) => Err(ModelError::TokenOutOfRange { token, vocabulary }),
            None => Ok(()),
        }
    }
}

impl Decoder {
    /// Every matrix as f32, whatever it was, to compute in f32 throughout.
    pub fn widen_to_f32(&mut self) {
        let compute = self.compute.clone();
        self.cache_element = ElementType::F32;
        self.for_each_matrix(|matrix| pack_anew(matrix, WeightFormat::F32, &compute));
    }

    /// Every matrix in a format that can be packed anew at each step.
    fn prepare_full_training(&mut self) -> Result<(), ModelError> {
        let compute = self.compute.clone();
        let narrow = rounds_to_bf16(compute.training().0, WeightFormat::Bf16);
        let mut quantized = None;
        self.for_each_matrix(|matrix| match matrix.format() {
            format if format.is_quantized() => quantized = Some(format),
            WeightFormat::Bf16 | WeightFormat::F16 if narrow => {
                pack_anew(matrix, WeightFormat::Bf16, &compute);
            }
            _ => pack_anew(matrix, WeightFormat::F32, &compute),
        });
        match quantized {
            Some(format) => Err(ModelError::QuantizedTraining {
                format: format.to_string(),
            }),
            None => Ok(()),
        }
    }

    fn for_each_matrix(&mut self, mut change: impl FnMut(&mut Matrix)) {
        let tied = self.spec.tied_output;
        if tied {
            self.output = Arc::new(empty(&self.compute));
        }
        for shared in [&mut self.embedding, &mut self.output] {
            // Nobody else holds them: a decoder does not share its weights, and a tied output was let go above.
            Arc::get_mut(shared).map(&mut change);
        }
        for layer in &mut self.layers {
            for projection in layer.projections_mut() {
                change(&mut projection.weight);
            }
        }
        if tied {
            self.output = Arc::clone(&self.embedding);
        }
    }

    /// A weight as f32 values, row by row.
    fn copy_weights(&self, role: TensorRole, values: &mut [f32]) {
        if let Some(vector) = self.vector(role) {
            values.copy_from_slice(vector);
        } else if let Some(matrix) = self.matrix(role) {
            self.compute
                .pool
                .pieces(values, matrix.inputs(), |row, values| {
                    matrix.row(row, values)
                });
        }
    }

    fn put_weights(&mut self, role: TensorRole, values: &[f32]) {
        let compute = self.compute.clone();
        if let Some(vector) = self.vector_mut(role) {
            vector.copy_from_slice(values);
            return;
        }
        let tied = self.spec.tied_output && role == TensorRole::Embedding;
        if tied {
            self.output = Arc::new(empty(&compute));
        }
        if let Some(matrix) = self.matrix_mut(role) {
            let (path, pool) = compute.training();
            matrix.repack(path, pool, values);
        }
        if tied {
            self.output = Arc::clone(&self.embedding);
        }
    }
}

fn empty(compute: &Compute) -> Matrix {
    Matrix::from_bytes(WeightFormat::F32, (0, 0), &compute.pool, &[])
}

/// The same weights in a format that training can fill again after each step.
fn pack_anew(matrix: &mut Matrix, format: WeightFormat, compute: &Compute) {
    if format == matrix.format() {
        return;
    }
    let (outputs, inputs) = (matrix.outputs(), matrix.inputs());
    let mut rows = vec![0.0; outputs * inputs];
    compute
        .pool
        .pieces(&mut rows, inputs.max(1), |row, values| {
            matrix.row(row, values)
        });
    let (path, pool) = compute.training();
    *matrix = Matrix::from_f32(path, pool, format, (outputs, inputs), &rows);
}
