use super::*;
use crate::elementwise::tests::LENGTHS;
use crate::trials::{Numbers, assert_close, everywhere};

const SETTINGS: AdamW = AdamW {
    learning_rate: 3e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.1,
};

/// Gradients of some steps.
fn gradients(length: usize, steps: usize) -> Vec<Vec<f32>> {
    let mut numbers = Numbers(length as u64);
    (0..steps).map(|_| numbers.many(length, 2.0)).collect()
}

fn steps(
    (path, pool): (Path, &Pool),
    settings: AdamW,
    start: &[f32],
    gradients: &[Vec<f32>],
    gradient_scale: f32,
) -> Vec<f32> {
    let mut parameters = start.to_vec();
    let mut first_moments = vec![0.0; start.len()];
    let mut second_moments = vec![0.0; start.len()];
    for (index, gradients) in gradients.iter().enumerate() {
        let slices = AdamWSlices {
            parameters: &mut parameters,
            first_moments: &mut first_moments,
            second_moments: &mut second_moments,
            gradients,
            gradient_scale,
        };
        settings.step(path, pool, index as u64 + 1, slices);
    }
    [parameters, first_moments, second_moments].concat()
}

fn twin(settings: AdamW, start: &[f32], gradients: &[Vec<f32>], scale: f32) -> Vec<f64> {
    let wide = f64::from;
    let (rate, decay) = (wide(settings.learning_rate), wide(settings.weight_decay));
    let (beta1, beta2) = (settings.beta1, settings.beta2);
    let mut all = vec![Vec::new(); 3];
    for (index, start) in start.iter().enumerate() {
        let (mut p, mut m, mut v) = (wide(*start), 0.0, 0.0);
        for (step, gradients) in gradients.iter().enumerate() {
            let g = wide(gradients[index]) * wide(scale);
            let t = step as i32 + 1;
            p -= rate * decay * p;
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            let unbiased_m = m / (1.0 - beta1.powi(t));
            let unbiased_v = v / (1.0 - beta2.powi(t));
            p -= rate * unbiased_m / (unbiased_v.sqrt() + wide(settings.epsilon));
        }
        for (all, value) in all.iter_mut().zip([p, m, v]) {
            all.push(value);
        }
    }
    all.concat()
}

#[test]
fn steps_are_those_of_the_formula() {
    for length in LENGTHS {
        let start = Numbers(77).many(length, 1.0);
        let gradients = gradients(length, 5);
        for scale in [1.0, 0.3] {
            let expected = twin(SETTINGS, &start, &gradients, scale);
            everywhere(
                |path, pool| steps((path, pool), SETTINGS, &start, &gradients, scale),
                |path, found| {
                    let what = format!("{path} {length}");
                    assert_close(&what, found, &expected, (1e-6, 3e-7));
                },
            );
        }
    }
}

#[test]
fn many_steps_stay_near_the_formula() {
    let start = Numbers(5).many(35, 1.0);
    let gradients = gradients(35, 1000);
    let expected = twin(SETTINGS, &start, &gradients, 1.0);
    everywhere(
        |path, pool| steps((path, pool), SETTINGS, &start, &gradients, 1.0),
        |path, found| assert_close(&format!("{path}"), found, &expected, (1e-5, 2e-5)),
    );
}

#[test]
fn a_first_step_goes_by_the_learning_rate_whatever_the_gradient() {
    let settings = AdamW {
        weight_decay: 0.0,
        ..SETTINGS
    };
    let gradients = vec![vec![1e-5, -1e-5, 1.0, -1.0, 1e15, -1e15, 0.0]];
    everywhere(
        |path, pool| steps((path, pool), settings, &[0.0; 7], &gradients, 1.0)[..7].to_vec(),
        |path, found| {
            let signs = [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.0];
            let expected = signs.map(|sign| sign * 3e-3);
            assert_close(&format!("{path}"), found, &expected, (2e-3, 0.0));
        },
    );
}

#[test]
fn decay_does_not_pass_through_the_moments() {
    let gradients = vec![vec![0.0; 20]; 3];
    everywhere(
        |path, pool| steps((path, pool), SETTINGS, &[2.0; 20], &gradients, 1.0),
        |path, found| {
            let kept = 2.0 * (1.0 - 3e-4_f64).powi(3);
            let expected = [vec![kept; 20], vec![0.0; 40]].concat();
            assert_close(&format!("{path}"), found, &expected, (1e-6, 0.0));
        },
    );
}

#[test]
fn what_is_not_a_number_stays_in_its_place() {
    let mut gradients = gradients(18, 2);
    gradients[0][17] = f32::NAN;
    everywhere(
        |path, pool| steps((path, pool), SETTINGS, &[1.0; 18], &gradients, 1.0),
        |_, found| {
            for (index, value) in found.iter().enumerate() {
                assert_eq!(value.is_nan(), index % 18 == 17);
            }
        },
    );
}

#[test]
#[should_panic(expected = "counted from 1")]
fn there_is_no_step_zero() {
    let slices = AdamWSlices {
        parameters: &mut [],
        first_moments: &mut [],
        second_moments: &mut [],
        gradients: &[],
        gradient_scale: 1.0,
    };
    SETTINGS.step(Path::strongest(), &Pool::new(1), 0, slices);
}

#[test]
fn the_norm_is_the_same_everywhere() {
    let check = |slices: &[&[f32]]| {
        let naive = slices
            .iter()
            .copied()
            .flatten()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        let mut all = Vec::new();
        for path in Path::all() {
            all.extend([1, 3].map(|threads| gradient_norm(path, &Pool::new(threads), slices)));
        }
        assert!(
            all.iter().all(|norm| norm.to_bits() == all[0].to_bits()),
            "{all:?}"
        );
        assert!(
            (all[0] - naive).abs() <= 1e-12 * naive || (all[0].is_nan() && naive.is_nan()),
            "{} and {naive}",
            all[0]
        );
    };
    check(&[]);
    for length in LENGTHS {
        let mut numbers = Numbers(length as u64);
        // Squares beyond f32 on either side.
        for limit in [1.0, 1e30, 1e-30] {
            check(&[&numbers.many(length, limit), &numbers.many(35, limit), &[]]);
        }
    }
    check(&[&[1.0, f32::NAN]]);
    check(&[&[3.0], &[4.0]]);
    assert_eq!(
        gradient_norm(Path::strongest(), &Pool::new(1), &[&[3.0], &[4.0]]),
        5.0
    );
}
