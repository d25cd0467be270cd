//! Products of training against plain loops; bfloat16 ones on emulated AMX too.

use half::bf16;

use super::*;
use crate::trials::Numbers;
use crate::{Path, WeightFormat};

/// Every path of this machine, and AMX emulated where it has none.
fn paths() -> Vec<Path> {
    #[allow(unused_mut)]
    let mut paths = Path::all();
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if crate::Amx::find().is_none() {
        match crate::Avx512::find() {
            Some(avx512) => paths.push(Path::Amx(avx512, crate::Amx::emulated())),
            None => eprintln!("not run here: AMX, whose rows AVX-512 packs"),
        }
    }
    let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
    eprintln!("paths: {}", names.join(", "));
    paths
}

/// Whether the path multiplies bfloat16 numbers.
fn has_tiles(path: Path) -> bool {
    crate::rounds_to_bf16(path, WeightFormat::Bf16)
}

/// Sizes around a register, a block of rows and a tile of depth.
const SIZES: [usize; 7] = [0, 1, 15, 16, 17, 35, 70];

/// What a product is made of: both sides row-major as they are multiplied, `(rows, depth)` and `(depth, columns)`.
struct Case {
    name: String,
    shape: (usize, usize, usize),
    left: Vec<f32>,
    right: Vec<f32>,
    scale: f32,
    before: Vec<f32>,
    sums: Sums,
    /// Whether both sides are rounded to bfloat16.
    rounds: bool,
}

impl Case {
    /// By plain loops: each sum, and the sum of what it is made of without signs.
    fn truth(&self) -> Vec<(f64, f64)> {
        let narrow = |value: f32| match self.rounds {
            true => f64::from(bf16::from_f32(value).to_f32()),
            false => f64::from(value),
        };
        let (rows, depth, columns) = self.shape;
        let mut truth = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut size) = match self.sums {
                    Sums::Overwrite => (0.0, 0.0),
                    Sums::Add => {
                        let before = f64::from(self.before[row * columns + column]);
                        (before, before.abs())
                    }
                };
                for step in 0..depth {
                    let right = narrow(self.right[step * columns + column] * self.scale);
                    let product = narrow(self.left[row * depth + step]) * right;
                    sum += product;
                    size += product.abs();
                }
                truth.push((sum, size));
            }
        }
        truth
    }

    /// Whether `compute`, on one thread and on three, gives the truth within f32's roundings.
    #[track_caller]
    fn check(&self, compute: impl Fn(&Pool, &mut [f32])) {
        let [alone, together] = [1, 3].map(|threads| {
            let mut output = match self.sums {
                // What is overwritten does not count.
                Sums::Overwrite => vec![f32::NAN; self.before.len()],
                Sums::Add => self.before.clone(),
            };
            compute(&Pool::new(threads), &mut output);
            output
        });
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&alone), bits(&together), "{}: threads", self.name);
        let truth = self.truth();
        assert_eq!(alone.len(), truth.len(), "{}", self.name);
        // Every step rounds at most twice.
        let relative = (2 * self.shape.1 + 2) as f64 * 2_f64.powi(-24);
        for (index, (found, (sum, size))) in alone.iter().zip(truth).enumerate() {
            let close = match sum.is_nan() {
                true => found.is_nan(),
                false => (f64::from(*found) - sum).abs() <= relative * size + 1e-30,
            };
            assert!(
                close,
                "{}: {found} at {index}, where {sum} was expected",
                self.name
            );
        }
    }
}

/// Rows and columns exchanged.
fn exchanged(values: &[f32], (rows, columns): (usize, usize)) -> Vec<f32> {
    (0..rows * columns)
        .map(|index| values[index % rows * columns + index / rows])
        .collect()
}

/// All four ways that operands may lie in memory, overwritten and added to, in both precisions, on a path.
fn check_dense(path: Path, shape: (usize, usize, usize), poisoned: bool) {
    let (rows, depth, columns) = shape;
    let mut numbers = Numbers((rows * 10_007 + depth * 101 + columns) as u64);
    let mut left = numbers.many(rows * depth, 1.0);
    let mut right = numbers.many(depth * columns, 1.0);
    if poisoned {
        left[depth * (rows / 2) + depth - 1] = f32::NAN;
        right[columns - 1] = f32::NAN;
    }
    let before = numbers.many(rows * columns, 1.0);
    let mut scratch = Scratch::default();
    let lefts = [left.clone(), exchanged(&left, (rows, depth))];
    let rights = [right.clone(), exchanged(&right, (depth, columns))];
    for precision in [Precision::F32, Precision::Bf16] {
        for (sums, scale) in [(Sums::Overwrite, 1.0), (Sums::Add, 0.37)] {
            let mut case = Case {
                name: String::new(),
                shape,
                left: left.clone(),
                right: right.clone(),
                scale,
                before: before.clone(),
                sums,
                rounds: precision == Precision::Bf16 && has_tiles(path),
            };
            for turned in 0..4 {
                let (turned_left, turned_right) = (turned % 2, turned / 2);
                case.name = format!("{path}, {shape:?}, {precision:?}, {sums:?}, turned {turned}");
                let left = match turned_left {
                    0 => Operand::new(&lefts[0], (rows, depth)),
                    _ => Operand::new(&lefts[1], (depth, rows)).transposed(),
                };
                let right = match turned_right {
                    0 => Operand::new(&rights[0], (depth, columns)),
                    _ => Operand::new(&rights[1], (columns, depth)).transposed(),
                };
                let product = DenseProduct {
                    left,
                    right,
                    scale,
                    sums,
                    precision,
                };
                let scratch = std::cell::RefCell::new(&mut scratch);
                case.check(|pool, output| {
                    multiply_dense(path, pool, &mut scratch.borrow_mut(), &product, output);
                });
            }
        }
    }
}

#[test]
fn dense_products_equal_plain_loops() {
    for path in paths() {
        for rows in SIZES {
            for depth in SIZES {
                for columns in SIZES {
                    // Not every combination: each two sizes meet.
                    if (rows + depth + columns) % 3 == 0 || rows == 35 {
                        check_dense(path, (rows, depth, columns), false);
                    }
                }
            }
        }
    }
}

#[test]
fn dense_products_go_on_where_a_part_of_the_depth_ends() {
    for path in paths() {
        // f32 rests after 256, bfloat16 after 2,048; more than 960 rows are several tasks' on any number of threads.
        for shape in [(5, 257, 20), (30, 600, 150), (3, 2085, 40), (1000, 20, 33)] {
            check_dense(path, shape, false);
        }
    }
}

#[test]
fn what_is_not_a_number_stays_in_its_row_and_column() {
    for path in paths() {
        for shape in [(1, 1, 1), (17, 35, 17), (40, 300, 50)] {
            check_dense(path, shape, true);
        }
    }
}

fn check_weights(path: Path, format: WeightFormat, (rows, outputs, inputs): (usize, usize, usize)) {
    let pool = Pool::new(1);
    let matrix = Matrix::random(format, (outputs, inputs), &pool, (rows + outputs) as u64);
    let mut weights = vec![0.0; outputs * inputs];
    if inputs > 0 {
        for (output, row) in weights.chunks_exact_mut(inputs).enumerate() {
            matrix.row(output, row);
        }
    }
    let mut numbers = Numbers((rows * 31 + outputs * 7 + inputs) as u64);
    let gradient = numbers.many(rows * outputs, 1.0);
    let before = numbers.many(rows * inputs, 1.0);
    for sums in [Sums::Overwrite, Sums::Add] {
        let case = Case {
            name: format!("{format} on {path}: {rows} × ({outputs}, {inputs}), {sums:?}"),
            shape: (rows, outputs, inputs),
            left: gradient.clone(),
            right: weights.clone(),
            scale: 1.0,
            before: before.clone(),
            sums,
            rounds: format != WeightFormat::F32 && has_tiles(path),
        };
        let product = TransposedProduct {
            gradient: &gradient,
            matrix: &matrix,
            sums,
        };
        case.check(|pool, output| {
            multiply_transposed(path, pool, &mut Scratch::default(), &product, output);
        });
    }
}

#[test]
fn gradients_pass_through_weights_of_every_format() {
    for path in paths() {
        for format in WeightFormat::ALL {
            let block = format.block_weights();
            let inputs = match block {
                1 => vec![0, 1, 15, 16, 17, 35],
                32 => vec![0, 32, 96],
                block => vec![block],
            };
            for inputs in inputs {
                for outputs in [0, 1, 15, 16, 17, 35] {
                    for rows in [0, 1, 17] {
                        check_weights(path, format, (rows, outputs, inputs));
                    }
                }
            }
        }
        let deep = [WeightFormat::F32, WeightFormat::Bf16, WeightFormat::Q4_0];
        for format in deep {
            check_weights(path, format, (18, 2085, 160));
        }
    }
}

#[test]
fn an_infinite_gradient_spoils_its_own_row_only() {
    for path in paths() {
        for format in [WeightFormat::F32, WeightFormat::Q4_0, WeightFormat::Q6K] {
            let pool = Pool::new(3);
            let (rows, outputs, inputs) = (19, 35, 256);
            let matrix = Matrix::random(format, (outputs, inputs), &pool, 5);
            let mut gradient = Numbers(6).many(rows * outputs, 1.0);
            gradient[17 * outputs + 34] = f32::NAN;
            let product = TransposedProduct {
                gradient: &gradient,
                matrix: &matrix,
                sums: Sums::Overwrite,
            };
            let mut dx = vec![f32::NAN; rows * inputs];
            multiply_transposed(path, &pool, &mut Scratch::default(), &product, &mut dx);
            for (row, values) in dx.chunks_exact(inputs).enumerate() {
                let expected = row == 17;
                assert!(
                    values.iter().all(|value| value.is_nan() == expected),
                    "{format} on {path}: row {row}"
                );
            }
        }
    }
}

#[test]
fn matrices_are_repacked_as_they_are_packed() {
    for path in paths() {
        for format in [WeightFormat::F32, WeightFormat::Bf16] {
            for (outputs, inputs) in [(0, 5), (5, 0), (1, 1), (17, 35), (35, 17), (48, 96)] {
                for threads in [1, 3] {
                    let pool = Pool::new(threads);
                    let mut numbers = Numbers((outputs * 100 + inputs) as u64);
                    let mut rows = numbers.many(outputs * inputs, 1.0);
                    let mut matrix =
                        Matrix::from_f32(path, &pool, format, (outputs, inputs), &rows);
                    for round in 0..2 {
                        let bytes: Vec<u8> = match format {
                            WeightFormat::F32 => bytemuck::cast_slice(&rows).to_vec(),
                            _ => rows
                                .iter()
                                .flat_map(|w| bf16::from_f32(*w).to_le_bytes())
                                .collect(),
                        };
                        let packed = Matrix::from_bytes(format, (outputs, inputs), &pool, &bytes);
                        let panels = 0..packed.panel_count();
                        let name = format!("{format} on {path}: ({outputs}, {inputs}), {round}");
                        assert_eq!(
                            matrix.panels(panels.clone()),
                            packed.panels(panels),
                            "{name}"
                        );
                        assert_eq!(matrix.is_finite(), packed.is_finite(), "{name}");
                        // Other weights, the last of which no bfloat16 number is near enough to.
                        rows = numbers.many(outputs * inputs, 3.0);
                        if let Some(last) = rows.last_mut() {
                            *last = f32::MAX;
                        }
                        matrix.repack(path, &pool, &rows);
                    }
                }
            }
        }
    }
}
