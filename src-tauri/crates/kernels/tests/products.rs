//! Products with packed weights against plain loops over the files' own bytes.

use nc_kernels::{Int4Group, Matrix, Path, Pool, Product, Scratch, WeightFormat, multiply};

/// A small generator of our own, so that cases repeat: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Between -1 and 1.
    fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }
}

fn f16_at(block: &[u8], offset: usize) -> f32 {
    half::f16::from_le_bytes([block[offset], block[offset + 1]]).to_f32()
}

/// A row of a file's bytes as f32: one weight after the other, straight from the formats' definitions.
fn decoded(format: WeightFormat, row: &[u8]) -> Vec<f32> {
    let four = |bytes: &[u8], i: usize| (bytes[i % 16] >> (4 * (i / 16)) & 15) as f32;
    let five = |high: &[u8], bytes: &[u8], i: usize| {
        four(bytes, i) + (16 * (high[i / 8] >> (i % 8) & 1)) as f32
    };
    let block = 32;
    match format {
        WeightFormat::F32 => row
            .chunks(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        WeightFormat::F16 => row.chunks(2).map(|b| f16_at(b, 0)).collect(),
        WeightFormat::Bf16 => row
            .chunks(2)
            .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        WeightFormat::Q4_0 => {
            let one = |b: &[u8]| {
                (0..block)
                    .map(|i| f16_at(b, 0) * (four(&b[2..], i) - 8.0))
                    .collect::<Vec<_>>()
            };
            row.chunks(18).flat_map(one).collect()
        }
        WeightFormat::Q4_1 => {
            let one = |b: &[u8]| {
                (0..block)
                    .map(|i| f16_at(b, 0) * four(&b[4..], i) + f16_at(b, 2))
                    .collect::<Vec<_>>()
            };
            row.chunks(20).flat_map(one).collect()
        }
        WeightFormat::Q5_0 => {
            let one = |b: &[u8]| {
                (0..block)
                    .map(|i| f16_at(b, 0) * (five(&b[2..], &b[6..], i) - 16.0))
                    .collect::<Vec<_>>()
            };
            row.chunks(22).flat_map(one).collect()
        }
        WeightFormat::Q5_1 => {
            let one = |b: &[u8]| {
                (0..block)
                    .map(|i| f16_at(b, 0) * five(&b[4..], &b[8..], i) + f16_at(b, 2))
                    .collect::<Vec<_>>()
            };
            row.chunks(24).flat_map(one).collect()
        }
        WeightFormat::Q8_0 => {
            let one = |b: &[u8]| {
                (0..block)
                    .map(|i| f16_at(b, 0) * f32::from(b[2 + i] as i8))
                    .collect::<Vec<_>>()
            };
            row.chunks(34).flat_map(one).collect()
        }
        WeightFormat::Q2K => row.chunks(84).flat_map(q2_k).collect(),
        WeightFormat::Q3K => row.chunks(110).flat_map(q3_k).collect(),
        WeightFormat::Q4K => row.chunks(144).flat_map(|b| q45_k(b, 16, None)).collect(),
        WeightFormat::Q5K => row
            .chunks(176)
            .flat_map(|b| q45_k(b, 48, Some(16)))
            .collect(),
        WeightFormat::Q6K => row.chunks(210).flat_map(q6_k).collect(),
        WeightFormat::Int4 { group, symmetric } => {
            let weights = match group {
                Int4Group::G32 => 32,
                Int4Group::G64 => 64,
                Int4Group::G128 => 128,
            };
            let codes = if symmetric { 2 } else { 3 };
            let one = |b: &[u8]| {
                let zero = if symmetric { 8.0 } else { f32::from(b[2]) };
                let half = weights / 2;
                (0..weights)
                    .map(|i| {
                        f16_at(b, 0)
                            * ((b[codes + i % half] >> (4 * (i / half)) & 15) as f32 - zero)
                    })
                    .collect::<Vec<_>>()
            };
            row.chunks(codes + weights / 2).flat_map(one).collect()
        }
    }
}

fn q2_k(b: &[u8]) -> Vec<f32> {
    let mut weights = Vec::new();
    for half in 0..2 {
        for shift in [0, 2, 4, 6] {
            for l in 0..32 {
                let scale = b[weights.len() / 16];
                let code = (b[16 + 32 * half + l] >> shift & 3) as f32;
                weights.push(
                    f16_at(b, 80) * (scale & 15) as f32 * code
                        - f16_at(b, 82) * (scale >> 4) as f32,
                );
            }
        }
    }
    weights
}

fn q3_k(b: &[u8]) -> Vec<f32> {
    let s = &b[96..108];
    let scale = |i: usize| -> f32 {
        let (low, high) = match i {
            0..4 => (s[i] & 15, s[8 + i] & 3),
            4..8 => (s[i] & 15, s[4 + i] >> 2 & 3),
            8..12 => (s[i - 8] >> 4, s[i] >> 4 & 3),
            _ => (s[i - 8] >> 4, s[i - 4] >> 6),
        };
        (low + 16 * high) as f32 - 32.0
    };
    let mut weights = Vec::new();
    for half in 0..2 {
        for part in 0..4 {
            for l in 0..32 {
                let low = (b[32 + 32 * half + l] >> (2 * part) & 3) as f32;
                let high = if b[l] >> (4 * half + part) & 1 == 1 {
                    0.0
                } else {
                    4.0
                };
                weights.push(f16_at(b, 108) * scale(weights.len() / 16) * (low - high));
            }
        }
    }
    weights
}

fn q45_k(b: &[u8], codes: usize, fifth: Option<usize>) -> Vec<f32> {
    let s = &b[4..16];
    let scale_and_minimum = |j: usize| match j {
        0..4 => (s[j] & 63, s[j + 4] & 63),
        _ => (
            s[j + 4] & 15 | s[j - 4] >> 6 << 4,
            s[j + 4] >> 4 | s[j] >> 6 << 4,
        ),
    };
    let mut weights = Vec::new();
    for pair in 0..4 {
        for upper in 0..2 {
            let (scale, minimum) = scale_and_minimum(2 * pair + upper);
            for l in 0..32 {
                let four = b[codes + 32 * pair + l] >> (4 * upper) & 15;
                let high = fifth.map_or(0, |at| (b[at + l] >> (2 * pair + upper) & 1) * 16);
                weights.push(
                    f16_at(b, 0) * scale as f32 * (four + high) as f32
                        - f16_at(b, 2) * minimum as f32,
                );
            }
        }
    }
    weights
}

fn q6_k(b: &[u8]) -> Vec<f32> {
    let mut weights = vec![0.0; 256];
    for half in 0..2 {
        let (low, high) = (&b[64 * half..], &b[128 + 32 * half..]);
        for l in 0..32 {
            let codes = [
                low[l] & 15 | (high[l] & 3) << 4,
                low[l + 32] & 15 | (high[l] >> 2 & 3) << 4,
                low[l] >> 4 | (high[l] >> 4 & 3) << 4,
                low[l + 32] >> 4 | high[l] >> 6 << 4,
            ];
            for (part, code) in codes.into_iter().enumerate() {
                let index = 128 * half + 32 * part + l;
                weights[index] = f16_at(b, 208)
                    * f32::from(b[192 + index / 16] as i8)
                    * (f32::from(code) - 32.0);
            }
        }
    }
    weights
}

/// Random bytes in the format's layout; scales are moderate.
fn rows(format: WeightFormat, outputs: usize, inputs: usize, numbers: &mut Numbers) -> Vec<u8> {
    let weights = outputs * inputs;
    match format {
        WeightFormat::F32 => numbers
            .numbers(weights)
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect(),
        WeightFormat::F16 => numbers
            .numbers(weights)
            .iter()
            .flat_map(|w| half::f16::from_f32(*w).to_le_bytes())
            .collect(),
        WeightFormat::Bf16 => numbers
            .numbers(weights)
            .iter()
            .flat_map(|w| half::bf16::from_f32(*w).to_le_bytes())
            .collect(),
        _ => {
            let mut bytes: Vec<u8> = (0..outputs * format.row_bytes(inputs))
                .map(|_| numbers.bits() as u8)
                .collect();
            let block = format.row_bytes(format.block_weights());
            let scales: &[usize] = match format {
                WeightFormat::Q4_1 | WeightFormat::Q5_1 | WeightFormat::Q4K | WeightFormat::Q5K => {
                    &[0, 2]
                }
                WeightFormat::Q2K => &[80, 82],
                WeightFormat::Q3K => &[108],
                WeightFormat::Q6K => &[208],
                _ => &[0],
            };
            for block in bytes.chunks_mut(block) {
                for offset in scales {
                    let scale = half::f16::from_f32(numbers.number() * 0.1).to_le_bytes();
                    block[*offset..offset + 2].copy_from_slice(&scale);
                }
            }
            bytes
        }
    }
}

/// The activations as products of codes see them: rounded to 8 bits in groups of 32.
fn rounded(x: &[f32]) -> Vec<f64> {
    x.chunks(32)
        .flat_map(|group| {
            let scale = group
                .iter()
                .fold(0.0_f32, |largest, x| largest.max(x.abs()))
                / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            group
                .iter()
                .map(move |x| f64::from(scale) * f64::from((x * inverse).round_ties_even()))
        })
        .collect()
}

fn naive(weights: &[Vec<f32>], x: &[f64]) -> Vec<(f64, f64)> {
    let sum = |row: &Vec<f32>| {
        let products = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x);
        products.fold((0.0, 0.0), |(sum, size), product| {
            (sum + product, size + product.abs())
        })
    };
    weights.iter().map(sum).collect()
}

fn check(format: WeightFormat, path: Path, (rows_of_x, outputs, inputs): (usize, usize, usize)) {
    let mut numbers = Numbers((rows_of_x * 31 + outputs * 7 + inputs) as u64);
    let bytes = rows(format, outputs, inputs, &mut numbers);
    let pool = Pool::new(3);
    let matrix = Matrix::from_bytes(format, (outputs, inputs), &pool, &bytes);
    assert!(matrix.is_finite());
    let weights: Vec<Vec<f32>> = match inputs {
        0 => vec![Vec::new(); outputs],
        _ => bytes
            .chunks(format.row_bytes(inputs))
            .map(|row| decoded(format, row))
            .collect(),
    };
    let name = format!("{format} on {path}: {rows_of_x} × ({outputs}, {inputs})");
    let mut row = vec![0.0; inputs];
    for (index, weights) in weights.iter().enumerate() {
        matrix.row(index, &mut row);
        assert_eq!(&row, weights, "{name}: row {index}");
    }
    let x = numbers.numbers(rows_of_x * inputs);
    let mut output = vec![f32::NAN; rows_of_x * outputs];
    let mut scratch = Scratch::default();
    multiply(
        path,
        &pool,
        &mut scratch,
        &x,
        &mut [Product {
            matrix: &matrix,
            output: &mut output,
        }],
    );
    if inputs > 0 {
        for (row, output) in output.chunks(outputs.max(1)).enumerate() {
            let x = &x[row * inputs..][..inputs];
            let exact: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            let tiles =
                rows_of_x > nc_kernels::FEW_ROWS && nc_kernels::rounds_to_bf16(path, format);
            let x = if format.is_quantized() && !tiles {
                rounded(x)
            } else {
                exact
            };
            for (column, (value, (sum, size))) in output.iter().zip(naive(&weights, &x)).enumerate()
            {
                // f32 sums in order; tiles round both sides to bfloat16.
                let bound = if tiles {
                    1.0 / 128.0
                } else {
                    4e-7 * (inputs as f64).sqrt().max(4.0)
                };
                let error = (f64::from(*value) - sum).abs();
                assert!(
                    error <= bound * size + 1e-30,
                    "{name}: {value} instead of {sum} at {row}, {column}"
                );
            }
        }
    }
    // Any number of threads, and for few rows any batch, gives the same bits.
    let mut again = vec![f32::NAN; output.len()];
    let alone = Pool::new(1);
    multiply(
        path,
        &alone,
        &mut scratch,
        &x,
        &mut [Product {
            matrix: &matrix,
            output: &mut again,
        }],
    );
    assert_eq!(output, again, "{name}: one thread");
    if rows_of_x <= nc_kernels::FEW_ROWS && inputs > 0 {
        for (x, expected) in x.chunks(inputs).zip(output.chunks(outputs.max(1))) {
            let mut single = vec![f32::NAN; outputs];
            multiply(
                path,
                &pool,
                &mut scratch,
                x,
                &mut [Product {
                    matrix: &matrix,
                    output: &mut single,
                }],
            );
            assert_eq!(single, expected, "{name}: a row alone");
        }
    }
}

#[test]
fn products_equal_plain_loops() {
    let paths = Path::all();
    eprintln!(
        "paths here: {}",
        paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    );
    for path in paths {
        for format in WeightFormat::ALL {
            let block = format.block_weights();
            let inputs = match block {
                1 => vec![0, 1, 15, 16, 17, 31, 32, 33, 67, 515, 1030],
                _ => vec![0, block, 2 * block, 3 * block],
            };
            for inputs in inputs {
                for outputs in [1, 15, 16, 17, 35] {
                    for rows in [1, 2, 3, 5] {
                        check(format, path, (rows, outputs, inputs));
                    }
                }
            }
            check(format, path, (0, 16, block));
            let deep = 1024.max(block);
            for rows in [4, 8, 15, 16, 17, 33, 257] {
                check(format, path, (rows, 67, deep));
            }
        }
    }
}

#[test]
fn saturating_codes_are_exact() {
    for path in Path::all() {
        for (format, byte) in [
            (WeightFormat::Q8_0, 0x80_u8),
            (WeightFormat::Q4_0, 0xff),
            (WeightFormat::Q6K, 0xff),
            (WeightFormat::Q5K, 0xff),
        ] {
            let inputs = format.block_weights();
            let mut bytes = vec![byte; format.row_bytes(inputs)];
            let scale_at = match format {
                WeightFormat::Q6K => 208,
                _ => 0,
            };
            bytes[scale_at..scale_at + 2].copy_from_slice(&half::f16::ONE.to_le_bytes());
            if format == WeightFormat::Q5K {
                bytes[2..4].copy_from_slice(&half::f16::ZERO.to_le_bytes());
            }
            let weights = decoded(format, &bytes);
            for sign in [1.0, -1.0] {
                // Every activation is the largest code, so sums of neighbours are as large as they get.
                let x = vec![sign * 127.0; inputs];
                let expected: f64 = weights.iter().map(|w| f64::from(w * sign * 127.0)).sum();
                let pool = Pool::new(1);
                let matrix = Matrix::from_bytes(format, (1, inputs), &pool, &bytes);
                let mut y = [0.0];
                multiply(
                    path,
                    &pool,
                    &mut Scratch::default(),
                    &x,
                    &mut [Product {
                        matrix: &matrix,
                        output: &mut y,
                    }],
                );
                assert!(
                    (f64::from(y[0]) - expected).abs() <= expected.abs() * 1e-6,
                    "{format} on {path}: {} instead of {expected}",
                    y[0]
                );
            }
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    let pool = Pool::new(2);
    for path in Path::all() {
        for format in WeightFormat::ALL {
            let inputs = format.block_weights().max(64);
            let mut numbers = Numbers(7);
            let bytes = rows(format, 20, inputs, &mut numbers);
            let matrix = Matrix::from_bytes(format, (20, inputs), &pool, &bytes);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for rows in [2, 40] {
                    let mut x = numbers.numbers(rows * inputs);
                    x[inputs + 3] = bad;
                    let mut y = vec![0.0; rows * 20];
                    multiply(
                        path,
                        &pool,
                        &mut Scratch::default(),
                        &x,
                        &mut [Product {
                            matrix: &matrix,
                            output: &mut y,
                        }],
                    );
                    for (row, y) in y.chunks(20).enumerate() {
                        let finite = y.iter().all(|y| y.is_finite());
                        assert_eq!(
                            finite,
                            row != 1,
                            "{format} on {path}, row {row}, {bad}: {y:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn weights_that_are_not_numbers_are_reported() {
    let pool = Pool::new(2);
    for format in WeightFormat::ALL {
        let inputs = format.block_weights().max(32);
        let mut bytes = rows(format, 33, inputs, &mut Numbers(3));
        let scale_at = match format {
            WeightFormat::Q2K => 80,
            WeightFormat::Q3K => 108,
            WeightFormat::Q6K => 208,
            _ => 0,
        };
        let at = 20 * format.row_bytes(inputs) + scale_at;
        let nan: &[u8] = match format {
            WeightFormat::F32 => &f32::NAN.to_le_bytes(),
            WeightFormat::Bf16 => &half::bf16::NAN.to_le_bytes(),
            _ => &half::f16::INFINITY.to_le_bytes(),
        };
        bytes[at..at + nan.len()].copy_from_slice(nan);
        assert!(
            !Matrix::from_bytes(format, (33, inputs), &pool, &bytes).is_finite(),
            "{format}"
        );
    }
}

#[test]
fn several_products_share_their_activations() {
    let pool = Pool::new(2);
    let mut numbers = Numbers(5);
    let x = numbers.numbers(3 * 256);
    let formats = [WeightFormat::Q4K, WeightFormat::F32, WeightFormat::Q6K];
    let matrices: Vec<Matrix> = formats
        .iter()
        .map(|format| {
            Matrix::from_bytes(
                *format,
                (40, 256),
                &pool,
                &rows(*format, 40, 256, &mut numbers),
            )
        })
        .collect();
    for path in Path::all() {
        let mut scratch = Scratch::default();
        let mut together = vec![vec![0.0; 120]; 3];
        let outputs = together.iter_mut();
        let mut products: Vec<Product> = matrices
            .iter()
            .zip(outputs)
            .map(|(matrix, output)| Product { matrix, output })
            .collect();
        multiply(path, &pool, &mut scratch, &x, &mut products);
        for (matrix, together) in matrices.iter().zip(together) {
            let mut alone = vec![0.0; 120];
            multiply(
                path,
                &pool,
                &mut scratch,
                &x,
                &mut [Product {
                    matrix,
                    output: &mut alone,
                }],
            );
            assert_eq!(together, alone);
        }
    }
}
