//! The block formats: ggml's (github.com/ggml-org/ggml, ggml-common.h) and INT4 by groups.

pub(crate) use super::plain::{Bf16, F16, F32};

use super::PANEL;
use super::blocks::{Blocks, GROUP, head_f16, head_i8, head_u8};
use crate::simd::{Simd, chunk};

/// The f16 number at `offset` of a row's block, copied to row `row` of sixteen at `at`; whether it is finite.
fn copy_f16(block: &[u8], offset: usize, head: &mut [u8], at: usize, row: usize) -> bool {
    let bytes = [block[offset], block[offset + 1]];
    head[at + 2 * row..][..2].copy_from_slice(&bytes);
    half::f16::from_le_bytes(bytes).is_finite()
}

/// Sixteen bytes: the lower halves are the first sixteen codes, the upper halves the others.
fn nibbles(bytes: &[u8]) -> [u8; GROUP] {
    let bytes: &[u8; 16] = chunk(bytes, 0);
    let mut codes = [0; GROUP];
    for (index, byte) in bytes.iter().enumerate() {
        codes[index] = byte & 15;
        codes[16 + index] = byte >> 4;
    }
    codes
}

/// A code out of each of 32 bytes: the bits of `mask` above `shift`.
fn bits(bytes: &[u8], shift: usize, mask: u8) -> [u8; GROUP] {
    let bytes: &[u8; GROUP] = chunk(bytes, 0);
    bytes.map(|byte| byte >> shift & mask)
}

/// The codes with more bits above their `low` lower ones.
fn with_upper(mut codes: [u8; GROUP], upper: [u8; GROUP], low: usize) -> [u8; GROUP] {
    for (code, upper) in codes.iter_mut().zip(upper) {
        *code |= upper << low;
    }
    codes
}

/// One bit for each code, in four bytes.
fn fifth_bits(bytes: &[u8]) -> [u8; GROUP] {
    let mask = u32::from_le_bytes(*chunk(bytes, 0));
    std::array::from_fn(|index| (mask >> index & 1) as u8)
}

/// A format with one f16 scale for 32 weights, and perhaps an f16 added to them.
macro_rules! block_of_32 {
    ($(#[$doc:meta])* $name:ident, $source:literal bytes, $bits:literal bits, zero $zero:literal, added: $added:literal,
     $codes:expr) => {
        $(#[$doc])*
        #[allow(non_camel_case_types)]
        pub(crate) struct $name;

        impl Blocks for $name {
            const SOURCE_BYTES: usize = $source;
            const GROUPS: usize = 1;
            const BITS: u32 = $bits;
            const ZERO: i32 = $zero;
            const HALVES: bool = false;
            const MINIMUMS: bool = $added;
            const HEAD_BYTES: usize = if $added { 4 * PANEL } else { 2 * PANEL };

            fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
                let codes: fn(&[u8], usize) -> [u8; GROUP] = $codes;
                codes(block, group)
            }
            fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
                let scale = copy_f16(block, 0, head, 0, row);
                let added = !$added || copy_f16(block, 2, head, 2 * PANEL, row);
                scale && added
            }
            #[inline(always)]
            fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
                let scale = head_f16(simd, head, 0);
                if !$added {
                    return [scale, simd.splat(0.0)];
                }
                [scale, simd.mul(simd.splat(-1.0), head_f16(simd, head, 2 * PANEL))]
            }
        }
    };
}

block_of_32!(
    /// `d · (q - 8)`.
    Q4_0, 18 bytes, 4 bits, zero 8, added: false, |block, _| nibbles(&block[2..])
);
block_of_32!(
    /// `d · q + m`.
    Q4_1, 20 bytes, 4 bits, zero 0, added: true, |block, _| nibbles(&block[4..])
);
block_of_32!(
    /// `d · (q - 16)`.
    Q5_0, 22 bytes, 5 bits, zero 16, added: false,
    |block, _| with_upper(nibbles(&block[6..]), fifth_bits(&block[2..]), 4)
);
block_of_32!(
    /// `d · q + m`.
    Q5_1, 24 bytes, 5 bits, zero 0, added: true,
    |block, _| with_upper(nibbles(&block[8..]), fifth_bits(&block[4..]), 4)
);
block_of_32!(
    /// `d · q`; codes are kept with 128 added.
    Q8_0, 34 bytes, 8 bits, zero 128, added: false, |block, _| bits(&block[2..], 0, 255).map(|code| code ^ 0x80)
);

/// The scale (`which` 0) or minimum (1) of a group of 32 in Q4_K and Q5_K: six bits each, packed in twelve bytes.
fn six_bits(scales: &[u8], group: usize, which: usize) -> u8 {
    if group < 4 {
        return scales[group + 4 * which] & 63;
    }
    scales[group + 4] >> (4 * which) & 15 | scales[group - 4 + 4 * which] >> 6 << 4
}

/// A format of 256 weights with f16 `d` and `dmin` and a six-bit scale and minimum for each 32.
macro_rules! block_of_256_with_minimums {
    ($(#[$doc:meta])* $name:ident, $source:literal bytes, $bits:literal bits, $codes:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Blocks for $name {
            const SOURCE_BYTES: usize = $source;
            const GROUPS: usize = 8;
            const BITS: u32 = $bits;
            const ZERO: i32 = 0;
            const HALVES: bool = false;
            const MINIMUMS: bool = true;
            // d, dmin, then for each group sixteen scales and sixteen minimums.
            const HEAD_BYTES: usize = 4 * PANEL + 8 * 2 * PANEL;

            fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
                let codes: fn(&[u8], usize) -> [u8; GROUP] = $codes;
                codes(block, group)
            }
            fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
                let scale = copy_f16(block, 0, head, 0, row);
                let minimum = copy_f16(block, 2, head, 2 * PANEL, row);
                for group in 0..8 {
                    for which in 0..2 {
                        head[4 * PANEL + (2 * group + which) * PANEL + row] = six_bits(&block[4..16], group, which);
                    }
                }
                scale && minimum
            }
            #[inline(always)]
            fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
                [head_f16(simd, head, 0), head_f16(simd, head, 2 * PANEL)]
            }
            #[inline(always)]
            fn scale<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, _half: usize) -> S::F {
                simd.mul(common, head_u8(simd, head, 4 * PANEL + 2 * group * PANEL))
            }
            #[inline(always)]
            fn minimum<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, _half: usize) -> S::F {
                simd.mul(common, head_u8(simd, head, 4 * PANEL + (2 * group + 1) * PANEL))
            }
        }
    };
}

block_of_256_with_minimums!(
    /// `d · sc · q - dmin · m`, four bits: 32 bytes hold two groups.
    Q4K, 144 bytes, 4 bits,
    |block, group| bits(&block[16 + group / 2 * 32..], group % 2 * 4, 15)
);
block_of_256_with_minimums!(
    /// `d · sc · q - dmin · m`, five bits: the fifth bits of group `g` are bits `g` of 32 bytes.
    Q5K, 176 bytes, 5 bits,
    |block, group| with_upper(bits(&block[48 + group / 2 * 32..], group % 2 * 4, 15), bits(&block[16..], group, 1), 4)
);

/// `d · sc · (q - 32)`, six bits, a signed scale for each 16.
pub(crate) struct Q6K;

impl Blocks for Q6K {
    const SOURCE_BYTES: usize = 210;
    const GROUPS: usize = 8;
    const BITS: u32 = 6;
    const ZERO: i32 = 32;
    const HALVES: bool = true;
    const MINIMUMS: bool = false;
    // d, then for each 16 weights sixteen signed scales.
    const HEAD_BYTES: usize = 2 * PANEL + 16 * PANEL;

    fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
        // Each half of 128: 64 bytes of lower fours (two groups in the lower halves, two in the upper), 32 bytes of upper twos.
        let (half, part) = (group / 4, group % 4);
        let low = bits(&block[64 * half + part % 2 * 32..], part / 2 * 4, 15);
        with_upper(low, bits(&block[128 + 32 * half..], 2 * part, 3), 4)
    }
    fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
        for (index, scale) in block[192..208].iter().enumerate() {
            head[2 * PANEL + index * PANEL + row] = *scale;
        }
        copy_f16(block, 208, head, 0, row)
    }
    #[inline(always)]
    fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
        [head_f16(simd, head, 0), simd.splat(0.0)]
    }
    #[inline(always)]
    fn scale<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, half: usize) -> S::F {
        let scales = head_i8(simd, head, 2 * PANEL + (2 * group + half) * PANEL);
        simd.mul(common, scales)
    }
}

/// `d · sc · q - dmin · m`, two bits, a four-bit scale and minimum for each 16. Kept in four bits.
pub(crate) struct Q2K;

impl Blocks for Q2K {
    const SOURCE_BYTES: usize = 84;
    const GROUPS: usize = 8;
    const BITS: u32 = 4;
    const ZERO: i32 = 0;
    const HALVES: bool = true;
    const MINIMUMS: bool = true;
    // d, dmin, then for each 16 weights sixteen scales and sixteen minimums.
    const HEAD_BYTES: usize = 4 * PANEL + 16 * 2 * PANEL;

    fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
        bits(&block[16 + group / 4 * 32..], group % 4 * 2, 3)
    }
    fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
        for (index, scale) in block[..16].iter().enumerate() {
            head[4 * PANEL + 2 * index * PANEL + row] = scale & 15;
            head[4 * PANEL + (2 * index + 1) * PANEL + row] = scale >> 4;
        }
        let scale = copy_f16(block, 80, head, 0, row);
        let minimum = copy_f16(block, 82, head, 2 * PANEL, row);
        scale && minimum
    }
    #[inline(always)]
    fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
        [head_f16(simd, head, 0), head_f16(simd, head, 2 * PANEL)]
    }
    #[inline(always)]
    fn scale<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, half: usize) -> S::F {
        let scales = head_u8(simd, head, 4 * PANEL + 2 * (2 * group + half) * PANEL);
        simd.mul(common, scales)
    }
    #[inline(always)]
    fn minimum<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, half: usize) -> S::F {
        let minimums = head_u8(simd, head, 4 * PANEL + (2 * (2 * group + half) + 1) * PANEL);
        simd.mul(common, minimums)
    }
}

/// `d · (sc - 32) · (q - 4)`, three bits, a six-bit scale for each 16. Kept in four bits.
pub(crate) struct Q3K;

impl Blocks for Q3K {
    const SOURCE_BYTES: usize = 110;
    const GROUPS: usize = 8;
    const BITS: u32 = 4;
    const ZERO: i32 = 4;
    const HALVES: bool = true;
    const MINIMUMS: bool = false;
    // d, then for each 16 weights sixteen signed scales.
    const HEAD_BYTES: usize = 2 * PANEL + 16 * PANEL;

    fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
        let low = bits(&block[32 + group / 4 * 32..], group % 4 * 2, 3);
        with_upper(low, bits(block, group, 1), 2)
    }
    fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
        // Twelve bytes: the lower fours of sixteen scales in eight of them, the upper twos in the last four.
        let scales = &block[96..108];
        for index in 0..16 {
            let low = scales[index % 8] >> (index / 8 * 4) & 15;
            let high = scales[8 + index % 4] >> (index / 4 * 2) & 3;
            head[2 * PANEL + index * PANEL + row] = (low | high << 4).wrapping_sub(32);
        }
        copy_f16(block, 108, head, 0, row)
    }
    #[inline(always)]
    fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
        [head_f16(simd, head, 0), simd.splat(0.0)]
    }
    #[inline(always)]
    fn scale<S: Simd>(simd: S, common: S::F, head: &[u8], group: usize, half: usize) -> S::F {
        let scales = head_i8(simd, head, 2 * PANEL + (2 * group + half) * PANEL);
        simd.mul(common, scales)
    }
}

/// `scale · (q - zero)` for groups of `32 · GROUPS` weights; zero is 8, or a byte of its own.
pub(crate) struct Int4<const GROUPS: usize, const SYMMETRIC: bool>;

impl<const GROUPS: usize, const SYMMETRIC: bool> Int4<GROUPS, SYMMETRIC> {
    const CODES: usize = if SYMMETRIC { 2 } else { 3 };
}

impl<const GROUPS: usize, const SYMMETRIC: bool> Blocks for Int4<GROUPS, SYMMETRIC> {
    const SOURCE_BYTES: usize = Self::CODES + 16 * GROUPS;
    const GROUPS: usize = GROUPS;
    const BITS: u32 = 4;
    const ZERO: i32 = if SYMMETRIC { 8 } else { 0 };
    const HALVES: bool = false;
    const MINIMUMS: bool = !SYMMETRIC;
    const HEAD_BYTES: usize = if SYMMETRIC { 2 * PANEL } else { 3 * PANEL };

    fn codes(block: &[u8], group: usize) -> [u8; GROUP] {
        let bytes = &block[Self::CODES..];
        if GROUPS == 1 {
            return nibbles(bytes);
        }
        let half = GROUPS / 2;
        bits(&bytes[group % half * GROUP..], group / half * 4, 15)
    }
    fn pack_head(block: &[u8], row: usize, head: &mut [u8]) -> bool {
        if !SYMMETRIC {
            head[2 * PANEL + row] = block[2];
        }
        copy_f16(block, 0, head, 0, row)
    }
    #[inline(always)]
    fn factors<S: Simd>(simd: S, head: &[u8]) -> [S::F; 2] {
        let scale = head_f16(simd, head, 0);
        if SYMMETRIC {
            return [scale, simd.splat(0.0)];
        }
        [scale, simd.mul(scale, head_u8(simd, head, 2 * PANEL))]
    }
}
