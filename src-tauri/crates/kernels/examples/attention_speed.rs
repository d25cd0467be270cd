//! How fast attention is here, beside what the machine could do: decoding against its memory bandwidth, prefill against
//! its multiply-adds. `cargo run --release -p nc-kernels --example attention_speed`

use std::hint::black_box;
use std::time::Instant;

use nc_kernels::*;

struct Peak;

impl Work for Peak {
    type Output = f64;

    /// Multiply-adds of f32, of one thread, a second.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f64 {
        const ROUNDS: usize = 1 << 21;
        let (x, y) = (simd.splat(black_box(1.0)), simd.splat(black_box(1e-9)));
        let mut sums = [simd.splat(0.0); 8];
        if S::REGISTERS >= 32 {
            let mut sums = [simd.splat(0.0); 16];
            let begun = Instant::now();
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = simd.mul_add(x, y, *sum);
                }
            }
            let seconds = begun.elapsed().as_secs_f64();
            black_box(sums.map(|sum| simd.sum(sum)));
            return (ROUNDS * 16 * LANES) as f64 / seconds;
        }
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            for sum in &mut sums[..6] {
                *sum = simd.mul_add(x, y, *sum);
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        black_box(sums.map(|sum| simd.sum(sum)));
        (ROUNDS * 6 * LANES) as f64 / seconds
    }
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..15)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let threads = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    let (pool, scratch) = (Pool::new(threads), AttentionScratch::new());
    let shape = KeyValueShape {
        kv_heads: 4,
        head_dim: 64,
    };
    let heads = 32;
    let scoring = Scoring::causal(heads, 0.125);
    for path in Path::all()
        .into_iter()
        .filter(|path| *path == Path::strongest() || path.name() < PathName::Avx512)
    {
        let peak = (0..5).map(|_| path.run(Peak)).fold(0.0, f64::max) * threads as f64;
        println!(
            "{path}: {:.0} G multiply-adds/s with {threads} threads",
            peak / 1e9
        );
        for element in ElementType::ALL {
            // Several layers, so that the cache does not hold the store.
            let layers: Vec<KeyValueStore> = (0..16)
                .map(|_| {
                    let mut store = KeyValueStore::new(shape, element, 4096);
                    let numbers: Vec<f32> = (0..4096 * 256)
                        .map(|n| (n * 7919 % 1000) as f32 / 500.0 - 1.0)
                        .collect();
                    store.append(path, 0, &numbers, &numbers).unwrap();
                    store
                })
                .collect();
            for context in [64, 512, 4096] {
                let queries = vec![0.1; heads * 64];
                let mut output = vec![0.0; heads * 64];
                let mut rates = Vec::new();
                for _ in 0..3 {
                    let bandwidth = memory_read_gb_per_s();
                    let seconds = median(|| {
                        for store in &layers {
                            let attention = Attention {
                                queries: &queries,
                                position: context - 1,
                                scoring,
                            };
                            store.attend((path, &pool, &scratch), &attention, &mut output, None);
                        }
                    }) / layers.len() as f64;
                    let bytes = KeyValueStore::bytes_for(shape, element, 4096) / 4096 * context;
                    rates.push((bytes as f64 / seconds / 1e9 / bandwidth, seconds, bandwidth));
                }
                rates.sort_by(|a, b| a.0.total_cmp(&b.0));
                let (fraction, seconds, bandwidth) = rates[1];
                println!(
                    "  decode {:5} at {context:4}: {:7.1} µs, {:.0} % of {bandwidth:.1} GB/s, {:.0} % of peak",
                    element.as_str(),
                    seconds * 1e6,
                    100.0 * fraction,
                    100.0 * (context * heads * 128) as f64 / seconds / peak
                );
            }
            for tokens in [512, 2048] {
                let queries: Vec<f32> = (0..tokens * heads * 64)
                    .map(|n| (n * 7919 % 1000) as f32 / 500.0 - 1.0)
                    .collect();
                let mut output = vec![0.0; tokens * heads * 64];
                let attention = Attention {
                    queries: &queries,
                    position: 0,
                    scoring,
                };
                let seconds = median(|| {
                    layers[0].attend((path, &pool, &scratch), &attention, &mut output, None)
                });
                let products = (tokens * (tokens + 1) / 2 * heads * 64 * 2) as f64;
                println!(
                    "  prefill {:5} of {tokens:4}: {:7.2} ms, {:.0} % of peak",
                    element.as_str(),
                    seconds * 1e3,
                    100.0 * products / seconds / peak
                );
            }
        }
    }
}
