//! Products by bfloat16 tiles.

use super::{Fill, Share, steps};
use crate::matrix::PANEL;
use crate::output::Output;
use crate::tiles::{Panels, Product, TILE_DEPTH};
use crate::{Path, Pool, Scratch, Sums, TileKernel};

/// Depth of a part: the panels of a task are 384 KB, and 256 rows 1 MB, half of an AMX processor's second-level cache.
const DEPTH: usize = 2048;
/// Most panels of a task: twice what the dot products take side by side, three times what AMX takes.
const PANELS: usize = 6;
/// Blocks of sixteen rows that are multiplied by all panels before the next.
const ROW_BLOCKS: usize = 16;
/// Blocks of rows, and panels, of a task.
const STEPS: [(usize, usize); 6] = [
    (usize::MAX, PANELS),
    (usize::MAX, 2),
    (32, 2),
    (16, 2),
    (8, 2),
    (4, 2),
];

pub(super) fn multiply(
    kernel: TileKernel,
    (path, pool): (Path, &Pool),
    scratch: &mut Scratch,
    share: &Share,
    output: &mut [f32],
) {
    let (rows, depth) = share.left.shape();
    let (_, columns) = share.right.shape();
    match share.left.transposed {
        false => scratch
            .tiles
            .pack(path, pool, share.left.values, rows, depth),
        true => scratch
            .tiles
            .pack_transposed(path, pool, share.left.values, rows, depth),
    }
    let tile_rows = &scratch.tiles;
    let (row_blocks, panels) = (tile_rows.row_blocks(), columns.div_ceil(PANEL));
    let (row_step, panel_step) = steps((row_blocks, panels), pool.threads(), &STEPS);
    let panel_bytes = DEPTH.min(tile_rows.depth()) * PANEL * size_of::<u16>();
    let buffers = scratch
        .buffers
        .prepare(pool.threads(), panel_bytes * panel_step.min(panels));
    let output = Output::new(output, rows, columns);
    let row_groups = row_blocks.div_ceil(row_step);
    pool.run(row_groups * panels.div_ceil(panel_step), |task| {
        let first_block = task % row_groups * row_step;
        let last_block = row_blocks.min(first_block.saturating_add(row_step));
        let panel = task / row_groups * panel_step;
        let count = panel_step.min(panels - panel);
        let mut buffer = buffers.take();
        for start in (0..depth).step_by(DEPTH) {
            let end = depth.min(start + DEPTH);
            let padded = (end - start).next_multiple_of(TILE_DEPTH);
            let stride = padded * PANEL;
            let values: &mut [u16] =
                bytemuck::cast_slice_mut(&mut buffer[..count * stride * size_of::<u16>()]);
            Fill {
                columns: share.right,
                first: panel * PANEL,
                depth: start..end,
                panels: &mut *values,
            }
            .run_on(path);
            for row_block in (first_block..last_block).step_by(ROW_BLOCKS) {
                let product = Product {
                    rows: tile_rows,
                    row_blocks: row_block..last_block.min(row_block + ROW_BLOCKS),
                    panels: Panels {
                        values,
                        count,
                        stride,
                        depth: start..start + padded,
                    },
                    first_column: panel * PANEL,
                    sums: match start {
                        0 => share.sums,
                        _ => Sums::Add,
                    },
                };
                // SAFETY: tasks differ in their rows or their columns.
                #[allow(unsafe_code)]
                unsafe {
                    kernel.multiply_panels(&product, &output);
                }
            }
        }
    });
}
