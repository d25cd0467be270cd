//! Products of training: of operands that come and go, and of gradients with packed weights.
//!
//! Both operands are brought block by block into the order that the kernels read: the right one into panels of sixteen
//! columns, in a buffer of the task's own that stays in cache, whatever it is made of ([`columns`]). In f32 ([`exact`]) the
//! left one is copied beside them; as bfloat16 ([`tiles`]) it is packed once for all tasks. Each sum is one chain over the
//! depth in order, so results depend neither on threads nor on how a product is split.

mod columns;
mod exact;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tiles;

pub(crate) use columns::{Columns, Fill, PanelNumber};

use crate::{Matrix, Path, Pool, Scratch, Sums};

/// A matrix of f32 numbers that lies in memory row after row, taken as it is or with rows and columns exchanged.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    values: &'a [f32],
    /// As it lies in memory.
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Operand<'a> {
    /// `(rows, columns)`, row-major.
    ///
    /// # Panics
    /// When `values` has another length.
    pub fn new(values: &'a [f32], (rows, columns): (usize, usize)) -> Self {
        assert_eq!(
            Some(values.len()),
            rows.checked_mul(columns),
            "an operand is as long as it says"
        );
        Self {
            values,
            rows,
            columns,
            transposed: false,
        }
    }

    /// The same values with rows and columns exchanged. Nothing is moved.
    pub fn transposed(self) -> Self {
        Self {
            transposed: !self.transposed,
            ..self
        }
    }

    /// Rows and columns as a product sees them.
    pub fn shape(&self) -> (usize, usize) {
        match self.transposed {
            true => (self.columns, self.rows),
            false => (self.rows, self.columns),
        }
    }

    /// A row as it lies in memory; none past the last.
    #[inline(always)]
    fn memory_row(&self, row: usize) -> &'a [f32] {
        match row < self.rows {
            true => &self.values[row * self.columns..][..self.columns],
            false => &[],
        }
    }
}

/// What is multiplied inside a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32 numbers.
    F32,
    /// Both sides rounded to bfloat16 where the path has tiles for them ([`TileKernel`](crate::TileKernel)); f32 elsewhere.
    Bf16,
}

/// `y = scale · left · right`, or that added to y.
///
/// With x `(tokens, inputs)` and dy `(tokens, outputs)` the gradient of weights `(outputs, inputs)` is
/// `dy.transposed() · x`; with a of rank r, `(r, inputs)`, and b `(outputs, r)`, LoRA's `h = x · aᵀ` is
/// `x · a.transposed()`, and `y += scale · h · bᵀ` is `h · b.transposed()` with [`Sums::Add`].
#[derive(Debug, Clone, Copy)]
pub struct DenseProduct<'a> {
    /// `(rows, depth)`
    pub left: Operand<'a>,
    /// `(depth, columns)`
    pub right: Operand<'a>,
    /// What the right side is multiplied by, in f32.
    pub scale: f32,
    /// What becomes of the values in the output.
    pub sums: Sums,
    /// What is multiplied.
    pub precision: Precision,
}

/// Computes the product into `output`, `(rows, columns)`.
///
/// # Panics
/// When the operands' depths differ, or the output has another length.
pub fn multiply_dense(
    path: Path,
    pool: &Pool,
    scratch: &mut Scratch,
    product: &DenseProduct,
    output: &mut [f32],
) {
    let share = Share {
        left: product.left,
        right: Columns::Dense(product.right, product.scale),
        sums: product.sums,
    };
    share.multiply(path, pool, scratch, product.precision, output);
}

/// `dx = dy · W`, or that added to dx: what a product `y = x · Wᵀ` with packed weights passes back.
#[derive(Debug, Clone, Copy)]
pub struct TransposedProduct<'a> {
    /// dy, `(rows, outputs)`.
    pub gradient: &'a [f32],
    /// W, `(outputs, inputs)`, of any format.
    pub matrix: &'a Matrix,
    /// What becomes of the values in dx: [`Sums::Add`] where several products share their input.
    pub sums: Sums,
}

/// Computes dx, `(rows, inputs)`.
///
/// Weights other than f32 are multiplied as bfloat16 where the path has tiles for that, also where [`multiply`] would
/// multiply codes: gradients are not rounded to 8 bits. Elsewhere in f32. Weights are turned block by block in cache.
///
/// [`multiply`]: crate::multiply
///
/// # Panics
/// When lengths do not fit.
pub fn multiply_transposed(
    path: Path,
    pool: &Pool,
    scratch: &mut Scratch,
    product: &TransposedProduct,
    dx: &mut [f32],
) {
    let &TransposedProduct {
        gradient,
        matrix,
        sums,
    } = product;
    let (outputs, inputs) = (matrix.outputs(), matrix.inputs());
    // How many rows there are, the longer of both says.
    let rows = match outputs {
        0 => dx.len().checked_div(inputs).unwrap_or(0),
        outputs => gradient.len() / outputs,
    };
    let share = Share {
        left: Operand::new(gradient, (rows, outputs)),
        right: Columns::Weights(matrix),
        sums,
    };
    let precision = match matrix.format() {
        crate::WeightFormat::F32 => Precision::F32,
        _ => Precision::Bf16,
    };
    share.multiply(path, pool, scratch, precision, dx);
}

/// `y = x · Wᵀ` in f32, for weights of any format and many rows.
pub(crate) fn multiply_many_rows(
    path: Path,
    pool: &Pool,
    scratch: &mut Scratch,
    x: Operand,
    matrix: &Matrix,
    y: &mut [f32],
) {
    let share = Share {
        left: x,
        right: Columns::WeightsAsPacked(matrix),
        sums: Sums::Overwrite,
    };
    share.multiply(path, pool, scratch, Precision::F32, y);
}

/// What is multiplied, whatever the right side is made of.
#[derive(Clone, Copy)]
struct Share<'a> {
    left: Operand<'a>,
    right: Columns<'a>,
    sums: Sums,
}

impl Share<'_> {
    fn multiply(
        &self,
        path: Path,
        pool: &Pool,
        scratch: &mut Scratch,
        precision: Precision,
        output: &mut [f32],
    ) {
        let (rows, depth) = self.left.shape();
        let (right_depth, columns) = self.right.shape();
        assert_eq!(depth, right_depth, "both sides of a product are as deep");
        assert_eq!(
            Some(output.len()),
            rows.checked_mul(columns),
            "an output is as long as its product says"
        );
        if output.is_empty() {
            return;
        }
        if depth == 0 {
            if self.sums == Sums::Overwrite {
                output.fill(0.0);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if let (Precision::Bf16, Some(kernel)) = (precision, crate::TileKernel::of(path)) {
            return tiles::multiply(kernel, (path, pool), scratch, self, output);
        }
        let _ = precision;
        exact::multiply((path, pool), scratch, self, output);
    }
}

/// The first pair of steps, in rows and columns, that gives tasks enough for all threads; the last one where none does.
fn steps(
    (rows, columns): (usize, usize),
    threads: usize,
    candidates: &[(usize, usize)],
) -> (usize, usize) {
    /// For each thread, so that a slower one can be helped.
    const TASKS: usize = 3;
    let enough = |&&(row_step, column_step): &&(usize, usize)| {
        rows.div_ceil(row_step) * columns.div_ceil(column_step) >= TASKS * threads
    };
    let found = candidates.iter().find(enough).or(candidates.last());
    found.copied().unwrap_or((rows, columns))
}
