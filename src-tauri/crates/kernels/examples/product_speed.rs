//! How fast the products of training are on one core, beside what its instructions reach with everything in registers. In
//! processor time where Linux tells it, so that other programs do not count.
//! `cargo run --release -p nc-kernels --example product_speed [PATH] [ROWS]`

use std::time::Duration;

use nc_kernels::{
    Arithmetic, DenseProduct, Matrix, Operand, Path, PathName, Pool, Precision, Product, Scratch,
    Sums, TransposedProduct, WeightFormat, multiply, multiply_dense, multiply_transposed, peak,
};

/// Measurements of which the median is taken.
const REPEATS: usize = 7;

/// Processor time of this thread; elsewhere than on Linux, time.
fn now() -> Duration {
    #[cfg(target_os = "linux")]
    {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of ours, and the clock exists since Linux 2.6.
        #[allow(unsafe_code)]
        unsafe {
            libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
        }
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
    #[cfg(not(target_os = "linux"))]
    {
        static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        BEGUN.get_or_init(std::time::Instant::now).elapsed()
    }
}

fn median(mut work: impl FnMut()) -> f64 {
    work(); // grows buffers
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let begun = now();
            work();
            (now() - begun).as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPEATS / 2]
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| (index % 17) as f32 / 8.0 - 1.0)
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = match arguments.next() {
        Some(name) => Path::get(name.parse::<PathName>()?)?,
        None => Path::strongest(),
    };
    let rows: usize = arguments.next().as_deref().unwrap_or("512").parse()?;
    let pool = &Pool::new(1);
    let limits = [Arithmetic::F32, Arithmetic::Bf16].map(|kind| peak(path, pool, kind));
    let report = |name: &str, (m, k, n): (usize, usize, usize), bf16: bool, seconds: f64| {
        let rate = 2.0 * (m * k * n) as f64 / seconds;
        let limit = match (bf16, limits) {
            (true, [_, Some(limit)]) | (_, [Some(limit), _]) => limit,
            _ => f64::NAN,
        };
        println!(
            "{name:>22} {m:>5} × {k:>5} × {n:>5}: {:8.1} GFLOP/s, {:5.1} % of the peak, {:7.3} ms",
            rate / 1e9,
            100.0 * rate / limit,
            seconds * 1e3
        );
    };
    println!("{path}, peaks {limits:.3?}");
    let mut scratch = Scratch::default();
    for (outputs, inputs) in [(2048, 2048), (5632, 2048), (2048, 5632)] {
        let x = numbers(rows * inputs);
        let dy = numbers(rows * outputs);
        for format in [
            WeightFormat::F32,
            WeightFormat::Bf16,
            WeightFormat::Q4_0,
            WeightFormat::Q4K,
        ] {
            let matrix = Matrix::random(format, (outputs, inputs), pool, 1);
            let mut y = vec![0.0; rows * outputs];
            let seconds = median(|| {
                let product = Product {
                    matrix: &matrix,
                    output: &mut y,
                };
                multiply(path, pool, &mut scratch, &x, &mut [product]);
            });
            let bf16 = format != WeightFormat::F32;
            report(
                &format!("y {format}"),
                (rows, inputs, outputs),
                bf16,
                seconds,
            );
            let mut dx = vec![0.0; rows * inputs];
            let seconds = median(|| {
                let product = TransposedProduct {
                    gradient: &dy,
                    matrix: &matrix,
                    sums: Sums::Overwrite,
                };
                multiply_transposed(path, pool, &mut scratch, &product, &mut dx);
            });
            report(
                &format!("dx {format}"),
                (rows, outputs, inputs),
                bf16,
                seconds,
            );
        }
        for precision in [Precision::F32, Precision::Bf16] {
            let mut dw = vec![0.0; outputs * inputs];
            let mut dense = |name: &str, left: Operand, right: Operand, output: &mut [f32]| {
                let product = DenseProduct {
                    left,
                    right,
                    scale: 1.0,
                    sums: Sums::Add,
                    precision,
                };
                let seconds = median(|| multiply_dense(path, pool, &mut scratch, &product, output));
                let ((m, k), (_, n)) = (left.shape(), right.shape());
                let bf16 = precision == Precision::Bf16;
                report(&format!("{name} {precision:?}"), (m, k, n), bf16, seconds);
            };
            let (dy, x) = (
                Operand::new(&dy, (rows, outputs)),
                Operand::new(&x, (rows, inputs)),
            );
            dense("dW = dyᵀ·x", dy.transposed(), x, &mut dw);
            for rank in [16, 64] {
                let values = numbers(rank * inputs.max(outputs).max(rows));
                let a = Operand::new(&values[..rank * inputs], (rank, inputs));
                let b = Operand::new(&values[..rank * outputs], (outputs, rank));
                let h = Operand::new(&values[..rank * rows], (rows, rank));
                let mut small = vec![0.0; values.len()];
                let mut large = vec![0.0; rows * inputs.max(outputs)];
                dense("h = x·Aᵀ", x, a.transposed(), &mut small[..rows * rank]);
                dense("y += h·Bᵀ", h, b.transposed(), &mut large[..rows * outputs]);
                dense("dh = dy·B", dy, b, &mut small[..rows * rank]);
                dense(
                    "dB = dyᵀ·h",
                    dy.transposed(),
                    h,
                    &mut small[..outputs * rank],
                );
                dense("dA = dhᵀ·x", h.transposed(), x, &mut small[..rank * inputs]);
                dense("dx += dh·A", h, a, &mut large[..rows * inputs]);
            }
        }
    }
    Ok(())
}
