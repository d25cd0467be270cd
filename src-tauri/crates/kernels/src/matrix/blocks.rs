//! Panels of codes that share scales.
//!
//! A panel holds sixteen rows block by block. A block of the panel is a head (the scales of sixteen rows, laid out by its
//! format) and, for each group of 32 weights, the codes in one of three layouts, by their bits:
//!
//! - 4 bits: four lines of 64 bytes. Line `i` holds in its lower halves the codes `4i .. 4i+4` of row 0, then of row 1 …;
//!   in its upper halves the codes `16 + 4i .. 16 + 4i+4`.
//! - 5 and 6 bits: the same for the lower four bits, then lines for those above them: bit `i` (bits `2i` and `2i + 1`) of a
//!   byte belong to the register of codes `4i .. 4i+4`; 6 bits need two lines, the second for codes 16 and up.
//! - 8 bits: eight lines of 64 bytes, codes `4i .. 4i+4` of each row.

use super::PANEL;
use crate::simd::{LANES, Simd, chunk};

/// Weights of a group.
pub(crate) const GROUP: usize = 32;
/// Registers of codes in a group.
pub(crate) const REGISTERS: usize = 8;

/// A block format: `weight = scale · (code - ZERO) - minimum`.
pub(crate) trait Blocks: 'static {
    /// Bytes of a row's block in the file.
    const SOURCE_BYTES: usize;
    /// Groups of 32 weights in a block.
    const GROUPS: usize;
    /// Bits of a code: 4, 5, 6 or 8.
    const BITS: u32;
    /// The code of weight zero.
    const ZERO: i32;
    /// Each half of a group has a scale (and a minimum) of its own.
    const HALVES: bool;
    /// There are minimums.
    const MINIMUMS: bool;
    /// Bytes of the scales of sixteen rows.
    const HEAD_BYTES: usize;

    /// The codes of a group of a row's block.
    fn codes(block: &[u8], group: usize) -> [u8; GROUP];
    /// Copies the scales of a row's block to the head; false where one is infinite or not a number.
    fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool;
    /// What a block's scales and its minimums have in common, for sixteen rows: read once a block.
    fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2];
    /// The scales of sixteen rows for a half group, of their common factor.
    #[inline(always)]
    fn scale<S: Simd>(_simd: S, common: S::F, _head: &[u8], _group: usize, _half: usize) -> S::F {
        common
    }
    /// The minimums of sixteen rows for a half group, of their common factor; asked for only where there are any.
    #[inline(always)]
    fn minimum<S: Simd>(_simd: S, common: S::F, _head: &[u8], _group: usize, _half: usize) -> S::F {
        common
    }
}

/// Bytes of a group's codes in a panel.
pub(crate) const fn group_bytes(bits: u32) -> usize {
    match bits {
        4 => 256,
        5 => 320,
        6 => 384,
        _ => 512,
    }
}

/// Bytes of a block in a panel.
pub(crate) const fn panel_block_bytes<B: Blocks>() -> usize {
    B::HEAD_BYTES + B::GROUPS * group_bytes(B::BITS)
}

#[inline(always)]
fn line<S: Simd>(simd: S, bytes: &[u8], index: usize) -> S::B {
    simd.load_bytes(chunk(bytes, index * 64))
}

/// Eight registers as they lie in memory.
#[inline(always)]
pub(crate) fn registers<S: Simd>(simd: S, bytes: &[u8]) -> [S::B; REGISTERS] {
    [
        line(simd, bytes, 0),
        line(simd, bytes, 1),
        line(simd, bytes, 2),
        line(simd, bytes, 3),
        line(simd, bytes, 4),
        line(simd, bytes, 5),
        line(simd, bytes, 6),
        line(simd, bytes, 7),
    ]
}

/// The codes of a group in eight registers: register `i` has codes `4i .. 4i+4` of row 0, then of row 1 …
#[inline(always)]
pub(crate) fn codes<S: Simd, B: Blocks>(simd: S, group: &[u8]) -> [S::B; REGISTERS] {
    if B::BITS == 8 {
        return registers(simd, group);
    }
    let lines = [
        line(simd, group, 0),
        line(simd, group, 1),
        line(simd, group, 2),
        line(simd, group, 3),
    ];
    let mut codes = [
        simd.low_nibbles(lines[0]),
        simd.low_nibbles(lines[1]),
        simd.low_nibbles(lines[2]),
        simd.low_nibbles(lines[3]),
        simd.high_nibbles(lines[0]),
        simd.high_nibbles(lines[1]),
        simd.high_nibbles(lines[2]),
        simd.high_nibbles(lines[3]),
    ];
    if B::BITS == 5 {
        let bits = line(simd, group, 4);
        codes[0] = simd.or(codes[0], simd.bits_to_upper::<0, 1>(bits));
        codes[1] = simd.or(codes[1], simd.bits_to_upper::<1, 1>(bits));
        codes[2] = simd.or(codes[2], simd.bits_to_upper::<2, 1>(bits));
        codes[3] = simd.or(codes[3], simd.bits_to_upper::<3, 1>(bits));
        codes[4] = simd.or(codes[4], simd.bits_to_upper::<4, 1>(bits));
        codes[5] = simd.or(codes[5], simd.bits_to_upper::<5, 1>(bits));
        codes[6] = simd.or(codes[6], simd.bits_to_upper::<6, 1>(bits));
        codes[7] = simd.or(codes[7], simd.bits_to_upper::<7, 1>(bits));
    }
    if B::BITS == 6 {
        let mut half = 0;
        while half < 2 {
            let bits = line(simd, group, 4 + half);
            let first = 4 * half;
            codes[first] = simd.or(codes[first], simd.bits_to_upper::<0, 2>(bits));
            codes[first + 1] = simd.or(codes[first + 1], simd.bits_to_upper::<1, 2>(bits));
            codes[first + 2] = simd.or(codes[first + 2], simd.bits_to_upper::<2, 2>(bits));
            codes[first + 3] = simd.or(codes[first + 3], simd.bits_to_upper::<3, 2>(bits));
            half += 1;
        }
    }
    codes
}

/// The weights of sixteen outputs for the four inputs of one of a group's registers.
#[inline(always)]
pub(crate) fn decode_register<S: Simd, B: Blocks>(
    simd: S,
    head: &[u8],
    group: usize,
    (register, codes): (usize, S::B),
) -> [S::F; 4] {
    let half = if B::HALVES { register / 4 } else { 0 };
    let [scale, minimum] = B::factors(simd, head);
    let scale = B::scale(simd, scale, head, group, half);
    let minimum = B::minimum(simd, minimum, head, group, half);
    let zero = simd.splat(B::ZERO as f32);
    let mut weights = [
        simd.every_fourth_byte::<0>(codes),
        simd.every_fourth_byte::<1>(codes),
        simd.every_fourth_byte::<2>(codes),
        simd.every_fourth_byte::<3>(codes),
    ];
    for weight in &mut weights {
        *weight = simd.mul(scale, simd.sub(*weight, zero));
        if B::MINIMUMS {
            *weight = simd.sub(*weight, minimum);
        }
    }
    weights
}

/// Calls `each(head, group within the block, its codes, group within the row)` for every group of a panel.
#[inline(always)]
pub(crate) fn for_groups<B: Blocks>(
    panel: &[u8],
    mut each: impl FnMut(&[u8], usize, &[u8], usize),
) {
    for (block, bytes) in panel.chunks_exact(panel_block_bytes::<B>()).enumerate() {
        let (head, codes) = bytes.split_at(B::HEAD_BYTES);
        for (group, codes) in codes.chunks_exact(group_bytes(B::BITS)).enumerate() {
            each(head, group, codes, block * B::GROUPS + group);
        }
    }
}

pub(super) fn row<B: Blocks, S: Simd>(simd: S, panel: &[u8], lane: usize, row: &mut [f32]) {
    for_groups::<B>(panel, |head, group, bytes, index| {
        for (register, codes) in codes::<S, B>(simd, bytes).into_iter().enumerate() {
            let weights = decode_register::<S, B>(simd, head, group, (register, codes));
            let first = index * GROUP + 4 * register;
            for (weight, lanes) in row[first..first + 4].iter_mut().zip(weights) {
                let mut all = [0.0; LANES];
                simd.store(&mut all, lanes);
                *weight = all[lane];
            }
        }
    });
}

/// Sixteen f16 numbers in a head. Read as one value: sixteen small moves through the stack would stall each load.
#[inline(always)]
pub(crate) fn head_f16<S: Simd>(simd: S, head: &[u8], offset: usize) -> S::F {
    let bytes: &[u8; 2 * PANEL] = chunk(head, offset);
    let mut bits: [u16; PANEL] = bytemuck::pod_read_unaligned(bytes);
    for bits in &mut bits {
        *bits = u16::from_le(*bits);
    }
    simd.load_f16(&bits)
}

/// Sixteen unsigned bytes in a head.
#[inline(always)]
pub(crate) fn head_u8<S: Simd>(simd: S, head: &[u8], offset: usize) -> S::F {
    simd.load_u8(chunk(head, offset))
}

/// Sixteen signed bytes in a head.
#[inline(always)]
pub(crate) fn head_i8<S: Simd>(simd: S, head: &[u8], offset: usize) -> S::F {
    let bytes: &[u8; PANEL] = chunk(head, offset);
    simd.load_i8(bytemuck::cast_ref(bytes))
}
