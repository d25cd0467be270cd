//! The compute, and what the machine offers for it: instruction sets found at run time, threads, matrix products, attention.
//!
//! Slices in, slices out. Matrices are row-major. Kernels are written once over [`Simd`] and compiled for each [`Path`];
//! products of many rows have kernels of their own for tiles. Sums are split by fixed sizes, never by the number of threads,
//! so results repeat.

mod aligned;
mod attention;
mod instruction_set;
mod machine;
mod path;
mod pool;
mod simd;
#[cfg(target_arch = "x86_64")]
mod tiles;

pub use aligned::{Aligned, Number};
pub use attention::{
    Attention, AttentionBackward, AttentionGradients, AttentionScratch, ElementType, Floats,
    KeyValueShape, KeyValueStore, Scoring, StoreFull,
};
pub use instruction_set::{InstructionSet, usable_instruction_sets};
pub use machine::{Machine, available_memory_bytes, memory_read_gb_per_s};
pub use path::{Path, PathError, PathName};
pub use pool::Pool;
#[cfg(target_arch = "x86_64")]
pub use simd::{Avx2, Avx512};
pub use simd::{LANES, Portable, Simd, Work};
#[cfg(target_arch = "x86_64")]
pub use tiles::{Amx, Bf16Dots};
