//! How fast attention is on one core, beside what that core could do: decoding against memory bandwidth, prefill against
//! multiply-adds. In processor time where Linux tells it, so that other programs do not count.
//! `cargo run --release -p nc-kernels --example attention_speed [PATH]`

use std::hint::black_box;
use std::time::Duration;

use nc_kernels::*;

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

/// Sums independent of each other: enough to hide the latency of an addition.
const SUMS: usize = 12;
const ROUNDS: usize = 1 << 20;

/// `SUMS · ROUNDS` multiply-adds of sixteen numbers.
struct Peak;

impl Work for Peak {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (x, y) = (simd.splat(black_box(1.0)), simd.splat(black_box(1e-9)));
        let mut sums = [simd.splat(0.0); SUMS];
        // A register of AVX2 is half a sum.
        let used = if S::REGISTERS >= 32 { SUMS } else { SUMS / 2 };
        for _ in 0..ROUNDS * SUMS / used {
            for sum in &mut sums[..used] {
                *sum = simd.mul_add(x, y, *sum);
            }
        }
        black_box(sums.map(|sum| simd.sum(sum)));
    }
}

/// Reads all.
struct Read<'a>(&'a [f32]);

impl Work for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut sums = [simd.splat(0.0); 4];
        for numbers in self.0.as_chunks::<LANES>().0.as_chunks::<4>().0 {
            for (sum, numbers) in sums.iter_mut().zip(numbers) {
                *sum = simd.add(*sum, simd.load(numbers));
            }
        }
        black_box(sums.map(|sum| simd.sum(sum)));
    }
}

/// Seconds, the median of a few.
fn seconds(count: usize, mut work: impl FnMut()) -> f64 {
    let mut all: Vec<f64> = (0..count)
        .map(|_| {
            let begun = now();
            work();
            (now() - begun).as_secs_f64()
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[count / 2]
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count)
        .map(|n| (n * 7919 % 1000) as f32 / 500.0 - 1.0)
        .collect()
}

fn main() {
    let path = std::env::args().nth(1).map_or(Path::strongest(), |name| {
        Path::get(name.parse().expect("the name of a path")).expect("a path of this machine")
    });
    let (pool, scratch) = (Pool::new(1), AttentionScratch::new());
    let shape = KeyValueShape {
        kv_heads: 4,
        head_dim: 64,
    };
    let heads = 32;
    let scoring = Scoring::causal(heads, 0.125);
    let memory = vec![1.0; 32 << 20];
    let bandwidth = || memory.len() as f64 * 4.0 / seconds(5, || path.run(Read(&memory)));
    let peak = || (ROUNDS * SUMS * LANES) as f64 / seconds(5, || path.run(Peak));
    println!(
        "{path}: {:.1} GB/s, {:.0} G multiply-adds/s",
        bandwidth() / 1e9,
        peak() / 1e9
    );
    for tokens in [512, 2048] {
        let (queries, keys) = (numbers(tokens * heads * 64), numbers(tokens * 256));
        let sums = vec![6.0; tokens * heads];
        let backward = AttentionBackward {
            shape,
            scoring,
            queries: Floats::F32(&queries),
            keys: Floats::F32(&keys),
            values: Floats::F32(&keys),
            output: Floats::F32(&queries),
            log_sum_exp: &sums,
            output_gradient: &queries,
        };
        let mut found = [
            vec![0.0; queries.len()],
            vec![0.0; keys.len()],
            vec![0.0; keys.len()],
        ];
        let peak = peak();
        let seconds = seconds(5, || {
            let [queries, keys, values] = &mut found;
            backward.run(
                (path, &pool, &scratch),
                AttentionGradients {
                    queries,
                    keys,
                    values,
                },
            );
        });
        let products = (tokens * (tokens + 1) / 2 * heads * 64 * 5) as f64;
        println!(
            "  f32  backward of {tokens:4}: {:7.2} ms, {:3.0} % of the multiply-adds",
            seconds * 1e3,
            100.0 * products / seconds / peak,
        );
    }
    for element in ElementType::ALL {
        // Several layers, so that the processor's cache does not hold the store.
        let new = || {
            let mut store = KeyValueStore::new(shape, element, 4096);
            store
                .append(path, 0, &numbers(4096 * 256), &numbers(4096 * 256))
                .expect("room");
            store
        };
        let layers: Vec<KeyValueStore> = (0..std::env::var("LAYERS")
            .map_or(16, |l| l.parse().unwrap()))
            .map(|_| new())
            .collect();
        let queries = numbers(2048 * heads * 64);
        let mut output = vec![0.0; queries.len()];
        for context in [64, 512, 4096] {
            let (bandwidth, peak) = (bandwidth(), peak());
            let output = &mut output[..heads * 64];
            let attention = Attention {
                queries: &queries[..heads * 64],
                position: context - 1,
                scoring,
            };
            let seconds = seconds(9, || {
                for store in &layers {
                    store.attend((path, &pool, &scratch), &attention, output, None);
                }
            }) / layers.len() as f64;
            let bytes = KeyValueStore::bytes_for(shape, element, 4096) / 4096 * context;
            println!(
                "  {:4} decode at {context:4}: {:7.1} µs, {:3.0} % of {:.1} GB/s, {:.0} % of the multiply-adds",
                element.as_str(),
                seconds * 1e6,
                100.0 * bytes as f64 / seconds / bandwidth,
                bandwidth / 1e9,
                100.0 * (context * heads * 128) as f64 / seconds / peak,
            );
        }
        for tokens in [512, 2048] {
            let peak = peak();
            let attention = Attention {
                queries: &queries[..tokens * heads * 64],
                position: 0,
                scoring,
            };
            let output = &mut output[..tokens * heads * 64];
            let seconds = seconds(5, || {
                layers[0].attend((path, &pool, &scratch), &attention, output, None)
            });
            let products = (tokens * (tokens + 1) / 2 * heads * 64 * 2) as f64;
            println!(
                "  {:4} prefill of {tokens:4}: {:7.2} ms, {:3.0} % of the multiply-adds",
                element.as_str(),
                seconds * 1e3,
                100.0 * products / seconds / peak,
            );
        }
    }
}
