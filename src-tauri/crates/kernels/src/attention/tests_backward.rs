//! Gradients against plain formulas in f64, and those against differences of the forward pass.

use super::tests::{bits, numbers};
use super::*;

/// A batch in f64.
#[derive(Clone)]
struct Batch {
    heads: usize,
    shape: KeyValueShape,
    queries: Vec<f64>,
    keys: Vec<f64>,
    values: Vec<f64>,
    output_gradient: Vec<f64>,
}

struct Gradients {
    queries: Vec<f64>,
    keys: Vec<f64>,
    values: Vec<f64>,
}

impl Batch {
    /// Numbers are those of bfloat16, so that both kinds of input hold them exactly.
    fn new(heads: usize, kv_heads: usize, head_dim: usize, tokens: usize) -> Self {
        let shape = KeyValueShape { kv_heads, head_dim };
        let seed = (heads * 31 + kv_heads * 7 + head_dim * 3 + tokens) as u64;
        let make = |seed: u64, count: usize, scale: f32| -> Vec<f64> {
            let rounded = |x: &f32| half::bf16::from_f32(x * scale).to_f64();
            numbers(seed, count).iter().map(rounded).collect()
        };
        Self {
            heads,
            shape,
            queries: make(seed, tokens * heads * head_dim, 2.0),
            keys: make(seed + 1, tokens * shape.row(), 2.0),
            values: make(seed + 2, tokens * shape.row(), 1.0),
            output_gradient: make(seed + 3, tokens * heads * head_dim, 1.0),
        }
    }

    fn tokens(&self) -> usize {
        self.keys.len() / self.shape.row()
    }

    /// For each token and head: which tokens it sees, its weights for them, and where its query and their keys begin.
    fn weights(&self, scoring: &Scoring<'_>, mut each: impl FnMut(usize, &[(usize, f64)], f64)) {
        let KeyValueShape { kv_heads, head_dim } = self.shape;
        for token in 0..self.tokens() {
            for head in 0..self.heads {
                let query = (token * self.heads + head) * head_dim;
                let kv_head = head / (self.heads / kv_heads);
                let slope = scoring.slopes.map_or(0.0, |slopes| f64::from(slopes[head]));
                let sees = |other: &usize| {
                    scoring.window.is_none_or(|window| token - other < window)
                        && scoring.starts.is_none_or(|starts| *other >= starts[token])
                };
                let mut seen: Vec<(usize, f64)> = (0..=token)
                    .filter(sees)
                    .map(|other| {
                        let key = (other * kv_heads + kv_head) * head_dim;
                        let product: f64 = (0..head_dim)
                            .map(|d| self.queries[query + d] * self.keys[key + d])
                            .sum();
                        (
                            key,
                            f64::from(scoring.scale) * product
                                + slope * (other as f64 - token as f64),
                        )
                    })
                    .collect();
                let largest = seen.iter().fold(f64::NEG_INFINITY, |a, b| a.max(b.1));
                let sum: f64 = seen.iter().map(|(_, score)| (score - largest).exp()).sum();
                seen.iter_mut()
                    .for_each(|(_, score)| *score = (*score - largest).exp() / sum);
                each(query, &seen, largest + sum.ln());
            }
        }
    }

    fn forward(&self, scoring: &Scoring<'_>) -> (Vec<f64>, Vec<f64>) {
        let (mut output, mut sums) = (vec![0.0; self.queries.len()], Vec::new());
        self.weights(scoring, |query, seen, sum| {
            sums.push(sum);
            for (key, weight) in seen {
                for d in 0..self.shape.head_dim {
                    output[query + d] += weight * self.values[key + d];
                }
            }
        });
        (output, sums)
    }

    /// What the gradients are of.
    fn loss(&self, scoring: &Scoring<'_>) -> f64 {
        let output = self.forward(scoring).0;
        output
            .iter()
            .zip(&self.output_gradient)
            .map(|(a, b)| a * b)
            .sum()
    }

    fn backward(&self, scoring: &Scoring<'_>) -> Gradients {
        let output = self.forward(scoring).0;
        let mut gradients = Gradients {
            queries: vec![0.0; self.queries.len()],
            keys: vec![0.0; self.keys.len()],
            values: vec![0.0; self.values.len()],
        };
        let scale = f64::from(scoring.scale);
        self.weights(scoring, |query, seen, _| {
            let columns = 0..self.shape.head_dim;
            let upper = &self.output_gradient[query..];
            let delta: f64 = columns.clone().map(|d| upper[d] * output[query + d]).sum();
            for (key, weight) in seen {
                let of_weight: f64 = columns
                    .clone()
                    .map(|d| upper[d] * self.values[key + d])
                    .sum();
                let of_score = weight * (of_weight - delta);
                for d in columns.clone() {
                    gradients.values[key + d] += weight * upper[d];
                    gradients.queries[query + d] += scale * of_score * self.keys[key + d];
                    gradients.keys[key + d] += scale * of_score * self.queries[query + d];
                }
            }
        });
        gradients
    }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

fn bf16_bits(values: &[f64]) -> Vec<u16> {
    values
        .iter()
        .map(|value| half::bf16::from_f64(*value).to_bits())
        .collect()
}

/// Every path against the plain formulas, from f32 and from bfloat16, with 1 and 3 threads.
fn check(batch: &Batch, scoring: Scoring<'_>) {
    let expected = batch.backward(&scoring);
    let (output, sums) = batch.forward(&scoring);
    let (output, sums) = (narrow(&output), narrow(&sums));
    let output_gradient = narrow(&batch.output_gradient);
    let floats = [&batch.queries, &batch.keys, &batch.values].map(|values| narrow(values));
    let halves = [&batch.queries, &batch.keys, &batch.values].map(|values| bf16_bits(values));
    for path in Path::all() {
        let run = |threads: usize, inputs: [Floats<'_>; 3]| {
            let [queries, keys, values] = inputs;
            let mut found =
                [queries.len(), keys.len(), values.len()].map(|length| vec![f32::NAN; length]);
            let (pool, scratch) = (Pool::new(threads), AttentionScratch::new());
            let backward = AttentionBackward {
                shape: batch.shape,
                scoring,
                queries,
                keys,
                values,
                output: Floats::F32(&output),
                log_sum_exp: &sums,
                output_gradient: &output_gradient,
            };
            // Twice with the same scratch: what is left in it must not matter.
            for _ in 0..2 {
                let [queries, keys, values] = &mut found;
                backward.run(
                    (path, &pool, &scratch),
                    AttentionGradients {
                        queries,
                        keys,
                        values,
                    },
                );
            }
            found
        };
        let found = run(1, floats.each_ref().map(|values| Floats::F32(values)));
        let wants = [&expected.queries, &expected.keys, &expected.values];
        for (what, (found, expected)) in ["queries", "keys", "values"]
            .iter()
            .zip(found.iter().zip(wants))
        {
            // Gradients grow with the number of tokens that a key serves; the error is relative to the largest.
            let largest = expected.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                let error = (f64::from(*found) - expected).abs() / largest;
                assert!(
                    error < 1e-5,
                    "{path}, {what} {index}: {found} for {expected}"
                );
            }
        }
        for inputs in [
            floats.each_ref().map(|values| Floats::F32(values)),
            halves.each_ref().map(|values| Floats::Bf16(values)),
        ] {
            let again = run(3, inputs);
            for (found, again) in found.iter().zip(&again) {
                assert_eq!(bits(found), bits(again), "{path}");
            }
        }
    }
}

#[test]
fn the_formulas_are_the_derivatives() {
    let starts = [0, 0, 0, 3, 3, 3, 3];
    let slopes = [0.3, 0.1, 0.05, 0.0];
    let scoring = Scoring {
        window: Some(3),
        slopes: Some(&slopes),
        starts: Some(&starts),
        ..Scoring::causal(4, 0.4)
    };
    for scoring in [Scoring::causal(4, 0.4), scoring] {
        let mut batch = Batch::new(4, 2, 3, 7);
        let gradients = batch.backward(&scoring);
        let step = 1e-5;
        for (part, expected) in [&gradients.queries, &gradients.keys, &gradients.values]
            .into_iter()
            .enumerate()
        {
            for (index, expected) in expected.iter().enumerate() {
                let mut losses = [0.0; 2];
                for (loss, by) in losses.iter_mut().zip([step, -2.0 * step]) {
                    let number = match part {
                        0 => &mut batch.queries[index],
                        1 => &mut batch.keys[index],
                        _ => &mut batch.values[index],
                    };
                    *number += by;
                    *loss = batch.loss(&scoring);
                }
                match part {
                    0 => batch.queries[index] += step,
                    1 => batch.keys[index] += step,
                    _ => batch.values[index] += step,
                }
                let slope = (losses[0] - losses[1]) / (2.0 * step);
                assert!(
                    (slope - expected).abs() < 1e-8,
                    "{part}, {index}: {slope} and {expected}"
                );
            }
        }
    }
}

#[test]
fn every_head_dim_and_group() {
    for head_dim in [1, 8, 16, 32, 64, 80, 96, 128] {
        for (heads, kv_heads) in [(1, 1), (4, 1), (8, 1), (4, 2)] {
            let batch = Batch::new(heads, kv_heads, head_dim, 20);
            check(
                &batch,
                Scoring::causal(heads, 1.0 / (head_dim as f32).sqrt()),
            );
        }
    }
}

#[test]
fn lengths_at_the_edges_of_blocks() {
    for tokens in [0, 1, 15, 16, 17, 63, 64, 65, 131, 200] {
        check(&Batch::new(2, 1, 16, tokens), Scoring::causal(2, 0.25));
    }
}

#[test]
fn windows_slopes_and_boundaries() {
    let batch = Batch::new(4, 2, 32, 210);
    let slopes = [0.5, 0.25, 0.0625, 0.0];
    let starts: Vec<usize> = (0..210)
        .map(|token| {
            [0, 1, 60, 64, 150, 209]
                .into_iter()
                .rfind(|start| *start <= token)
                .unwrap()
        })
        .collect();
    // Starts that are no boundaries: a token sees into what was another's run.
    let overlapping: Vec<usize> = (0..210).map(|token| (token / 50 * 40).min(token)).collect();
    for window in [None, Some(1), Some(5), Some(64), Some(100)] {
        for slopes in [None, Some(&slopes[..])] {
            for starts in [None, Some(&starts[..]), Some(&overlapping[..])] {
                check(
                    &batch,
                    Scoring {
                        window,
                        slopes,
                        starts,
                        ..Scoring::causal(4, 0.2)
                    },
                );
            }
        }
    }
}

#[test]
fn agrees_with_the_forward_pass() {
    let batch = Batch::new(4, 2, 64, 300);
    let scoring = Scoring {
        window: Some(90),
        ..Scoring::causal(4, 0.125)
    };
    let expected = batch.forward(&scoring);
    for path in Path::all() {
        let mut store = KeyValueStore::new(batch.shape, ElementType::Bf16, 300);
        store
            .append(path, 0, &narrow(&batch.keys), &narrow(&batch.values))
            .unwrap();
        let queries = narrow(&batch.queries);
        let attention = Attention {
            queries: &queries,
            position: 0,
            scoring,
        };
        let (output, sums) = super::tests::attend(&store, path, 2, &attention);
        for (found, expected) in [(output, &expected.0), (sums, &expected.1)] {
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (f64::from(*found) - expected).abs() < 2e-5,
                    "{path}: {found} for {expected}"
                );
            }
        }
    }
}
