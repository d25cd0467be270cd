//! Normalisation of rows: root mean square and layer.

use crate::elementwise::{PIECE, load_or_pad, rows_together, share, store_or_cut, whole_rows};
use crate::simd::at;
use crate::{LANES, Path, Pool, Simd, Work};

/// What a row is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormKind {
    /// `y = x / sqrt(mean(x²) + ε) · weight` (Zhang & Sennrich, arXiv:1910.07467).
    RootMeanSquare,
    /// `y = (x - mean(x)) / sqrt(mean((x - mean(x))²) + ε) · weight + bias` (Ba et al., arXiv:1607.06450).
    Layer,
}

/// A normalisation of rows as wide as its weight. Computed in f32, a row's sums in 64 running parts.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// What a row is measured by.
    pub kind: NormKind,
    /// A factor for each column.
    pub weight: &'a [f32],
    /// Added to each column, if any.
    pub bias: Option<&'a [f32]>,
    /// `ε`, added to the mean of the squares.
    pub epsilon: f32,
}

/// The slices of [`Norm::backward`].
#[derive(Debug)]
pub struct NormBackward<'a> {
    /// What was normalised, `(rows, width)`.
    pub x: &'a [f32],
    /// The gradient of the normalised rows.
    pub output_gradient: &'a [f32],
    /// The gradient of `x`: **added to**, since what flows around a normalisation usually is there already.
    pub x_gradient: &'a mut [f32],
    /// The gradient of the weight, added to; none where it is frozen.
    pub weight_gradient: Option<&'a mut [f32]>,
    /// The gradient of the bias, added to.
    pub bias_gradient: Option<&'a mut [f32]>,
}

impl Norm<'_> {
    /// Normalises each row of `x` into `y`, both `(rows, width)`.
    pub fn forward(&self, path: Path, pool: &Pool, x: &[f32], y: &mut [f32]) {
        let width = self.check();
        let rows = whole_rows(x.len(), width);
        share(
            pool,
            (rows, rows_together(width)),
            [(y, width)],
            |range, [y]| {
                let x = &x[range.start * width..range.end * width];
                path.run(Forward { norm: *self, x, y });
            },
        );
    }

    /// The gradients, with `n = (x - mean) · r`, `r = 1 / sqrt(mean((x - mean)²) + ε)` (no mean for root mean square) and
    /// `g = output_gradient · weight`:
    ///
    /// - `x_gradient += r · (g - n · mean(g · n))`, and `- r · mean(g)` for layer normalisation
    /// - `weight_gradient += Σ output_gradient · n` over rows, `bias_gradient += Σ output_gradient`
    pub fn backward(&self, path: Path, pool: &Pool, slices: NormBackward) {
        let width = self.check();
        let (x, gradient) = (slices.x, slices.output_gradient);
        let rows = whole_rows(x.len(), width);
        assert_eq!(gradient.len(), x.len(), "one gradient for each value");
        let mut measures = vec![0.0; 2 * rows];
        let outputs = [(slices.x_gradient, width), (&mut measures[..], 2)];
        share(
            pool,
            (rows, rows_together(width)),
            outputs,
            |range, [x_gradient, measures]| {
                let values = range.start * width..range.end * width;
                path.run(Backward {
                    norm: *self,
                    x: &x[values.clone()],
                    gradient: &gradient[values],
                    x_gradient,
                    measures,
                });
            },
        );
        if let Some(sums) = slices.weight_gradient {
            let normalised = Some((x, &measures[..]));
            add_columns(path, pool, (gradient, normalised), sums);
        }
        if let Some(sums) = slices.bias_gradient {
            add_columns(path, pool, (gradient, None), sums);
        }
    }

    fn check(&self) -> usize {
        let width = self.weight.len();
        assert!(
            self.bias.is_none_or(|bias| bias.len() == width),
            "weight and bias are equally wide"
        );
        width
    }

    /// A row's mean (zero where it is not taken away) and the reciprocal of its root mean square around it.
    #[inline(always)]
    fn measure<S: Simd>(&self, simd: S, row: &[f32]) -> (f32, f32) {
        let width = row.len() as f32;
        let mean = match self.kind {
            NormKind::RootMeanSquare => 0.0,
            NormKind::Layer => row_sums(simd, Values, [row], 0.0)[0] / width,
        };
        // Padded with the mean, lanes behind the row's end are zero in the sum.
        let squares = row_sums(simd, SquaresAround(mean), [row], mean)[0];
        (mean, 1.0 / (squares / width + self.epsilon).sqrt())
    }
}

/// What of sixteen places is summed over a row.
trait Terms<const R: usize, const N: usize>: Copy {
    fn terms<S: Simd>(self, simd: S, read: [S::F; R]) -> [S::F; N];
}

#[derive(Clone, Copy)]
struct Values;

impl Terms<1, 1> for Values {
    #[inline(always)]
    fn terms<S: Simd>(self, _: S, values: [S::F; 1]) -> [S::F; 1] {
        values
    }
}

#[derive(Clone, Copy)]
struct SquaresAround(f32);

impl Terms<1, 1> for SquaresAround {
    #[inline(always)]
    fn terms<S: Simd>(self, simd: S, [x]: [S::F; 1]) -> [S::F; 1] {
        let away = simd.sub(x, simd.splat(self.0));
        [simd.mul(away, away)]
    }
}

/// `g` and `g · n`, from `x`, the gradient and the weight.
#[derive(Clone, Copy)]
struct Weighted {
    mean: f32,
    inverse: f32,
}

impl Terms<3, 2> for Weighted {
    #[inline(always)]
    fn terms<S: Simd>(self, simd: S, [x, gradient, weight]: [S::F; 3]) -> [S::F; 2] {
        let weighted = simd.mul(gradient, weight);
        let away = simd.sub(x, simd.splat(self.mean));
        let normal = simd.mul(away, simd.splat(self.inverse));
        [weighted, simd.mul(weighted, normal)]
    }
}

/// Registers that a row is summed in: enough to hide the latency of an addition.
const PARTS: usize = 4;

/// `Σ terms` over equally long rows, `padding` behind their end.
#[inline(always)]
fn row_sums<S: Simd, T: Terms<R, N>, const R: usize, const N: usize>(
    simd: S,
    terms: T,
    rows: [&[f32]; R],
    padding: f32,
) -> [f32; N] {
    let length = rows[0].len();
    let mut sums = [[simd.splat(0.0); N]; PARTS];
    let mut start = 0;
    while start + PARTS * LANES <= length {
        for (part, sums) in sums.iter_mut().enumerate() {
            let mut read = [simd.splat(0.0); R];
            for (register, row) in read.iter_mut().zip(rows) {
                *register = simd.load(at(row, start + part * LANES));
            }
            for (sum, new) in sums.iter_mut().zip(terms.terms(simd, read)) {
                *sum = simd.add(*sum, new);
            }
        }
        start += PARTS * LANES;
    }
    while start < length {
        let mut read = [simd.splat(0.0); R];
        for (register, row) in read.iter_mut().zip(rows) {
            *register = load_or_pad(simd, row, start, padding);
        }
        for (sum, new) in sums[0].iter_mut().zip(terms.terms(simd, read)) {
            *sum = simd.add(*sum, new);
        }
        start += LANES;
    }
    let mut totals = [0.0; N];
    for (index, total) in totals.iter_mut().enumerate() {
        let first = simd.add(sums[0][index], sums[1][index]);
        let second = simd.add(sums[2][index], sums[3][index]);
        *total = simd.sum(simd.add(first, second));
    }
    totals
}

struct Forward<'a> {
    norm: Norm<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Work for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.weight.len();
        let rows = self.x.chunks_exact(width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(width)) {
            let (mean, inverse) = self.norm.measure(simd, x);
            let (mean, inverse) = (simd.splat(mean), simd.splat(inverse));
            let mut start = 0;
            while start < width {
                let away = simd.sub(load_or_pad(simd, x, start, 0.0), mean);
                let weight = load_or_pad(simd, self.norm.weight, start, 0.0);
                let mut value = simd.mul(simd.mul(away, inverse), weight);
                if let Some(bias) = self.norm.bias {
                    value = simd.add(value, load_or_pad(simd, bias, start, 0.0));
                }
                store_or_cut(simd, y, start, value);
                start += LANES;
            }
        }
    }
}

struct Backward<'a> {
    norm: Norm<'a>,
    x: &'a [f32],
    gradient: &'a [f32],
    x_gradient: &'a mut [f32],
    /// Each row's mean and the reciprocal of its root mean square, written.
    measures: &'a mut [f32],
}

impl Work for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let weight = self.norm.weight;
        let width = weight.len();
        let rows = self.x.chunks_exact(width);
        let rows = rows.zip(self.gradient.chunks_exact(width));
        let rows = rows.zip(self.x_gradient.chunks_exact_mut(width));
        for (((x, gradient), x_gradient), measures) in rows.zip(self.measures.chunks_exact_mut(2)) {
            let (mean, inverse) = self.norm.measure(simd, x);
            measures.copy_from_slice(&[mean, inverse]);
            let terms = Weighted { mean, inverse };
            // Lanes behind the row's end have gradient zero.
            let [sum, product] = row_sums(simd, terms, [x, gradient, weight], 0.0);
            let offset = match self.norm.kind {
                NormKind::RootMeanSquare => 0.0,
                NormKind::Layer => sum / width as f32,
            };
            let share = simd.splat(-product / width as f32);
            let (mean, inverse) = (simd.splat(mean), simd.splat(inverse));
            let mut start = 0;
            while start < width {
                let away = simd.sub(load_or_pad(simd, x, start, 0.0), mean);
                let normal = simd.mul(away, inverse);
                let weight = load_or_pad(simd, weight, start, 0.0);
                let weighted = simd.mul(load_or_pad(simd, gradient, start, 0.0), weight);
                let direct = simd.sub(weighted, simd.splat(offset));
                let bracket = simd.mul_add(normal, share, direct);
                let old = load_or_pad(simd, x_gradient, start, 0.0);
                let new = simd.mul_add(bracket, inverse, old);
                store_or_cut(simd, x_gradient, start, new);
                start += LANES;
            }
        }
    }
}

/// `sums += Σ rows` for `rows` of `(rows, sums.len())`: the gradient of a bias. Rows are summed in tiles of 64.
pub fn add_column_sums(path: Path, pool: &Pool, rows: &[f32], sums: &mut [f32]) {
    add_columns(path, pool, (rows, None), sums);
}

/// Rows whose sum is taken before it is added to that of the rows before.
const TILE_ROWS: usize = 64;
/// Registers of columns that are summed side by side: each row gives a run of whole cache lines.
const TILE_COLUMNS: usize = 4;

/// Values, and what they are multiplied with before they are summed: rows, normalised by their measures.
type Columns<'a> = (&'a [f32], Option<(&'a [f32], &'a [f32])>);

fn add_columns(path: Path, pool: &Pool, (values, normalised): Columns, sums: &mut [f32]) {
    let width = sums.len();
    whole_rows(values.len(), width);
    // A column is one thread's; how they are shared changes no sum.
    let step = match values.len() <= PIECE {
        true => width.max(1),
        false => 4 * TILE_COLUMNS * LANES,
    };
    share(pool, (width, step), [(sums, 1)], |range, [sums]| {
        path.run(ColumnSums {
            values,
            normalised,
            width,
            first: range.start,
            sums,
        });
    });
}

struct ColumnSums<'a> {
    values: &'a [f32],
    normalised: Option<(&'a [f32], &'a [f32])>,
    width: usize,
    /// The column that `sums` begins with.
    first: usize,
    sums: &'a mut [f32],
}

impl Work for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (rows, end) = (
            self.values.len() / self.width.max(1),
            self.first + self.sums.len(),
        );
        let mut column = self.first;
        while column < end {
            let count = TILE_COLUMNS.min((end - column).div_ceil(LANES));
            let mut row = 0;
            while row < rows {
                let mut tile = [simd.splat(0.0); TILE_COLUMNS];
                let tile_end = rows.min(row + TILE_ROWS);
                while row < tile_end {
                    let line = row * self.width..row * self.width + end;
                    let values = &self.values[line.clone()];
                    match self.normalised {
                        None => {
                            for (part, sum) in tile[..count].iter_mut().enumerate() {
                                let start = column + part * LANES;
                                *sum = simd.add(*sum, load_or_pad(simd, values, start, 0.0));
                            }
                        }
                        Some((x, measures)) => {
                            let x = &x[line];
                            let mean = simd.splat(measures[2 * row]);
                            let inverse = simd.splat(measures[2 * row + 1]);
                            for (part, sum) in tile[..count].iter_mut().enumerate() {
                                let start = column + part * LANES;
                                let away = simd.sub(load_or_pad(simd, x, start, 0.0), mean);
                                let value = load_or_pad(simd, values, start, 0.0);
                                *sum = simd.mul_add(value, simd.mul(away, inverse), *sum);
                            }
                        }
                    }
                    row += 1;
                }
                for (part, tile) in tile[..count].iter().enumerate() {
                    let start = column + part * LANES - self.first;
                    let old = load_or_pad(simd, self.sums, start, 0.0);
                    store_or_cut(simd, self.sums, start, simd.add(old, *tile));
                }
            }
            column += TILE_COLUMNS * LANES;
        }
    }
}

#[cfg(test)]
mod tests;
