//! Products of bfloat16 numbers for many rows: AMX tiles, and AVX-512's dot products of pairs.

use std::arch::is_x86_feature_detected as has;

use crate::instruction_set::amx::tiles_usable;

/// Proof that AMX tiles of bfloat16 and of 8-bit numbers may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amx(());

impl Amx {
    /// The proof, where the processor offers tiles and the operating system permits them.
    pub fn find() -> Option<Self> {
        let tiles = tiles_usable();
        (tiles.bf16 && tiles.int8).then_some(Self(()))
    }
}

/// Proof that AVX-512's bfloat16 dot products may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bf16Dots(());

impl Bf16Dots {
    /// The proof, where the processor and the operating system offer them.
    pub fn find() -> Option<Self> {
        (has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512bf16"))
            .then_some(Self(()))
    }
}
