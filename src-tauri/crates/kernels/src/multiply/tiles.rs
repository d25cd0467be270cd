//! Products of many rows by bfloat16 tiles.

use std::ops::Range;

use super::Product;
use crate::buffers::TaskBuffers;
use crate::matrix::{
    Blocks, GROUP, Matrix, PANEL, Plain, WeightFormat, decode_register, for_format, group_bytes,
    panel_block_bytes,
};
use crate::output::Output;
use crate::simd::{Simd, Work, chunk_mut};
use crate::tiles::{self, Bf16Product, Panels, TILE_DEPTH, multiply_bf16};
use crate::{Path, Pool, Sums, TileKernel, TileRows};

/// Panels that a task decodes and multiplies at a time: what the tile kernels take side by side.
const PANELS: usize = 2;
/// Inputs that are decoded at a time, a multiple of every block: two panels of so many bfloat16 numbers are 128 KB.
const DEPTH: usize = 2048;
/// Blocks of sixteen rows that stay in the second-level cache.
const ROW_BLOCKS: usize = 16;

/// The tile kernel that multiplies such weights with many rows on this path; none where another way is better: full
/// precision stays so, and without AMX dot products of 8-bit codes are twice as fast as those of bfloat16.
pub(super) fn kernel(path: Path, format: WeightFormat) -> Option<TileKernel> {
    let kernel = TileKernel::of(path)?;
    match (format, kernel) {
        (WeightFormat::F32, _) => None,
        (WeightFormat::Bf16 | WeightFormat::F16, _) | (_, TileKernel::Amx(_)) => Some(kernel),
        (_, TileKernel::Dots(..)) => None,
    }
}

pub(super) fn multiply(
    kernel: TileKernel,
    (path, pool): (Path, &Pool),
    rows: &TileRows,
    buffers: &mut TaskBuffers,
    product: &mut Product,
) {
    let matrix = product.matrix;
    let panel_count = matrix.panel_count();
    if matrix.format() == WeightFormat::Bf16 {
        let product_of_panels = Bf16Product {
            rows,
            panels: bytemuck::cast_slice(matrix.panels(0..panel_count)),
            outputs: matrix.outputs(),
            sums: Sums::Overwrite,
        };
        return multiply_bf16(kernel, pool, &product_of_panels, product.output);
    }
    let output = Output::new(product.output, rows.rows(), matrix.outputs());
    let bytes = PANELS * PANEL * rows.depth().min(DEPTH) * size_of::<u16>();
    let buffers = buffers.prepare(pool.threads(), bytes);
    pool.ranges(panel_count, PANELS, |panels| {
        let mut buffer = buffers.take();
        let decoded: &mut [u16] = bytemuck::cast_slice_mut(&mut buffer[..bytes]);
        for start in (0..rows.depth()).step_by(DEPTH) {
            let depth = start..rows.depth().min(start + DEPTH);
            let stride = PANEL * depth.len();
            for (panel, values) in panels.clone().zip(decoded.chunks_exact_mut(stride)) {
                path.run(Decode {
                    matrix,
                    panel,
                    depth: depth.clone(),
                    values,
                });
            }
            for row_block in (0..rows.row_blocks()).step_by(ROW_BLOCKS) {
                let share = tiles::Product {
                    rows,
                    row_blocks: row_block..rows.row_blocks().min(row_block + ROW_BLOCKS),
                    panels: Panels {
                        values: decoded,
                        count: panels.len(),
                        stride,
                        depth: depth.clone(),
                    },
                    first_column: panels.start * PANEL,
                    sums: if start == 0 {
                        Sums::Overwrite
                    } else {
                        Sums::Add
                    },
                };
                // SAFETY: each task has columns of its own.
                #[allow(unsafe_code)]
                unsafe {
                    kernel.multiply_panels(&share, &output);
                }
            }
        }
    });
}

/// Part of a panel as bfloat16: `[depth / 2][16][2]`.
struct Decode<'a> {
    matrix: &'a Matrix,
    panel: usize,
    /// Begins at a multiple of [`DEPTH`], ends at one of 32.
    depth: Range<usize>,
    values: &'a mut [u16],
}

impl Work for Decode<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for_format!(self.matrix.format(), plain: P => self.plain::<S, P>(simd), blocks: B => self.blocks::<S, B>(simd));
    }
}

impl Decode<'_> {
    #[inline(always)]
    fn plain<S: Simd, P: Plain>(self, simd: S) {
        let numbers = P::numbers(self.matrix.panels(self.panel..self.panel + 1));
        let nothing = simd.splat(0.0);
        for (pair, values) in self
            .values
            .as_chunks_mut::<{ 2 * PANEL }>()
            .0
            .iter_mut()
            .enumerate()
        {
            let input = self.depth.start + 2 * pair;
            let mut weights = [nothing; 2];
            for (index, weights) in weights.iter_mut().enumerate() {
                // The formats that come here have one input a step.
                if input + index < self.matrix.inputs() {
                    [*weights, _] = P::load(simd, numbers, input + index);
                }
            }
            simd.store_bf16_pairs(values, weights[0], weights[1]);
        }
    }

    #[inline(always)]
    fn blocks<S: Simd, B: Blocks>(self, simd: S) {
        const { assert!(DEPTH.is_multiple_of(GROUP * B::GROUPS) && GROUP.is_multiple_of(TILE_DEPTH)) };
        let bytes = panel_block_bytes::<B>();
        let blocks = self.matrix.panels(self.panel..self.panel + 1);
        let first = self.depth.start / (GROUP * B::GROUPS) * bytes;
        let mut groups = self.values.chunks_exact_mut(GROUP * PANEL);
        for block in blocks[first..].chunks_exact(bytes) {
            let (head, codes) = block.split_at(B::HEAD_BYTES);
            for (group, bytes) in codes.chunks_exact(group_bytes(B::BITS)).enumerate() {
                let Some(values) = groups.next() else {
                    return;
                };
                let registers = crate::matrix::codes::<S, B>(simd, bytes);
                for (register, codes) in registers.into_iter().enumerate() {
                    let weights = decode_register::<S, B>(simd, head, group, (register, codes));
                    let position = register * 4 * PANEL;
                    simd.store_bf16_pairs(chunk_mut(values, position), weights[0], weights[1]);
                    simd.store_bf16_pairs(
                        chunk_mut(values, position + 2 * PANEL),
                        weights[2],
                        weights[3],
                    );
                }
            }
        }
    }
}
