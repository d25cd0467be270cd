//! The right side of a product as panels of sixteen columns.

use std::marker::PhantomData;
use std::ops::Range;

use super::Operand;
use crate::elementwise::load_or_pad;
use crate::matrix::{
    Blocks, GROUP, Matrix, PANEL, Plain, codes, decode_register, for_format, group_bytes,
    panel_block_bytes,
};
use crate::simd::{LANES, Simd, Work, chunk_mut};
use crate::{Number, Path};

/// Where the columns come from.
#[derive(Clone, Copy)]
pub(crate) enum Columns<'a> {
    /// An operand `(depth, columns)` and what it is multiplied by.
    Dense(Operand<'a>, f32),
    /// Packed weights: their outputs are the depth, their inputs the columns.
    Weights(&'a Matrix),
    /// Packed weights the other way round, as they lie: their inputs are the depth.
    WeightsAsPacked(&'a Matrix),
}

impl Columns<'_> {
    /// Depth and columns.
    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Dense(operand, _) => operand.shape(),
            Self::Weights(matrix) => (matrix.outputs(), matrix.inputs()),
            Self::WeightsAsPacked(matrix) => (matrix.inputs(), matrix.outputs()),
        }
    }
}

/// The numbers of panels.
pub(crate) trait PanelNumber: Number + bytemuck::Pod {
    /// The depth of a panel is a multiple of this.
    const PADDING: usize;
    /// Puts a square, one register for each of sixteen steps of depth, into a panel that may end before its last step.
    fn store<S: Simd>(simd: S, panel: &mut [Self], depth: usize, square: &[S::F; LANES]);
    /// Whether none is infinite or not a number.
    fn all_finite(numbers: &[Self]) -> bool;
}

/// `[depth][16]`
impl PanelNumber for f32 {
    const PADDING: usize = 1;

    #[inline(always)]
    fn store<S: Simd>(simd: S, panel: &mut [f32], depth: usize, square: &[S::F; LANES]) {
        let (steps, _) = panel[depth * PANEL..].as_chunks_mut::<PANEL>();
        if let Some(steps) = steps.first_chunk_mut::<LANES>() {
            for (step, values) in steps.iter_mut().zip(square) {
                simd.store(step, *values);
            }
            return;
        }
        for (step, values) in steps.iter_mut().zip(square) {
            simd.store(step, *values);
        }
    }

    fn all_finite(numbers: &[f32]) -> bool {
        // Without a way out of the loop, which lets the compiler take several at a time.
        numbers
            .iter()
            .fold(true, |finite, number| finite & number.is_finite())
    }
}

/// bfloat16: `[depth / 2][16][2]`, as the tile kernels take it.
impl PanelNumber for u16 {
    const PADDING: usize = 32;

    #[inline(always)]
    fn store<S: Simd>(simd: S, panel: &mut [u16], depth: usize, square: &[S::F; LANES]) {
        let mut step = 0;
        while step < LANES {
            let pair = chunk_mut(panel, (depth + step) * PANEL);
            simd.store_bf16_pairs(pair, square[step], square[step + 1]);
            step += 2;
        }
    }

    fn all_finite(numbers: &[u16]) -> bool {
        const EXPONENT: u16 = 0x7f80;
        numbers.iter().fold(true, |finite, number| {
            finite & (number & EXPONENT != EXPONENT)
        })
    }
}

/// Fills neighbouring panels.
pub(crate) struct Fill<'a, 'b, T> {
    pub(crate) columns: Columns<'a>,
    /// Of the first panel; a multiple of sixteen.
    pub(crate) first: usize,
    /// Which part of the depth; begins at a multiple of sixteen.
    pub(crate) depth: Range<usize>,
    /// Panels one after the other, each as deep as the part with its padding. Columns that there are not become zeros.
    pub(crate) panels: &'b mut [T],
}

impl<T: PanelNumber> Fill<'_, '_, T> {
    pub(crate) fn run_on(self, path: Path) {
        if !self.panels.is_empty() {
            path.run(self);
        }
    }
}

impl<T: PanelNumber> Work for Fill<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.columns {
            Columns::Dense(operand, scale) if operand.transposed => {
                self.each::<S, _>(simd, AcrossMemory(operand, scale));
            }
            Columns::Dense(operand, scale) => self.each::<S, _>(simd, AlongMemory(operand, scale)),
            Columns::Weights(matrix) => self.weights(simd, (matrix, true)),
            Columns::WeightsAsPacked(matrix) => self.weights(simd, (matrix, false)),
        }
    }
}

impl<T: PanelNumber> Fill<'_, '_, T> {
    #[inline(always)]
    fn weights<S: Simd>(self, simd: S, (matrix, turned): (&Matrix, bool)) {
        for_format!(matrix.format(),
            plain: P => self.each::<S, _>(simd, Weights { matrix, turned, format: PlainInputs::<P>(PhantomData) }),
            blocks: B => self.each::<S, _>(simd, Weights { matrix, turned, format: BlockInputs::<B>(PhantomData) }));
    }

    #[inline(always)]
    fn each<S: Simd, Q: Squares>(self, simd: S, squares: Q) {
        let padded = self.depth.len().next_multiple_of(T::PADDING);
        let mut step = 0;
        // What lies beside each other in memory is read at a time: all columns, then the next of the depth.
        while step < padded {
            let depth = self.depth.start + step;
            for (index, panel) in self.panels.chunks_exact_mut(padded * PANEL).enumerate() {
                let column = self.first + index * PANEL;
                let mut square = [simd.splat(0.0); LANES];
                if depth < self.depth.end {
                    square = squares.square(simd, (depth, self.depth.end), column);
                }
                T::store(simd, panel, step, &square);
            }
            step += LANES;
        }
    }
}

/// Sixteen by sixteen of the right side.
trait Squares {
    /// One register of sixteen columns for each step of the depth, zeros from `end` on and past the last column.
    fn square<S: Simd>(
        &self,
        simd: S,
        depth_and_end: (usize, usize),
        column: usize,
    ) -> [S::F; LANES];
}

/// Rows in memory are the depth.
struct AlongMemory<'a>(Operand<'a>, f32);

impl Squares for AlongMemory<'_> {
    #[inline(always)]
    fn square<S: Simd>(
        &self,
        simd: S,
        (depth, end): (usize, usize),
        column: usize,
    ) -> [S::F; LANES] {
        let Self(operand, scale) = self;
        let mut square = [simd.splat(0.0); LANES];
        if column >= operand.columns {
            return square;
        }
        let mut step = 0;
        while step < LANES && depth + step < end {
            let values = load_or_pad(simd, operand.memory_row(depth + step), column, 0.0);
            square[step] = simd.mul(values, simd.splat(*scale));
            step += 1;
        }
        square
    }
}

/// Rows in memory are the columns.
struct AcrossMemory<'a>(Operand<'a>, f32);

impl Squares for AcrossMemory<'_> {
    #[inline(always)]
    fn square<S: Simd>(
        &self,
        simd: S,
        (depth, end): (usize, usize),
        column: usize,
    ) -> [S::F; LANES] {
        let Self(operand, scale) = self;
        let mut rows = [simd.splat(0.0); LANES];
        let mut index = 0;
        while index < LANES && column + index < operand.rows {
            let row = &operand.memory_row(column + index)[..end];
            rows[index] = simd.mul(load_or_pad(simd, row, depth, 0.0), simd.splat(*scale));
            index += 1;
        }
        simd.transpose(rows)
    }
}

/// Packed weights, with outputs and inputs exchanged or as they lie.
struct Weights<'a, Q> {
    matrix: &'a Matrix,
    turned: bool,
    format: Q,
}

impl<Q: Inputs> Squares for Weights<'_, Q> {
    #[inline(always)]
    fn square<S: Simd>(&self, simd: S, (depth, _): (usize, usize), column: usize) -> [S::F; LANES] {
        if !self.turned {
            return self.format.load(simd, self.matrix, column / PANEL, depth);
        }
        let inputs = self.format.load(simd, self.matrix, depth / PANEL, column);
        simd.transpose(inputs)
    }
}

/// How a format's weights are read.
trait Inputs {
    /// Sixteen inputs, from a multiple of sixteen on, of a panel's sixteen outputs; zeros past the last input.
    fn load<S: Simd>(&self, simd: S, matrix: &Matrix, panel: usize, first: usize) -> [S::F; LANES];
}

struct PlainInputs<P>(PhantomData<P>);

impl<P: Plain> Inputs for PlainInputs<P> {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, matrix: &Matrix, panel: usize, first: usize) -> [S::F; LANES] {
        let numbers = P::numbers(matrix.panels(panel..panel + 1));
        let steps = numbers.len() / (PANEL * P::STEP);
        let mut inputs = [simd.splat(0.0); LANES];
        let mut index = 0;
        while index < LANES {
            let step = (first + index) / P::STEP;
            if step < steps {
                let [one, two] = P::load(simd, numbers, step);
                inputs[index] = one;
                if P::STEP == 2 {
                    inputs[index + 1] = two;
                }
            }
            index += P::STEP;
        }
        inputs
    }
}

struct BlockInputs<B>(PhantomData<B>);

impl<B: Blocks> Inputs for BlockInputs<B> {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, matrix: &Matrix, panel: usize, first: usize) -> [S::F; LANES] {
        let mut inputs = [simd.splat(0.0); LANES];
        if first >= matrix.inputs() {
            return inputs;
        }
        let group = first / GROUP;
        let bytes = panel_block_bytes::<B>();
        let block = &matrix.panels(panel..panel + 1)[group / B::GROUPS * bytes..][..bytes];
        let (head, groups) = block.split_at(B::HEAD_BYTES);
        let group = group % B::GROUPS;
        let codes = codes::<S, B>(simd, &groups[group * group_bytes(B::BITS)..]);
        let upper = !first.is_multiple_of(GROUP);
        let mut register = 0;
        while register < 4 {
            // Both halves are named by constants, so that registers stay registers.
            let weights = match upper {
                false => decode_register::<S, B>(simd, head, group, (register, codes[register])),
                true => {
                    let register = register + 4;
                    decode_register::<S, B>(simd, head, group, (register, codes[register]))
                }
            };
            let mut index = 0;
            while index < 4 {
                inputs[4 * register + index] = weights[index];
                index += 1;
            }
            register += 1;
        }
        inputs
    }
}
