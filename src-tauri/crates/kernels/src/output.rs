//! Where the values of a product go.

use std::marker::PhantomData;

/// What becomes of the values in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// They are overwritten.
    Overwrite,
    /// The sums begin with them.
    Add,
}

/// A row-major matrix that tasks write different columns or rows of.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: what several threads do with it, they promise to do to different values.
#[allow(unsafe_code)]
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// All of y, (rows, columns).
    pub(crate) fn new(y: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            Some(y.len()),
            rows.checked_mul(columns),
            "an output is as long as it says"
        );
        Self {
            start: y.as_mut_ptr(),
            rows,
            columns,
            life: PhantomData,
        }
    }

    /// What there is of `width` columns of a row: less at the right edge, nothing below the last row.
    ///
    /// # Safety
    /// Nobody else uses these columns of the row meanwhile.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    #[inline(always)]
    pub(crate) unsafe fn row(&self, row: usize, column: usize, width: usize) -> &'a mut [f32] {
        if row >= self.rows || column >= self.columns {
            return &mut [];
        }
        let width = width.min(self.columns - column);
        // SAFETY: within y, by the lines above; what it was made of is borrowed for 'a; the rest is the caller's promise.
        unsafe {
            let start = self.start.add(row * self.columns + column);
            std::slice::from_raw_parts_mut(start, width)
        }
    }

    #[cfg(target_arch = "x86_64")]
    /// Where so many rows and columns begin, and values from one row to the next; none if not all of them lie within.
    #[inline(always)]
    pub(crate) fn whole(
        &self,
        row: usize,
        column: usize,
        rows: usize,
        columns: usize,
    ) -> Option<(*mut f32, usize)> {
        let within = row + rows <= self.rows && column + columns <= self.columns;
        within.then(|| {
            (
                self.start.wrapping_add(row * self.columns + column),
                self.columns,
            )
        })
    }
}
