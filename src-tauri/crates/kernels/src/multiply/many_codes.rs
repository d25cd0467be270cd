//! Products of codes for many rows: each panel is decoded once to bytes, which stay in the first two levels of cache while
//! the rows pass. The sums are those of few rows, in the same order.

use super::codes::{Weights, add, dots};
use super::quantized_rows::QuantizedRow;
use super::{Input, Target};
use crate::Path;
use crate::matrix::{
    Blocks, GROUP, Matrix, PANEL, REGISTERS, codes, for_format, for_groups, registers,
};
use crate::simd::{Simd, Work, at, chunk_mut};

/// Rows that share a register of codes.
const ROWS: usize = 8;
/// Bytes of a group's codes, one to a byte.
const GROUP_BYTES: usize = REGISTERS * 64;
/// Bytes of a group's scales at most: two for each row.
const SCALES_BYTES: usize = 2 * PANEL * size_of::<f32>();

/// Bytes that any panel of these matrices takes when it is decoded.
pub(super) fn buffer_bytes(matrices: &[&Matrix]) -> usize {
    let of_codes = matrices
        .iter()
        .filter(|matrix| matrix.format().is_quantized());
    let groups = of_codes.map(|matrix| matrix.inputs() / GROUP).max();
    groups.unwrap_or(0) * (GROUP_BYTES + 2 * SCALES_BYTES)
}

/// All rows of the input with one panel of codes, decoded into the buffer.
pub(super) fn multiply(
    path: Path,
    (matrix, panel): (&Matrix, usize),
    buffer: &mut [u8],
    input: &Input,
    output: &Target,
) {
    let decoded = path.run(Decode {
        matrix,
        panel,
        buffer,
    });
    // One kernel for each layout rather than for each format.
    macro_rules! run {
        ($bits:literal, $halves:literal, $minimums:literal) => {
            path.run(Rows::<$bits, $halves, $minimums> {
                decoded: &decoded,
                panel,
                input,
                output,
            })
        };
    }
    match (decoded.bits, decoded.halves, decoded.minimums.is_empty()) {
        (4, 1, true) => run!(4, 1, false),
        (4, 1, false) => run!(4, 1, true),
        (4, _, true) => run!(4, 2, false),
        (4, _, false) => run!(4, 2, true),
        (5 | 6, 1, true) => run!(6, 1, false),
        (5 | 6, 1, false) => run!(6, 1, true),
        (5 | 6, _, _) => run!(6, 2, false),
        _ => run!(8, 1, false),
    }
}

/// A panel, decoded.
struct Decoded<'a> {
    bits: u32,
    zero: i32,
    /// Scales of a group and row: 1 or 2.
    halves: usize,
    /// `(groups, registers, 64)`
    codes: &'a [u8],
    /// `(groups, halves, 16)`
    scales: &'a [f32],
    /// The same, where there are any.
    minimums: &'a [f32],
}

struct Decode<'a> {
    matrix: &'a Matrix,
    panel: usize,
    buffer: &'a mut [u8],
}

impl<'a> Work for Decode<'a> {
    type Output = Decoded<'a>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Decoded<'a> {
        for_format!(self.matrix.format(), plain: _P => unreachable!("plain numbers have no codes"),
            blocks: B => self.decode::<S, B>(simd))
    }
}

impl<'a> Decode<'a> {
    #[inline(always)]
    fn decode<S: Simd, B: Blocks>(self, simd: S) -> Decoded<'a> {
        let halves = if B::HALVES { 2 } else { 1 };
        let groups = self.matrix.inputs() / GROUP;
        let (all_codes, rest) = self.buffer.split_at_mut(groups * GROUP_BYTES);
        let rest: &mut [f32] = bytemuck::cast_slice_mut(rest);
        let (scales, rest) = rest.split_at_mut(groups * halves * PANEL);
        let minimums = &mut rest[..if B::MINIMUMS { scales.len() } else { 0 }];
        for_groups::<B>(
            self.matrix.panels(self.panel..self.panel + 1),
            |head, group, bytes, index| {
                for (register, codes) in codes::<S, B>(simd, bytes).into_iter().enumerate() {
                    simd.store_bytes(
                        chunk_mut(all_codes, index * GROUP_BYTES + register * 64),
                        codes,
                    );
                }
                let [scale, minimum] = B::factors(simd, head);
                let mut half = 0;
                while half < halves {
                    let at = (index * halves + half) * PANEL;
                    simd.store(
                        chunk_mut(scales, at),
                        B::scale(simd, scale, head, group, half),
                    );
                    if B::MINIMUMS {
                        simd.store(
                            chunk_mut(minimums, at),
                            B::minimum(simd, minimum, head, group, half),
                        );
                    }
                    half += 1;
                }
            },
        );
        Decoded {
            bits: B::BITS,
            zero: B::ZERO,
            halves,
            codes: all_codes,
            scales,
            minimums,
        }
    }
}

/// Codes of at most `BITS` bits, `HALVES` scales for each group, with minimums or without.
struct Rows<'a, const BITS: u32, const HALVES: usize, const MINIMUMS: bool> {
    decoded: &'a Decoded<'a>,
    panel: usize,
    input: &'a Input<'a>,
    output: &'a Target<'a>,
}

impl<const BITS: u32, const HALVES: usize, const MINIMUMS: bool> Work
    for Rows<'_, BITS, HALVES, MINIMUMS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = &self.input.rows;
        let mut row = rows.start;
        while rows.end - row >= ROWS {
            self.some::<S, ROWS>(simd, row);
            row += ROWS;
        }
        while row < rows.end {
            self.some::<S, 1>(simd, row);
            row += 1;
        }
    }
}

impl<const BITS: u32, const HALVES: usize, const MINIMUMS: bool> Rows<'_, BITS, HALVES, MINIMUMS> {
    #[inline(always)]
    fn some<S: Simd, const R: usize>(&self, simd: S, first: usize) {
        let decoded = self.decoded;
        let rows: [QuantizedRow; R] =
            std::array::from_fn(|row| self.input.quantized.row(first + row));
        let mut sums = [simd.splat(0.0); R];
        for (index, bytes) in decoded.codes.chunks_exact(GROUP_BYTES).enumerate() {
            let codes = registers(simd, bytes);
            let mut half = 0;
            while half < HALVES {
                let position = (index * HALVES + half) * PANEL;
                let scale = simd.load(at(decoded.scales, position));
                let minimum = match MINIMUMS {
                    true => simd.load(at(decoded.minimums, position)),
                    false => scale,
                };
                let weights = Weights { scale, minimum };
                let part = if HALVES == 2 { Some(half) } else { None };
                let mut row = 0;
                while row < R {
                    let dots = dots(simd, (BITS, decoded.zero), &codes, rows[row], (index, part));
                    sums[row] = add(simd, sums[row], dots, &weights, MINIMUMS);
                    row += 1;
                }
                half += 1;
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            self.output.store(simd, first + row, self.panel, sums);
        }
    }
}
