//! Operations on each element by itself, and how long slices are shared among threads.

use crate::pool::Parts;
use crate::simd::{at, chunk_mut};
use crate::{LANES, Path, Pool, Simd, Work};

/// Elements that one thread takes at a time: less is done sooner by one thread than another is woken. A multiple of
/// [`LANES`], so that only the last piece has a tail.
pub(crate) const PIECE: usize = 16 * 1024;

/// Rows that one thread takes at a time.
pub(crate) fn rows_together(width: usize) -> usize {
    PIECE.div_ceil(width.max(1))
}

/// What becomes of sixteen elements: `W` registers that are read and written, `R` that are only read.
pub(crate) trait Elementwise<const W: usize, const R: usize>: Copy + Send + Sync {
    /// Implementations are `inline(always)`.
    fn apply<S: Simd>(self, simd: S, written: [S::F; W], read: [S::F; R]) -> [S::F; W];
}

/// Applies `operation` everywhere; all slices are equally long.
pub(crate) fn apply<O: Elementwise<W, R>, const W: usize, const R: usize>(
    (path, pool): (Path, &Pool),
    operation: O,
    written: [&mut [f32]; W],
    read: [&[f32]; R],
) {
    let length = written[0].len();
    assert!(
        read.iter().all(|slice| slice.len() == length),
        "slices of different lengths"
    );
    share(
        pool,
        (length, PIECE),
        written.map(|slice| (slice, 1)),
        |range, written| {
            path.run(Piece {
                operation,
                written,
                read: read.map(|slice| &slice[range.clone()]),
            });
        },
    );
}

/// Splits `rows` rows into ranges of `step` and calls `work` with each range and with its rows of each slice; beside each
/// slice stands the width of its rows.
pub(crate) fn share<const N: usize>(
    pool: &Pool,
    (rows, step): (usize, usize),
    slices: [(&mut [f32], usize); N],
    work: impl Fn(std::ops::Range<usize>, [&mut [f32]; N]) + Sync,
) {
    let slices = slices.map(|(slice, width)| {
        assert_eq!(slice.len(), rows * width, "slices of different lengths");
        (Parts::new(slice), width)
    });
    pool.ranges(rows, step, |range| {
        let pieces = slices.each_ref().map(|(parts, width)| {
            // SAFETY: ranges of different tasks do not overlap, each task runs once, and the slices are different ones.
            #[allow(unsafe_code)]
            unsafe {
                parts.part(range.start * width..range.end * width)
            }
        });
        work(range, pieces);
    });
}

struct Piece<'a, O, const W: usize, const R: usize> {
    operation: O,
    written: [&'a mut [f32]; W],
    read: [&'a [f32]; R],
}

impl<O: Elementwise<W, R>, const W: usize, const R: usize> Work for Piece<'_, O, W, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // Cut to one length, which lets the compiler see that one check is enough.
        let length = self.written[0].len();
        let mut slices = self.written.map(|slice| &mut slice[..length]);
        let sources = self.read.map(|slice| &slice[..length]);
        let mut written = [simd.splat(0.0); W];
        let mut read = [simd.splat(0.0); R];
        let whole = length / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            for (register, slice) in written.iter_mut().zip(&slices) {
                *register = simd.load(at(slice, start));
            }
            for (register, slice) in read.iter_mut().zip(&sources) {
                *register = simd.load(at(slice, start));
            }
            let results = self.operation.apply(simd, written, read);
            for (slice, result) in slices.iter_mut().zip(results) {
                simd.store(chunk_mut(slice, start), result);
            }
        }
        if whole < length {
            for (register, slice) in written.iter_mut().zip(&slices) {
                *register = load_tail(simd, &slice[whole..], 0.0);
            }
            for (register, slice) in read.iter_mut().zip(&sources) {
                *register = load_tail(simd, &slice[whole..], 0.0);
            }
            let results = self.operation.apply(simd, written, read);
            for (slice, result) in slices.iter_mut().zip(results) {
                store_tail(simd, &mut slice[whole..], result);
            }
        }
    }
}

/// Fewer than sixteen numbers, and `padding` in the lanes behind them.
#[inline(always)]
pub(crate) fn load_tail<S: Simd>(simd: S, values: &[f32], padding: f32) -> S::F {
    let mut lanes = [padding; LANES];
    lanes[..values.len()].copy_from_slice(values);
    simd.load(&lanes)
}

/// The first lanes, as many as there is room for; fewer than sixteen.
#[inline(always)]
pub(crate) fn store_tail<S: Simd>(simd: S, values: &mut [f32], register: S::F) {
    let mut lanes = [0.0; LANES];
    simd.store(&mut lanes, register);
    let count = values.len();
    values.copy_from_slice(&lanes[..count]);
}

/// Sixteen numbers at `start`, or as many as there are, and `padding` behind them.
#[inline(always)]
pub(crate) fn load_or_pad<S: Simd>(simd: S, values: &[f32], start: usize, padding: f32) -> S::F {
    match values[start..].first_chunk() {
        Some(lanes) => simd.load(lanes),
        None => load_tail(simd, &values[start..], padding),
    }
}

/// Sixteen numbers to `start`, or as many as there is room for.
#[inline(always)]
pub(crate) fn store_or_cut<S: Simd>(simd: S, values: &mut [f32], start: usize, register: S::F) {
    match values[start..].first_chunk_mut() {
        Some(lanes) => simd.store(lanes, register),
        None => store_tail(simd, &mut values[start..], register),
    }
}

#[derive(Clone, Copy)]
struct Scale(f32);

impl Elementwise<1, 0> for Scale {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::F; 1], []: [S::F; 0]) -> [S::F; 1] {
        [simd.mul(x, simd.splat(self.0))]
    }
}

/// `x *= factor`
pub fn scale(path: Path, pool: &Pool, x: &mut [f32], factor: f32) {
    apply((path, pool), Scale(factor), [x], []);
}

#[derive(Clone, Copy)]
struct Add;

impl Elementwise<1, 1> for Add {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::F; 1], [y]: [S::F; 1]) -> [S::F; 1] {
        [simd.add(x, y)]
    }
}

/// `x += y`, as residual connections need it. Its gradient is the same for both.
pub fn add(path: Path, pool: &Pool, x: &mut [f32], y: &[f32]) {
    apply((path, pool), Add, [x], [y]);
}

#[derive(Clone, Copy)]
struct AddScaled(f32);

impl Elementwise<1, 1> for AddScaled {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::F; 1], [y]: [S::F; 1]) -> [S::F; 1] {
        [simd.mul_add(y, simd.splat(self.0), x)]
    }
}

/// `x += factor · y`
pub fn add_scaled(path: Path, pool: &Pool, x: &mut [f32], factor: f32, y: &[f32]) {
    apply((path, pool), AddScaled(factor), [x], [y]);
}

struct AddToRows<'a> {
    x: &'a mut [f32],
    bias: &'a [f32],
}

impl Work for AddToRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact_mut(self.bias.len()) {
            let mut start = 0;
            while start < row.len() {
                let x = load_or_pad(simd, row, start, 0.0);
                let bias = load_or_pad(simd, self.bias, start, 0.0);
                store_or_cut(simd, row, start, simd.add(x, bias));
                start += LANES;
            }
        }
    }
}

/// Adds `bias` to each row of `x`, `(rows, bias.len())`. The gradient of `bias` is
/// [`add_column_sums`](crate::add_column_sums).
pub fn add_bias(path: Path, pool: &Pool, x: &mut [f32], bias: &[f32]) {
    let rows = whole_rows(x.len(), bias.len());
    let step = rows_together(bias.len());
    share(pool, (rows, step), [(x, bias.len())], |_, [x]| {
        path.run(AddToRows { x, bias });
    });
}

/// How many rows of `width` there are in `length` values.
pub(crate) fn whole_rows(length: usize, width: usize) -> usize {
    if length == 0 {
        return 0;
    }
    assert!(
        width > 0 && length.is_multiple_of(width),
        "{length} values are no whole rows of {width}"
    );
    length / width
}

#[cfg(test)]
pub(crate) mod tests;
