//! The compute, and what the machine offers for it: instruction sets found at run time, threads, matrix products, attention.
//!
//! Slices in, slices out. Matrices are row-major. Kernels are written once over [`Simd`] and compiled for each [`Path`];
//! products of many rows have kernels of their own for tiles. Sums are split by fixed sizes, never by the number of threads,
//! so results repeat.

mod activation;
mod adamw;
mod aligned;
mod attention;
mod bf16;
mod buffers;
mod choice;
mod compute;
mod cross_entropy;
mod dense;
mod elementwise;
mod instruction_set;
mod limits;
mod machine;
mod matrix;
mod measure;
mod multiply;
mod norm;
mod output;
mod path;
mod pool;
mod priority;
mod random;
mod rotary;
mod simd;
mod softmax;
#[cfg(target_arch = "x86_64")]
mod tiles;
#[cfg(test)]
mod trials;

pub use activation::{Activation, GateBackward};
pub use adamw::{AdamW, AdamWSlices, gradient_norm};
pub use aligned::{Aligned, Number};
pub use attention::{
    Attention, AttentionBackward, AttentionGradients, AttentionScratch, ElementType, Floats,
    KeyValueShape, KeyValueStore, Scoring, StoreFull,
};
pub use bf16::{narrow_to_bf16, widen_bf16};
pub use choice::{Choice, PathTrial, Rates, Reason, WorkKind, choose, try_paths};
pub use compute::{Compute, KERNELS_VARIABLE, Paths, path_of_variable};
pub use cross_entropy::{
    StreamedCrossEntropy, Targets, cross_entropy, cross_entropy_with_gradient,
};
pub use dense::{
    DenseProduct, Operand, Precision, TransposedProduct, multiply_dense, multiply_transposed,
};
pub use elementwise::{add, add_bias, add_scaled, scale};
pub use instruction_set::{InstructionSet, usable_instruction_sets};
pub use limits::{Arithmetic, peak};
pub use machine::{Machine, available_memory_bytes, memory_read_gb_per_s};
pub use matrix::{Int4Group, Matrix, UnknownFormat, WeightFormat};
pub use measure::{Figure, measure_products};
pub use multiply::{FEW_ROWS, Product, Scratch, multiply, rounds_to_bf16};
pub use norm::{Norm, NormBackward, NormKind, add_column_sums};
pub use output::Sums;
pub use path::{Path, PathError, PathName};
pub use pool::Pool;
pub use priority::lower_thread_priority;
pub use rotary::{HeadRows, RotaryPairing, RotaryTable, Turn};
#[cfg(target_arch = "x86_64")]
pub use simd::{Avx2, Avx512};
pub use simd::{LANES, Portable, Simd, Work};
pub use softmax::softmax;
#[cfg(target_arch = "x86_64")]
pub use tiles::{Amx, Bf16Dots, Bf16Product, TileKernel, TileRows, multiply_bf16};
