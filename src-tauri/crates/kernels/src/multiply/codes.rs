//! Products of codes: 4 to 8 bits of weights with 8 bits of activations.

use super::quantized_rows::QuantizedRow;
use super::{FEW_ROWS, Panels};
use crate::matrix::{Blocks, GROUP, PANEL, REGISTERS, codes, for_groups, registers};
use crate::simd::{LANES, Simd, at, chunk, chunk_mut};

/// Rows that share a decoded panel's registers.
const ROWS: usize = 4;

#[inline(always)]
pub(super) fn multiply<S: Simd, B: Blocks>(simd: S, task: &Panels) {
    let rows = &task.input.rows;
    if rows.len() > FEW_ROWS {
        return many_rows::<S, B>(simd, task);
    }
    for panel in task.panels.clone() {
        let bytes = task.matrix.panels(panel..panel + 1);
        let mut row = rows.start;
        while rows.end - row >= ROWS {
            few_rows::<S, B, ROWS>(simd, task, (panel, bytes), row);
            row += ROWS;
        }
        match rows.end - row {
            3 => few_rows::<S, B, 3>(simd, task, (panel, bytes), row),
            2 => few_rows::<S, B, 2>(simd, task, (panel, bytes), row),
            1 => few_rows::<S, B, 1>(simd, task, (panel, bytes), row),
            _ => {}
        }
    }
}

/// `R` rows from `first` on with one panel, decoded on the way.
#[inline(always)]
fn few_rows<S: Simd, B: Blocks, const R: usize>(
    simd: S,
    task: &Panels,
    (panel, bytes): (usize, &[u8]),
    first: usize,
) {
    let rows: [QuantizedRow; R] = std::array::from_fn(|row| task.input.quantized.row(first + row));
    let mut sums = [simd.splat(0.0); R];
    for_groups::<B>(bytes, |head, group, bytes, index| {
        let codes = codes::<S, B>(simd, bytes);
        let halves = if B::HALVES { 2 } else { 1 };
        let mut half = 0;
        while half < halves {
            let weights = Weights {
                scale: B::scale(simd, head, group, half),
                minimum: B::minimum(simd, head, group, half),
            };
            let mut row = 0;
            while row < R {
                sums[row] =
                    add_group::<S, B>(simd, sums[row], &codes, &weights, rows[row], (index, half));
                row += 1;
            }
            half += 1;
        }
    });
    for (row, sums) in sums.into_iter().enumerate() {
        task.output.store(simd, first + row, panel, sums);
    }
}

/// Scales and minimums of sixteen rows of weights.
struct Weights<F> {
    scale: F,
    minimum: F,
}

/// Adds the products of a group (or, with a scale for each half, of half a group) to a row's sums.
#[inline(always)]
fn add_group<S: Simd, B: Blocks>(
    simd: S,
    sums: S::F,
    codes: &[S::B; REGISTERS],
    weights: &Weights<S::F>,
    row: QuantizedRow,
    (index, half): (usize, usize),
) -> S::F {
    let x: &[i8; GROUP] = chunk(row.codes, index * GROUP);
    let [first, second]: [i32; 2] = *chunk(row.sums, 2 * index);
    let kind = (B::BITS, B::ZERO);
    let (dots, sum) = if !B::HALVES {
        (simd.dot(kind, codes, x, first + second), first + second)
    } else if half == 0 {
        let [a, b, c, d, ..] = *codes;
        (simd.dot(kind, &[a, b, c, d], &x[..LANES], first), first)
    } else {
        let [.., a, b, c, d] = *codes;
        (simd.dot(kind, &[a, b, c, d], &x[LANES..], second), second)
    };
    let scale = row.scales[index];
    let sums = simd.mul_add(
        simd.to_f32(dots),
        simd.mul(weights.scale, simd.splat(scale)),
        sums,
    );
    if !B::MINIMUMS {
        return sums;
    }
    simd.mul_add(weights.minimum, simd.splat(-(scale * sum as f32)), sums)
}

/// Rows that share a register of codes in products of many rows.
const MANY: usize = 8;
/// Bytes of a group's codes, one to a byte.
const GROUP_BYTES: usize = REGISTERS * 64;

/// All rows: each panel is decoded once to bytes, which stay in the first two levels of cache while the rows pass.
/// The sums are the same as with few rows, in the same order.
#[inline(always)]
fn many_rows<S: Simd, B: Blocks>(simd: S, task: &Panels) {
    let rows = &task.input.rows;
    let groups = task.matrix.inputs() / GROUP;
    let halves = if B::HALVES { 2 } else { 1 };
    let mut decoded = Decoded {
        codes: vec![0; groups * GROUP_BYTES],
        scales: vec![0.0; groups * halves * PANEL],
        minimums: vec![
            0.0;
            if B::MINIMUMS {
                groups * halves * PANEL
            } else {
                0
            }
        ],
    };
    for panel in task.panels.clone() {
        decoded.fill::<S, B>(simd, task.matrix.panels(panel..panel + 1));
        let mut row = rows.start;
        while rows.end - row >= MANY {
            some_rows::<S, B, MANY>(simd, task, &decoded, (panel, row));
            row += MANY;
        }
        while row < rows.end {
            some_rows::<S, B, 1>(simd, task, &decoded, (panel, row));
            row += 1;
        }
    }
}

/// A panel, decoded.
struct Decoded {
    /// `(groups, registers, 64)`
    codes: Vec<u8>,
    /// `(groups, halves, 16)`
    scales: Vec<f32>,
    /// The same, where there are any.
    minimums: Vec<f32>,
}

impl Decoded {
    #[inline(always)]
    fn fill<S: Simd, B: Blocks>(&mut self, simd: S, panel: &[u8]) {
        let halves = if B::HALVES { 2 } else { 1 };
        for_groups::<B>(panel, |head, group, bytes, index| {
            let registers = codes::<S, B>(simd, bytes);
            for (register, codes) in registers.into_iter().enumerate() {
                simd.store_bytes(
                    chunk_mut(&mut self.codes, index * GROUP_BYTES + register * 64),
                    codes,
                );
            }
            let mut half = 0;
            while half < halves {
                let at = (index * halves + half) * PANEL;
                simd.store(
                    chunk_mut(&mut self.scales, at),
                    B::scale(simd, head, group, half),
                );
                if B::MINIMUMS {
                    simd.store(
                        chunk_mut(&mut self.minimums, at),
                        B::minimum(simd, head, group, half),
                    );
                }
                half += 1;
            }
        });
    }
}

#[inline(always)]
fn some_rows<S: Simd, B: Blocks, const R: usize>(
    simd: S,
    task: &Panels,
    decoded: &Decoded,
    (panel, first): (usize, usize),
) {
    let rows: [QuantizedRow; R] = std::array::from_fn(|row| task.input.quantized.row(first + row));
    let mut sums = [simd.splat(0.0); R];
    let halves = if B::HALVES { 2 } else { 1 };
    for (index, bytes) in decoded.codes.chunks_exact(GROUP_BYTES).enumerate() {
        let codes = registers(simd, bytes);
        let mut half = 0;
        while half < halves {
            let position = (index * halves + half) * PANEL;
            let scale = simd.load(at(&decoded.scales, position));
            let minimum = match B::MINIMUMS {
                true => simd.load(at(&decoded.minimums, position)),
                false => scale,
            };
            let weights = Weights { scale, minimum };
            let mut row = 0;
            while row < R {
                sums[row] =
                    add_group::<S, B>(simd, sums[row], &codes, &weights, rows[row], (index, half));
                row += 1;
            }
            half += 1;
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        task.output.store(simd, first + row, panel, sums);
    }
}
