//! Weights in memory: full precision, or the blocks of a quantised file.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Module, Tensor};

use crate::{ModelError, one_row};

/// A matrix `(out, in)`. Cloning shares the weights.
#[derive(Debug, Clone)]
pub enum Matrix {
    /// f32 values.
    Full(Tensor),
    /// ggml blocks, multiplied as they are; the input is quantised to 8 bits on the way, as ggml does.
    Blocks(Arc<QTensor>),
}

impl Matrix {
    /// `x · Wᵀ`: `(T, in)` to `(T, out)`.
    pub(crate) fn multiply(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(match self {
            Self::Full(weights) if x.dim(0)? == 1 => one_row::multiply(x, weights)?,
            Self::Full(weights) => x.matmul(&weights.t()?)?,
            Self::Blocks(blocks) => {
                QMatMul::QTensor(Arc::clone(blocks)).forward(&x.contiguous()?)?
            }
        })
    }

    /// The rows with these numbers, `(T, in)`.
    pub(crate) fn rows(&self, rows: &Tensor) -> Result<Tensor, ModelError> {
        Ok(match self {
            Self::Full(weights) => weights.index_select(rows, 0)?,
            Self::Blocks(blocks) => blocks.embedding(rows)?,
        })
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Full(weights) => weights.elem_count() as u64 * size_of::<f32>() as u64,
            Self::Blocks(blocks) => blocks.storage_size_in_bytes() as u64,
        }
    }
}

/// A matrix and the bias some families add to it.
#[derive(Debug, Clone)]
pub(crate) struct Projection {
    pub(crate) weight: Matrix,
    /// `(out)`.
    pub(crate) bias: Option<Tensor>,
}

impl Projection {
    /// `(T, in)` to `(T, out)`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let product = self.weight.multiply(x)?;
        Ok(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        let bias = self.bias.as_ref().map_or(0, Tensor::elem_count);
        self.weight.bytes() + (bias * size_of::<f32>()) as u64
    }
}
