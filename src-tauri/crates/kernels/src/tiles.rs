//! Products of bfloat16 numbers for many rows: AMX tiles, and AVX-512's dot products of pairs.
//!
//! `y = x wᵀ`, with x narrowed to bfloat16 once ([`TileRows`]), w as panels of sixteen outputs, and sums in f32. Both kernels
//! read the same layouts, each a sequence of 1,024-byte tiles:
//! - rows: `[rows/16][depth/32][16 rows][32]`, what one tile load brings in, and whose pairs of neighbours are the 32-bit
//!   values that AVX-512 repeats over a register;
//! - panels: `[depth/2][16 outputs][2]` for each sixteen outputs, of which sixteen pairs of neighbours are one tile.
//!
//! Depth is padded with zeros to a multiple of 32, outputs and rows to multiples of sixteen. Each sum runs over the depth in
//! order, so results do not depend on how rows, outputs or threads are split. The two kernels round differently: AMX adds
//! the even and the odd products of 32 values apart before it adds both to the sum.

mod amx;
mod dots;
#[cfg(all(test, target_os = "linux"))]
mod emulator;
mod product;
mod rows;
#[cfg(test)]
mod tests;

use std::arch::is_x86_feature_detected as has;

use crate::instruction_set::amx::tiles_usable;
use crate::{Avx512, Path};

pub(crate) use amx::Configured;
pub use product::{Bf16Product, multiply_bf16};
pub(crate) use product::{Panels, Product};
pub use rows::TileRows;

/// Values in a tile: 16 rows of 32 bfloat16 numbers, or 16 pairs of 16 outputs.
pub(crate) const TILE: usize = 512;
/// Rows of a tile, and outputs of a panel.
pub(crate) const TILE_ROWS: usize = 16;
/// Depth of a tile: bfloat16 numbers in 64 bytes.
pub(crate) const TILE_DEPTH: usize = 32;

/// Proof that AMX tiles of bfloat16 and of 8-bit numbers may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amx(());

impl Amx {
    /// The proof, where the processor offers tiles and the operating system permits them.
    pub fn find() -> Option<Self> {
        let tiles = tiles_usable();
        (tiles.bf16 && tiles.int8).then_some(Self(()))
    }

    /// The proof on a machine without tiles: their instructions are emulated from now on.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn emulated() -> Self {
        emulator::install();
        Self(())
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

/// Which instructions multiply bfloat16 numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileKernel {
    /// `TDPBF16PS`: 16 × 16 sums, each of 32 products.
    Amx(Amx),
    /// `VDPBF16PS`: 16 sums, each of two products.
    Dots(Avx512, Bf16Dots),
}

impl TileKernel {
    /// That of the path, if it has one.
    pub fn of(path: Path) -> Option<Self> {
        match path {
            Path::Amx(_, amx) => Some(Self::Amx(amx)),
            Path::Avx512Bf16(avx512, dots) => Some(Self::Dots(avx512, dots)),
            Path::Portable(_) | Path::Avx2(_) | Path::Avx512(_) => None,
        }
    }
}
