//! The decoder once more, in candle's plain f32 operations over whole sequences: what the fast one is held against.
//!
//! Every weight is decoded to f32 and nothing is rounded on the way. Slow, and with all scores in memory: for tests, and later
//! for gradients by candle's autograd.

use candle_core::{Device, Tensor};
use candle_nn::{ops, rotary_emb};

use crate::rotary::{Frequencies, Turns};
use crate::{
    DecoderSpec, LayerTensor, MlpKind, ModelError, ModelFiles, Norm, Pairing, Positions,
    RotaryScaling, TensorRole,
};

/// A decoder whose weights are candle tensors.
#[derive(Debug)]
pub struct TwinDecoder<'a> {
    files: &'a ModelFiles,
    frequencies: Frequencies,
}

impl<'a> TwinDecoder<'a> {
    /// Reads nothing yet: a layer's weights are read when they are used.
    ///
    /// # Errors
    /// [`ModelError::File`] for divisors of rotary frequencies that cannot be read.
    pub fn new(files: &'a ModelFiles) -> Result<Self, ModelError> {
        let spec = files.spec();
        let Positions::Rotary(rotary) = spec.positions;
        let divisors: Option<Vec<f32>> = match rotary.scaling {
            RotaryScaling::Stored => Some(read(files, TensorRole::RotaryDivisors)?.to_vec1()?),
            _ => None,
        };
        Ok(Self {
            files,
            frequencies: Frequencies::new(&rotary, spec.attention.head_dim, divisors.as_deref()),
        })
    }

    /// The logits of every token, `(T, vocabulary)`.
    ///
    /// # Errors
    /// [`ModelError::File`], and [`ModelError::Compute`] from candle.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor, ModelError> {
        let spec = self.files.spec();
        let ids = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        let embedding = self.tensor(TensorRole::Embedding)?;
        let mut x = embedding.index_select(&ids, 0)?; // (T, hidden)
        let mask = causal_mask(tokens.len())?;
        for layer in 0..spec.layers {
            let normed = self.norm(&x, TensorRole::Layer(layer, LayerTensor::AttentionNorm))?;
            x = (x + self.attend(&normed, layer, &mask)?)?;
            let normed = self.norm(&x, TensorRole::Layer(layer, LayerTensor::MlpNorm))?;
            x = (x + self.feed(&normed, layer)?)?;
        }
        let x = self.norm(&x, TensorRole::OutputNorm)?;
        let output = match spec.tied_output {
            true => embedding,
            false => self.tensor(TensorRole::Output)?,
        };
        Ok(x.matmul(&output.t()?)?)
    }

    fn tensor(&self, role: TensorRole) -> Result<Tensor, ModelError> {
        read(self.files, role)
    }

    fn norm(&self, x: &Tensor, role: TensorRole) -> Result<Tensor, ModelError> {
        let Norm::RootMeanSquare { epsilon } = self.files.spec().norm;
        Ok(ops::rms_norm(
            &x.contiguous()?,
            &self.tensor(role)?,
            epsilon,
        )?)
    }

    fn project(
        &self,
        x: &Tensor,
        layer: usize,
        (weight, bias): (LayerTensor, Option<LayerTensor>),
    ) -> Result<Tensor, ModelError> {
        let product = x.matmul(&self.tensor(TensorRole::Layer(layer, weight))?.t()?)?;
        Ok(match bias {
            Some(bias) => product.broadcast_add(&self.tensor(TensorRole::Layer(layer, bias))?)?,
            None => product,
        })
    }

    fn attend(&self, x: &Tensor, layer: usize, mask: &Tensor) -> Result<Tensor, ModelError> {
        let spec: &DecoderSpec = self.files.spec();
        let (attention, tokens) = (&spec.attention, x.dim(0)?);
        let (heads, kv_heads, head_dim) = (attention.heads, attention.kv_heads, attention.head_dim);
        let split = |projected: Tensor, heads: usize| -> Result<Tensor, ModelError> {
            Ok(projected
                .reshape((tokens, heads, head_dim))?
                .transpose(0, 1)?
                .contiguous()?)
        };
        let bias = |bias| attention.input_bias.then_some(bias);
        let queries = self.project(x, layer, (LayerTensor::Query, bias(LayerTensor::QueryBias)))?;
        let keys = self.project(x, layer, (LayerTensor::Key, bias(LayerTensor::KeyBias)))?;
        let values = self.project(x, layer, (LayerTensor::Value, bias(LayerTensor::ValueBias)))?;
        let queries = self.turn(&split(queries, heads)?)?;
        let keys = self.turn(&split(keys, kv_heads)?)?;
        let values = split(values, kv_heads)?;
        // Heads that share keys lie side by side: more rows of one product.
        let rows = heads / kv_heads * tokens;
        let scores = queries
            .reshape((kv_heads, rows, head_dim))?
            .matmul(&keys.t()?)?;
        let scores =
            (scores * (1.0 / (head_dim as f64).sqrt()))?.reshape((heads, tokens, tokens))?;
        let weights = ops::softmax_last_dim(&scores.broadcast_add(mask)?)?
            .reshape((kv_heads, rows, tokens))?;
        let attended = weights
            .matmul(&values)?
            .reshape((heads, tokens, head_dim))?;
        let joined = attended
            .transpose(0, 1)?
            .reshape((tokens, heads * head_dim))?;
        let bias = attention
            .output_bias
            .then_some(LayerTensor::AttentionOutputBias);
        self.project(&joined, layer, (LayerTensor::AttentionOutput, bias))
    }

    /// Turns `(heads, T, head_dim)`.
    fn turn(&self, heads: &Tensor) -> Result<Tensor, ModelError> {
        let (_, tokens, head_dim) = heads.dims3()?;
        let mut turns = Turns::default();
        self.frequencies.fill(&mut turns, 0, tokens);
        let table = |values| Tensor::from_vec(values, (tokens, head_dim / 2), &Device::Cpu);
        let (cosines, sines) = (table(turns.cosines)?, table(turns.sines)?);
        let heads = heads.unsqueeze(0)?;
        let turned = match self.frequencies.pairing() {
            Pairing::Halves => rotary_emb::rope(&heads, &cosines, &sines)?,
            Pairing::Neighbours => rotary_emb::rope_i(&heads, &cosines, &sines)?,
        };
        Ok(turned.squeeze(0)?)
    }

    fn feed(&self, x: &Tensor, layer: usize) -> Result<Tensor, ModelError> {
        let mlp = &self.files.spec().mlp;
        let bias = |bias| mlp.bias.then_some(bias);
        let MlpKind::GatedSilu = mlp.kind;
        let gate = self
            .project(x, layer, (LayerTensor::Gate, bias(LayerTensor::GateBias)))?
            .silu()?;
        let up = self.project(x, layer, (LayerTensor::Up, bias(LayerTensor::UpBias)))?;
        self.project(
            &(gate * up)?,
            layer,
            (LayerTensor::Down, bias(LayerTensor::DownBias)),
        )
    }
}

fn read(files: &ModelFiles, role: TensorRole) -> Result<Tensor, ModelError> {
    files.read_f32(&files.tensor_name(role))
}

/// `(T, T)`: 0 where a token may look, -inf where it may not.
fn causal_mask(tokens: usize) -> Result<Tensor, ModelError> {
    let mask: Vec<f32> = (0..tokens)
        .flat_map(|row| {
            (0..tokens).map(move |column| if column > row { f32::NEG_INFINITY } else { 0.0 })
        })
        .collect();
    Ok(Tensor::from_vec(mask, (tokens, tokens), &Device::Cpu)?)
}
