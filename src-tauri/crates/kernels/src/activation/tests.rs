use std::f64::consts::PI;

use super::*;
use crate::elementwise::tests::LENGTHS;
use crate::trials::{Numbers, assert_close, everywhere};

const ALL: [Activation; 3] = [Activation::Silu, Activation::Gelu, Activation::GeluTanh];

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

/// `Φ(x)`: near zero by the series `1/2 + φ(x) · Σ x^(2k+1) / (1·3·5 … (2k+1))`, in the tails by the continued fraction
/// `Φ(-a) = φ(a) / (a + 1/(a + 2/(a + 3/(a + …))))`.
fn normal(x: f64) -> f64 {
    if x.abs() > 4.0 {
        let a = x.abs();
        let fraction = (1..200).rev().fold(a, |rest, k| a + f64::from(k) / rest);
        let tail = density(a) / fraction;
        return if x < 0.0 { tail } else { 1.0 - tail };
    }
    let (mut term, mut sum) = (x, 0.0);
    for k in 0..200 {
        sum += term;
        term *= x * x / f64::from(2 * k + 3);
    }
    0.5 + density(x) * sum
}

fn twin(activation: Activation, x: f64) -> f64 {
    match activation {
        _ if x == f64::INFINITY => x,
        _ if x == f64::NEG_INFINITY => 0.0,
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Gelu => x * normal(x),
        Activation::GeluTanh => {
            let u = (2.0 / PI).sqrt() * (x + 0.044715 * x.powi(3));
            // (1 + tanh(u)) / 2
            x / (1.0 + (-2.0 * u).exp())
        }
    }
}

fn twin_slope(activation: Activation, x: f64) -> f64 {
    let step = 1e-4;
    match x {
        // Flat or steep to the last bit.
        _ if x.abs() > 1e3 => f64::from(x > 0.0),
        _ => (twin(activation, x + step) - twin(activation, x - step)) / (2.0 * step),
    }
}

/// A fine net over where the curves bend, and places far outside.
fn inputs() -> Vec<f32> {
    let mut x: Vec<f32> = (-25_000..=25_000).map(|i| i as f32 / 1000.0).collect();
    let far = [
        0.0,
        1e-40,
        1e-20,
        1e-7,
        87.0,
        88.1,
        104.0,
        105.0,
        1e4,
        1e15,
        f32::MAX,
        f32::INFINITY,
    ];
    x.extend(far.into_iter().flat_map(|x| [x, -x]));
    x.push(f32::NAN);
    x
}

#[test]
fn the_twin_knows_the_normal_distribution() {
    // Abramowitz & Stegun, tables 26.1 and 26.2.
    for (x, expected) in [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (-2.0, 0.022_750_131_948_179_2),
        (-5.0, 2.866_515_718_791_939e-7),
        (5.0, 0.999_999_713_348_428),
    ] {
        let found = normal(x);
        assert!(
            (found / expected - 1.0).abs() < 1e-12,
            "{x}: {found}, not {expected}"
        );
    }
}

#[test]
fn curves_are_near_their_twins() {
    let x = inputs();
    for activation in ALL {
        let expected: Vec<f64> = x.iter().map(|x| twin(activation, f64::from(*x))).collect();
        everywhere(
            |path, pool| {
                let mut y = vec![0.0; x.len()];
                activation.forward(path, pool, &x, &mut y);
                y
            },
            |path, found| {
                let what = format!("{path} {activation:?}");
                assert_close(&what, found, &expected, (1e-6, 5e-8));
                // Tails are small, and right for their size: an exponent of 80 is rounded by some 1e-5.
                assert_close(&what, found, &expected, (2e-5, 1e-37));
            },
        );
        let slopes: Vec<f64> = x
            .iter()
            .map(|x| twin_slope(activation, f64::from(*x)))
            .collect();
        everywhere(
            |path, pool| {
                let mut gradient: Vec<f32> = vec![2.0; x.len()];
                activation.backward(path, pool, &x, &mut gradient);
                gradient
            },
            |path, found| {
                let halves: Vec<f32> = found.iter().map(|slope| slope / 2.0).collect();
                let what = format!("{path} slope of {activation:?}");
                assert_close(&what, &halves, &slopes, (0.0, 3e-7));
            },
        );
    }
}

#[test]
fn gates_multiply_and_their_gradients_part() {
    for (activation, length) in ALL.into_iter().flat_map(|a| LENGTHS.map(|l| (a, l))) {
        let mut numbers = Numbers(length as u64 + 7);
        let gate = numbers.many(length, 6.0);
        let up = numbers.many(length, 100.0);
        let gradient = numbers.many(length, 3.0);
        let f64s = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        let (wide_gate, wide_up, wide_gradient) = (f64s(&gate), f64s(&up), f64s(&gradient));
        let all = 0..length;
        let products: Vec<f64> = (all.clone())
            .map(|i| twin(activation, wide_gate[i]) * wide_up[i])
            .collect();
        everywhere(
            |path, pool| {
                let mut y = vec![f32::NAN; length];
                activation.gate(path, pool, (&gate, &up), &mut y);
                y
            },
            |path, found| {
                assert_close(&format!("{path} gate"), found, &products, (5e-7, 3e-6));
            },
        );
        let through = all
            .clone()
            .map(|i| wide_gradient[i] * wide_up[i] * twin_slope(activation, wide_gate[i]));
        let beside = all.map(|i| wide_gradient[i] * twin(activation, wide_gate[i]));
        let expected: Vec<f64> = through.chain(beside).collect();
        everywhere(
            |path, pool| {
                let mut found = vec![f32::NAN; 2 * length];
                let (gate_gradient, up_gradient) = found.split_at_mut(length);
                let slices = GateBackward {
                    gate: &gate,
                    up: &up,
                    output_gradient: &gradient,
                    gate_gradient,
                    up_gradient,
                };
                activation.gate_backward(path, pool, slices);
                found
            },
            |path, found| {
                assert_close(
                    &format!("{path} gate gradients"),
                    found,
                    &expected,
                    (5e-7, 1e-4),
                );
            },
        );
    }
}

#[test]
fn gates_let_through_what_is_not_a_number() {
    for activation in ALL {
        everywhere(
            |path, pool| {
                let mut y = vec![0.0; 3];
                let (gate, up) = ([f32::NAN, 1.0, 1.0], [1.0, f32::NAN, 1.0]);
                activation.gate(path, pool, (&gate, &up), &mut y);
                y
            },
            |_, found| assert!(found[0].is_nan() && found[1].is_nan() && found[2] > 0.7),
        );
    }
}
