//! Memory that begins at a cache line, in huge pages where the system gives them.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::num::NonZero;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// From this size on memory begins at a huge page.
const HUGE_PAGE_BYTES: usize = 2 << 20;
const CACHE_LINE_BYTES: usize = 64;
const CACHE_LINE: NonZero<usize> = NonZero::new(CACHE_LINE_BYTES).unwrap();

/// Plain numbers, zero at first, beginning at a multiple of 64 bytes.
pub struct Aligned<T: Number> {
    start: NonNull<T>,
    length: usize,
}

mod sealed {
    pub trait Sealed {}
}

/// A type for which zero bytes are a value, and which needs no dropping.
pub trait Number: Copy + Send + Sync + sealed::Sealed + 'static {}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl sealed::Sealed for $number {} impl Number for $number {})* };
}
numbers!(u8, i8, u16, i32, f32);

impl<T: Number> Aligned<T> {
    /// So many zeros.
    pub fn zeroed(length: usize) -> Self {
        let layout = Self::layout(length);
        if layout.size() == 0 {
            return Self {
                // Aligned even so, since slices of other numbers are made of it.
                start: NonNull::without_provenance(CACHE_LINE),
                length,
            };
        }
        // SAFETY: the layout is not empty.
        #[allow(unsafe_code)]
        let start = unsafe { alloc(layout) }.cast::<T>();
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        #[cfg(target_os = "linux")]
        if layout.size() >= HUGE_PAGE_BYTES {
            // SAFETY: advice about memory of our own; a system that cannot take it says so and changes nothing.
            #[allow(unsafe_code)]
            unsafe {
                libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE);
            }
        }
        // Zeroed only now: pages are taken, huge or not, when they are first written.
        // SAFETY: `length` numbers were allocated.
        #[allow(unsafe_code)]
        unsafe {
            start.as_ptr().write_bytes(0, length);
        }
        Self { start, length }
    }

    /// The same values.
    pub fn copy_of(values: &[T]) -> Self {
        let mut copy = Self::zeroed(values.len());
        copy.copy_from_slice(values);
        copy
    }

    fn layout(length: usize) -> Layout {
        let bytes = length.checked_mul(size_of::<T>());
        let alignment = match bytes {
            Some(bytes) if bytes >= HUGE_PAGE_BYTES => HUGE_PAGE_BYTES,
            _ => CACHE_LINE_BYTES,
        };
        match bytes.and_then(|bytes| Layout::from_size_align(bytes, alignment).ok()) {
            Some(layout) => layout,
            None => panic!("{length} numbers are more than an address space holds"),
        }
    }
}

impl<T: Number> Drop for Aligned<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.length);
        if layout.size() > 0 {
            // SAFETY: allocated with this layout, once.
            #[allow(unsafe_code)]
            unsafe {
                dealloc(self.start.as_ptr().cast(), layout);
            }
        }
    }
}

impl<T: Number> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `length` numbers were allocated, zeroed, and zero bytes are a value of T.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.length)
        }
    }
}

impl<T: Number> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and exclusive through &mut self.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length)
        }
    }
}

impl<T: Number> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl<T: Number> std::fmt::Debug for Aligned<T> {
    /// Without the values.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Aligned({} × {})",
            self.length,
            std::any::type_name::<T>()
        )
    }
}

// SAFETY: it owns its numbers, which are Send and Sync.
#[allow(unsafe_code)]
unsafe impl<T: Number> Send for Aligned<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Number> Sync for Aligned<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_at_a_cache_line_and_holds_zeros() {
        for length in [0, 1, 63, 64, 1000, (4 << 20) + 1] {
            let mut numbers = Aligned::<u16>::zeroed(length);
            assert_eq!(numbers.len(), length);
            assert!(length == 0 || (numbers.as_ptr() as usize).is_multiple_of(64));
            assert!(numbers.iter().all(|number| *number == 0));
            numbers.fill(7);
            assert_eq!(
                numbers
                    .clone()
                    .iter()
                    .map(|n| usize::from(*n))
                    .sum::<usize>(),
                7 * length
            );
        }
    }
}
