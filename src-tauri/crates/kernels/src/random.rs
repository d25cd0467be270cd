//! Weights without a meaning, for measuring.

use crate::matrix::WeightFormat;
use crate::{Matrix, Pool};

/// splitmix64 (Steele et al. 2014): small, and the same everywhere.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Matrix {
    /// Random weights of the size that keeps activations as large as they come in: about `1 / sqrt(inputs)`.
    pub fn random(
        format: WeightFormat,
        (outputs, inputs): (usize, usize),
        pool: &Pool,
        seed: u64,
    ) -> Self {
        let mut bits = Bits(seed);
        let packed = Self::pack(format, (outputs, inputs), pool, |_, rows| {
            fill(format, inputs, &mut bits, rows);
            Ok::<(), std::convert::Infallible>(())
        });
        match packed {
            Ok(matrix) => matrix,
        }
    }
}

fn fill(format: WeightFormat, inputs: usize, bits: &mut Bits, rows: &mut [u8]) {
    for bytes in rows.chunks_mut(8) {
        bytes.copy_from_slice(&bits.next().to_le_bytes()[..bytes.len()]);
    }
    let spread = 1.0 / (inputs as f32).sqrt();
    // Where a block's scales lie, and how large a random code times its random inner scale is.
    let (scales, size): (&[usize], f32) = match format {
        WeightFormat::F32 => {
            for bytes in rows.as_chunks_mut::<4>().0 {
                *bytes = (uniform(u32::from_le_bytes(*bytes) as u16) * spread).to_le_bytes();
            }
            return;
        }
        WeightFormat::F16 | WeightFormat::Bf16 => {
            for bytes in rows.as_chunks_mut::<2>().0 {
                let value = uniform(u16::from_le_bytes(*bytes)) * spread;
                *bytes = match format {
                    WeightFormat::F16 => half::f16::from_f32(value).to_le_bytes(),
                    _ => half::bf16::from_f32(value).to_le_bytes(),
                };
            }
            return;
        }
        WeightFormat::Q4_1 | WeightFormat::Q5_1 => (&[0, 2], 16.0),
        WeightFormat::Q4K | WeightFormat::Q5K => (&[0, 2], 400.0),
        WeightFormat::Q2K => (&[80, 82], 20.0),
        WeightFormat::Q3K => (&[108], 60.0),
        WeightFormat::Q6K => (&[208], 1400.0),
        WeightFormat::Q8_0 => (&[0], 74.0),
        WeightFormat::Q5_0 => (&[0], 9.0),
        WeightFormat::Q4_0 | WeightFormat::Int4 { .. } => (&[0], 4.6),
    };
    let scale = half::f16::from_f32(spread / size).to_le_bytes();
    let zero = matches!(
        format,
        WeightFormat::Int4 {
            symmetric: false,
            ..
        }
    );
    for block in rows.chunks_mut(format.row_bytes(format.block_weights())) {
        for at in scales {
            block[*at..*at + 2].copy_from_slice(&scale);
        }
        if zero {
            block[2] = 8;
        }
    }
}

/// Between -1.7 and 1.7: a spread of one.
fn uniform(bits: u16) -> f32 {
    (f32::from(bits) / 32768.0 - 1.0) * 1.732
}
