//! Products of codes, 4 to 8 bits of weights with 8 bits of activations, for few rows: panels are decoded on the way.

use std::marker::PhantomData;

use super::Panels;
use super::quantized_rows::QuantizedRow;
use crate::matrix::{Blocks, GROUP, REGISTERS, codes, group_bytes, panel_block_bytes};
use crate::simd::{LANES, Simd, Work, chunk};

/// Rows that share a decoded panel's registers.
const ROWS: usize = 4;

/// The work of one task with codes of one format.
pub(super) struct CodePanels<'a, B> {
    pub(super) task: Panels<'a>,
    pub(super) format: PhantomData<B>,
}

impl<B: Blocks> Work for CodePanels<'_, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let task = self.task;
        let rows = &task.input.rows;
        let mut panel = task.panels.start;
        while panel < task.panels.end {
            let mut row = rows.start;
            while rows.end - row >= ROWS {
                few_rows::<S, B, ROWS>(simd, &task, panel, row);
                row += ROWS;
            }
            while row < rows.end {
                few_rows::<S, B, 1>(simd, &task, panel, row);
                row += 1;
            }
            panel += 1;
        }
    }
}

/// `R` rows from `first` on with one panel, decoded on the way.
#[inline(always)]
fn few_rows<S: Simd, B: Blocks, const R: usize>(
    simd: S,
    task: &Panels,
    panel: usize,
    first: usize,
) {
    let rows: [QuantizedRow; R] = std::array::from_fn(|row| task.input.quantized.row(first + row));
    let halves = if B::HALVES { 2 } else { 1 };
    let mut sums = [simd.splat(0.0); R];
    let mut start = 0;
    for block in task
        .matrix
        .panels(panel..panel + 1)
        .chunks_exact(panel_block_bytes::<B>())
    {
        let (head, bytes) = block.split_at(B::HEAD_BYTES);
        let [scales, minimums] = B::factors(simd, head);
        let mut blocks = rows;
        let mut row = 0;
        while row < R {
            blocks[row] = rows[row].groups(start, B::GROUPS);
            row += 1;
        }
        let mut group = 0;
        while group < B::GROUPS {
            let codes = codes::<S, B>(simd, &bytes[group * group_bytes(B::BITS)..]);
            let mut half = 0;
            while half < halves {
                let weights = Weights {
                    scale: B::scale(simd, scales, head, group, half),
                    minimum: B::minimum(simd, minimums, head, group, half),
                };
                let part = B::HALVES.then_some(half);
                let mut row = 0;
                while row < R {
                    let dots = dots(simd, (B::BITS, B::ZERO), &codes, blocks[row], (group, part));
                    sums[row] = add(simd, sums[row], dots, &weights, B::MINIMUMS);
                    row += 1;
                }
                half += 1;
            }
            group += 1;
        }
        start += B::GROUPS;
    }
    let mut row = 0;
    while row < R {
        task.output.store(simd, first + row, panel, sums[row]);
        row += 1;
    }
}

/// Scales and minimums of sixteen rows of weights.
pub(super) struct Weights<F> {
    pub(super) scale: F,
    pub(super) minimum: F,
}

/// What a row's group of activations gives with sixteen rows of codes.
pub(super) struct Dots<I> {
    /// `Σ (code - zero) · x`
    products: I,
    /// `Σ x`
    sum: i32,
    /// Of the activations.
    scale: f32,
}

/// The products of a group, or of the half of it that has a scale of its own.
#[inline(always)]
pub(super) fn dots<S: Simd>(
    simd: S,
    kind: (u32, i32),
    codes: &[S::B; REGISTERS],
    row: QuantizedRow,
    (index, half): (usize, Option<usize>),
) -> Dots<S::I> {
    let x: &[i8; GROUP] = chunk(row.codes, index * GROUP);
    let [first, second]: [i32; 2] = *chunk(row.sums, 2 * index);
    let (products, sum) = match half {
        None => (simd.dot(kind, codes, x, first + second), first + second),
        Some(0) => {
            let [a, b, c, d, ..] = *codes;
            (simd.dot(kind, &[a, b, c, d], &x[..LANES], first), first)
        }
        Some(_) => {
            let [.., a, b, c, d] = *codes;
            (simd.dot(kind, &[a, b, c, d], &x[LANES..], second), second)
        }
    };
    let scale = row.scales[index];
    Dots {
        products,
        sum,
        scale,
    }
}

/// Adds them to a row's sums, scaled.
#[inline(always)]
pub(super) fn add<S: Simd>(
    simd: S,
    sums: S::F,
    dots: Dots<S::I>,
    weights: &Weights<S::F>,
    minimums: bool,
) -> S::F {
    let scale = simd.mul(weights.scale, simd.splat(dots.scale));
    let sums = simd.mul_add(simd.to_f32(dots.products), scale, sums);
    if !minimums {
        return sums;
    }
    simd.mul_add(
        weights.minimum,
        simd.splat(-(dots.scale * dots.sum as f32)),
        sums,
    )
}
