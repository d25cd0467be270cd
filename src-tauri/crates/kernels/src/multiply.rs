//! Matrix products with packed weights: `y = x · Wᵀ`.

mod codes;
mod many_codes;
mod plain;
mod quantized_rows;
#[cfg(target_arch = "x86_64")]
mod tiles;

use std::marker::PhantomData;
use std::ops::Range;

use codes::CodePanels;
use plain::PlainPanels;
use quantized_rows::QuantizedRows;

use crate::buffers::TaskBuffers;
use crate::dense::{Operand, multiply_many_rows};
use crate::matrix::{Matrix, PANEL, WeightFormat, for_format};
use crate::output::Output;
use crate::simd::Simd;
use crate::{Path, Pool};

/// Rows up to which a product gives each row the same bits whatever the others: decoding, small batches, verification.
pub const FEW_ROWS: usize = 16;
/// Rows whose activations are worked on before the next: they stay in the second-level cache.
const ROW_BLOCK: usize = 256;
/// Bytes of weights that a thread takes at a time in products of few rows: small enough to share evenly.
const TASK_BYTES: usize = 64 << 10;

/// Buffers that products reuse.
#[derive(Debug, Default)]
pub struct Scratch {
    quantized: QuantizedRows,
    #[cfg(target_arch = "x86_64")]
    pub(crate) tiles: crate::TileRows,
    pub(crate) buffers: TaskBuffers,
}

/// One of the products of a [`multiply`].
#[derive(Debug)]
pub struct Product<'a> {
    /// The weights `(outputs, inputs)`.
    pub matrix: &'a Matrix,
    /// What comes out, `(rows, outputs)`.
    pub output: &'a mut [f32],
}

/// `y = x · Wᵀ` for several matrices at once: `x` is `(rows, inputs)`, row-major f32.
///
/// What is computed inside depends on the weights' format and on the path. More than [`FEW_ROWS`] rows are multiplied by
/// bfloat16 tiles where [`rounds_to_bf16`] says so. Otherwise plain numbers are multiplied in f32, and codes with
/// activations rounded to 8 bits in groups of 32 (each with a scale of its own), summed in i32 within a group and in f32
/// across groups. Sums run over the inputs in order, so a row's result does not depend on threads, and for up to
/// [`FEW_ROWS`] rows not on how many there are.
///
/// # Panics
/// When lengths do not fit.
pub fn multiply(
    path: Path,
    pool: &Pool,
    scratch: &mut Scratch,
    x: &[f32],
    products: &mut [Product],
) {
    let Some(inputs) = products.first().map(|product| product.matrix.inputs()) else {
        return;
    };
    let rows = x.len().checked_div(inputs).unwrap_or(0);
    for product in products.iter_mut() {
        let outputs = product.matrix.outputs();
        assert_eq!(
            product.matrix.inputs(),
            inputs,
            "all products take the same activations"
        );
        assert!(
            x.len() == rows * inputs && (inputs == 0 || product.output.len() == rows * outputs),
            "{} activations and {} outputs for a matrix ({outputs}, {inputs})",
            x.len(),
            product.output.len()
        );
        if inputs == 0 {
            product.output.fill(0.0);
        }
    }
    if rows == 0 {
        return;
    }
    let mut others: Vec<&mut Product> = Vec::with_capacity(products.len());
    #[cfg(target_arch = "x86_64")]
    let mut packed = false;
    for product in products {
        let format = product.matrix.format();
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = tiles::kernel(path, format).filter(|_| rows > FEW_ROWS) {
            if !packed {
                scratch.tiles.pack(path, pool, x, rows, inputs);
                packed = true;
            }
            let buffers = &mut scratch.buffers;
            tiles::multiply(kernel, (path, pool), &scratch.tiles, buffers, product);
            continue;
        }
        if rows > FEW_ROWS && !format.is_quantized() {
            let x = Operand::new(x, (rows, inputs));
            multiply_many_rows(path, pool, scratch, x, product.matrix, product.output);
            continue;
        }
        others.push(product);
    }
    if others
        .iter()
        .any(|product| product.matrix.format().is_quantized())
    {
        scratch.quantized.fill(path, pool, x, inputs);
    }
    let matrices: Vec<&Matrix> = others.iter().map(|product| product.matrix).collect();
    let targets: Vec<Target> = others
        .iter_mut()
        .map(|product| Target(Output::new(product.output, rows, product.matrix.outputs())))
        .collect();
    if matrices.is_empty() {
        return;
    }
    let decoded_bytes = match rows > FEW_ROWS {
        true => many_codes::buffer_bytes(&matrices),
        false => 0,
    };
    let buffers = scratch.buffers.prepare(pool.threads(), decoded_bytes);
    for first in (0..rows).step_by(ROW_BLOCK) {
        let rows = first..rows.min(first + ROW_BLOCK);
        let input = Input {
            x: &x[rows.start * inputs..rows.end * inputs],
            quantized: &scratch.quantized,
            rows,
        };
        let tasks = tasks(&matrices, input.rows.len());
        pool.run(tasks.len(), |task| {
            let (index, panels) = &tasks[task];
            let (matrix, output) = (matrices[*index], &targets[*index]);
            if input.rows.len() > FEW_ROWS && matrix.format().is_quantized() {
                let mut buffer = buffers.take();
                for panel in panels.clone() {
                    many_codes::multiply(path, (matrix, panel), &mut buffer, &input, output);
                }
                return;
            }
            let task = Panels {
                matrix,
                panels: panels.clone(),
                input: &input,
                output,
            };
            // A function for each format: in one for all, the compiler keeps what loops need on the stack.
            for_format!(matrix.format(),
                plain: P => path.run(PlainPanels::<P> { task, format: PhantomData }),
                blocks: B => path.run(CodePanels::<B> { task, format: PhantomData }));
        });
    }
}

/// Whether products of more than [`FEW_ROWS`] rows with such weights round both sides to bfloat16 on this path.
pub fn rounds_to_bf16(path: Path, format: WeightFormat) -> bool {
    #[cfg(target_arch = "x86_64")]
    return tiles::kernel(path, format).is_some();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Which matrix, and which of its panels, each task takes.
fn tasks(matrices: &[&Matrix], rows: usize) -> Vec<(usize, Range<usize>)> {
    let mut tasks = Vec::new();
    for (index, matrix) in matrices.iter().enumerate() {
        let panels = matrix.panel_count();
        let step = match rows <= FEW_ROWS {
            true => (TASK_BYTES / matrix.panel_bytes().max(1))
                .clamp(1, 64)
                .next_multiple_of(4),
            false => 4,
        };
        let starts = (0..panels).step_by(step);
        tasks.extend(starts.map(|start| (index, start..panels.min(start + step))));
    }
    tasks
}

/// Activations of one block of rows.
struct Input<'a> {
    x: &'a [f32],
    quantized: &'a QuantizedRows,
    rows: Range<usize>,
}

/// Where a product's values go, panel by panel.
struct Target<'a>(Output<'a>);

impl Target<'_> {
    /// A row's values of a panel, at most sixteen.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    fn part(&self, row: usize, panel: usize) -> &mut [f32] {
        // SAFETY: a task touches its own panels' columns only, each panel belongs to one task, and `store` lets go
        // of the part before it returns.
        #[allow(unsafe_code)]
        unsafe {
            self.0.row(row, panel * PANEL, PANEL)
        }
    }

    /// Puts the sixteen values of a row and a panel to their place; those past the last column are dropped.
    #[inline(always)]
    fn store<S: Simd>(&self, simd: S, row: usize, panel: usize, values: S::F) {
        let target = self.part(row, panel);
        match target.as_mut_array::<PANEL>() {
            Some(target) => simd.store(target, values),
            None => {
                let mut all = [0.0; PANEL];
                simd.store(&mut all, values);
                target.copy_from_slice(&all[..target.len()]);
            }
        }
    }
}

/// The work of one task.
struct Panels<'a> {
    matrix: &'a Matrix,
    panels: Range<usize>,
    input: &'a Input<'a>,
    output: &'a Target<'a>,
}
