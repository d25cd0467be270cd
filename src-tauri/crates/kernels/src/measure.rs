//! How fast products are here, beside what the machine could do at most.

use std::time::Instant;

use crate::limits::{Arithmetic, peak};
use crate::matrix::WeightFormat;
use crate::multiply::rounds_to_bf16;
use crate::{
    Compute, DenseProduct, FEW_ROWS, Matrix, Operand, Path, Precision, Product, Scratch, Sums,
    TransposedProduct, memory_read_gb_per_s, multiply, multiply_dense, multiply_transposed,
};

/// Products of these numbers of rows …
const ROWS: [usize; 4] = [1, 32, 512, 2048];
/// … and products of training of so many …
const TRAINING_ROWS: usize = 512;
/// … with matrices of these outputs and inputs, the shapes of a 1.1 B Llama.
const SHAPES: [(usize, usize); 3] = [(2048, 2048), (5632, 2048), (2048, 5632)];
/// Weights that a product of few rows goes through, so that they come from memory and not from a cache.
const COLD_BYTES: usize = 256 << 20;
/// Measurements of which the median is taken.
const REPEATS: usize = 5;

/// One product, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// `matmul_q4_0` …, with one row `gemv_q4_0` …; `matmul_dx_q4_0` … what it passes back, and `matmul_dw_bf16` and
    /// `matmul_dw_f32` the gradient of weights.
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
            let bf16 = format != WeightFormat::F32 && bf16_peak > 0.0;
            figures.push(Figure {
                op: format!("matmul_dx_{format}"),
                m: TRAINING_ROWS,
                n: k,
                k: n,
                path: compute.paths.backward,
                value: gflops(n, k) / gradient_seconds(compute, &matrices[0]),
                unit: "GFLOP/s",
                limit: if bf16 { bf16_peak } else { f32_peak },
            });
        }
    }
    for (name, precision, peak) in [
        ("matmul_dw_bf16", Precision::Bf16, bf16_peak),
        ("matmul_dw_f32", Precision::F32, f32_peak),
    ] {
        for (n, k) in SHAPES {
            figures.push(Figure {
                op: name.to_owned(),
                m: n,
                n: k,
                k: TRAINING_ROWS,
                path: compute.paths.backward,
                value: gflops(n, k) / weight_gradient_seconds(compute, precision, (n, k)),
                unit: "GFLOP/s",
                limit: if peak > 0.0 { peak } else { f32_peak },
            });
        }
    }
    figures
}

/// What a product of training computes, in 1e9 operations.
fn gflops(outputs: usize, inputs: usize) -> f64 {
    2.0 * (TRAINING_ROWS * outputs * inputs) as f64 / 1e9
}

/// The median time of what these weights pass back.
fn gradient_seconds(compute: &Compute, matrix: &Matrix) -> f64 {
    let gradient = numbers(TRAINING_ROWS * matrix.outputs());
    let mut dx = vec![0.0; TRAINING_ROWS * matrix.inputs()];
    let mut scratch = Scratch::default();
    let product = TransposedProduct {
        gradient: &gradient,
        matrix,
        sums: Sums::Add,
    };
    median(|_| {
        multiply_transposed(
            compute.paths.backward,
            &compute.pool,
            &mut scratch,
            &product,
            &mut dx,
        );
    })
}

/// The median time of a gradient of weights.
fn weight_gradient_seconds(
    compute: &Compute,
    precision: Precision,
    (outputs, inputs): (usize, usize),
) -> f64 {
    let (dy, x) = (
        numbers(TRAINING_ROWS * outputs),
        numbers(TRAINING_ROWS * inputs),
    );
    let mut dw = vec![0.0; outputs * inputs];
    let mut scratch = Scratch::default();
    let product = DenseProduct {
        left: Operand::new(&dy, (TRAINING_ROWS, outputs)).transposed(),
        right: Operand::new(&x, (TRAINING_ROWS, inputs)),
        scale: 1.0,
        sums: Sums::Add,
        precision,
    };
    median(|_| {
        multiply_dense(
            compute.paths.backward,
            &compute.pool,
            &mut scratch,
            &product,
            &mut dw,
        );
    })
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (index % 17) as f32 / 8.0 - 1.0)
        .collect()
}

/// The median time of `work`, which is told how often it was called.
fn median(mut work: impl FnMut(usize)) -> f64 {
    let mut times: Vec<f64> = (0..=REPEATS)
        .map(|repeat| {
            let begun = Instant::now();
            work(repeat);
            begun.elapsed().as_secs_f64()
        })
        .skip(1) // the first grows buffers
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The median time of a product of `rows` rows, each with another matrix.
fn seconds(compute: &Compute, matrices: &[Matrix], rows: usize) -> f64 {
    let (outputs, inputs) = (matrices[0].outputs(), matrices[0].inputs());
    let x = numbers(rows * inputs);
    let mut output = vec![0.0; rows * outputs];
    let mut scratch = Scratch::default();
    // Enough products for a time that a clock can tell: all matrices once for one row.
    let products = match rows {
        0..=FEW_ROWS => matrices.len(),
        _ => 1,
    };
    let all = median(|repeat| {
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
    });
    all / products as f64
}
