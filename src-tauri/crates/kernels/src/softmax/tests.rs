use super::*;
use crate::trials::{Numbers, assert_close, everywhere};

fn twin(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = |x: &f32| (f64::from(*x) - f64::from(largest)).exp();
    let sum: f64 = row.iter().map(power).sum();
    row.iter().map(|x| power(x) / sum).collect()
}

fn check(x: &[f32], width: usize) {
    let expected: Vec<f64> = x.chunks(width).flat_map(twin).collect();
    everywhere(
        |path, pool| {
            let mut probabilities = x.to_vec();
            softmax(path, pool, &mut probabilities, width);
            probabilities
        },
        |path, found| {
            let what = format!("{path} {} of {width}", x.len());
            // Exponents down to -80 are rounded by 4e-6.
            assert_close(&what, found, &expected, (5e-6, 1e-37));
        },
    );
}

#[test]
fn rows_become_probabilities() {
    let mut numbers = Numbers(1);
    for width in [
        1, 15, 16, 17, 35, 63, 64, 65, 1023, 1024, 1025, 2051, 40_003,
    ] {
        for rows in [0, 1, 2, 5] {
            for limit in [1.0, 40.0] {
                check(&numbers.many(rows * width, limit), width);
            }
        }
    }
    check(&numbers.many(300 * 129, 5.0), 129);
}

#[test]
fn sizes_do_not_overflow_and_minus_infinity_is_zero() {
    let hidden = f32::NEG_INFINITY;
    check(&[1e4, 1e4 + 1.0, 1e4 - 1.0, -1e4], 4);
    check(&[f32::MAX, 0.0, f32::MIN], 3);
    check(&[-2e38, -2e38, -3e38], 3);
    check(&[hidden, 2.0, hidden, 3.0, hidden], 5);
    check(&[hidden; 1], 1);
    check(&[hidden; 40], 40);
    check(&[1.0, f32::INFINITY, 0.0], 3);
    // One row that is not a number, between two that are; also where the rest of it is hidden.
    let mut x = Numbers(3).many(3 * 37, 2.0);
    x[40] = f32::NAN;
    check(&x, 37);
    x[37..74].fill(hidden);
    x[73] = f32::NAN;
    check(&x, 37);
}
