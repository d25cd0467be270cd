//! Weights in memory.

use nc_kernels::{Matrix, WeightFormat};
use nc_quant::WeightType;

use crate::workspace::Lane;

/// How the kernels store a tensor of this type; none for types that are decoded to f32 first.
pub(crate) fn format_of(weight_type: WeightType) -> Option<WeightFormat> {
    Some(match weight_type {
        WeightType::F32 => WeightFormat::F32,
        WeightType::F16 => WeightFormat::F16,
        WeightType::BF16 => WeightFormat::Bf16,
        WeightType::Q4_0 => WeightFormat::Q4_0,
        WeightType::Q4_1 => WeightFormat::Q4_1,
        WeightType::Q5_0 => WeightFormat::Q5_0,
        WeightType::Q5_1 => WeightFormat::Q5_1,
        WeightType::Q8_0 => WeightFormat::Q8_0,
        WeightType::Q2K => WeightFormat::Q2K,
        WeightType::Q3K => WeightFormat::Q3K,
        WeightType::Q4K => WeightFormat::Q4K,
        WeightType::Q5K => WeightFormat::Q5K,
        WeightType::Q6K => WeightFormat::Q6K,
        _ => return None,
    })
}

/// A matrix and the bias some families add to it.
#[derive(Debug)]
pub(crate) struct Projection {
    /// `(out, in)`
    pub(crate) weight: Matrix,
    /// `(out)`
    pub(crate) bias: Option<Vec<f32>>,
}

impl Projection {
    pub(crate) fn bytes(&self) -> u64 {
        let bias = self.bias.as_ref().map_or(0, Vec::len);
        (self.weight.bytes() + bias * size_of::<f32>()) as u64
    }
}

/// Multiplies the same rows by several projections: `(T, in)` to `(T, out)` each.
pub(crate) fn project<const N: usize>(
    lane: &mut Lane,
    x: &[f32],
    projections: [(&Projection, &mut [f32]); N],
) {
    let mut projections = projections;
    let mut products = projections
        .each_mut()
        .map(|(projection, output)| nc_kernels::Product {
            matrix: &projection.weight,
            output,
        });
    let (path, pool) = (lane.path, lane.pool);
    nc_kernels::multiply(path, pool, lane.scratch, x, &mut products);
    for (projection, output) in projections {
        if let Some(bias) = &projection.bias {
            nc_kernels::add_bias(path, pool, output, bias);
        }
    }
}
