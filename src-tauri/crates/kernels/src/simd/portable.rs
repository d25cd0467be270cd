//! Plain code, for every processor.

use half::f16;

use super::{LANES, Simd};

/// No instruction set in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portable;

#[inline(always)]
fn map(a: [f32; LANES], f: impl Fn(f32) -> f32) -> [f32; LANES] {
    let mut out = a;
    for lane in &mut out {
        *lane = f(*lane);
    }
    out
}

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut out = a;
    for (lane, b) in out.iter_mut().zip(b) {
        *lane = f(*lane, b);
    }
    out
}

#[inline(always)]
fn widen<T: Copy>(from: &[T; LANES], f: impl Fn(T) -> f32) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    for (lane, value) in out.iter_mut().zip(from) {
        *lane = f(*value);
    }
    out
}

#[inline(always)]
fn bytes(a: [u8; 64], f: impl Fn(u8) -> u8) -> [u8; 64] {
    let mut out = a;
    for byte in &mut out {
        *byte = f(*byte);
    }
    out
}

/// From here on there are whole numbers only: adding it to a smaller number rounds that.
const WHOLE: f32 = (1 << 23) as f32;

/// `f32::round_ties_even`, which without its instruction is a call of a library function for each lane.
#[inline(always)]
fn nearest_whole(value: f32) -> f32 {
    let magnitude = value.abs();
    match magnitude < WHOLE {
        true => (magnitude + WHOLE - WHOLE).copysign(value),
        false => value,
    }
}

/// The nearest bfloat16, ties to even.
#[inline(always)]
pub(crate) fn bf16_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// A bfloat16 as f32.
#[inline(always)]
pub(crate) fn bf16_value(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Half precision as f32, without a branch on the value: its exponent is moved by a multiplication, which also makes subnormal
/// numbers normal.
#[inline(always)]
fn f16_value(bits: u16) -> f32 {
    /// 2^112, the difference of the exponents' zeros.
    const SHIFT: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * SHIFT;
    let special = match magnitude {
        65536.0.. if magnitude > 65536.0 => 0x7fc0_0000,
        65536.0.. => 0x7f80_0000,
        _ => 0,
    };
    f32::from_bits(magnitude.to_bits() | special | u32::from(bits & 0x8000) << 16)
}

impl Simd for Portable {
    type F = [f32; LANES];
    type I = [i32; LANES];
    type B = [u8; 64];
    const REGISTERS: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::F {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES], value: Self::F) {
        *to = value;
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Not fused: without the instruction that is a call of a library function for each lane.
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        map(a, f32::abs)
    }
    #[inline(always)]
    fn swap_neighbours(self, mut a: Self::F) -> Self::F {
        for pair in a.as_chunks_mut::<2>().0 {
            pair.swap(0, 1);
        }
        a
    }
    #[inline(always)]
    fn sum(self, mut a: Self::F) -> f32 {
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                a[lane] += a[lane + half];
            }
        }
        a[0]
    }
    #[inline(always)]
    fn largest(self, mut a: Self::F) -> f32 {
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                a[lane] = if a[lane] > a[lane + half] {
                    a[lane]
                } else {
                    a[lane + half]
                };
            }
        }
        a[0]
    }

    #[inline(always)]
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F {
        widen(from, bf16_value)
    }
    #[inline(always)]
    fn load_bf16_pairs(self, from: &[u16; 2 * LANES]) -> (Self::F, Self::F) {
        let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            first[lane] = bf16_value(from[2 * lane]);
            second[lane] = bf16_value(from[2 * lane + 1]);
        }
        (first, second)
    }
    #[inline(always)]
    fn store_bf16(self, to: &mut [u16; LANES], value: Self::F) {
        for (to, value) in to.iter_mut().zip(value) {
            *to = bf16_bits(value);
        }
    }
    #[inline(always)]
    fn store_bf16_pairs(self, to: &mut [u16; 2 * LANES], first: Self::F, second: Self::F) {
        for lane in 0..LANES {
            to[2 * lane] = bf16_bits(first[lane]);
            to[2 * lane + 1] = bf16_bits(second[lane]);
        }
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; LANES]) -> Self::F {
        widen(from, f16_value)
    }
    #[inline(always)]
    fn store_f16(self, to: &mut [u16; LANES], value: Self::F) {
        for (to, value) in to.iter_mut().zip(value) {
            *to = f16::from_f32_const(value).to_bits();
        }
    }
    #[inline(always)]
    fn load_u8(self, from: &[u8; LANES]) -> Self::F {
        widen(from, f32::from)
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; LANES]) -> Self::F {
        widen(from, f32::from)
    }
    #[inline(always)]
    fn store_i8(self, to: &mut [i8; LANES], value: Self::F) {
        for (to, value) in to.iter_mut().zip(value) {
            *to = nearest_whole(value) as i8;
        }
    }

    #[inline(always)]
    fn round(self, a: Self::F) -> Self::I {
        let mut out = [0; LANES];
        for (out, a) in out.iter_mut().zip(a) {
            *out = nearest_whole(a) as i32;
        }
        out
    }
    #[inline(always)]
    fn nearest_whole(self, a: Self::F) -> Self::F {
        map(a, nearest_whole)
    }
    #[inline(always)]
    fn to_f32(self, a: Self::I) -> Self::F {
        widen(&a, |a| a as f32)
    }
    #[inline(always)]
    fn power_of_two(self, n: Self::I) -> Self::F {
        widen(&n, |n| f32::from_bits(((n + 127) as u32) << 23))
    }

    #[inline(always)]
    fn times_power_of_two(self, a: Self::F, n: Self::F) -> Self::F {
        // As by default, but without conversions to i32, which saturate and so are slow: adding 2^23 leaves the exponent
        // in the lowest bits.
        let power = |n: f32| f32::from_bits((n + (WHOLE + 127.0)).to_bits() << 23);
        zip(a, n, |a, n| {
            let first = if -126.0 > n { -126.0 } else { n };
            let rest = if n - first > -100.0 {
                n - first
            } else {
                -100.0
            };
            a * power(first) * power(rest)
        })
    }

    #[inline(always)]
    fn load_bytes(self, from: &[u8; 64]) -> Self::B {
        *from
    }
    #[inline(always)]
    fn store_bytes(self, to: &mut [u8; 64], value: Self::B) {
        *to = value;
    }
    #[inline(always)]
    fn low_nibbles(self, a: Self::B) -> Self::B {
        bytes(a, |byte| byte & 15)
    }
    #[inline(always)]
    fn high_nibbles(self, a: Self::B) -> Self::B {
        bytes(a, |byte| byte >> 4)
    }
    #[inline(always)]
    fn bits_to_upper<const INDEX: u32, const WIDTH: u32>(self, a: Self::B) -> Self::B {
        bytes(a, |byte| {
            (byte >> (INDEX * WIDTH) & ((1 << WIDTH) - 1)) << 4
        })
    }
    #[inline(always)]
    fn or(self, a: Self::B, b: Self::B) -> Self::B {
        let mut out = a;
        for (out, b) in out.iter_mut().zip(b) {
            *out |= b;
        }
        out
    }
    #[inline(always)]
    fn every_fourth_byte<const INDEX: u32>(self, bytes: Self::B) -> Self::F {
        let mut out = [0.0; LANES];
        for (lane, four) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *lane = f32::from(four[INDEX as usize]);
        }
        out
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
        let mut sums = [-zero * sum; LANES];
        for (register, x) in codes.iter().zip(x.chunks_exact(4)) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                for byte in 0..4 {
                    *sum += i32::from(register[4 * lane + byte]) * i32::from(x[byte]);
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_precision_number_is_widened() {
        for bits in 0..=u16::MAX {
            let expected = f16::from_bits(bits).to_f32_const();
            assert_eq!(f16_value(bits).to_bits(), expected.to_bits(), "{bits:x}");
        }
    }
}
