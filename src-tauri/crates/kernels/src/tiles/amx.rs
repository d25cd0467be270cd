//! Tiles multiplied by AMX.
//!
//! | tile | holds |
//! |---|---|
//! | 0, 1 | sums of the first sixteen rows, with the first and the second panel |
//! | 2, 3 | sums of the second sixteen rows |
//! | 4, 5 | 32 values of each of the first and of the second sixteen rows |
//! | 6, 7 | as many of the first and of the second panel's outputs |
//!
//! Four products for four loads: each load of 1 KB takes half of a product's sixteen cycles from the first-level cache, and about
//! as long as a product from the second.
#![allow(unsafe_code)]

use std::arch::asm;

use super::product::Product;
use super::{Amx, TILE, TILE_ROWS};
use crate::Sums;
use crate::output::Output;

/// Bytes of the next panels that are brought nearer for each tile of depth: eight pairs of row blocks bring in two panels.
const AHEAD_BYTES: usize = 256;
const PAIRS_PER_PANEL: usize = 2 * TILE / AHEAD_BYTES;

/// This thread's tiles, configured as eight of 16 rows of 64 bytes; given back when dropped.
pub(crate) struct Configured {
    /// Belongs to its thread.
    _thread: std::marker::PhantomData<*const ()>,
}

#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<Configuration>() == 64);

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl Configured {
    #[inline]
    pub(crate) fn new(_proof: Amx) -> Self {
        // SAFETY: the instruction exists, by the proof; it reads 64 bytes that are a valid configuration.
        unsafe {
            asm!(
                "ldtilecfg [{}]",
                in(reg) &raw const CONFIGURATION,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, readonly, preserves_flags)
            );
        }
        Self {
            _thread: std::marker::PhantomData,
        }
    }
}

impl Drop for Configured {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the instruction exists, or the value could not have been made.
        unsafe {
            asm!(
                "tilerelease",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, nomem, preserves_flags)
            );
        }
    }
}

/// # Safety
/// Nobody else uses these rows and columns of the output meanwhile.
pub(super) unsafe fn multiply(proof: Amx, product: &Product, output: &Output) {
    let panels = &product.panels;
    let tiles = panels.depth.len() / super::TILE_DEPTH;
    let configured = Configured::new(proof);
    for panel in (0..panels.count).step_by(2) {
        let first = panels.panel(panel);
        let second = (panel + 1 < panels.count).then(|| panels.panel(panel + 1));
        for (pair, row_block) in product.row_blocks.clone().step_by(2).enumerate() {
            let rows = product.rows.tiles(row_block, &panels.depth);
            let more_rows = (row_block + 1 < product.row_blocks.end)
                .then(|| product.rows.tiles(row_block + 1, &panels.depth));
            // Where nothing is left to bring nearer, what is near already.
            let next = panel + 2 + pair / PAIRS_PER_PANEL;
            let ahead = match next < panels.count && pair < 2 * PAIRS_PER_PANEL {
                true => {
                    let part = pair % PAIRS_PER_PANEL * tiles * AHEAD_BYTES / size_of::<u16>();
                    panels.panel(next)[part..].as_ptr()
                }
                false => rows.as_ptr(),
            };
            let square = Square {
                tiles,
                rows: [rows, more_rows.unwrap_or(rows)],
                panels: [first, second.unwrap_or(first)],
                tall: more_rows.is_some(),
                wide: second.is_some(),
                ahead,
            };
            let row = row_block * TILE_ROWS;
            let column = product.first_column + panel * TILE_ROWS;
            // SAFETY: the caller's promise.
            unsafe { square.add_to(&configured, product.sums, output, row, column) };
        }
    }
}

/// Two by two tiles of the output, or fewer.
struct Square<'a> {
    /// Tiles of depth.
    tiles: usize,
    rows: [&'a [u16]; 2],
    panels: [&'a [u16]; 2],
    /// Whether the second rows count.
    tall: bool,
    /// Whether the second panel counts.
    wide: bool,
    /// What to bring nearer meanwhile; any address will do.
    ahead: *const u16,
}

/// Rows and columns of two tiles.
const SIDE: usize = 2 * TILE_ROWS;

#[repr(align(64))]
struct Aside([f32; SIDE * SIDE]);

impl Square<'_> {
    /// # Safety
    /// Nobody else uses these 32 rows and columns of the output meanwhile.
    #[inline]
    unsafe fn add_to(
        &self,
        configured: &Configured,
        sums: Sums,
        output: &Output,
        row: usize,
        column: usize,
    ) {
        let height = if self.tall { SIDE } else { TILE_ROWS };
        let width = if self.wide { SIDE } else { TILE_ROWS };
        if let Some((start, stride)) = output.whole(row, column, height, width) {
            // SAFETY: the whole square lies within the output; the rest is the caller's promise.
            unsafe { self.run(configured, sums, start, stride) };
            return;
        }
        // Tiles are whole: at an edge they are stored aside, and what there is of them is copied.
        let mut aside = Aside([0.0; SIDE * SIDE]);
        let places = (0..height).map(|index| {
            // SAFETY: the caller's promise; rows are visited one after the other.
            unsafe { output.row(row + index, column, width) }
        });
        if sums == Sums::Add {
            for (aside, y) in aside.0.chunks_exact_mut(SIDE).zip(places.clone()) {
                aside[..y.len()].copy_from_slice(y);
            }
        }
        // SAFETY: 32 rows of 32 values, as far apart.
        unsafe { self.run(configured, sums, aside.0.as_mut_ptr(), SIDE) };
        for (aside, y) in aside.0.chunks_exact(SIDE).zip(places) {
            y.copy_from_slice(&aside[..y.len()]);
        }
    }

    /// # Safety
    /// From `start` on there are as many rows and columns to write as the square has, `stride` values apart.
    #[inline]
    unsafe fn run(&self, configured: &Configured, sums: Sums, start: *mut f32, stride: usize) {
        let values = self.tiles * TILE;
        assert!(
            self.rows.iter().all(|rows| rows.len() == values)
                && self.panels.iter().all(|panel| panel.len() == values),
            "panels are as deep as rows"
        );
        let kernel = match (self.tall, self.wide) {
            (true, true) => two_by_two,
            (true, false) => two_by_one,
            (false, true) => one_by_two,
            (false, false) => one_by_one,
        };
        // SAFETY: the tiles of rows and panels are there, by the assertion; the rest is the caller's promise.
        unsafe { kernel(configured, self, sums == Sums::Add, start, stride) };
    }
}

/// A function that goes through the depth once, with the instructions that begin, continue and end the sums.
macro_rules! tile_loop {
    (
        $(#[$comment:meta])*
        $name:ident
        load: [$($load:literal),*]
        zero: [$($zero:literal),*]
        multiply: [$($multiply:literal),*]
        store: [$($store:literal),*]
    ) => {
        $(#[$comment])*
        unsafe fn $name(
            _configured: &Configured,
            square: &Square,
            add: bool,
            start: *mut f32,
            stride: usize,
        ) {
            // SAFETY: the tiles are configured, by `_configured`; rows and panels have `tiles` tiles of 1,024 bytes each;
            // the output has room, by the caller's promise; a prefetch takes any address.
            unsafe {
                asm!(
                    "test {add:e}, {add:e}",
                    "jz 2f",
                    $($load,)*
                    "jmp 3f",
                    "2:",
                    $($zero,)*
                    "3:",
                    "test {tiles}, {tiles}",
                    "jz 5f",
                    "4:",
                    $($multiply,)*
                    "add {a0}, 1024",
                    "add {a1}, 1024",
                    "add {b0}, 1024",
                    "add {b1}, 1024",
                    "prefetcht1 [{ahead}]",
                    "prefetcht1 [{ahead} + 64]",
                    "prefetcht1 [{ahead} + 128]",
                    "prefetcht1 [{ahead} + 192]",
                    "add {ahead}, {ahead_bytes}",
                    "dec {tiles}",
                    "jnz 4b",
                    "5:",
                    $($store,)*
                    "/* {c1} */", // not every kernel needs it
                    a0 = inout(reg) square.rows[0].as_ptr() => _,
                    a1 = inout(reg) square.rows[1].as_ptr() => _,
                    b0 = inout(reg) square.panels[0].as_ptr() => _,
                    b1 = inout(reg) square.panels[1].as_ptr() => _,
                    tiles = inout(reg) square.tiles => _,
                    ahead = inout(reg) square.ahead => _,
                    ahead_bytes = const AHEAD_BYTES,
                    add = in(reg) u32::from(add),
                    tile_stride = in(reg) 64_usize,
                    c0 = in(reg) start,
                    c1 = in(reg) start.wrapping_add(TILE_ROWS * stride),
                    stride = in(reg) stride * size_of::<f32>(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack)
                );
            }
        }
    };
}

tile_loop! {
    /// 32 rows, 32 outputs.
    two_by_two
    load: [
        "tileloadd tmm0, [{c0} + {stride}*1]",
        "tileloadd tmm1, [{c0} + {stride}*1 + 64]",
        "tileloadd tmm2, [{c1} + {stride}*1]",
        "tileloadd tmm3, [{c1} + {stride}*1 + 64]"
    ]
    zero: ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"]
    multiply: [
        "tileloadd tmm6, [{b0} + {tile_stride}*1]",
        "tileloadd tmm4, [{a0} + {tile_stride}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{a1} + {tile_stride}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tileloadd tmm7, [{b1} + {tile_stride}*1]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ]
    store: [
        "tilestored [{c0} + {stride}*1], tmm0",
        "tilestored [{c0} + {stride}*1 + 64], tmm1",
        "tilestored [{c1} + {stride}*1], tmm2",
        "tilestored [{c1} + {stride}*1 + 64], tmm3"
    ]
}

tile_loop! {
    /// 32 rows, 16 outputs.
    two_by_one
    load: [
        "tileloadd tmm0, [{c0} + {stride}*1]",
        "tileloadd tmm2, [{c1} + {stride}*1]"
    ]
    zero: ["tilezero tmm0", "tilezero tmm2"]
    multiply: [
        "tileloadd tmm6, [{b0} + {tile_stride}*1]",
        "tileloadd tmm4, [{a0} + {tile_stride}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{a1} + {tile_stride}*1]",
        "tdpbf16ps tmm2, tmm5, tmm6"
    ]
    store: [
        "tilestored [{c0} + {stride}*1], tmm0",
        "tilestored [{c1} + {stride}*1], tmm2"
    ]
}

tile_loop! {
    /// 16 rows, 32 outputs.
    one_by_two
    load: [
        "tileloadd tmm0, [{c0} + {stride}*1]",
        "tileloadd tmm1, [{c0} + {stride}*1 + 64]"
    ]
    zero: ["tilezero tmm0", "tilezero tmm1"]
    multiply: [
        "tileloadd tmm4, [{a0} + {tile_stride}*1]",
        "tileloadd tmm6, [{b0} + {tile_stride}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm7, [{b1} + {tile_stride}*1]",
        "tdpbf16ps tmm1, tmm4, tmm7"
    ]
    store: [
        "tilestored [{c0} + {stride}*1], tmm0",
        "tilestored [{c0} + {stride}*1 + 64], tmm1"
    ]
}

tile_loop! {
    /// 16 rows, 16 outputs.
    one_by_one
    load: ["tileloadd tmm0, [{c0} + {stride}*1]"]
    zero: ["tilezero tmm0"]
    multiply: [
        "tileloadd tmm4, [{a0} + {tile_stride}*1]",
        "tileloadd tmm6, [{b0} + {tile_stride}*1]",
        "tdpbf16ps tmm0, tmm4, tmm6"
    ]
    store: ["tilestored [{c0} + {stride}*1], tmm0"]
}
