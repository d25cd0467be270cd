//! Products of tiles: which rows, panels and part of the depth, and where the sums go.

use std::ops::Range;

use super::{TILE_DEPTH, TILE_ROWS, TileKernel, TileRows, amx, dots};
use crate::output::Output;
use crate::{Pool, Sums};

/// Row blocks of one task: 256 rows. Over the depth below they are 1 MB, half of an AMX processor's second-level cache.
const TASK_ROW_BLOCKS: usize = 16;
/// Depth that AMX goes through at a time at most; the sums wait in the output meanwhile.
const AMX_DEPTH: usize = 2048;
/// Tasks for each thread, so that a slower one can be helped.
const TASKS_PER_THREAD: usize = 4;

/// Panels of sixteen outputs, over a range of the depth.
#[derive(Debug, Clone)]
pub(crate) struct Panels<'a> {
    /// From the first panel's first value in the range on.
    pub(crate) values: &'a [u16],
    /// How many panels.
    pub(crate) count: usize,
    /// Values from the beginning of a panel to that of the next.
    pub(crate) stride: usize,
    /// Which of the rows' inputs they multiply; both ends are multiples of 32.
    pub(crate) depth: Range<usize>,
}

impl<'a> Panels<'a> {
    /// One panel's part of the depth.
    #[inline(always)]
    pub(crate) fn panel(&self, index: usize) -> &'a [u16] {
        &self.values[index * self.stride..][..TILE_ROWS * self.depth.len()]
    }
}

/// One task's share of a product.
#[derive(Debug, Clone)]
pub(crate) struct Product<'a> {
    pub(crate) rows: &'a TileRows,
    /// Which blocks of sixteen rows; up to 16 of them stay in cache.
    pub(crate) row_blocks: Range<usize>,
    pub(crate) panels: Panels<'a>,
    /// The output's column that the first panel begins at.
    pub(crate) first_column: usize,
    pub(crate) sums: Sums,
}

impl TileKernel {
    /// Multiplies these rows by these panels.
    ///
    /// # Safety
    /// Nobody else uses these rows and columns of the output meanwhile.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn multiply_panels(self, product: &Product, output: &Output) {
        let Product { rows, panels, .. } = product;
        let depth = &panels.depth;
        assert!(
            depth.start.is_multiple_of(TILE_DEPTH) && depth.end.is_multiple_of(TILE_DEPTH),
            "a part of the depth begins and ends between tiles"
        );
        assert!(
            depth.start <= depth.end && depth.end <= rows.depth(),
            "panels are no deeper than rows"
        );
        assert!(
            product.row_blocks.end <= rows.row_blocks(),
            "only rows that there are"
        );
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Amx(amx) => amx::multiply(amx, product, output),
                Self::Dots(_, proof) => dots::multiply(proof, product, output),
            }
        }
    }

    /// Depth to go through at a time.
    fn depth_at_most(self) -> usize {
        match self {
            Self::Amx(_) => AMX_DEPTH,
            // Reads each row's values once for three panels, which is slow enough for any cache.
            Self::Dots(..) => usize::MAX,
        }
    }
}

/// `y = x wᵀ`, or `y += x wᵀ`: bfloat16 products, f32 sums.
#[derive(Debug, Clone, Copy)]
pub struct Bf16Product<'a> {
    /// x, (rows, inputs).
    pub rows: &'a TileRows,
    /// w, (outputs, inputs), as panels `[inputs/2][16][2]` of sixteen outputs each, with zeros where there is no output or
    /// input; inputs are a multiple of 32.
    pub panels: &'a [u16],
    /// How many outputs.
    pub outputs: usize,
    /// What becomes of the values in y.
    pub sums: Sums,
}

/// Computes `y`, (rows, outputs).
///
/// # Panics
/// When panels or y have other lengths than the numbers of rows, inputs and outputs say.
pub fn multiply_bf16(kernel: TileKernel, pool: &Pool, product: &Bf16Product, y: &mut [f32]) {
    let &Bf16Product {
        rows,
        panels,
        outputs,
        sums,
    } = product;
    let depth = rows.depth();
    let panel_count = outputs.div_ceil(TILE_ROWS);
    let stride = TILE_ROWS * depth;
    assert_eq!(
        panels.len(),
        panel_count * stride,
        "there are panels for all outputs and inputs"
    );
    let output = Output::new(y, rows.rows(), outputs);
    // All steps are nearly equal, and those of row blocks and panels are even, for pairs of them.
    let row_blocks = rows.row_blocks();
    let row_groups = row_blocks.div_ceil(TASK_ROW_BLOCKS);
    let row_step = row_blocks.div_ceil(row_groups.max(1)).next_multiple_of(2);
    let panel_groups = (pool.threads() * TASKS_PER_THREAD).div_ceil(row_groups.max(1));
    let panel_step = panel_count.div_ceil(panel_groups).next_multiple_of(2);
    let panel_groups = panel_count.div_ceil(panel_step.max(1));
    // Without any depth there is still an output to overwrite.
    let parts = depth.div_ceil(kernel.depth_at_most()).max(1);
    let depth_step = depth.div_ceil(parts).next_multiple_of(TILE_DEPTH);
    for part in 0..parts {
        let depth = part * depth_step..depth.min((part + 1) * depth_step);
        // The same panels for all rows before the next: threads that go through them at the same time read them from
        // memory once.
        pool.run(row_groups * panel_groups, |task| {
            let row_block = task % row_groups * row_step;
            let panel = task / row_groups * panel_step;
            let end = row_blocks.min(row_block + row_step);
            let product = Product {
                rows,
                row_blocks: row_block..end,
                panels: Panels {
                    values: &panels[panel * stride + depth.start * TILE_ROWS..],
                    count: panel_step.min(panel_count - panel),
                    stride,
                    depth: depth.clone(),
                },
                first_column: panel * TILE_ROWS,
                sums: if part == 0 { sums } else { Sums::Add },
            };
            // SAFETY: tasks differ in their rows or their columns.
            #[allow(unsafe_code)]
            unsafe {
                kernel.multiply_panels(&product, &output);
            }
        });
    }
}
