//! Softmax of rows.

use crate::elementwise::{load_or_pad, rows_together, share, store_or_cut, whole_rows};
use crate::{LANES, Path, Pool, Simd, Work};

/// `x_i = e^x_i / Σ e^x_j` for each row of `x`, `(rows, width)`, in place.
///
/// A row's largest value is taken away first, so that no size overflows; places of minus infinity become zero. A row that
/// holds what is not a number, plus infinity, or minus infinity alone comes out as not a number throughout.
pub fn softmax(path: Path, pool: &Pool, x: &mut [f32], width: usize) {
    let rows = whole_rows(x.len(), width);
    share(
        pool,
        (rows, rows_together(width)),
        [(x, width)],
        |_, [x]| path.run(SoftmaxRows { x, width }),
    );
}

struct SoftmaxRows<'a> {
    x: &'a mut [f32],
    width: usize,
}

impl Work for SoftmaxRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact_mut(self.width) {
            let largest = largest(simd, row);
            exponentiate(simd, row, shift_of(largest), 1.0);
            let sum = sum_in_tiles::<S, false>(simd, row, 0.0);
            multiply(simd, row, (1.0 / sum) as f32);
        }
    }
}

/// The largest value of a row, what is not a number left out; minus infinity where there is none.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let mut all = [simd.splat(f32::NEG_INFINITY); 4];
    let mut start = 0;
    while start < row.len() {
        for part in &mut all {
            let at = start.min(row.len());
            *part = simd.max(load_or_pad(simd, row, at, f32::NEG_INFINITY), *part);
            start += LANES;
        }
    }
    simd.largest(simd.max(simd.max(all[0], all[1]), simd.max(all[2], all[3])))
}

/// What is taken from values before they are exponentiated: their largest. Where that is minus infinity, zero: every
/// power is zero then, but for what is not a number.
#[inline(always)]
pub(crate) fn shift_of(largest: f32) -> f32 {
    match largest == f32::NEG_INFINITY {
        true => 0.0,
        false => largest,
    }
}

/// Values that are summed in f32; the sums of such tiles are added in f64.
const TILE: usize = 1024;

/// `Σ e^(x - shift)`, or `Σ x` when not `EXPONENTIAL`.
#[inline(always)]
pub(crate) fn sum_in_tiles<S: Simd, const EXPONENTIAL: bool>(
    simd: S,
    row: &[f32],
    shift: f32,
) -> f64 {
    let padding = match EXPONENTIAL {
        true => f32::NEG_INFINITY,
        false => 0.0,
    };
    let mut total = 0.0;
    for tile in row.chunks(TILE) {
        let mut sums = [simd.splat(0.0); 4];
        let mut start = 0;
        while start < tile.len() {
            for sum in &mut sums {
                let mut x = load_or_pad(simd, tile, start.min(tile.len()), padding);
                if EXPONENTIAL {
                    x = simd.exp(simd.sub(x, simd.splat(shift)));
                }
                *sum = simd.add(*sum, x);
                start += LANES;
            }
        }
        let halves = [simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3])];
        total += f64::from(simd.sum(simd.add(halves[0], halves[1])));
    }
    total
}

/// `x = factor · e^(x - shift)`
#[inline(always)]
pub(crate) fn exponentiate<S: Simd>(simd: S, row: &mut [f32], shift: f32, factor: f32) {
    let mut start = 0;
    while start < row.len() {
        let x = load_or_pad(simd, row, start, f32::NEG_INFINITY);
        let power = simd.exp(simd.sub(x, simd.splat(shift)));
        store_or_cut(simd, row, start, simd.mul(power, simd.splat(factor)));
        start += LANES;
    }
}

#[inline(always)]
pub(crate) fn multiply<S: Simd>(simd: S, row: &mut [f32], factor: f32) {
    let mut start = 0;
    while start < row.len() {
        let x = load_or_pad(simd, row, start, 0.0);
        store_or_cut(simd, row, start, simd.mul(x, simd.splat(factor)));
        start += LANES;
    }
}

#[cfg(test)]
mod tests;
