//! The one inner loop of attention.

use super::element::Element;
use crate::simd::{LANES, Simd};

/// Where the numbers of a product lie: `a` holds one number for each row and step, `b` sixteen for each step and column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strides {
    /// From a row of `a` to the next.
    pub(super) row: usize,
    /// From a step of `a` to the next.
    pub(super) a_step: usize,
    /// From a step of `b` to the next.
    pub(super) b_step: usize,
    /// From a column of `b` to the next.
    pub(super) column: usize,
}

/// Memory that will be needed soon. Asked for a line at a time between computations: many at once would wait for each other,
/// and the computations behind them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead<T> {
    place: Option<*const T>,
    /// Rows that share in asking, a power of two.
    rows: usize,
}

impl<T> Ahead<T> {
    pub(super) const NOTHING: Self = Self {
        place: None,
        rows: 1,
    };

    /// From `index` on, for about so many rows.
    pub(super) fn of(values: &[T], index: usize, rows: usize) -> Self {
        Self {
            place: Some(values.as_ptr().wrapping_add(index)),
            rows: rows.next_power_of_two(),
        }
    }

    /// After what a row asks for, `count` times.
    #[inline(always)]
    pub(super) fn skip(self, count: usize) -> Self {
        let skipped = |place: *const T| place.wrapping_add(count / self.rows);
        Self {
            place: self.place.map(skipped),
            ..self
        }
    }

    /// Step `step`, when each asks for `count` values: asks for the lines that begin in them, to be brought into the
    /// second-level cache.
    #[inline(always)]
    fn ask(self, step: usize, count: usize) {
        let Some(place) = self.place else { return };
        let (line, count) = (64 / size_of::<T>(), count / self.rows);
        let mut at = (step * count).next_multiple_of(line);
        while at < (step + 1) * count {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                // SAFETY: every 64-bit processor of this kind has the instruction; it accesses nothing, whatever the address.
                #[allow(unsafe_code)]
                unsafe {
                    _mm_prefetch::<_MM_HINT_T1>(place.wrapping_add(at).cast());
                }
            }
            at += line;
        }
    }
}

/// `sums[r][c] += Σ a[r · row + k · a_step] · b[k · b_step + c · column ..][..16]` over `k < steps`, one after the other:
/// each lane's sum has the same bits in a product of any number of rows and columns.
#[inline(always)]
pub(super) fn add_products<S: Simd, E: Element, const R: usize, const C: usize>(
    simd: S,
    mut sums: [[S::F; C]; R],
    (a, b): (&[f32], &[E::Stored]),
    strides: Strides,
    steps: usize,
    ahead: Ahead<E::Stored>,
) -> [[S::F; C]; R] {
    if steps == 0 {
        return sums;
    }
    let Strides {
        row,
        a_step,
        b_step,
        column,
    } = strides;
    assert!((R - 1) * row + (steps - 1) * a_step < a.len());
    assert!((C - 1) * column + (steps - 1) * b_step + LANES <= b.len());
    for step in 0..steps {
        ahead.ask(step, R * C * LANES);
        let mut columns = [simd.splat(0.0); C];
        for (c, numbers) in columns.iter_mut().enumerate() {
            // SAFETY: `step < steps`, `c < C` and below `r < R`, so that places lie within their slices by the lines above.
            #[allow(unsafe_code)]
            let place = unsafe { &*b.as_ptr().add(step * b_step + c * column).cast() };
            *numbers = E::load(simd, place);
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as above.
            #[allow(unsafe_code)]
            let number = simd.splat(unsafe { *a.as_ptr().add(r * row + step * a_step) });
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum = simd.mul_add(number, *column, *sum);
            }
        }
    }
    sums
}

/// Calls `$name::<…, R, C>($arguments)` with as many of `$left` rows as registers allow, and gives that number. `C` is such that
/// about half of the registers hold sums: enough of them to hide the latency of an addition.
macro_rules! by_rows {
    ($simd:ident, $left:expr, $name:ident $(::<$element:ty>)? ($($argument:expr),*)) => {
        match ($simd::REGISTERS, $left) {
            (32.., 5..) => { $name::<$simd, $($element,)? 8, 2>($($argument),*); 8 }
            (32.., 3..) => { $name::<$simd, $($element,)? 4, 4>($($argument),*); 4 }
            (32.., 2) => { $name::<$simd, $($element,)? 2, 4>($($argument),*); 2 }
            (32.., _) => { $name::<$simd, $($element,)? 1, 4>($($argument),*); 1 }
            (8.., 3..) => { $name::<$simd, $($element,)? 4, 1>($($argument),*); 4 }
            (8.., 2) => { $name::<$simd, $($element,)? 2, 2>($($argument),*); 2 }
            (8.., _) => { $name::<$simd, $($element,)? 1, 4>($($argument),*); 1 }
            (_, 2..) => { $name::<$simd, $($element,)? 2, 1>($($argument),*); 2 }
            (_, _) => { $name::<$simd, $($element,)? 1, 2>($($argument),*); 1 }
        }
    };
}
pub(super) use by_rows;
