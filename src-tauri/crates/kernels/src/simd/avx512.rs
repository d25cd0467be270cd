//! 512-bit registers, with 8-bit dot products (VNNI).
// Intrinsics are unsafe to call where their instruction set is not enabled by the function itself.
#![allow(unsafe_code)]

use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

use super::{LANES, Simd, Work};

/// Proof that AVX-512 F, BW, DQ, VL and VNNI may be used, and with them AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The proof, where the processor and the operating system offer all of it.
    pub fn find() -> Option<Self> {
        let all = has!("avx512f")
            && has!("avx512bw")
            && has!("avx512dq")
            && has!("avx512vl")
            && has!("avx512vnni")
            && has!("avx2")
            && has!("fma")
            && has!("f16c");
        all.then_some(Self(()))
    }

    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
        fn inside<W: Work>(simd: Avx512, work: W) -> W::Output {
            work.run(simd)
        }
        // SAFETY: the value proves that these instruction sets may be used.
        unsafe { inside(self, work) }
    }
}

macro_rules! instructions {
    ($($body:tt)*) => {
        // SAFETY: the receiver proves that the instructions exist; memory is reached through references to arrays of
        // the register's size only, by loads and stores that ask for no alignment.
        unsafe { $($body)* }
    };
}

impl Avx512 {
    /// Narrowed to bfloat16, each in the lower half of its lane.
    #[inline(always)]
    fn bf16_bits(self, value: __m512) -> __m512i {
        instructions! {
            let bits = _mm512_castps_si512(value);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
            let not_a_number = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
            let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
            _mm512_srli_epi32::<16>(_mm512_mask_mov_epi32(rounded, not_a_number, quiet))
        }
    }
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type B = __m512i;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        instructions!(_mm512_set1_ps(value))
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        instructions!(_mm512_loadu_ps(from.as_ptr()))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        instructions!(_mm512_storeu_ps(to.as_mut_ptr(), value));
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        instructions!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        instructions!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        instructions!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        instructions!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn transpose(self, rows: [Self::F; LANES]) -> [Self::F; LANES] {
        instructions! {
            // Squares of four within each 128 bits: register `4g + c` holds column `c` (and 4 + c …) of rows `4g .. 4g+4`.
            let mut fours = rows;
            let mut first = 0;
            while first < LANES {
                let low = [
                    _mm512_castps_pd(_mm512_unpacklo_ps(rows[first], rows[first + 1])),
                    _mm512_castps_pd(_mm512_unpacklo_ps(rows[first + 2], rows[first + 3])),
                ];
                let high = [
                    _mm512_castps_pd(_mm512_unpackhi_ps(rows[first], rows[first + 1])),
                    _mm512_castps_pd(_mm512_unpackhi_ps(rows[first + 2], rows[first + 3])),
                ];
                fours[first] = _mm512_castpd_ps(_mm512_unpacklo_pd(low[0], low[1]));
                fours[first + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low[0], low[1]));
                fours[first + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high[0], high[1]));
                fours[first + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high[0], high[1]));
                first += 4;
            }
            // Then a square of four by four such parts.
            let mut columns = fours;
            let mut column = 0;
            while column < 4 {
                let even = [
                    _mm512_shuffle_f32x4::<0x88>(fours[column], fours[4 + column]),
                    _mm512_shuffle_f32x4::<0x88>(fours[8 + column], fours[12 + column]),
                ];
                let odd = [
                    _mm512_shuffle_f32x4::<0xdd>(fours[column], fours[4 + column]),
                    _mm512_shuffle_f32x4::<0xdd>(fours[8 + column], fours[12 + column]),
                ];
                columns[column] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
                columns[4 + column] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
                columns[8 + column] = _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]);
                columns[12 + column] = _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]);
                column += 1;
            }
            columns
        }
    }
    #[inline(always)]
    fn swap_neighbours(self, a: Self::F) -> Self::F {
        instructions!(_mm512_permute_ps::<0b10_11_00_01>(a))
    }
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        instructions! {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        instructions! {
            let eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        instructions! {
            let bits = _mm256_loadu_si256(from.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
        }
    }
    #[inline(always)]
    fn load_bf16_pairs(self, from: &[u16; 2 * LANES]) -> (Self::F, Self::F) {
        instructions! {
            let bits = _mm512_loadu_si512(from.as_ptr().cast());
            let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            (
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits)),
                _mm512_castsi512_ps(_mm512_and_si512(bits, upper)),
            )
        }
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut [u16; LANES], value: Self::F) {
        let bits = self.bf16_bits(value);
        instructions!(_mm256_storeu_si256(
            to.as_mut_ptr().cast(),
            _mm512_cvtepi32_epi16(bits)
        ));
    }
    #[inline(always)]
    fn store_bf16_pairs(self, to: &mut [u16; 2 * LANES], first: Self::F, second: Self::F) {
        let (first, second) = (self.bf16_bits(first), self.bf16_bits(second));
        instructions! {
            let pairs = _mm512_or_si512(first, _mm512_slli_epi32::<16>(second));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs);
        }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        instructions!(_mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())))
    }
    #[inline(always)]
    fn store_f16(self, to: &mut [u16; LANES], value: Self::F) {
        instructions! {
            let narrow = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(value);
            _mm256_storeu_si256(to.as_mut_ptr().cast(), narrow);
        }
    }
    #[inline(always)]
    fn load_u8(self, from: &[u8; LANES]) -> Self::F {
        instructions! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
        }
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; LANES]) -> Self::F {
        instructions! {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
        }
    }
    #[inline(always)]
    fn store_i8(self, to: &mut [i8; LANES], value: Self::F) {
        instructions! {
            let narrow = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(value));
            _mm_storeu_si128(to.as_mut_ptr().cast(), narrow);
        }
    }

    #[inline(always)]
    fn round(self, a: Self::F) -> Self::I {
        instructions!(_mm512_cvtps_epi32(a))
    }
    #[inline(always)]
    fn nearest_whole(self, a: Self::F) -> Self::F {
        instructions!(_mm512_roundscale_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }
    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        instructions!(_mm512_cvtepi32_ps(a))
    }
    #[inline(always)]
    fn power_of_two(self, n: Self::I) -> Self::F {
        instructions! {
            let biased = _mm512_add_epi32(n, _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn times_power_of_two(self, a: Self::F, n: Self::F) -> Self::F {
        instructions!(_mm512_scalef_ps(a, n))
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> Self::B {
        instructions!(_mm512_loadu_si512(from.as_ptr().cast()))
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8; 64], value: Self::B) {
        instructions!(_mm512_storeu_si512(to.as_mut_ptr().cast(), value));
    }
    #[inline(always)]
    fn low_nibbles(self, bytes: Self::B) -> Self::B {
        instructions!(_mm512_and_si512(bytes, _mm512_set1_epi8(15)))
    }
    #[inline(always)]
    fn high_nibbles(self, bytes: Self::B) -> Self::B {
        instructions!(_mm512_and_si512(
            _mm512_srli_epi16::<4>(bytes),
            _mm512_set1_epi8(15)
        ))
    }
    #[inline(always)]
    fn bits_to_upper<const INDEX: u32, const WIDTH: u32>(self, bytes: Self::B) -> Self::B {
        instructions! {
            let from = INDEX * WIDTH;
            let moved = match from < 4 {
                true => _mm512_sll_epi16(bytes, _mm_cvtsi32_si128(4 - from as i32)),
                false => _mm512_srl_epi16(bytes, _mm_cvtsi32_si128(from as i32 - 4)),
            };
            _mm512_and_si512(moved, _mm512_set1_epi8((((1 << WIDTH) - 1) << 4) as i8))
        }
    }
    #[inline(always)]
    fn or(self, a: Self::B, b: Self::B) -> Self::B {
        instructions!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn every_fourth_byte<const INDEX: u32>(self, bytes: Self::B) -> Self::F {
        instructions! {
            let moved = _mm512_srl_epi32(bytes, _mm_cvtsi32_si128(8 * INDEX as i32));
            _mm512_cvtepi32_ps(_mm512_and_si512(moved, _mm512_set1_epi32(255)))
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
        let _ = bits;
        instructions! {
            let mut sums = _mm512_set1_epi32(-zero * sum);
            for (register, x) in codes.iter().zip(x.as_chunks::<4>().0) {
                let x = i32::from_le_bytes([x[0] as u8, x[1] as u8, x[2] as u8, x[3] as u8]);
                sums = _mm512_dpbusd_epi32(sums, *register, _mm512_set1_epi32(x));
            }
            sums
        }
    }
}
