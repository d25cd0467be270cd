//! Products in f32.
//!
//! A task goes through the depth in parts of [`DEPTH`]. Of each it packs its columns as panels, then its rows block by block
//! beside them, and multiplies: registers hold the sums of a few rows and one or two panels, which rest in the output
//! between parts. Rows are copied so that they lie in different sets of the first cache however far apart they were.

use super::{Columns, Fill, Operand, Share, steps};
use crate::matrix::PANEL;
use crate::output::Output;
use crate::simd::{LANES, Simd, Work, chunk, chunk_mut};
use crate::{Path, Pool, Scratch, Sums};

/// A panel of so much is 16 KB.
const DEPTH: usize = 256;
/// Values from a row's copy to the next: a line more, so that neighbours do not share a set.
const STRIDE: usize = DEPTH + LANES;
/// Rows that are copied at a time: 255 KB, in the second-level cache. A multiple of sixteen, of twelve and of six.
const ROWS: usize = 240;
/// Most panels of a task: 128 KB.
const PANELS: usize = 8;
/// Rows and columns of a task.
const STEPS: [(usize, usize); 7] = [
    (4 * ROWS, PANELS * PANEL),
    (4 * ROWS, 64),
    (ROWS, 64),
    (ROWS, 32),
    (ROWS / 2, 32),
    (48, 32),
    (24, 32),
];

type Row = [f32; STRIDE];
type Panel = [[f32; PANEL]; DEPTH];

pub(super) fn multiply(
    (path, pool): (Path, &Pool),
    scratch: &mut Scratch,
    share: &Share,
    output: &mut [f32],
) {
    let (rows, depth) = share.left.shape();
    let (_, columns) = share.right.shape();
    let (row_step, column_step) = steps((rows, columns), pool.threads(), &STEPS);
    let row_bytes = ROWS * size_of::<Row>();
    let buffers = scratch
        .buffers
        .prepare(pool.threads(), row_bytes + PANELS * size_of::<Panel>());
    let output = Output::new(output, rows, columns);
    let row_groups = rows.div_ceil(row_step);
    pool.run(row_groups * columns.div_ceil(column_step), |task| {
        let first_row = task % row_groups * row_step;
        let column = task / row_groups * column_step;
        let panel_count = column_step.min(columns - column).div_ceil(PANEL);
        let last_row = rows.min(first_row + row_step);
        let mut buffer = buffers.take();
        let (row_bytes, panel_bytes) = buffer.split_at_mut(row_bytes);
        let copies: &mut [Row] = bytemuck::cast_slice_mut(row_bytes);
        let panel_bytes = &mut panel_bytes[..panel_count * size_of::<Panel>()];
        for start in (0..depth).step_by(DEPTH) {
            let length = DEPTH.min(depth - start);
            fill(path, share.right, (column, start, length), panel_bytes);
            for row in (first_row..last_row).step_by(ROWS) {
                let count = ROWS.min(last_row - row);
                path.run(CopyRows {
                    from: share.left,
                    row,
                    start,
                    length,
                    to: &mut copies[..count],
                });
                path.run(Multiply {
                    rows: &copies[..count],
                    panels: bytemuck::cast_slice(panel_bytes),
                    length,
                    first: (row, column),
                    add: start > 0 || share.sums == Sums::Add,
                    output: &output,
                });
            }
        }
    });
}

/// Panels over a part of the depth.
fn fill(
    path: Path,
    columns: Columns,
    (first, start, length): (usize, usize, usize),
    panels: &mut [u8],
) {
    let panels: &mut [f32] = bytemuck::cast_slice_mut(panels);
    let depth = start..start + length;
    if length == DEPTH {
        return Fill {
            columns,
            first,
            depth,
            panels,
        }
        .run_on(path);
    }
    // The last part may be shorter than its room.
    for (index, panel) in panels.chunks_exact_mut(DEPTH * PANEL).enumerate() {
        Fill {
            columns,
            first: first + index * PANEL,
            depth: depth.clone(),
            panels: &mut panel[..length * PANEL],
        }
        .run_on(path);
    }
}

/// Copies a part of the depth of some rows.
struct CopyRows<'a, 'b> {
    from: Operand<'a>,
    row: usize,
    start: usize,
    length: usize,
    to: &'b mut [Row],
}

impl Work for CopyRows<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let end = self.start + self.length;
        if !self.from.transposed {
            for (index, to) in self.to.iter_mut().enumerate() {
                let from = &self.from.memory_row(self.row + index)[self.start..end];
                to[..self.length].copy_from_slice(from);
            }
            return;
        }
        // What lies beside each other in memory is read at a time: all rows, then the next of the depth.
        let mut step = 0;
        while step < self.length {
            let mut first = 0;
            while first < self.to.len() {
                let mut square = [simd.splat(0.0); LANES];
                let mut index = 0;
                while index < LANES && step + index < self.length {
                    let from = self.from.memory_row(self.start + step + index);
                    let values = crate::elementwise::load_or_pad(simd, from, self.row + first, 0.0);
                    square[index] = values;
                    index += 1;
                }
                let square = simd.transpose(square);
                for (to, values) in self.to[first..].iter_mut().zip(square) {
                    simd.store(chunk_mut(to, step), values);
                }
                first += LANES;
            }
            step += LANES;
        }
    }
}

/// Some rows by some panels.
struct Multiply<'a> {
    rows: &'a [Row],
    panels: &'a [Panel],
    length: usize,
    /// Row and column of the output.
    first: (usize, usize),
    add: bool,
    output: &'a Output<'a>,
}

impl Work for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut panel = 0;
        while panel < self.panels.len() {
            if S::REGISTERS < 32 {
                self.narrow::<S>(simd, panel);
                panel += 1;
            } else if self.panels.len() - panel >= 2 {
                self.wide::<S, 2>(simd, panel);
                panel += 2;
            } else {
                self.wide::<S, 1>(simd, panel);
                panel += 1;
            }
        }
    }
}

impl Multiply<'_> {
    /// All rows, where 32 registers hold the sums.
    #[inline(always)]
    fn wide<S: Simd, const N: usize>(&self, simd: S, panel: usize) {
        let mut row = 0;
        while row < self.rows.len() {
            // Sixteen are twice eight rather than twelve and four.
            row += match self.rows.len() - row {
                16 | 8..12 => self.block::<S, N, 8>(simd, panel, row),
                12.. => self.block::<S, N, 12>(simd, panel, row),
                4.. => self.block::<S, N, 4>(simd, panel, row),
                _ => self.block::<S, N, 1>(simd, panel, row),
            };
        }
    }

    /// All rows, where sixteen registers of half the size do.
    #[inline(always)]
    fn narrow<S: Simd>(&self, simd: S, panel: usize) {
        let mut row = 0;
        while row < self.rows.len() {
            row += match self.rows.len() - row {
                8 | 4..6 => self.block::<S, 1, 4>(simd, panel, row),
                6.. => self.block::<S, 1, 6>(simd, panel, row),
                _ => self.block::<S, 1, 1>(simd, panel, row),
            };
        }
    }

    /// `R` rows by `N` panels; gives `R`.
    #[inline(always)]
    fn block<S: Simd, const N: usize, const R: usize>(
        &self,
        simd: S,
        panel: usize,
        row: usize,
    ) -> usize {
        let rows: &[Row; R] = chunk(self.rows, row);
        let panels: &[Panel; N] = chunk(self.panels, panel);
        let mut sums = [[simd.splat(0.0); N]; R];
        if self.add {
            let mut index = 0;
            while index < R {
                let mut number = 0;
                while number < N {
                    let place = self.place(row + index, panel + number);
                    sums[index][number] = crate::elementwise::load_or_pad(simd, place, 0, 0.0);
                    number += 1;
                }
                index += 1;
            }
        }
        let mut step = 0;
        while step < self.length.min(DEPTH) {
            // Loops rather than closures: what is not inlined is compiled without the instruction set.
            let mut columns = [simd.splat(0.0); N];
            let mut number = 0;
            while number < N {
                columns[number] = simd.load(&panels[number][step]);
                number += 1;
            }
            let mut index = 0;
            while index < R {
                let value = simd.splat(rows[index][step]);
                let mut number = 0;
                while number < N {
                    sums[index][number] = simd.mul_add(columns[number], value, sums[index][number]);
                    number += 1;
                }
                index += 1;
            }
            step += 1;
        }
        let mut index = 0;
        while index < R {
            let mut number = 0;
            while number < N {
                let place = self.place(row + index, panel + number);
                crate::elementwise::store_or_cut(simd, place, 0, sums[index][number]);
                number += 1;
            }
            index += 1;
        }
        R
    }

    /// The output's values of a row and a panel.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    fn place(&self, row: usize, panel: usize) -> &mut [f32] {
        let (first_row, column) = self.first;
        // SAFETY: tasks differ in their rows or their columns, and one part is used at a time.
        #[allow(unsafe_code)]
        unsafe {
            self.output
                .row(first_row + row, column + panel * PANEL, PANEL)
        }
    }
}
