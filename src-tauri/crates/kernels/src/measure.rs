//! How fast products are here, beside what the machine could do at most.

use std::time::Instant;

use crate::limits::{Arithmetic, peak};
use crate::matrix::WeightFormat;
use crate::multiply::rounds_to_bf16;
use crate::{Compute, FEW_ROWS, Matrix, Path, Product, Scratch, memory_read_gb_per_s, multiply};

/// Products of these numbers of rows …
const ROWS: [usize; 4] = [1, 32, 512, 2048];
/// … with matrices of these outputs and inputs, the shapes of a 1.1 B Llama.
const SHAPES: [(usize, usize); 3] = [(2048, 2048), (5632, 2048), (2048, 5632)];
/// Weights that a product of few rows goes through, so that they come from memory and not from a cache.
const COLD_BYTES: usize = 256 << 20;
/// Measurements of which the median is taken.
const REPEATS: usize = 5;

/// One product, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// `matmul_q4_0` …, with one row `gemv_q4_0` ….
    pub op: String,
    /// Rows.
    pub m: usize,
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// The path that computed it.
    pub path: Path,
    /// The median rate.
    pub value: f64,
    /// Of the rate: `GB/s` of weights for one row, `GFLOP/s` for more.
    pub unit: &'static str,
    /// What the machine reaches at most in this unit, measured in the same run.
    pub limit: f64,
}

/// Measures all products of these formats. Takes seconds.
pub fn measure_products(compute: &Compute, formats: &[WeightFormat]) -> Vec<Figure> {
    let pool = &compute.pool;
    let read = memory_read_gb_per_s();
    let peak = |arithmetic| peak(compute.paths.prefill, pool, arithmetic).unwrap_or(0.0) / 1e9;
    let (f32_peak, bf16_peak, int8_peak) = (
        peak(Arithmetic::F32),
        peak(Arithmetic::Bf16),
        peak(Arithmetic::Int8),
    );
    let mut figures = Vec::new();
    for &format in formats {
        for (n, k) in SHAPES {
            let copies = COLD_BYTES.div_ceil(format.packed_bytes(n, k)).min(64);
            let matrices: Vec<Matrix> = (0..copies)
                .map(|copy| Matrix::random(format, (n, k), pool, copy as u64))
                .collect();
            for m in ROWS {
                let path = compute.path_for(m);
                let seconds = seconds(compute, &matrices, m);
                let (name, value, unit, limit) = if m == 1 {
                    (
                        "gemv",
                        format.packed_bytes(n, k) as f64 / seconds / 1e9,
                        "GB/s",
                        read,
                    )
                } else {
                    let tiles = m > FEW_ROWS && rounds_to_bf16(path, format);
                    // Codes without an instruction for them are multiplied in f32's time.
                    let limit = match (tiles, format.is_quantized()) {
                        (true, _) => bf16_peak,
                        (false, true) if int8_peak > 0.0 => int8_peak,
                        (false, _) => f32_peak,
                    };
                    (
                        "matmul",
                        2.0 * (m * n * k) as f64 / seconds / 1e9,
                        "GFLOP/s",
                        limit,
                    )
                };
                figures.push(Figure {
                    op: format!("{name}_{format}"),
                    m,
                    n,
                    k,
                    path,
                    value,
                    unit,
                    limit,
                });
            }
        }
    }
    figures
}

/// The median time of a product of `rows` rows, each with another matrix.
fn seconds(compute: &Compute, matrices: &[Matrix], rows: usize) -> f64 {
    let (outputs, inputs) = (matrices[0].outputs(), matrices[0].inputs());
    let x: Vec<f32> = (0..rows * inputs)
        .map(|index| (index % 17) as f32 / 8.0 - 1.0)
        .collect();
    let mut output = vec![0.0; rows * outputs];
    let mut scratch = Scratch::default();
    // Enough products for a time that a clock can tell: all matrices once for one row.
    let products = match rows {
        0..=FEW_ROWS => matrices.len(),
        _ => 1,
    };
    let mut times: Vec<f64> = (0..=REPEATS)
        .map(|repeat| {
            let begun = Instant::now();
            for index in 0..products {
                let matrix = &matrices[(repeat + index) % matrices.len()];
                let product = Product {
                    matrix,
                    output: &mut output,
                };
                multiply(
                    compute.path_for(rows),
                    &compute.pool,
                    &mut scratch,
                    &x,
                    &mut [product],
                );
            }
            begun.elapsed().as_secs_f64() / products as f64
        })
        .skip(1) // the first grows buffers
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
