use super::*;
use crate::trials::{Numbers, assert_close, everywhere};

const KINDS: [NormKind; 2] = [NormKind::RootMeanSquare, NormKind::Layer];
const EPSILON: f32 = 1e-5;

/// A normalisation in f64, and the gradient of `Σ output_gradient · y` by the chain rule.
struct Twin {
    kind: NormKind,
    x: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    output_gradient: Vec<f64>,
}

impl Twin {
    /// The normalised rows before the weight, and each row's factor.
    fn normalised(&self) -> (Vec<f64>, Vec<f64>) {
        let width = self.weight.len();
        let (mut all, mut factors) = (Vec::new(), Vec::new());
        for row in self.x.chunks(width) {
            let mean = match self.kind {
                NormKind::RootMeanSquare => 0.0,
                NormKind::Layer => row.iter().sum::<f64>() / width as f64,
            };
            let squares: f64 = row.iter().map(|x| (x - mean) * (x - mean)).sum();
            let factor = 1.0 / (squares / width as f64 + f64::from(EPSILON)).sqrt();
            all.extend(row.iter().map(|x| (x - mean) * factor));
            factors.push(factor);
        }
        (all, factors)
    }

    fn forward(&self) -> Vec<f64> {
        let width = self.weight.len();
        let normalised = self.normalised().0.into_iter().enumerate();
        normalised
            .map(|(i, n)| n * self.weight[i % width] + self.bias[i % width])
            .collect()
    }

    fn loss(&self) -> f64 {
        let pairs = self.forward().into_iter().zip(&self.output_gradient);
        pairs.map(|(y, gradient)| y * gradient).sum()
    }

    /// Of `x`, the weight and the bias.
    fn gradients(&self) -> [Vec<f64>; 3] {
        let width = self.weight.len();
        let (normalised, factors) = self.normalised();
        let mut weight_gradient = vec![0.0; width];
        let mut bias_gradient = vec![0.0; width];
        let mut x_gradient = Vec::new();
        for (row, factor) in factors.into_iter().enumerate() {
            let range = row * width..(row + 1) * width;
            let (n, dy) = (&normalised[range.clone()], &self.output_gradient[range]);
            let g: Vec<f64> = dy.iter().zip(&self.weight).map(|(dy, w)| dy * w).collect();
            let along = g.iter().zip(n).map(|(g, n)| g * n).sum::<f64>() / width as f64;
            let mean = match self.kind {
                NormKind::RootMeanSquare => 0.0,
                NormKind::Layer => g.iter().sum::<f64>() / width as f64,
            };
            for i in 0..width {
                weight_gradient[i] += dy[i] * n[i];
                bias_gradient[i] += dy[i];
                x_gradient.push(factor * (g[i] - mean - n[i] * along));
            }
        }
        [x_gradient, weight_gradient, bias_gradient]
    }
}

struct Case {
    kind: NormKind,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl Case {
    fn new(kind: NormKind, rows: usize, width: usize, (centre, spread): (f32, f32)) -> Self {
        let mut numbers = Numbers((rows * 1000 + width) as u64);
        let mut x = numbers.many(rows * width, spread);
        x.iter_mut().for_each(|x| *x += centre);
        Self {
            kind,
            x,
            weight: numbers.many(width, 2.0),
            bias: numbers.many(width, 1.0),
            output_gradient: numbers.many(rows * width, 1.0),
        }
    }

    fn twin(&self) -> Twin {
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect();
        Twin {
            kind: self.kind,
            x: wide(&self.x),
            weight: wide(&self.weight),
            bias: wide(&self.bias),
            output_gradient: wide(&self.output_gradient),
        }
    }

    fn norm(&self) -> Norm<'_> {
        Norm {
            kind: self.kind,
            weight: &self.weight,
            bias: Some(&self.bias),
            epsilon: EPSILON,
        }
    }

    fn forward(&self, path: Path, pool: &Pool) -> Vec<f32> {
        let mut y = vec![f32::NAN; self.x.len()];
        self.norm().forward(path, pool, &self.x, &mut y);
        y
    }

    /// All gradients one after the other, added to `before` everywhere.
    fn backward(&self, path: Path, pool: &Pool, before: f32) -> Vec<f32> {
        let width = self.weight.len();
        let mut all = vec![before; self.x.len() + 2 * width];
        let (x_gradient, rest) = all.split_at_mut(self.x.len());
        let (weight_gradient, bias_gradient) = rest.split_at_mut(width);
        let slices = NormBackward {
            x: &self.x,
            output_gradient: &self.output_gradient,
            x_gradient,
            weight_gradient: Some(weight_gradient),
            bias_gradient: Some(bias_gradient),
        };
        self.norm().backward(path, pool, slices);
        all
    }
}

fn check(case: &Case, forward: f64) {
    let twin = case.twin();
    let expected = twin.forward();
    let what = format!("{:?}, {} of {}", case.kind, case.x.len(), case.weight.len());
    everywhere(
        |path, pool| case.forward(path, pool),
        |path, found| {
            assert_close(
                &format!("{path} {what}"),
                found,
                &expected,
                (forward, forward),
            )
        },
    );
    let gradients = twin.gradients();
    let largest = gradients
        .iter()
        .flatten()
        .fold(0.0_f64, |a, b| a.max(b.abs()));
    let expected: Vec<f64> = gradients.concat().iter().map(|g| g + 0.5).collect();
    everywhere(
        |path, pool| case.backward(path, pool, 0.5),
        |path, found| {
            let bound = 4.0 * forward * largest.max(1.0);
            assert_close(
                &format!("{path} gradients, {what}"),
                found,
                &expected,
                (0.0, bound),
            );
        },
    );
}

#[test]
fn rows_are_normalised_as_by_the_twin() {
    for kind in KINDS {
        for width in [1, 2, 15, 16, 17, 63, 64, 65, 131, 2048] {
            for rows in [0, 1, 3, 67] {
                check(&Case::new(kind, rows, width, (0.0, 3.0)), 1e-6);
            }
        }
        // Enough for many threads, over the tiles of rows and columns.
        check(&Case::new(kind, 131, 601, (0.0, 1.0)), 1e-6);
        check(&Case::new(kind, 3, 16 * 1024 + 1, (0.0, 1.0)), 1e-6);
        // Squares near the ends of f32, and rows so small that epsilon decides.
        check(&Case::new(kind, 5, 100, (0.0, 1e15)), 1e-6);
        check(&Case::new(kind, 5, 100, (0.0, 1e-4)), 1e-6);
        // Far from zero: the mean must go before the squares are taken. It is itself rounded to 1000 · 2^-24.
        check(&Case::new(kind, 5, 100, (1000.0, 1.0)), 3e-4);
    }
}

#[test]
fn gradients_are_finite_differences() {
    for kind in KINDS {
        for (rows, width) in [(1, 2), (2, 17), (3, 35)] {
            let case = Case::new(kind, rows, width, (0.3, 1.0));
            let slope = |choose: fn(&mut Twin) -> &mut Vec<f64>, index: usize| {
                let step = 1e-5;
                let loss = |away: f64| {
                    let mut twin = case.twin();
                    choose(&mut twin)[index] += away;
                    twin.loss()
                };
                (loss(step) - loss(-step)) / (2.0 * step)
            };
            let mut expected: Vec<f64> = (0..rows * width)
                .map(|i| slope(|twin| &mut twin.x, i))
                .collect();
            expected.extend((0..width).map(|i| slope(|twin| &mut twin.weight, i)));
            expected.extend((0..width).map(|i| slope(|twin| &mut twin.bias, i)));
            everywhere(
                |path, pool| case.backward(path, pool, 0.0),
                |path, found| {
                    let what = format!("{path} {kind:?} {rows} of {width}");
                    assert_close(&what, found, &expected, (1e-5, 1e-5));
                },
            );
        }
    }
}

#[test]
fn what_is_not_a_number_stays_in_its_row() {
    for kind in KINDS {
        let mut case = Case::new(kind, 3, 35, (0.0, 1.0));
        case.x[35 + 34] = f32::NAN;
        everywhere(
            |path, pool| case.forward(path, pool),
            |_, found| {
                for (index, row) in found.chunks(35).enumerate() {
                    assert!(row.iter().all(|y| y.is_nan() == (index == 1)));
                }
            },
        );
    }
}

#[test]
fn bias_and_parameter_gradients_may_be_absent() {
    let case = Case::new(NormKind::Layer, 4, 33, (0.0, 1.0));
    let norm = Norm {
        bias: None,
        ..case.norm()
    };
    let mut twin = case.twin();
    twin.bias.fill(0.0);
    everywhere(
        |path, pool| {
            let mut y = vec![0.0; case.x.len()];
            norm.forward(path, pool, &case.x, &mut y);
            y
        },
        |_, found| assert_close("no bias", found, &twin.forward(), (1e-6, 1e-6)),
    );
    everywhere(
        |path, pool| {
            let mut x_gradient = vec![0.0; case.x.len()];
            let slices = NormBackward {
                x: &case.x,
                output_gradient: &case.output_gradient,
                x_gradient: &mut x_gradient,
                weight_gradient: None,
                bias_gradient: None,
            };
            norm.backward(path, pool, slices);
            x_gradient
        },
        |_, found| assert_close("frozen", found, &twin.gradients()[0], (1e-5, 1e-5)),
    );
}

#[test]
fn columns_are_summed_in_tiles_of_rows() {
    for (rows, width) in [
        (0, 3),
        (1, 1),
        (63, 15),
        (64, 16),
        (65, 17),
        (131, 257),
        (200, 1030),
    ] {
        let mut numbers = Numbers(9);
        let (values, before) = (numbers.many(rows * width, 5.0), numbers.many(width, 5.0));
        // The order that is promised, to the bit.
        let expected: Vec<f32> = (0..width)
            .map(|column| {
                (0..rows).step_by(64).fold(before[column], |sum, first| {
                    let tile =
                        (first..rows.min(first + 64)).map(|row| values[row * width + column]);
                    sum + tile.fold(0.0, |tile, value| tile + value)
                })
            })
            .collect();
        everywhere(
            |path, pool| {
                let mut sums = before.clone();
                add_column_sums(path, pool, &values, &mut sums);
                sums
            },
            |path, found| assert_eq!(found, expected, "{path}"),
        );
    }
}
