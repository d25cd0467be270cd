//! Tiles multiplied by AVX-512's dot products of two bfloat16 numbers.
//!
//! Eight rows by up to three panels: 24 registers of sums and three of outputs, each pair of a row's values read from memory
//! as an operand repeated over the register. That is 11 reads for 24 products; the instruction's latency (about six cycles)
//! is covered many times over.
// Intrinsics are unsafe to call where their instruction set is not enabled by the function itself.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::product::Product;
use super::{Bf16Dots, TILE, TILE_DEPTH, TILE_ROWS};
use crate::Sums;
use crate::output::Output;

/// Rows at a time: half a block.
const ROWS: usize = 8;
/// Pairs of values in a tile's row.
const PAIRS: usize = TILE_DEPTH / 2;

/// # Safety
/// Nobody else uses these rows and columns of the output meanwhile.
pub(super) unsafe fn multiply(_proof: Bf16Dots, product: &Product, output: &Output) {
    let mut panel = 0;
    while panel < product.panels.count {
        // SAFETY: the instructions exist, by the proof; the rest is the caller's promise.
        panel += unsafe {
            match product.panels.count - panel {
                1 => columns::<1>(product, output, panel),
                2 | 4 => columns::<2>(product, output, panel),
                _ => columns::<3>(product, output, panel),
            }
        };
    }
}

/// All rows by `P` panels; gives `P`.
///
/// # Safety
/// As above.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn columns<const P: usize>(product: &Product, output: &Output, first: usize) -> usize {
    let panels: [&[u16]; P] = std::array::from_fn(|index| product.panels.panel(first + index));
    let column = product.first_column + first * TILE_ROWS;
    for row_block in product.row_blocks.clone() {
        let tiles = product.rows.tiles(row_block, &product.panels.depth);
        for half in [0, ROWS] {
            let row = row_block * TILE_ROWS + half;
            if row >= product.rows.rows() {
                break;
            }
            let place = |index: usize, panel: usize| {
                // SAFETY: the caller's promise; one part at a time.
                unsafe { output.row(row + index, column + panel * TILE_ROWS, TILE_ROWS) }
            };
            let mut sums = [[_mm512_setzero_ps(); P]; ROWS];
            if product.sums == Sums::Add {
                for (index, sums) in sums.iter_mut().enumerate() {
                    for (panel, sum) in sums.iter_mut().enumerate() {
                        let y = place(index, panel);
                        // SAFETY: the mask covers the values of y.
                        *sum = unsafe { _mm512_maskz_loadu_ps(mask(y.len()), y.as_ptr()) };
                    }
                }
            }
            dot(tiles, half, &panels, &mut sums);
            for (index, sums) in sums.iter().enumerate() {
                for (panel, sum) in sums.iter().enumerate() {
                    let y = place(index, panel);
                    // SAFETY: the mask covers the values of y.
                    unsafe { _mm512_mask_storeu_ps(y.as_mut_ptr(), mask(y.len()), *sum) };
                }
            }
        }
    }
    P
}

/// The first `count` lanes.
fn mask(count: usize) -> __mmask16 {
    debug_assert!(count <= TILE_ROWS);
    ((1_u32 << count) - 1) as __mmask16
}

/// The same bits as 32 bfloat16 numbers.
#[target_feature(enable = "avx512f")]
#[inline]
fn bf16(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits, all of which are values.
    unsafe { std::mem::transmute(bits) }
}

/// Adds the products of eight rows, from `half` of their block on, and `P` panels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
#[inline]
fn dot<const P: usize>(
    tiles: &[u16],
    half: usize,
    panels: &[&[u16]; P],
    sums: &mut [[__m512; P]; ROWS],
) {
    let steps = tiles.len() / TILE;
    assert!(
        panels.iter().all(|panel| panel.len() == steps * TILE),
        "panels are as deep as rows"
    );
    // Copied, so that they live in registers.
    let mut held = *sums;
    let mut starts = [std::ptr::null(); P];
    for panel in 0..P {
        starts[panel] = panels[panel].as_ptr().cast::<__m512i>();
    }
    // Eight rows into each tile, of which there may be none.
    let rows = tiles.as_ptr().wrapping_add(half * TILE_DEPTH);
    for pair in 0..steps * PAIRS {
        // SAFETY: the pairs are those of as many tiles as rows and panels both have.
        unsafe {
            let rows = rows
                .add(pair / PAIRS * TILE + pair % PAIRS * 2)
                .cast::<i32>();
            // Not `from_fn` or `map`: what they call would not be compiled for the instruction set.
            let mut outputs = [_mm512_setzero_si512(); P];
            for panel in 0..P {
                outputs[panel] = _mm512_loadu_si512(starts[panel].add(pair));
            }
            for (row, held) in held.iter_mut().enumerate() {
                let two = rows.add(row * PAIRS).read_unaligned();
                let two = bf16(_mm512_set1_epi32(two));
                for panel in 0..P {
                    held[panel] = _mm512_dpbf16_ps(held[panel], two, bf16(outputs[panel]));
                }
            }
        }
    }
    *sums = held;
}
