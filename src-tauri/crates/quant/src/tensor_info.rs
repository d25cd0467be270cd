//! What a header says about one tensor, and the checks both formats share.

use crate::{FileError, WeightType, error::shown};

/// One tensor of a file whose header has been checked: it lies inside the file and overlaps no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the checkpoint.
    pub name: String,
    /// Row-major, outermost dimension first (GGUF stores them the other way round). Empty for a single number.
    pub shape: Vec<usize>,
    /// How the weights are stored.
    pub weight_type: WeightType,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of weights: the product of the shape.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// First byte after it; cannot overflow in a checked header.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// The product of a shape and the bytes it takes in `weight_type`, both checked to fit this machine.
///
/// # Errors
/// `ShapeOverflow` where they do not fit, `PartialBlock` where blocks do not divide the weights.
pub(crate) fn size_in_bytes(
    file: &str,
    tensor: &str,
    shape: &[u64],
    weight_type: WeightType,
) -> Result<u64, FileError> {
    let overflow = || FileError::ShapeOverflow {
        file: file.to_owned(),
        tensor: shown(tensor),
        shape: shape.to_vec(),
    };
    // Zero dimensions must not hide that the others overflow: candle multiplies strides in any order.
    let bound = shape
        .iter()
        .try_fold(1u64, |product, &n| product.checked_mul(n.max(1)))
        .ok_or_else(overflow)?;
    let block = weight_type.block_weights() as u64;
    let weights = if shape.contains(&0) { 0 } else { bound };
    if !weights.is_multiple_of(block) {
        let row = shape.last().copied().unwrap_or(1);
        return Err(FileError::PartialBlock {
            file: file.to_owned(),
            tensor: shown(tensor),
            weight_type,
            row,
            block,
        });
    }
    // As f32 it must be addressable, too: weights are decoded to that.
    if bound
        .checked_mul(8)
        .is_none_or(|bytes| bytes > isize::MAX as u64)
    {
        return Err(overflow());
    }
    (weights / block)
        .checked_mul(weight_type.block_bytes() as u64)
        .ok_or_else(overflow)
}
