//! Activations rounded to 8 bits.

use crate::matrix::GROUP;
use crate::pool::Parts;
use crate::simd::{LANES, Simd, Work, at, chunk_mut};
use crate::{Aligned, Path, Pool};

/// Rows a thread takes at a time.
const ROWS: usize = 4;

/// Rows of activations in groups of 32: `x = scale · code`, codes within -127 and 127, scale `max |x| / 127`; and the codes'
/// sums over 16. A group with a value that is infinite or not a number has the scale NaN.
#[derive(Debug)]
pub(super) struct QuantizedRows {
    inputs: usize,
    /// `(rows, inputs)`
    codes: Aligned<i8>,
    /// `(rows, inputs / 32)`
    scales: Aligned<f32>,
    /// `(rows, inputs / 16)`
    sums: Aligned<i32>,
}

impl Default for QuantizedRows {
    fn default() -> Self {
        Self {
            inputs: 0,
            codes: Aligned::zeroed(0),
            scales: Aligned::zeroed(0),
            sums: Aligned::zeroed(0),
        }
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct QuantizedRow<'a> {
    pub(super) codes: &'a [i8],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [i32],
}

impl QuantizedRow<'_> {
    /// Some of its groups.
    #[inline(always)]
    pub(super) fn groups(&self, start: usize, count: usize) -> Self {
        Self {
            codes: &self.codes[start * GROUP..][..count * GROUP],
            scales: &self.scales[start..][..count],
            sums: &self.sums[2 * start..][..2 * count],
        }
    }
}

impl QuantizedRows {
    /// Rounds `x`, rows of `inputs` values, a multiple of 32.
    pub(super) fn fill(&mut self, path: Path, pool: &Pool, x: &[f32], inputs: usize) {
        if self.codes.len() < x.len() {
            self.codes = Aligned::zeroed(x.len());
            self.scales = Aligned::zeroed(x.len() / GROUP);
            self.sums = Aligned::zeroed(x.len() / LANES);
        }
        self.inputs = inputs;
        let (codes, scales, sums) = (
            Parts::new(&mut self.codes),
            Parts::new(&mut self.scales),
            Parts::new(&mut self.sums),
        );
        pool.ranges(x.len(), ROWS * inputs, |range| {
            let groups = range.start / GROUP..range.end / GROUP;
            let halves = range.start / LANES..range.end / LANES;
            // SAFETY: ranges of tasks do not overlap, and the buffers are borrowed until the job is done.
            #[allow(unsafe_code)]
            let work = unsafe {
                Quantize {
                    x: &x[range.clone()],
                    codes: codes.part(range),
                    scales: scales.part(groups),
                    sums: sums.part(halves),
                }
            };
            path.run(work);
        });
    }

    #[inline(always)]
    pub(super) fn row(&self, row: usize) -> QuantizedRow<'_> {
        let (groups, halves) = (self.inputs / GROUP, self.inputs / LANES);
        QuantizedRow {
            codes: &self.codes[row * self.inputs..][..self.inputs],
            scales: &self.scales[row * groups..][..groups],
            sums: &self.sums[row * halves..][..halves],
        }
    }
}

struct Quantize<'a> {
    x: &'a [f32],
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [i32],
}

impl Work for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (group, scale) in self.scales.iter_mut().enumerate() {
            let first = group * GROUP;
            let (a, b) = (
                simd.load(at(self.x, first)),
                simd.load(at(self.x, first + LANES)),
            );
            let largest = simd.largest(simd.max(simd.abs(a), simd.abs(b)));
            // 0 for numbers; NaN where one of them is infinite or not a number, which `largest` may miss.
            let nothing = simd.splat(0.0);
            let poison = simd.sum(simd.mul_add(a, nothing, simd.mul(b, nothing)));
            let finite = poison == 0.0;
            *scale = if finite { largest / 127.0 } else { f32::NAN };
            let inverse = if finite && *scale > 0.0 {
                1.0 / *scale
            } else {
                0.0
            };
            for (half, values) in [a, b].into_iter().enumerate() {
                // Kept within 127 although 1 / (largest / 127) rounds; in a group that is not finite codes mean nothing.
                let scaled = match finite {
                    true => simd.mul(values, simd.splat(inverse)),
                    false => nothing,
                };
                let bounded = simd.max(simd.splat(-127.0), simd.min(simd.splat(127.0), scaled));
                let codes = chunk_mut(self.codes, first + half * LANES);
                simd.store_i8(codes, bounded);
                self.sums[2 * group + half] = codes.iter().map(|code| i32::from(*code)).sum();
            }
        }
    }
}
