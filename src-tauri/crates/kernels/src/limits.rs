//! What the instructions alone could do: the limit that products are measured against.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::{Path, Pool, Simd, Work};
#[cfg(target_arch = "x86_64")]
use crate::{TileKernel, tiles::Configured};

/// What is multiplied, and summed up in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// f32: fused multiply-add where there is one.
    F32,
    /// bfloat16 with f32 sums: tiles or dot products of pairs.
    Bf16,
    /// Bytes with i32 sums: tiles or dot products of fours.
    Int8,
}

/// Operations per second of all the pool's threads together, an addition and a multiplication counted as two, with everything in
/// registers; none if the path has no instruction for it. Takes some tens of milliseconds: the best of a few passes, since
/// other programs can only make it smaller.
pub fn peak(path: Path, pool: &Pool, arithmetic: Arithmetic) -> Option<f64> {
    match arithmetic {
        // A register of one instruction set is two of another: what hides the latency of one does not fit into the other.
        Arithmetic::F32 => {
            let six = rate(pool, |rounds| path.run(MultiplyAdds::<6> { rounds }));
            let twelve = rate(pool, |rounds| path.run(MultiplyAdds::<12> { rounds }));
            Some(six.max(twelve))
        }
        #[cfg(target_arch = "x86_64")]
        Arithmetic::Bf16 => TileKernel::of(path).map(|kernel| match kernel {
            TileKernel::Amx(amx) => rate(pool, |rounds| {
                x86::tiles_bf16(&Configured::new(amx), rounds)
            }),
            TileKernel::Dots(_, proof) => rate(pool, |rounds| x86::dots_bf16(proof, rounds)),
        }),
        #[cfg(target_arch = "x86_64")]
        Arithmetic::Int8 => match path {
            Path::Amx(_, amx) => Some(rate(pool, |rounds| {
                x86::tiles_int8(&Configured::new(amx), rounds)
            })),
            Path::Avx512(proof) | Path::Avx512Bf16(proof, _) => {
                Some(rate(pool, |rounds| x86::dots_int8(proof, rounds)))
            }
            Path::Portable(_) | Path::Avx2(_) => None,
        },
        #[cfg(not(target_arch = "x86_64"))]
        Arithmetic::Bf16 | Arithmetic::Int8 => None,
    }
}

/// Calls `work` on all threads; it is given a number of rounds and gives back how many operations it did.
fn rate(pool: &Pool, work: impl Fn(u64) -> u64 + Sync) -> f64 {
    /// What a pass should take at least, so that starting the threads does not count.
    const SECONDS: f64 = 1e-3;
    const MOST_ROUNDS: u64 = 1 << 32;
    // The best of a few passes: seconds, and operations per second.
    let best = |passes: u32, rounds: u64| {
        let mut best = (f64::INFINITY, 0.0);
        for _ in 0..passes {
            let operations = AtomicU64::new(0);
            let begun = Instant::now();
            pool.run(pool.threads(), |_| {
                operations.fetch_add(work(rounds), Ordering::Relaxed);
            });
            let seconds = begun.elapsed().as_secs_f64();
            if seconds < best.0 {
                best = (seconds, operations.into_inner() as f64 / seconds);
            }
        }
        best
    };
    let mut rounds = 1024;
    while best(3, rounds).0 < SECONDS && rounds < MOST_ROUNDS {
        rounds *= 2;
    }
    best(24, rounds).1
}

/// `CHAINS` sums that do not wait for each other.
struct MultiplyAdds<const CHAINS: usize> {
    rounds: u64,
}

impl<const CHAINS: usize> Work for MultiplyAdds<CHAINS> {
    type Output = u64;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u64 {
        let (factor, term) = (simd.splat(black_box(0.5)), simd.splat(black_box(1.0)));
        let mut sums = [term; CHAINS];
        for _ in 0..self.rounds {
            // Not `map`: what it calls would not be compiled for the instruction set.
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, term);
            }
        }
        let mut total = 0.0;
        for sum in sums {
            total += simd.sum(sum);
        }
        black_box(total);
        self.rounds * (CHAINS * crate::LANES * 2) as u64
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    // Intrinsics and tiles.
    #![allow(unsafe_code)]

    use std::arch::asm;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use crate::tiles::Configured;
    use crate::{Avx512, Bf16Dots};

    /// Sums that do not wait for each other: twice as many as the longest latency takes.
    const CHAINS: usize = 12;

    macro_rules! tiles {
        ($name:ident, $instruction:literal, $products:literal) => {
            /// Four products a round, as in a block of two by two tiles.
            pub(super) fn $name(_configured: &Configured, rounds: u64) -> u64 {
                if rounds == 0 {
                    return 0;
                }
                // SAFETY: the tiles are configured, by the argument; no memory is touched.
                unsafe {
                    asm!(
                        "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                        "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                        "2:",
                        concat!($instruction, " tmm0, tmm4, tmm6"),
                        concat!($instruction, " tmm1, tmm4, tmm7"),
                        concat!($instruction, " tmm2, tmm5, tmm6"),
                        concat!($instruction, " tmm3, tmm5, tmm7"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) rounds => _,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack, nomem)
                    );
                }
                rounds * 4 * 16 * 16 * $products * 2
            }
        };
    }
    tiles!(tiles_bf16, "tdpbf16ps", 32);
    tiles!(tiles_int8, "tdpbssd", 64);

    pub(super) fn dots_bf16(_proof: Bf16Dots, rounds: u64) -> u64 {
        #[target_feature(enable = "avx512f,avx512bf16")]
        fn inside(rounds: u64) {
            // Ones.
            let bits = _mm512_set1_epi32(black_box(0x3F80_3F80));
            // SAFETY: both are 512 bits.
            let pairs = unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) };
            let mut sums = [_mm512_setzero_ps(); CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = _mm512_dpbf16_ps(*sum, pairs, pairs);
                }
            }
            black_box(sums);
        }
        // SAFETY: the instructions exist, by the proof.
        unsafe { inside(rounds) };
        rounds * (CHAINS * 16 * 2 * 2) as u64
    }

    pub(super) fn dots_int8(_proof: Avx512, rounds: u64) -> u64 {
        #[target_feature(enable = "avx512f,avx512vnni")]
        fn inside(rounds: u64) {
            let fours = _mm512_set1_epi32(black_box(0x0101_0101));
            let mut sums = [_mm512_setzero_si512(); CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = _mm512_dpbusd_epi32(*sum, fours, fours);
                }
            }
            black_box(sums);
        }
        // SAFETY: the instructions exist, by the proof.
        unsafe { inside(rounds) };
        rounds * (CHAINS * 16 * 4 * 2) as u64
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use super::*;
        use crate::Amx;

        #[test]
        fn tile_loops_run_and_count() {
            let (amx, how) = match Amx::find() {
                Some(amx) => (amx, "natively"),
                None => (Amx::emulated(), "emulated"),
            };
            eprintln!("tile loops run {how}");
            let configured = Configured::new(amx);
            assert_eq!(tiles_bf16(&configured, 3), 3 * 4 * 16_384);
            assert_eq!(tiles_int8(&configured, 3), 3 * 4 * 32_768);
            assert_eq!(tiles_bf16(&configured, 0), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_a_limit() {
        let pool = Pool::new(1);
        for path in Path::all() {
            let [f32, bf16, int8] = [Arithmetic::F32, Arithmetic::Bf16, Arithmetic::Int8]
                .map(|arithmetic| peak(path, &pool, arithmetic));
            eprintln!(
                "{path}: f32 {f32:.3?}, bf16 {bf16:.3?}, int8 {int8:.3?} operations a second"
            );
            // The slowest imaginable: one operation in ten nanoseconds.
            assert!(f32.is_some_and(|rate| rate.is_finite() && rate > 1e8));
            // Narrower numbers are at least not much slower, and not a hundred times faster.
            for rate in [bf16, int8].into_iter().flatten() {
                let times = rate / f32.unwrap_or(f64::NAN);
                assert!((0.25..100.0).contains(&times), "{path}: {times}");
            }
        }
    }
}
