//! 256-bit registers, two for sixteen lanes.
// Intrinsics are unsafe to call where their instruction set is not enabled by the function itself.
#![allow(unsafe_code)]

use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

use super::{LANES, Simd, Work};

/// Proof that AVX2, FMA and F16C may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// The proof, where the processor and the operating system offer all of it.
    pub fn find() -> Option<Self> {
        (has!("avx2") && has!("fma") && has!("f16c")).then_some(Self(()))
    }

    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn inside<W: Work>(simd: Avx2, work: W) -> W::Output {
            work.run(simd)
        }
        // SAFETY: the value proves that these instruction sets may be used.
        unsafe { inside(self, work) }
    }
}

macro_rules! instructions {
    ($($body:tt)*) => {
        // SAFETY: the receiver proves that the instructions exist; memory is reached through references to arrays of
        // twice the register's size only, in both halves, by loads and stores that ask for no alignment.
        unsafe { $($body)* }
    };
}

/// The same instruction on both halves.
macro_rules! both {
    ($instruction:ident($($value:ident),*)) => {
        instructions!([$instruction($($value[0]),*), $instruction($($value[1]),*)])
    };
}

/// The same expression for both halves. Not a closure: closures are compiled without the instruction set unless they are
/// inlined, and a single call then costs more than the kernel.
macro_rules! halves {
    ($half:ident in $values:expr => $body:expr) => {{
        let [first, second] = $values;
        [
            {
                let $half = first;
                $body
            },
            {
                let $half = second;
                $body
            },
        ]
    }};
}

impl Avx2 {
    /// Eight lanes narrowed to bfloat16, each in the lower half of its lane.
    #[inline(always)]
    fn bf16_bits(self, value: __m256) -> __m256i {
        instructions! {
            let bits = _mm256_castps_si256(value);
            let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
            let rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
            let not_a_number = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
            let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
            _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, quiet, not_a_number))
        }
    }
}

impl Avx2 {
    /// The columns of a square of eight rows.
    #[inline(always)]
    fn transpose_eight(self, rows: [__m256; 8]) -> [__m256; 8] {
        instructions! {
            // Squares of four within each 128 bits: register `4g + c` holds column `c` (and 4 + c) of rows `4g .. 4g+4`.
            let mut fours = rows;
            let mut first = 0;
            while first < 8 {
                let low = [
                    _mm256_castps_pd(_mm256_unpacklo_ps(rows[first], rows[first + 1])),
                    _mm256_castps_pd(_mm256_unpacklo_ps(rows[first + 2], rows[first + 3])),
                ];
                let high = [
                    _mm256_castps_pd(_mm256_unpackhi_ps(rows[first], rows[first + 1])),
                    _mm256_castps_pd(_mm256_unpackhi_ps(rows[first + 2], rows[first + 3])),
                ];
                fours[first] = _mm256_castpd_ps(_mm256_unpacklo_pd(low[0], low[1]));
                fours[first + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low[0], low[1]));
                fours[first + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(high[0], high[1]));
                fours[first + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(high[0], high[1]));
                first += 4;
            }
            let mut columns = fours;
            let mut column = 0;
            while column < 4 {
                columns[column] = _mm256_permute2f128_ps::<0x20>(fours[column], fours[4 + column]);
                columns[4 + column] = _mm256_permute2f128_ps::<0x31>(fours[column], fours[4 + column]);
                column += 1;
            }
            columns
        }
    }
}

impl Simd for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type B = [__m256i; 2];
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        instructions!([_mm256_set1_ps(value); 2])
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        instructions!([
            _mm256_loadu_ps(from.as_ptr()),
            _mm256_loadu_ps(from.as_ptr().add(8))
        ])
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        instructions! {
            _mm256_storeu_ps(to.as_mut_ptr(), value[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), value[1]);
        }
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        both!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        both!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        both!(_mm256_sqrt_ps(a))
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        let sign = instructions!([_mm256_set1_ps(-0.0); 2]);
        both!(_mm256_andnot_ps(sign, a))
    }
    #[inline(always)]
    fn transpose(self, rows: [Self::F; LANES]) -> [Self::F; LANES] {
        let mut columns = rows;
        let mut upper = 0;
        while upper < 2 {
            let mut half = 0;
            while half < 2 {
                let first = 8 * upper;
                let square = self.transpose_eight([
                    rows[first][half],
                    rows[first + 1][half],
                    rows[first + 2][half],
                    rows[first + 3][half],
                    rows[first + 4][half],
                    rows[first + 5][half],
                    rows[first + 6][half],
                    rows[first + 7][half],
                ]);
                let mut column = 0;
                while column < 8 {
                    columns[8 * half + column][upper] = square[column];
                    column += 1;
                }
                half += 1;
            }
            upper += 1;
        }
        columns
    }
    #[inline(always)]
    fn swap_neighbours(self, a: Self::F) -> Self::F {
        instructions!(a.map(|half| _mm256_permute_ps::<0b10_11_00_01>(half)))
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        instructions! {
            let eight = _mm256_add_ps(a[0], a[1]);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        instructions! {
            let eight = _mm256_max_ps(a[0], a[1]);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        instructions! {
                    let bits = _mm256_loadu_si256(from.as_ptr().cast());
        halves!(half in [_mm256_castsi256_si128(bits), _mm256_extracti128_si256::<1>(bits)] =>
                        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half))))
                }
    }
    #[inline(always)]
    fn load_bf16_pairs(self, from: &[u16; 2 * LANES]) -> (Self::F, Self::F) {
        instructions! {
            let upper = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            let bits = [
                _mm256_loadu_si256(from.as_ptr().cast()),
                _mm256_loadu_si256(from.as_ptr().add(16).cast()),
            ];
            (
                [
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits[0])),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits[1])),
                ],
                [
                    _mm256_castsi256_ps(_mm256_and_si256(bits[0], upper)),
                    _mm256_castsi256_ps(_mm256_and_si256(bits[1], upper)),
                ],
            )
        }
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut [u16; LANES], value: Self::F) {
        let halves = [self.bf16_bits(value[0]), self.bf16_bits(value[1])];
        instructions! {
            // The pack works within 128-bit halves; the permutation puts them in order.
            let packed = _mm256_packus_epi32(halves[0], halves[1]);
            let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), ordered);
        }
    }
    #[inline(always)]
    fn store_bf16_pairs(self, to: &mut [u16; 2 * LANES], first: Self::F, second: Self::F) {
        for half in 0..2 {
            let (first, second) = (self.bf16_bits(first[half]), self.bf16_bits(second[half]));
            instructions! {
                let pairs = _mm256_or_si256(first, _mm256_slli_epi32::<16>(second));
                _mm256_storeu_si256(to.as_mut_ptr().add(16 * half).cast(), pairs);
            }
        }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        instructions!([
            _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())),
            _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().add(8).cast())),
        ])
    }
    #[inline(always)]
    fn store_f16(self, to: &mut [u16; LANES], value: Self::F) {
        const ROUNDING: i32 = _MM_FROUND_TO_NEAREST_INT;
        instructions! {
            let halves = halves!(half in value => _mm256_cvtps_ph::<ROUNDING>(half));
            _mm_storeu_si128(to.as_mut_ptr().cast(), halves[0]);
            _mm_storeu_si128(to.as_mut_ptr().add(8).cast(), halves[1]);
        }
    }
    #[inline(always)]
    fn load_u8(self, from: &[u8; LANES]) -> Self::F {
        instructions! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            halves!(half in [bytes, _mm_srli_si128::<8>(bytes)] => _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(half)))
        }
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; LANES]) -> Self::F {
        instructions! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            halves!(half in [bytes, _mm_srli_si128::<8>(bytes)] => _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(half)))
        }
    }
    #[inline(always)]
    fn store_i8(self, to: &mut [i8; LANES], value: Self::F) {
        instructions! {
            let whole = halves!(half in value => _mm256_cvtps_epi32(half));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(whole[0], whole[1]));
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn round(self, a: Self::F) -> Self::I {
        both!(_mm256_cvtps_epi32(a))
    }
    #[inline(always)]
    fn nearest_whole(self, a: Self::F) -> Self::F {
        const ROUNDING: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        instructions!(a.map(|half| _mm256_round_ps::<ROUNDING>(half)))
    }
    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        both!(_mm256_cvtepi32_ps(a))
    }
    #[inline(always)]
    fn power_of_two(self, n: Self::I) -> Self::F {
        instructions! {
            halves!(half in n => {
                let biased = _mm256_add_epi32(half, _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            })
        }
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> Self::B {
        instructions!([
            _mm256_loadu_si256(from.as_ptr().cast()),
            _mm256_loadu_si256(from.as_ptr().add(32).cast()),
        ])
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8; 64], value: Self::B) {
        instructions! {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), value[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(32).cast(), value[1]);
        }
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        let mask = instructions!([_mm256_set1_epi8(15); 2]);
        both!(_mm256_and_si256(bytes, mask))
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        let moved = instructions!([
            _mm256_srli_epi16::<4>(bytes[0]),
            _mm256_srli_epi16::<4>(bytes[1])
        ]);
        self.low_nibbles(moved)
    }
    #[inline(always)]
    fn bits_to_upper<const INDEX: u32, const WIDTH: u32>(self, bytes: Self::B) -> Self::B {
        instructions! {
            let from = INDEX * WIDTH;
            halves!(half in bytes => {
                let moved = match from < 4 {
                    true => _mm256_sll_epi16(half, _mm_cvtsi32_si128(4 - from as i32)),
                    false => _mm256_srl_epi16(half, _mm_cvtsi32_si128(from as i32 - 4)),
                };
                _mm256_and_si256(moved, _mm256_set1_epi8((((1 << WIDTH) - 1) << 4) as i8))
            })
        }
    }
    #[inline(always)]
    fn or(self, a: Self::B, b: Self::B) -> Self::B {
        both!(_mm256_or_si256(a, b))
    }
    #[inline(always)]
    fn every_fourth_byte<const INDEX: u32>(self, bytes: Self::B) -> Self::F {
        instructions! {
            halves!(half in bytes => {
                let moved = _mm256_srl_epi32(half, _mm_cvtsi32_si128(8 * INDEX as i32));
                _mm256_cvtepi32_ps(_mm256_and_si256(moved, _mm256_set1_epi32(255)))
            })
        }
    }
    #[inline(always)]
    fn dot<const N: usize>(
        self,
        (bits, zero): (u32, i32),
        codes: &[Self::B; N],
        x: &[i8],
        sum: i32,
    ) -> Self::I {
        // Products of neighbours are added in 16 bits, which must not saturate: 2 · 127 · code. How many such sums may
        // be added before they are widened follows from the largest code. Codes of 8 bits are multiplied as magnitudes,
        // the signs moved to x: 2 · 127 · 128 fits.
        let together = match bits {
            4 => 8,
            5 => 4,
            6 => 2,
            _ => 1,
        };
        instructions! {
            let ones = _mm256_set1_epi16(1);
            let start = if bits == 8 { (128 - zero) * sum } else { -zero * sum };
            let mut sums = [_mm256_set1_epi32(start); 2];
            let x = x.as_chunks::<4>().0;
            let mut first = 0;
            while first < N {
                let mut words = [_mm256_setzero_si256(); 2];
                let mut index = first;
                while index < N && index < first + together {
                    let x = x[index];
                    let x = i32::from_le_bytes([x[0] as u8, x[1] as u8, x[2] as u8, x[3] as u8]);
                    let x = _mm256_set1_epi32(x);
                    for half in 0..2 {
                        let code = codes[index][half];
                        let products = if bits == 8 {
                            let signed = _mm256_xor_si256(code, _mm256_set1_epi8(-128));
                            _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(x, signed))
                        } else {
                            _mm256_maddubs_epi16(code, x)
                        };
                        words[half] = _mm256_add_epi16(words[half], products);
                    }
                    index += 1;
                }
                for half in 0..2 {
                    sums[half] = _mm256_add_epi32(sums[half], _mm256_madd_epi16(words[half], ones));
                }
                first += together;
            }
            sums
        }
    }
}
