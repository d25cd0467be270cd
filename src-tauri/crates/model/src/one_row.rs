//! Products of a single row, for decoding token by token.
//!
//! candle counts the machine's cores anew for every matrix product, by reading /proc/cpuinfo: with one row that costs more
//! than the product. The same sums are computed here over slices; candle's products, used for several rows, are their twin.

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;

use crate::ModelError;

/// Sums of a dot product that are kept apart, so that they fit vector registers. Fixed, so that results repeat.
const LANES: usize = 16;
/// Multiplications below which a product stays on the calling thread.
const ONE_THREAD: usize = 1 << 18;
/// Outputs each thread takes at a time.
const OUTPUTS: usize = 64;

/// `(1, in)` times `(out, in)ᵀ`, giving `(1, out)`.
pub(crate) fn multiply(x: &Tensor, weights: &Tensor) -> Result<Tensor, ModelError> {
    let (outputs, inputs) = weights.dims2()?;
    let product = with_values(x, |x| {
        with_values(weights, |weights| {
            let mut product = vec![0.0; outputs];
            let fill = |first: usize, product: &mut [f32]| {
                let rows = weights[first * inputs..].chunks_exact(inputs);
                for (sum, row) in product.iter_mut().zip(rows) {
                    *sum = dot(x, row);
                }
            };
            if outputs * inputs < ONE_THREAD {
                fill(0, &mut product);
            } else {
                let pieces = product.par_chunks_mut(OUTPUTS).enumerate();
                pieces.for_each(|(piece, product)| fill(piece * OUTPUTS, product));
            }
            product
        })
    })??;
    Ok(Tensor::from_vec(product, (1, outputs), &Device::Cpu)?)
}

/// Attention of one token that may look everywhere: queries `(heads, 1, head_dim)` over keys and values
/// `(kv_heads, seen, head_dim)`, giving `(heads, 1, head_dim)`.
pub(crate) fn attend(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
) -> Result<Tensor, ModelError> {
    let (heads, _, head_dim) = queries.dims3()?;
    let (kv_heads, seen, _) = keys.dims3()?;
    // Keys and values are views into a cache with room for more.
    let (key_stride, value_stride) = (keys.stride()[0], values.stride()[0]);
    let attended = with_values(queries, |queries| {
        with_values(keys, |keys| {
            with_values(values, |values| {
                let mut attended = vec![0.0; heads * head_dim];
                let fill = |head: usize, output: &mut [f32]| {
                    let shared = head / (heads / kv_heads);
                    let query = &queries[head * head_dim..][..head_dim];
                    let keys = &keys[shared * key_stride..][..seen * head_dim];
                    let values = &values[shared * value_stride..][..seen * head_dim];
                    attend_head(query, keys, values, output);
                };
                if heads * seen * head_dim < ONE_THREAD {
                    let outputs = attended.chunks_exact_mut(head_dim).enumerate();
                    outputs.for_each(|(head, output)| fill(head, output));
                } else {
                    let outputs = attended.par_chunks_mut(head_dim).enumerate();
                    outputs.for_each(|(head, output)| fill(head, output));
                }
                attended
            })
        })
    })???;
    Ok(Tensor::from_vec(
        attended,
        (heads, 1, head_dim),
        &Device::Cpu,
    )?)
}

fn attend_head(query: &[f32], keys: &[f32], values: &[f32], output: &mut [f32]) {
    let scale = 1.0 / (query.len() as f32).sqrt();
    let rows = keys.chunks_exact(query.len());
    let mut weights: Vec<f32> = rows.map(|key| dot(query, key) * scale).collect();
    let highest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for weight in &mut weights {
        *weight = (*weight - highest).exp();
        total += *weight;
    }
    for (weight, value) in weights.iter().zip(values.chunks_exact(query.len())) {
        let share = weight / total;
        for (sum, value) in output.iter_mut().zip(value) {
            *sum += share * value;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(a, b)| a * b)
        .sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a_lanes.zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// A tensor's f32 values, from its first on.
fn with_values<T>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Result<T, ModelError> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => Ok(work(&values[layout.start_offset()..])),
        _ => {
            Err(candle_core::Error::Msg("an f32 tensor in main memory is needed".to_owned()).into())
        }
    }
}
