use super::*;
use crate::PathName;
use crate::trials::{Numbers, everywhere};

/// Lengths at the edges of registers and of what a thread takes.
pub(crate) const LENGTHS: [usize; 10] = [
    0,
    1,
    15,
    16,
    17,
    35,
    PIECE - 1,
    PIECE,
    PIECE + 1,
    2 * PIECE + 3,
];

#[track_caller]
fn assert_same(found: &[f32], expected: impl Iterator<Item = f32>) {
    let expected: Vec<f32> = expected.collect();
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
        assert!(same, "{found} at {index}, not {expected}");
    }
}

/// Two slices, the first with numbers that must go through as they are.
fn slices(length: usize) -> (Vec<f32>, Vec<f32>) {
    let mut numbers = Numbers(length as u64);
    let (mut x, y) = (numbers.many(length, 3.0), numbers.many(length, 1e3));
    let special = [f32::NAN, f32::INFINITY, f32::MIN, 1e-42];
    for (x, special) in x.iter_mut().rev().step_by(3).zip(special) {
        *x = special;
    }
    (x, y)
}

#[test]
fn adding_and_scaling_are_exact() {
    for length in LENGTHS {
        let (x, y) = slices(length);
        let pairs = || x.iter().zip(&y);
        everywhere(
            |path, pool| {
                let mut sums = x.clone();
                add(path, pool, &mut sums, &y);
                sums
            },
            |_, found| assert_same(found, pairs().map(|(x, y)| x + y)),
        );
        everywhere(
            |path, pool| {
                let mut scaled = x.clone();
                scale(path, pool, &mut scaled, -0.3);
                scaled
            },
            |_, found| assert_same(found, x.iter().map(|x| x * -0.3)),
        );
        everywhere(
            |path, pool| {
                let mut sums = x.clone();
                add_scaled(path, pool, &mut sums, 0.7, &y);
                sums
            },
            |path, found| match path.name() {
                PathName::Portable => assert_same(found, pairs().map(|(x, y)| y * 0.7 + x)),
                _ => assert_same(found, pairs().map(|(x, y)| y.mul_add(0.7, *x))),
            },
        );
    }
}

#[test]
fn a_bias_is_added_to_each_row() {
    for width in [1, 15, 16, 17, 35, 1000, PIECE + 1] {
        for rows in [0, 1, 2, 3, 2 * PIECE / width + 3] {
            let (x, _) = slices(rows * width);
            let (bias, _) = slices(width);
            everywhere(
                |path, pool| {
                    let mut sums = x.clone();
                    add_bias(path, pool, &mut sums, &bias);
                    sums
                },
                |_, found| {
                    let column = |index: usize| bias[index % width];
                    assert_same(found, (0..x.len()).map(|i| x[i] + column(i)));
                },
            );
        }
    }
}

#[test]
#[should_panic(expected = "slices of different lengths")]
fn slices_must_be_equally_long() {
    add(Path::strongest(), &Pool::new(1), &mut [0.0; 17], &[0.0; 16]);
}

#[test]
#[should_panic(expected = "no whole rows")]
fn rows_must_be_whole() {
    add_bias(Path::strongest(), &Pool::new(1), &mut [0.0; 17], &[0.0; 16]);
}
