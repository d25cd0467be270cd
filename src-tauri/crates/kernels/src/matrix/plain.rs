//! Panels of plain numbers.

use super::PANEL;
use crate::Number;
use crate::simd::{LANES, Simd, at, chunk};

/// A number format. A panel is `[depth / STEP][16][STEP]`: one step is a register's worth of outputs for `STEP` inputs.
pub(crate) trait Plain: 'static {
    /// As it lies in memory.
    type Number: Number + bytemuck::Pod;
    /// Inputs that lie side by side.
    const STEP: usize;
    /// Inputs are filled up with zeros to a multiple of this.
    const PADDING: usize;

    /// As f32.
    fn value(number: Self::Number) -> f32;

    /// The weights of sixteen outputs for `STEP` inputs; the second is unused where that is 1.
    fn load<S: Simd>(simd: S, panel: &[Self::Number], step: usize) -> [S::F; 2];

    /// Inputs with their padding.
    fn depth(inputs: usize) -> usize {
        inputs.next_multiple_of(Self::PADDING)
    }

    /// A panel's bytes as numbers.
    fn numbers(bytes: &[u8]) -> &[Self::Number] {
        bytemuck::cast_slice(bytes)
    }
}

/// 32-bit numbers.
pub(crate) struct F32;

impl Plain for F32 {
    type Number = f32;
    const STEP: usize = 1;
    const PADDING: usize = 1;

    fn value(number: f32) -> f32 {
        number
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, panel: &[f32], step: usize) -> [S::F; 2] {
        [simd.load(at(panel, step * LANES)); 2]
    }
}

/// Half precision.
pub(crate) struct F16;

impl Plain for F16 {
    type Number = u16;
    const STEP: usize = 1;
    const PADDING: usize = 1;

    fn value(number: u16) -> f32 {
        half::f16::from_bits(number).to_f32_const()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, panel: &[u16], step: usize) -> [S::F; 2] {
        [simd.load_f16(at(panel, step * LANES)); 2]
    }
}

/// bfloat16, in pairs and padded as the tile kernels take them.
pub(crate) struct Bf16;

impl Plain for Bf16 {
    type Number = u16;
    const STEP: usize = 2;
    const PADDING: usize = 32;

    fn value(number: u16) -> f32 {
        f32::from_bits(u32::from(number) << 16)
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, panel: &[u16], step: usize) -> [S::F; 2] {
        let (first, second) = simd.load_bf16_pairs(chunk(panel, step * 2 * LANES));
        [first, second]
    }
}

/// Where a weight lies in its panel.
pub(crate) fn position<P: Plain>(input: usize, lane: usize) -> usize {
    (input / P::STEP * PANEL + lane) * P::STEP + input % P::STEP
}

pub(super) fn row<P: Plain>(panel: &[u8], lane: usize, row: &mut [f32]) {
    let numbers = P::numbers(panel);
    for (input, weight) in row.iter_mut().enumerate() {
        *weight = P::value(numbers[position::<P>(input, lane)]);
    }
}
