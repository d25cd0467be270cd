//! Both kernels against plain loops; AMX by emulation where the machine lacks it.

use half::bf16;

use super::*;
use crate::output::Output;
use crate::{Aligned, Pool, Sums};

/// A kernel, a path to pack with, and whether it is emulated.
struct Candidate {
    kernel: TileKernel,
    path: Path,
    emulated: bool,
}

/// Every kernel that can be run here.
fn candidates() -> Vec<Candidate> {
    let mut found = Vec::new();
    let path = Path::strongest();
    match (Avx512::find(), Bf16Dots::find()) {
        (Some(avx512), Some(dots)) => found.push(Candidate {
            kernel: TileKernel::Dots(avx512, dots),
            path,
            emulated: false,
        }),
        _ => eprintln!("not run here: bfloat16 dot products"),
    }
    let amx = Amx::find();
    #[cfg(target_os = "linux")]
    let amx = amx.or_else(|| Some(Amx::emulated()));
    match amx {
        Some(amx) => found.push(Candidate {
            kernel: TileKernel::Amx(amx),
            path,
            emulated: Amx::find().is_none(),
        }),
        None => eprintln!("not run here: AMX tiles"),
    }
    for candidate in &found {
        let how = if candidate.emulated {
            "emulated"
        } else {
            "natively"
        };
        eprintln!("{:?}: {how}", candidate.kernel);
    }
    found
}

/// Numbers that look random, between -1 and 1.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / 2_f32.powi(31) - 1.0
        })
        .collect()
}

/// Whole numbers between -8 and 8, which bfloat16 holds exactly.
fn whole_numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut values = numbers(seed, count);
    values
        .iter_mut()
        .for_each(|value| *value = (*value * 8.0).round());
    values
}

/// w, (outputs, inputs), as panels.
fn panels(w: &[f32], outputs: usize, inputs: usize) -> Aligned<u16> {
    let depth = inputs.next_multiple_of(TILE_DEPTH);
    let mut panels = Aligned::zeroed(outputs.next_multiple_of(TILE_ROWS) * depth);
    for output in 0..outputs {
        for input in 0..inputs {
            let panel = output / TILE_ROWS * TILE_ROWS * depth;
            let place = input / 2 * 2 * TILE_ROWS + output % TILE_ROWS * 2 + input % 2;
            panels[panel + place] = bf16::from_f32(w[output * inputs + input]).to_bits();
        }
    }
    panels
}

#[derive(Debug, Clone, Copy)]
struct Size {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

const fn size(rows: usize, inputs: usize, outputs: usize) -> Size {
    Size {
        rows,
        inputs,
        outputs,
    }
}

/// Nothing, one, and around one tile and two in every direction.
const SIZES: [Size; 24] = [
    size(0, 32, 16),
    size(3, 0, 5),
    size(36, 0, 35),
    size(4, 7, 0),
    size(1, 1, 1),
    size(1, 2, 15),
    size(15, 31, 16),
    size(16, 32, 16),
    size(16, 64, 32),
    size(17, 33, 17),
    size(32, 32, 32),
    size(35, 67, 35),
    size(7, 96, 47),
    size(8, 96, 48),
    size(9, 95, 49),
    size(24, 100, 64),
    size(25, 100, 65),
    size(31, 64, 80),
    size(33, 128, 96),
    size(48, 160, 113),
    size(255, 40, 31),
    size(257, 40, 33),
    size(530, 33, 70),
    size(70, 2085, 35),
];

struct Case {
    size: Size,
    x: Vec<f32>,
    w: Vec<f32>,
    /// What the output holds before.
    before: Vec<f32>,
    sums: Sums,
}

impl Case {
    /// By plain loops: each sum, and the sum of what it is made of without signs.
    fn truth(&self) -> Vec<(f64, f64)> {
        let narrow = |value: f32| f64::from(bf16::from_f32(value).to_f32());
        let Size {
            rows,
            inputs,
            outputs,
        } = self.size;
        let mut truth = Vec::new();
        for row in 0..rows {
            for output in 0..outputs {
                let before = f64::from(self.before[row * outputs + output]);
                let (mut sum, mut size) = match self.sums {
                    Sums::Overwrite => (0.0, 0.0),
                    Sums::Add => (before, before.abs()),
                };
                for input in 0..inputs {
                    let product = narrow(self.x[row * inputs + input])
                        * narrow(self.w[output * inputs + input]);
                    sum += product;
                    size += product.abs();
                }
                truth.push((sum, size));
            }
        }
        truth
    }

    fn run(&self, candidate: &Candidate, threads: usize) -> Vec<f32> {
        let pool = Pool::new(threads);
        let Size {
            rows,
            inputs,
            outputs,
        } = self.size;
        let mut packed = TileRows::new();
        packed.pack(candidate.path, &pool, &self.x, rows, inputs);
        let mut y = self.before.clone();
        let product = Bf16Product {
            rows: &packed,
            panels: &panels(&self.w, outputs, inputs),
            outputs,
            sums: self.sums,
        };
        multiply_bf16(candidate.kernel, &pool, &product, &mut y);
        y
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs the case with every kernel and compares each value with the truth; `within` says whether it may stand for it.
fn check(case: &Case, within: impl Fn(f32, (f64, f64)) -> bool) {
    let truth = case.truth();
    for candidate in candidates() {
        let y = case.run(&candidate, 1);
        assert_eq!(y.len(), truth.len());
        for (index, (y, truth)) in y.iter().zip(&truth).enumerate() {
            assert!(
                within(*y, *truth),
                "{:?}, {:?}, value {index}: {y} for {truth:?}",
                candidate.kernel,
                case.size
            );
        }
        assert_eq!(
            bits(&y),
            bits(&case.run(&candidate, 3)),
            "{:?}: on three threads",
            case.size
        );
    }
}

#[test]
fn whole_numbers_are_multiplied_exactly() {
    for size in SIZES {
        let count = size.rows * size.outputs;
        for sums in [Sums::Overwrite, Sums::Add] {
            let before = match sums {
                // What is overwritten does not count.
                Sums::Overwrite => vec![f32::NAN; count],
                Sums::Add => whole_numbers(3, count),
            };
            let case = Case {
                size,
                x: whole_numbers(1, size.rows * size.inputs),
                w: whole_numbers(2, size.outputs * size.inputs),
                before,
                sums,
            };
            check(&case, |y, (sum, _)| f64::from(y) == sum);
        }
    }
}

#[test]
fn sums_are_as_exact_as_f32() {
    for size in SIZES {
        for (scale, sums) in [
            (1.0, Sums::Overwrite),
            (1e-15, Sums::Add),
            (1e17, Sums::Add),
        ] {
            let scaled = |seed, count| {
                let mut values = numbers(seed, count);
                values.iter_mut().for_each(|value| *value *= scale);
                values
            };
            let case = Case {
                size,
                x: scaled(4, size.rows * size.inputs),
                w: scaled(5, size.outputs * size.inputs),
                before: scaled(6, size.rows * size.outputs),
                sums,
            };
            // Every addition rounds once, at most by half of 2^-23 of what the sum can be; zeros in place of numbers
            // below 2^-126 take away as much each.
            let roundings = size.inputs as f64 + 2.0;
            let (relative, least) = (roundings * 2_f64.powi(-24), roundings * 2_f64.powi(-126));
            check(&case, |y, (sum, size)| {
                (f64::from(y) - sum).abs() <= relative * 1.001 * size + least
            });
        }
    }
}

#[test]
fn what_is_not_a_number_stays_in_its_row_and_column() {
    let size = size(37, 70, 41);
    let mut case = Case {
        size,
        x: numbers(7, size.rows * size.inputs),
        w: numbers(8, size.outputs * size.inputs),
        before: vec![0.0; size.rows * size.outputs],
        sums: Sums::Overwrite,
    };
    let (row, column, infinite_row) = (18, 33, 36);
    case.x[row * size.inputs + 69] = f32::NAN;
    case.w[column * size.inputs] = f32::NAN;
    case.x[infinite_row * size.inputs + 5] = f32::INFINITY;
    for candidate in candidates() {
        let y = case.run(&candidate, 1);
        for (index, y) in y.iter().enumerate() {
            let place = (index / size.outputs, index % size.outputs);
            let kind = match place {
                (at, _) if at == row => y.is_nan(),
                (_, at) if at == column => y.is_nan(),
                (at, _) if at == infinite_row => {
                    y.is_infinite() && (*y > 0.0) == (case.w[place.1 * size.inputs + 5] > 0.0)
                }
                _ => y.is_finite(),
            };
            assert!(kind, "{:?}, {place:?}: {y}", candidate.kernel);
        }
    }
}

#[test]
fn large_products_overflow_and_subnormal_numbers_are_zero() {
    let size = size(2, 2, 2);
    let case = Case {
        size,
        // The second row: below 2^-126, and what is lost of it with a factor of 2^126.
        x: vec![3e38, 1.0, 1e-39, 1e-39],
        w: vec![3e38, 1.0, 2_f32.powi(126), -2_f32.powi(126)],
        before: vec![1.0; 4],
        sums: Sums::Add,
    };
    for candidate in candidates() {
        let y = case.run(&candidate, 1);
        assert_eq!(y[0], f32::INFINITY, "{:?}", candidate.kernel);
        assert_eq!(y[1], f32::INFINITY, "{:?}", candidate.kernel);
        assert_eq!(y[2..], [1.0, 1.0], "{:?}", candidate.kernel);
    }
}

#[test]
fn results_do_not_depend_on_how_a_product_is_split() {
    let size = size(53, 320, 112);
    let case = Case {
        size,
        x: numbers(9, size.rows * size.inputs),
        w: numbers(10, size.outputs * size.inputs),
        before: numbers(11, size.rows * size.outputs),
        sums: Sums::Add,
    };
    let w = panels(&case.w, size.outputs, size.inputs);
    let stride = TILE_ROWS * size.inputs;
    let all_panels = size.outputs.div_ceil(TILE_ROWS);
    for candidate in candidates() {
        let whole = case.run(&candidate, 1);
        let mut rows = TileRows::new();
        rows.pack(
            candidate.path,
            &Pool::new(1),
            &case.x,
            size.rows,
            size.inputs,
        );
        for (row_step, panel_step, depth_step) in [
            (1, 1, 320),
            (2, 2, 32),
            (3, 3, 64),
            (4, 4, 96),
            (1, 5, 160),
            (4, 7, 288),
        ] {
            let mut y = case.before.clone();
            let output = Output::new(&mut y, size.rows, size.outputs);
            for depth in (0..size.inputs).step_by(depth_step) {
                for panel in (0..all_panels).step_by(panel_step) {
                    for row_block in (0..rows.row_blocks()).step_by(row_step) {
                        let end = rows.row_blocks().min(row_block + row_step);
                        let product = Product {
                            rows: &rows,
                            row_blocks: row_block..end,
                            panels: Panels {
                                values: &w[panel * stride + depth * TILE_ROWS..],
                                count: panel_step.min(all_panels - panel),
                                stride,
                                depth: depth..size.inputs.min(depth + depth_step),
                            },
                            first_column: panel * TILE_ROWS,
                            sums: Sums::Add,
                        };
                        // SAFETY: one at a time.
                        #[allow(unsafe_code)]
                        unsafe {
                            candidate.kernel.multiply_panels(&product, &output);
                        }
                    }
                }
            }
            assert_eq!(
                bits(&y),
                bits(&whole),
                "{:?}: {row_step} blocks, {panel_step} panels, depth {depth_step}",
                candidate.kernel
            );
        }
    }
}

#[test]
fn a_task_writes_only_its_own_rows_and_columns() {
    let size = size(40, 64, 90);
    let w = panels(
        &numbers(12, size.outputs * size.inputs),
        size.outputs,
        size.inputs,
    );
    let stride = TILE_ROWS * size.inputs;
    for candidate in candidates() {
        let mut rows = TileRows::new();
        let x = numbers(13, size.rows * size.inputs);
        rows.pack(candidate.path, &Pool::new(1), &x, size.rows, size.inputs);
        for (row_blocks, panels) in [(0..1, 1..3), (1..3, 5..6), (2..3, 0..1), (0..3, 3..6)] {
            let mut y = vec![f32::NAN; size.rows * size.outputs];
            let output = Output::new(&mut y, size.rows, size.outputs);
            let product = Product {
                rows: &rows,
                row_blocks: row_blocks.clone(),
                panels: Panels {
                    values: &w[panels.start * stride..],
                    count: panels.len(),
                    stride,
                    depth: 0..size.inputs,
                },
                first_column: panels.start * TILE_ROWS,
                sums: Sums::Overwrite,
            };
            // SAFETY: there is one task.
            #[allow(unsafe_code)]
            unsafe {
                candidate.kernel.multiply_panels(&product, &output);
            }
            for (index, y) in y.iter().enumerate() {
                let row_block = index / size.outputs / TILE_ROWS;
                let panel = index % size.outputs / TILE_ROWS;
                let its_own = row_blocks.contains(&row_block) && panels.contains(&panel);
                assert_eq!(!y.is_nan(), its_own, "{:?}, {index}", candidate.kernel);
            }
        }
    }
}

#[test]
fn rows_are_packed_as_tiles() {
    let pool = Pool::new(3);
    for path in Path::all() {
        // Used again and again, so that what was there before must vanish.
        let mut packed = TileRows::new();
        for Size { rows, inputs, .. } in SIZES.into_iter().rev().chain(SIZES) {
            let mut x = numbers(14, rows * inputs);
            if let Some(last) = x.last_mut() {
                *last = f32::NAN;
            }
            packed.pack(path, &pool, &x, rows, inputs);
            assert_eq!((packed.rows(), packed.inputs()), (rows, inputs));
            let depth = packed.depth();
            assert!(depth.is_multiple_of(TILE_DEPTH) && (inputs..inputs + 32).contains(&depth));
            for row in 0..packed.row_blocks() * TILE_ROWS {
                let tiles = packed.tiles(row / TILE_ROWS, &(0..depth));
                for input in 0..depth {
                    let place = input / TILE_DEPTH * TILE
                        + row % TILE_ROWS * TILE_DEPTH
                        + input % TILE_DEPTH;
                    let there_is = row < rows && input < inputs;
                    let expected = match there_is {
                        true => bf16::from_f32(x[row * inputs + input]).to_bits(),
                        false => 0,
                    };
                    assert_eq!(tiles[place], expected, "{path}: row {row}, input {input}");
                }
            }
        }
    }
}

/// The kernel's instructions come in the order that its description says, and give what their description says: tile by
/// tile, the reference gives the same bits. A processor's own AMX is compared too, and said how it differs.
#[test]
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn amx_sums_go_through_the_depth_in_order() {
    let size = size(48, 320, 48);
    let case = Case {
        size,
        x: numbers(15, size.rows * size.inputs),
        w: numbers(16, size.outputs * size.inputs),
        before: numbers(17, size.rows * size.outputs),
        sums: Sums::Add,
    };
    let w = panels(&case.w, size.outputs, size.inputs);
    let mut rows = TileRows::new();
    let path = Path::strongest();
    rows.pack(path, &Pool::new(1), &case.x, size.rows, size.inputs);
    let mut configuration = [0; 64];
    configuration[0] = 1;
    configuration[16..32].copy_from_slice(&[64, 0].repeat(8));
    configuration[48..56].fill(16);
    let mut tiles = emulator::TileFile::NEW;
    assert_eq!(tiles.configure(&configuration), Ok(()));
    let mut expected = case.before.clone();
    let bytes = size.outputs as isize * 4;
    for row_block in 0..size.rows / TILE_ROWS {
        for panel in 0..size.outputs / TILE_ROWS {
            let at = row_block * TILE_ROWS * size.outputs + panel * TILE_ROWS;
            let x = rows.tiles(row_block, &(0..size.inputs));
            let w = &w[panel * TILE_ROWS * size.inputs..][..TILE_ROWS * size.inputs];
            // SAFETY: whole tiles of whole matrices.
            let done = unsafe {
                let sums = expected[at..].as_mut_ptr();
                tiles.load(0, sums.cast(), bytes).and_then(|()| {
                    for (x, w) in x.chunks_exact(TILE).zip(w.chunks_exact(TILE)) {
                        tiles.load(1, x.as_ptr().cast(), 64)?;
                        tiles.load(2, w.as_ptr().cast(), 64)?;
                        tiles.multiply_bf16(emulator::Multiplied {
                            sums: 0,
                            first: 1,
                            second: 2,
                        })?;
                    }
                    tiles.store(0, sums.cast(), bytes)
                })
            };
            assert_eq!(done, Ok(()));
        }
    }
    for candidate in candidates() {
        if !matches!(candidate.kernel, TileKernel::Amx(_)) {
            continue;
        }
        let y = case.run(&candidate, 1);
        let different = y
            .iter()
            .zip(&expected)
            .filter(|(y, expected)| y.to_bits() != expected.to_bits())
            .count();
        eprintln!(
            "{different} of {} values differ from the reference",
            y.len()
        );
        assert!(!candidate.emulated || different == 0);
    }
}
