//! Every operation on every path, against plain numbers.

use half::{bf16, f16};

use super::*;
use crate::trials::Numbers;
use crate::{Path, PathName};

type Lanes = [f32; LANES];

/// Computes a block over `Simd` on a path, with values from outside by reference.
macro_rules! run {
    ($path:expr, |$simd:ident: $set:ident, $($name:ident: $type:ty),*| -> $output:ty $body:block) => {{
        struct Block<'a>($(&'a $type),*);
        impl Work for Block<'_> {
            type Output = $output;
            #[inline(always)]
            fn run<$set: Simd>(self, $simd: $set) -> $output {
                let Self($($name),*) = self;
                $body
            }
        }
        $path.run(Block($(&$name),*))
    }};
}

/// A block whose result is one register.
macro_rules! lanes {
    ($path:expr, |$simd:ident, $($name:ident),*| $body:expr) => {
        run!($path, |$simd: S, $($name: Lanes),*| -> Lanes {
            $(let $name = $simd.load($name);)*
            let mut out = [0.0; LANES];
            $simd.store(&mut out, $body);
            out
        })
    };
}

#[track_caller]
fn assert_same(path: Path, what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (lane, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(
            same,
            "{path} {what}, lane {lane}: {found:e}, not {expected:e}"
        );
    }
}

fn map(a: Lanes, f: impl Fn(f32) -> f32) -> Lanes {
    a.map(f)
}

fn zip(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// Registers of awkward numbers.
fn awkward() -> Vec<Lanes> {
    let least = f32::from_bits(1);
    let rare: Lanes = [
        0.0,
        -0.0,
        least,
        -least,
        f32::MIN_POSITIVE,
        f32::MIN_POSITIVE - least,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -f32::NAN,
        1.0 + f32::EPSILON,
        1.0 - f32::EPSILON / 2.0,
        16_777_215.0,
        -3.5,
    ];
    let mut numbers = Numbers(1);
    let mut registers = vec![rare];
    registers.extend(rare.map(|value| [value; LANES]));
    for limit in [1e-40, 1e-20, 1.0, 100.0, 1e19, 3e38] {
        registers.push(std::array::from_fn(|_| numbers.within(limit)));
    }
    registers
}

#[test]
fn arithmetic_is_that_of_plain_numbers() {
    for path in Path::all() {
        println!("operations of {path}");
        let fused = path.name() > PathName::Portable;
        for a in awkward() {
            assert_same(path, "load, store", &lanes!(path, |simd, a| a), &a);
            let found = lanes!(path, |simd, a| simd.sqrt(a));
            assert_same(path, "sqrt", &found, &map(a, f32::sqrt));
            let found = lanes!(path, |simd, a| simd.abs(a));
            assert_same(path, "abs", &found, &map(a, f32::abs));
            let found = lanes!(path, |simd, a| simd.swap_neighbours(a));
            let swapped: Lanes = std::array::from_fn(|lane| a[lane ^ 1]);
            assert_same(path, "swap_neighbours", &found, &swapped);
            let first = a[0];
            let found = run!(path, |simd: S, first: f32| -> Lanes {
                let mut out = [0.0; LANES];
                simd.store(&mut out, simd.splat(*first));
                out
            });
            assert_same(path, "splat", &found, &[first; LANES]);
            for b in awkward() {
                let check = |what, found: Lanes, expected: fn(f32, f32) -> f32| {
                    assert_same(path, what, &found, &zip(a, b, expected));
                };
                check("add", lanes!(path, |simd, a, b| simd.add(a, b)), |a, b| {
                    a + b
                });
                check("sub", lanes!(path, |simd, a, b| simd.sub(a, b)), |a, b| {
                    a - b
                });
                check("mul", lanes!(path, |simd, a, b| simd.mul(a, b)), |a, b| {
                    a * b
                });
                check("div", lanes!(path, |simd, a, b| simd.div(a, b)), |a, b| {
                    a / b
                });
                // The second where either is not a number, or both are zeros.
                check("max", lanes!(path, |simd, a, b| simd.max(a, b)), |a, b| {
                    if a > b { a } else { b }
                });
                check("min", lanes!(path, |simd, a, b| simd.min(a, b)), |a, b| {
                    if a < b { a } else { b }
                });
                let c: Lanes = std::array::from_fn(|lane| -(a[lane] * b[LANES - 1 - lane]));
                let found = lanes!(path, |simd, a, b, c| simd.mul_add(a, b, c));
                let expected: Lanes = std::array::from_fn(|lane| match fused {
                    true => a[lane].mul_add(b[lane], c[lane]),
                    false => a[lane] * b[lane] + c[lane],
                });
                assert_same(path, "mul_add", &found, &expected);
            }
        }
    }
}

#[test]
fn columns_of_a_square_become_rows() {
    type Square = [Lanes; LANES];
    let square: Square =
        std::array::from_fn(|row| std::array::from_fn(|column| (100 * row + column) as f32));
    for path in Path::all() {
        let found = run!(path, |simd: S, square: Square| -> Square {
            let mut rows = [simd.splat(0.0); LANES];
            for (register, row) in rows.iter_mut().zip(square) {
                *register = simd.load(row);
            }
            let mut out = [[0.0; LANES]; LANES];
            for (row, register) in out.iter_mut().zip(simd.transpose(rows)) {
                simd.store(row, register);
            }
            out
        });
        for (column, found) in found.iter().enumerate() {
            let expected: Lanes = std::array::from_fn(|row| square[row][column]);
            assert_same(path, "transpose", found, &expected);
        }
    }
}

#[test]
fn sums_are_taken_by_halves() {
    let mut numbers = Numbers(2);
    for path in Path::all() {
        for _ in 0..100 {
            // Of many sizes, so that another order gives another sum.
            let a: Lanes = std::array::from_fn(|_| {
                let size = (numbers.bits() % 60) as i32 - 30;
                numbers.within(1.0) * 2.0_f32.powi(size)
            });
            let found = run!(path, |simd: S, a: Lanes| -> f32 { simd.sum(simd.load(a)) });
            let eight: [f32; 8] = std::array::from_fn(|lane| a[lane] + a[lane + 8]);
            let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
            let expected = (four[0] + four[2]) + (four[1] + four[3]);
            assert_same(path, "sum", &[found], &[expected]);
            let found = run!(path, |simd: S, a: Lanes| -> f32 {
                simd.largest(simd.load(a))
            });
            let expected = a.into_iter().fold(f32::NEG_INFINITY, f32::max);
            assert_same(path, "largest", &[found], &[expected]);
        }
        for lane in 0..LANES {
            for (rest, largest) in [
                (f32::NEG_INFINITY, f32::MIN),
                (-2.0, -1.0),
                (f32::MAX, f32::INFINITY),
            ] {
                let mut a = [rest; LANES];
                a[lane] = largest;
                let found = run!(path, |simd: S, a: Lanes| -> f32 {
                    simd.largest(simd.load(a))
                });
                assert_same(path, "largest", &[found], &[largest]);
            }
        }
    }
}

fn store_bf16(path: Path, a: Lanes) -> [u16; LANES] {
    run!(path, |simd: S, a: Lanes| -> [u16; LANES] {
        let mut out = [0; LANES];
        simd.store_bf16(&mut out, simd.load(a));
        out
    })
}

fn store_f16(path: Path, a: Lanes) -> [u16; LANES] {
    run!(path, |simd: S, a: Lanes| -> [u16; LANES] {
        let mut out = [0; LANES];
        simd.store_f16(&mut out, simd.load(a));
        out
    })
}

#[test]
fn every_bfloat16_widens_and_returns() {
    for path in Path::all() {
        for first in (0..=u16::MAX).step_by(LANES) {
            let bits: [u16; LANES] = std::array::from_fn(|lane| first + lane as u16);
            let found = run!(path, |simd: S, bits: [u16; LANES]| -> Lanes {
                let mut out = [0.0; LANES];
                simd.store(&mut out, simd.load_bf16(bits));
                out
            });
            let expected = bits.map(|bits| f32::from_bits(u32::from(bits) << 16));
            assert_eq!(
                found.map(f32::to_bits),
                expected.map(f32::to_bits),
                "{path}"
            );
            // What lies between is rounded, ties to even; what is not a number stays so and becomes quiet.
            for below in [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff] {
                let values = expected.map(|value| f32::from_bits(value.to_bits() | below));
                let expected = values.map(|value| {
                    let up = below > 0x8000 || (below == 0x8000 && value.to_bits() >> 16 & 1 == 1);
                    let truncated = (value.to_bits() >> 16) as u16;
                    match value.is_nan() {
                        true => truncated | 0x40,
                        false => truncated + u16::from(up),
                    }
                });
                assert_eq!(store_bf16(path, values), expected, "{path} {values:?}");
                assert_eq!(
                    expected,
                    values.map(|value| bf16::from_f32(value).to_bits())
                );
            }
        }
        let pairs: [u16; 2 * LANES] = std::array::from_fn(|index| 0x3f80 + 37 * index as u16);
        let (first, second) = run!(path, |simd: S, pairs: [u16; 2 * LANES]| -> (Lanes, Lanes) {
            let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
            let loaded = simd.load_bf16_pairs(pairs);
            simd.store(&mut first, loaded.0);
            simd.store(&mut second, loaded.1);
            (first, second)
        });
        let value = |index: usize| bf16::from_bits(pairs[index]).to_f32();
        assert_eq!(first, std::array::from_fn(|lane| value(2 * lane)), "{path}");
        assert_eq!(
            second,
            std::array::from_fn(|lane| value(2 * lane + 1)),
            "{path}"
        );
    }
}

/// A half-precision number by its definition; what would be plus infinity as the number that would follow the largest.
fn f16_value(bits: u16) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 31, f64::from(bits & 0x3ff));
    match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        _ => (1024.0 + fraction) * 2.0_f64.powi(i32::from(exponent) - 25),
    }
}

#[test]
fn every_half_precision_number_widens_and_returns() {
    for path in Path::all() {
        for first in (0..=u16::MAX).step_by(LANES) {
            let bits: [u16; LANES] = std::array::from_fn(|lane| first + lane as u16);
            let found = run!(path, |simd: S, bits: [u16; LANES]| -> Lanes {
                let mut out = [0.0; LANES];
                simd.store(&mut out, simd.load_f16(bits));
                out
            });
            let back = store_f16(path, found);
            for (lane, bits) in bits.into_iter().enumerate() {
                let found = found[lane];
                if f16::from_bits(bits).is_nan() {
                    assert!(
                        found.is_nan() && f16::from_bits(back[lane]).is_nan(),
                        "{path}"
                    );
                    continue;
                }
                assert_eq!(found.is_sign_negative(), bits >> 15 == 1, "{path}");
                match bits & 0x7fff == 0x7c00 {
                    true => assert!(found.is_infinite(), "{path}"),
                    false => assert_eq!(f64::from(found.abs()), f16_value(bits), "{path}"),
                }
                assert_eq!(back[lane], bits, "{path}");
            }
        }
        // Between neighbours: the nearer, and from the middle the even one; past the largest, infinity.
        for bits in 0..0x7c00_u16 {
            let middle = ((f16_value(bits) + f16_value(bits + 1)) / 2.0) as f32;
            let even = bits + (bits & 1);
            let (below, above) = (
                f32::from_bits(middle.to_bits() - 1),
                f32::from_bits(middle.to_bits() + 1),
            );
            let mut values = [0.0; LANES];
            values[..6].copy_from_slice(&[below, middle, above, -below, -middle, -above]);
            let found = store_f16(path, values);
            let sign = 0x8000;
            let expected = [
                bits,
                even,
                bits + 1,
                bits | sign,
                even | sign,
                (bits + 1) | sign,
            ];
            assert_eq!(found[..6], expected, "{path} {middle:e}");
        }
        let found = store_f16(path, [1e9; LANES]);
        assert_eq!(found, [0x7c00; LANES], "{path}");
        let found = store_f16(path, [f32::NAN; LANES]);
        assert!(
            found.iter().all(|bits| f16::from_bits(*bits).is_nan()),
            "{path}"
        );
    }
}

#[test]
fn bytes_become_numbers_and_back() {
    for path in Path::all() {
        for first in (0..=u8::MAX).step_by(LANES) {
            let unsigned: [u8; LANES] = std::array::from_fn(|lane| first + lane as u8);
            let signed = unsigned.map(|byte| byte as i8);
            let found = run!(path, |simd: S, unsigned: [u8; LANES]| -> Lanes {
                let mut out = [0.0; LANES];
                simd.store(&mut out, simd.load_u8(unsigned));
                out
            });
            assert_eq!(found, unsigned.map(f32::from), "{path}");
            let found = run!(path, |simd: S, signed: [i8; LANES]| -> Lanes {
                let mut out = [0.0; LANES];
                simd.store(&mut out, simd.load_i8(signed));
                out
            });
            assert_eq!(found, signed.map(f32::from), "{path}");
            for away in [-0.5, -0.499, 0.0, 0.499, 0.5] {
                let values = signed.map(|byte| (f32::from(byte) + away).clamp(-128.0, 127.0));
                let found = run!(path, |simd: S, values: Lanes| -> [i8; LANES] {
                    let mut out = [0; LANES];
                    simd.store_i8(&mut out, simd.load(values));
                    out
                });
                assert_eq!(
                    found,
                    values.map(|v| v.round_ties_even() as i8),
                    "{path} {values:?}"
                );
            }
        }
    }
}

#[test]
fn whole_numbers_and_powers() {
    let values: Vec<f32> = [
        0.5,
        1.5,
        2.5,
        0.499_999_97,
        0.500_000_06,
        8_388_607.5,
        8_388_608.0,
        16_777_215.0,
        2_147_483_500.0,
        1e-40,
        7.0,
    ]
    .into_iter()
    .flat_map(|value| [value, -value])
    .chain([-2_147_483_648.0])
    .collect();
    for path in Path::all() {
        for value in &values {
            let a = [*value; LANES];
            let found = lanes!(path, |simd, a| simd.to_f32(simd.round(a)));
            let kept = lanes!(path, |simd, a| simd.nearest_whole(a));
            assert_same(path, "nearest_whole", &kept, &map(a, f32::round_ties_even));
            // A whole number has no minus zero.
            assert_same(
                path,
                "round",
                &found,
                &map(a, |v| v.round_ties_even() + 0.0),
            );
        }
        for a in awkward() {
            let found = lanes!(path, |simd, a| simd.nearest_whole(a));
            assert_same(path, "nearest_whole", &found, &map(a, f32::round_ties_even));
        }
        for first in (-126..=127).step_by(LANES) {
            let a: Lanes = std::array::from_fn(|lane| (first + lane as i32).min(127) as f32);
            let found = lanes!(path, |simd, a| simd.power_of_two(simd.round(a)));
            assert_same(
                path,
                "power_of_two",
                &found,
                &map(a, |n| 2.0_f32.powi(n as i32)),
            );
        }
    }
}

#[test]
fn powers_of_two_reach_the_least_numbers() {
    for path in Path::all() {
        for n in -226..=127 {
            let a: Lanes = [
                1.0,
                1.5,
                0.75,
                -1.25,
                1.0 + f32::EPSILON,
                0.0,
                f32::NAN,
                1.999,
                0.501,
                -0.0,
                1.1,
                1.2,
                1.3,
                1.4,
                1.6,
                1.7,
            ];
            let power = [n as f32; LANES];
            let found = lanes!(path, |simd, a, power| simd.times_power_of_two(a, power));
            for (a, found) in a.into_iter().zip(found) {
                let expected = f64::from(a) * 2.0_f64.powi(n);
                // Where results have fewer bits, one of the least places.
                let bound = if expected.abs() < f64::from(f32::MIN_POSITIVE) {
                    2.0_f64.powi(-149)
                } else {
                    0.0
                };
                let same = (f64::from(found) - expected).abs() <= bound
                    && found.is_sign_negative() == a.is_sign_negative();
                assert!(
                    same || (a.is_nan() && found.is_nan()),
                    "{path} {a} · 2^{n}: {found:e}"
                );
            }
        }
    }
}

type Bytes = [u8; 64];

macro_rules! bytes {
    ($path:expr, |$simd:ident, $($name:ident),*| $body:expr) => {
        run!($path, |$simd: S, $($name: Bytes),*| -> Bytes {
            $(let $name = $simd.load_bytes($name);)*
            let mut out = [0; 64];
            $simd.store_bytes(&mut out, $body);
            out
        })
    };
}

#[test]
fn bits_of_bytes_are_moved_within_them() {
    let mut numbers = Numbers(3);
    for path in Path::all() {
        for round in 0..100 {
            let a: Bytes = match round {
                0 => [0xff; 64],
                _ => std::array::from_fn(|_| numbers.bits() as u8),
            };
            let b: Bytes = std::array::from_fn(|_| numbers.bits() as u8);
            assert_eq!(bytes!(path, |simd, a| a), a, "{path}");
            let found = bytes!(path, |simd, a| simd.low_nibbles(a));
            assert_eq!(found, a.map(|byte| byte % 16), "{path}");
            let found = bytes!(path, |simd, a| simd.high_nibbles(a));
            assert_eq!(found, a.map(|byte| byte / 16), "{path}");
            let found = bytes!(path, |simd, a, b| simd.or(a, b));
            let expected: Bytes = std::array::from_fn(|index| a[index] | b[index]);
            assert_eq!(found, expected, "{path}");
            macro_rules! check {
                ($($index:literal of $width:literal),*) => {$(
                    let found = bytes!(path, |simd, a| simd.bits_to_upper::<$index, $width>(a));
                    let expected = a.map(|byte| (byte / 2_u8.pow($index * $width)) % 2_u8.pow($width) * 16);
                    assert_eq!(found, expected, "{path} {} of {}", $index, $width);
                )*};
            }
            check!(0 of 1, 1 of 1, 2 of 1, 3 of 1, 4 of 1, 5 of 1, 6 of 1, 7 of 1);
            check!(0 of 2, 1 of 2, 2 of 2, 3 of 2);
        }
    }
}

fn dot<const BITS: u32, const ZERO: i32, const N: usize>(path: Path, codes: &[Bytes; N], x: &[i8]) {
    struct Dot<'a, const BITS: u32, const ZERO: i32, const N: usize>(&'a [Bytes; N], &'a [i8]);
    impl<const BITS: u32, const ZERO: i32, const N: usize> Work for Dot<'_, BITS, ZERO, N> {
        type Output = Lanes;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Lanes {
            let mut codes = [simd.load_bytes(&self.0[0]); N];
            for (register, bytes) in codes.iter_mut().zip(self.0) {
                *register = simd.load_bytes(bytes);
            }
            let sum = self.1.iter().map(|x| i32::from(*x)).sum();
            let mut out = [0.0; LANES];
            simd.store(
                &mut out,
                simd.to_f32(simd.dot((BITS, ZERO), &codes, self.1, sum)),
            );
            out
        }
    }
    let found = path.run(Dot::<BITS, ZERO, N>(codes, x));
    for (row, found) in found.into_iter().enumerate() {
        let expected: i64 = (0..4 * N)
            .map(|k| (i64::from(codes[k / 4][4 * row + k % 4]) - i64::from(ZERO)) * i64::from(x[k]))
            .sum();
        assert!(expected.abs() < 1 << 24, "exact in f32");
        assert_eq!(
            found as i64, expected,
            "{path} {BITS} bits, zero {ZERO}, {N} registers, row {row}"
        );
    }
}

fn dots<const BITS: u32, const ZERO: i32, const N: usize>(numbers: &mut Numbers) {
    let most = ((1_u32 << BITS) - 1) as u8;
    let mut random = |limit: u64| (numbers.bits() % limit) as u8;
    let mut codes = vec![[[0; 64]; N], [[most; 64]; N], [[ZERO as u8; 64]; N]];
    codes.push(std::array::from_fn(|_| {
        std::array::from_fn(|_| random(u64::from(most) + 1))
    }));
    codes.push(std::array::from_fn(|_| {
        std::array::from_fn(|_| random(2) * most)
    }));
    codes.push([std::array::from_fn(|index| (index % 2) as u8 * most); N]);
    let mut x: Vec<Vec<i8>> = [127, -127, 0].map(|value| vec![value; 4 * N]).into();
    x.push(
        (0..4 * N)
            .map(|k| if k % 2 == 0 { 127 } else { -127 })
            .collect(),
    );
    x.push(
        (0..4 * N)
            .map(|_| (i16::from(random(255)) - 127) as i8)
            .collect(),
    );
    for path in Path::all() {
        for codes in &codes {
            for x in &x {
                dot::<BITS, ZERO, N>(path, codes, x);
            }
        }
    }
}

#[test]
fn dot_products_do_not_saturate() {
    let mut numbers = Numbers(4);
    macro_rules! check {
        ($($bits:literal, $zero:literal, $n:literal;)*) => {
            $(dots::<$bits, $zero, $n>(&mut numbers);)*
        };
    }
    // Around the number of registers that are added before 16 bits are widened: 8, 4, 2 and 1.
    check!(
        4, 0, 1; 4, 8, 8; 4, 8, 9; 4, 8, 19;
        5, 0, 1; 5, 16, 4; 5, 16, 5; 5, 16, 11;
        6, 0, 1; 6, 32, 2; 6, 32, 3; 6, 32, 7;
        8, 128, 1; 8, 128, 2; 8, 128, 8;
    );
}

#[test]
fn exponentials_over_the_whole_range() {
    // 3 units in the last place, or of the least place where results are that small.
    let bound = |expected: f64| {
        let place = (expected.log2().floor() as i32).max(-126) - 23;
        3.0 * 2.0_f64.powi(place)
    };
    for path in Path::all() {
        let exp = |a: Lanes| lanes!(path, |simd, a| simd.exp(a));
        // Every 4099th number there is, of both signs, then those around each change of the power of two.
        let mut inputs: Vec<f32> = (0..0x7f80_0000).step_by(4099).map(f32::from_bits).collect();
        inputs.extend((-209..255).flat_map(|halves| {
            let middle = (f64::from(halves) / 2.0 * std::f64::consts::LN_2) as f32;
            [-2_i32, -1, 0, 1, 2]
                .map(|step| f32::from_bits((middle.to_bits() as i32 + step) as u32))
        }));
        inputs.resize(inputs.len().next_multiple_of(LANES), 0.0);
        for inputs in inputs.as_chunks::<LANES>().0 {
            for inputs in [*inputs, map(*inputs, |v| -v)] {
                for (input, found) in inputs.into_iter().zip(exp(inputs)) {
                    if input.is_nan() {
                        assert!(found.is_nan(), "{path}");
                    } else if input > 88.0 {
                        assert!(
                            found.is_finite() && f64::from(found) >= 88_f64.exp() * (1.0 - 4e-7),
                            "{path} e^{input}: {found}"
                        );
                    } else {
                        let expected = f64::from(input).exp();
                        let away = (f64::from(found) - expected).abs();
                        assert!(
                            away <= bound(expected),
                            "{path} e^{input:e}: {found:e}, not {expected:e}"
                        );
                    }
                }
            }
        }
        let found = exp([f32::NEG_INFINITY; LANES]);
        assert_same(path, "e^-∞", &found, &[0.0; LANES]);
        assert!(
            exp([f32::INFINITY; LANES])
                .iter()
                .all(|v| v.is_finite() && *v > 1.6e38),
            "{path}"
        );
        assert!(exp([f32::NAN; LANES]).iter().all(|v| v.is_nan()), "{path}");
        assert_same(path, "e^0", &exp([0.0; LANES]), &[1.0; LANES]);
        assert_same(path, "e^-0", &exp([-0.0; LANES]), &[1.0; LANES]);
    }
}
