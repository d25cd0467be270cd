//! Counts what a thread asks of the allocator, to show that a small file cannot make a reader ask for much.

#![allow(unsafe_code)] // an allocator cannot be written without

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// No machine has more; asking for it fails here like it fails where memory is not promised before it is there.
const MOST: usize = 1 << 40;

fn count(asked: usize, freed: usize) {
    LARGEST.set(LARGEST.get().max(asked));
    LIVE.set(LIVE.get() + asked as isize - freed as isize);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: everything is handed on to the system's allocator unchanged, or refused with the null that stands for it; the counters
// are plain cells that never allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return std::ptr::null_mut();
        }
        count(layout.size(), 0);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What one call asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Bytes of the largest single allocation.
    pub largest: usize,
    /// Most bytes held at one time.
    pub peak: usize,
}

/// Runs `work` and says what it asked for on this thread.
pub fn asked<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    LARGEST.set(0);
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (
        result,
        Asked {
            largest: LARGEST.get(),
            peak: (PEAK.get() - before).max(0) as usize,
        },
    )
}

/// Runs `work` on a file of `file_bytes` and fails if it asked for more than such a file may cost: no allocation much above the
/// file itself, and in all no more than the tree nodes and names of the smallest entries come to.
pub fn within_bounds<T>(file_bytes: usize, work: impl FnOnce() -> T) -> T {
    const BUFFER: usize = 66 << 10;
    let (result, asked) = asked(work);
    assert!(
        asked.largest <= 2 * file_bytes + BUFFER,
        "{asked:?} for {file_bytes} bytes"
    );
    assert!(
        asked.peak <= 32 * file_bytes + 2 * BUFFER,
        "{asked:?} for {file_bytes} bytes"
    );
    result
}

#[test]
fn the_counter_counts() {
    let (_, asked) = asked(|| drop(vec![1u8; 1 << 20]));
    assert!(
        asked.largest >= 1 << 20 && asked.peak >= 1 << 20,
        "{asked:?}"
    );
}
