//! Attention against plain loops in f64.

use super::*;
use crate::PathName;

/// Numbers that look random, within -1 and 1.
pub(super) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// What a number becomes in the store: computed without any of the store's code.
fn rounded(row: &[f32], element: ElementType) -> Vec<f64> {
    let largest = row.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = if row.iter().all(|x| x.is_finite()) {
        largest / 127.0
    } else {
        f32::NAN
    };
    let one = |x: &f32| match element {
        ElementType::F32 => f64::from(*x),
        ElementType::F16 => half::f16::from_f32(*x).to_f64(),
        ElementType::Bf16 => half::bf16::from_f32(*x).to_f64(),
        ElementType::Int8 if scale == 0.0 => 0.0,
        ElementType::Int8 => f64::from((x / scale).round_ties_even()) * f64::from(scale),
    };
    row.iter().map(one).collect()
}

/// A text: queries, keys and values of all its tokens.
struct Text {
    heads: usize,
    shape: KeyValueShape,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Text {
    fn new(heads: usize, kv_heads: usize, head_dim: usize, tokens: usize) -> Self {
        let shape = KeyValueShape { kv_heads, head_dim };
        let seed = (heads * 31 + kv_heads * 7 + head_dim * 3 + tokens) as u64;
        let scaled = |values: Vec<f32>, by: f32| values.iter().map(|x| x * by).collect();
        Self {
            heads,
            shape,
            queries: scaled(numbers(seed, tokens * heads * head_dim), 3.0),
            keys: scaled(numbers(seed + 1, tokens * shape.row()), 3.0),
            values: numbers(seed + 2, tokens * shape.row()),
        }
    }

    fn store(&self, path: Path, element: ElementType) -> KeyValueStore {
        let tokens = self.keys.len() / self.shape.row();
        let mut store = KeyValueStore::new(self.shape, element, tokens);
        store.append(path, 0, &self.keys, &self.values).unwrap();
        store
    }

    /// Queries of the tokens in `range`.
    fn attention<'a>(
        &'a self,
        range: std::ops::Range<usize>,
        scoring: Scoring<'a>,
    ) -> Attention<'a> {
        let row = self.heads * self.shape.head_dim;
        Attention {
            queries: &self.queries[range.start * row..range.end * row],
            position: range.start,
            scoring,
        }
    }

    /// The twin: outputs and logarithms of sums, in f64, of the elements as stored.
    fn twin(&self, attention: &Attention<'_>, element: ElementType) -> (Vec<f64>, Vec<f64>) {
        let KeyValueShape { kv_heads, head_dim } = self.shape;
        let stored = |all: &[f32]| -> Vec<Vec<f64>> {
            all.chunks(head_dim)
                .map(|row| rounded(row, element))
                .collect()
        };
        let (keys, values) = (stored(&self.keys), stored(&self.values));
        let scoring = &attention.scoring;
        let (mut outputs, mut sums) = (Vec::new(), Vec::new());
        for (index, query) in attention.queries.chunks(head_dim).enumerate() {
            let (token, head) = (index / self.heads, index % self.heads);
            let kv_head = head / (self.heads / kv_heads);
            let position = attention.position + token;
            let sees = |other: usize| {
                other <= position
                    && scoring
                        .window
                        .is_none_or(|window| position - other < window)
                    && scoring.starts.is_none_or(|starts| other >= starts[token])
            };
            let slope = scoring.slopes.map_or(0.0, |slopes| f64::from(slopes[head]));
            let seen: Vec<usize> = (0..=position).filter(|other| sees(*other)).collect();
            let scores: Vec<f64> = seen
                .iter()
                .map(|other| {
                    let key = &keys[other * kv_heads + kv_head];
                    let product: f64 = query.iter().zip(key).map(|(q, k)| f64::from(*q) * k).sum();
                    f64::from(scoring.scale) * product + slope * (*other as f64 - position as f64)
                })
                .collect();
            let largest = scores.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
            let sum: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
            sums.push(largest + sum.ln());
            outputs.extend((0..head_dim).map(|column| {
                let weighted = seen.iter().zip(&scores).map(|(other, score)| {
                    (score - largest).exp() * values[other * kv_heads + kv_head][column]
                });
                weighted.sum::<f64>() / sum
            }));
        }
        (outputs, sums)
    }
}

/// As computed with so many threads.
pub(super) fn attend(
    store: &KeyValueStore,
    path: Path,
    threads: usize,
    attention: &Attention<'_>,
) -> (Vec<f32>, Vec<f32>) {
    let mut output = vec![f32::NAN; attention.queries.len()];
    let mut sums = vec![f32::NAN; attention.queries.len() / store.shape().head_dim];
    let (pool, scratch) = (Pool::new(threads), AttentionScratch::new());
    store.attend(
        (path, &pool, &scratch),
        attention,
        &mut output,
        Some(&mut sums),
    );
    (output, sums)
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn largest_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(expected).map(|(found, expected)| {
        assert!(found.is_finite(), "{found} for {expected}");
        (f64::from(*found) - expected).abs()
    });
    errors.fold(0.0, f64::max)
}

/// Every path, element type and number of threads against the twin. Values lie within -1 and 1 and so do outputs; scores reach
/// about 10. Since the twin rounds as the store does, the bound is the same for all types: a hundred f32 roundings.
fn check(text: &Text, ranges: &[std::ops::Range<usize>], scoring: Scoring<'_>) {
    for element in ElementType::ALL {
        for range in ranges {
            let starts = scoring.starts.map(|starts| &starts[range.clone()]);
            let attention = text.attention(range.clone(), Scoring { starts, ..scoring });
            let (outputs, sums) = text.twin(&attention, element);
            for path in Path::all() {
                let store = text.store(path, element);
                let found = attend(&store, path, 1, &attention);
                let what = format!("{path}, {}, {range:?}, {:?}", element.as_str(), text.shape);
                let (error, sum_error) = (
                    largest_error(&found.0, &outputs),
                    largest_error(&found.1, &sums),
                );
                assert!(error < 1e-5, "{what}: {error}");
                assert!(sum_error < 2e-5, "{what}: sum {sum_error}");
                let again = attend(&store, path, 3, &attention);
                assert_eq!(bits(&found.0), bits(&again.0), "{what}");
                assert_eq!(bits(&found.1), bits(&again.1), "{what}");
            }
        }
    }
}

#[test]
fn every_head_dim_and_group() {
    for head_dim in [1, 8, 16, 32, 64, 80, 96, 128, 256] {
        for (heads, kv_heads) in [(2, 2), (8, 2), (8, 1), (3, 1)] {
            let text = Text::new(heads, kv_heads, head_dim, 40);
            let scale = 1.0 / (head_dim as f32).sqrt();
            check(
                &text,
                &[0..0, 0..1, 39..40, 36..40, 0..40],
                Scoring::causal(heads, scale),
            );
        }
    }
}

#[test]
fn contexts_at_the_edges_of_tiles() {
    for context in [1, 2, 15, 16, 17, 33, 255, 256, 257, 513, 515, 1025] {
        let text = Text::new(4, 1, 16, context);
        let few = context.saturating_sub(3)..context;
        let many = context.saturating_sub(70)..context;
        check(
            &text,
            &[context - 1..context, few, many],
            Scoring::causal(4, 0.25),
        );
    }
}

#[test]
fn batches_at_the_edges_of_blocks() {
    for tokens in [1, 7, 8, 9, 15, 16, 17, 19, 63, 64, 65, 131] {
        for heads in [1, 4] {
            let text = Text::new(heads, 1, 16, 300);
            check(
                &text,
                &[0..tokens, 300 - tokens..300, 100..100 + tokens],
                Scoring::causal(heads, 0.25),
            );
        }
    }
}

#[test]
fn windows_slopes_and_boundaries() {
    let text = Text::new(4, 2, 32, 530);
    let slopes = [0.5, 0.25, 0.0625, 0.0];
    let starts: Vec<usize> = (0..530)
        .map(|token| {
            [0, 3, 250, 256, 300, 301, 520]
                .into_iter()
                .rfind(|start| *start <= token)
                .unwrap()
        })
        .collect();
    for window in [
        None,
        Some(1),
        Some(2),
        Some(16),
        Some(100),
        Some(256),
        Some(300),
        Some(4000),
    ] {
        for slopes in [None, Some(&slopes[..])] {
            for starts in [None, Some(&starts[..])] {
                let scoring = Scoring {
                    window,
                    slopes,
                    starts,
                    ..Scoring::causal(4, 0.2)
                };
                check(&text, &[529..530, 254..262, 250..360, 500..530], scoring);
            }
        }
    }
}

#[test]
fn a_token_has_the_same_bits_in_every_batch() {
    for (heads, kv_heads, context) in [(8, 1, 700), (4, 4, 300), (6, 2, 40)] {
        let text = Text::new(heads, kv_heads, 64, context);
        for path in Path::all() {
            for element in ElementType::ALL {
                let store = text.store(path, element);
                let scoring = Scoring {
                    window: Some(500),
                    ..Scoring::causal(heads, 0.125)
                };
                let last = context - 16..context;
                let together = attend(&store, path, 2, &text.attention(last.clone(), scoring));
                for step in [1, 2, 3, 5] {
                    let mut one_by_one = (Vec::new(), Vec::new());
                    for first in last.clone().step_by(step) {
                        // As they would be decoded: what follows is not there yet.
                        let end = (first + step).min(last.end);
                        let mut store = store.clone();
                        store.truncate(end);
                        let found = attend(&store, path, 1, &text.attention(first..end, scoring));
                        one_by_one.0.extend(found.0);
                        one_by_one.1.extend(found.1);
                    }
                    assert_eq!(
                        bits(&together.0),
                        bits(&one_by_one.0),
                        "{path}, {step} at a time"
                    );
                    assert_eq!(
                        bits(&together.1),
                        bits(&one_by_one.1),
                        "{path}, {step} at a time"
                    );
                }
            }
        }
    }
}

#[test]
fn what_a_token_does_not_see_does_not_matter() {
    for path in Path::all() {
        for element in ElementType::ALL {
            for heads in [1, 4] {
                let mut text = Text::new(heads, 1, 32, 300);
                let scoring = Scoring {
                    window: Some(90),
                    ..Scoring::causal(heads, 0.2)
                };
                let expected = attend(
                    &text.store(path, element),
                    path,
                    1,
                    &text.attention(190..300, scoring),
                );
                // Left over from a longer text, outside the window, or of later tokens.
                for token in [0, 17, 99, 295] {
                    text.keys[token * 32 + 5] = f32::NAN;
                    text.values[token * 32 + 7] = f32::INFINITY;
                }
                let mut store = text.store(path, element);
                for batch in [190..300, 290..300] {
                    let found = attend(&store, path, 1, &text.attention(batch.clone(), scoring)).0;
                    let before = (295 - batch.start) * heads * 32;
                    let offset = (batch.start - 190) * heads * 32;
                    if batch.len() > 16 {
                        assert_eq!(
                            bits(&found[..before]),
                            bits(&expected.0[offset..][..before]),
                            "{path}"
                        );
                    } else {
                        assert!(found[..before].iter().all(|x| x.is_finite()), "{path}");
                    }
                    assert!(
                        found[before..].iter().all(|x| x.is_nan()),
                        "{path}: kept as it is"
                    );
                }
                store.truncate(295);
                let last = attend(&store, path, 1, &text.attention(294..295, scoring)).0;
                assert!(last.iter().all(|x| x.is_finite()), "{path}");
            }
        }
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let mut text = Text::new(2, 1, 16, 40);
    text.queries.iter_mut().for_each(|x| *x *= 1e3);
    for path in Path::all() {
        for range in [39..40, 0..40] {
            let attention = text.attention(range, Scoring::causal(2, 10.0));
            let (outputs, _) = text.twin(&attention, ElementType::F32);
            let found = attend(&text.store(path, ElementType::F32), path, 1, &attention).0;
            // Scores reach 10^5, where an f32 is good for a hundredth; nearly all weight is on one token.
            assert!(largest_error(&found, &outputs) < 0.05, "{path}");
        }
    }
}

#[test]
fn the_element_types_lose_what_they_are_expected_to() {
    let text = Text::new(4, 2, 64, 100);
    let attention = text.attention(80..100, Scoring::causal(4, 0.125));
    let exact = text.twin(&attention, ElementType::F32).0;
    let path = Path::strongest();
    for (element, bound) in [
        (ElementType::F32, 1e-5),
        (ElementType::F16, 2e-3),
        (ElementType::Bf16, 2e-2),
        (ElementType::Int8, 2e-2),
    ] {
        let found = attend(&text.store(path, element), path, 2, &attention).0;
        let error = largest_error(&found, &exact);
        eprintln!("{}: {error:e} from exact", element.as_str());
        assert!(error < bound, "{}: {error}", element.as_str());
    }
}

#[test]
fn a_store_grows_and_is_truncated() {
    let text = Text::new(4, 2, 24, 1100);
    let row = text.shape.row();
    for path in Path::all() {
        for element in ElementType::ALL {
            let whole = text.store(path, element);
            let mut store = KeyValueStore::new(text.shape, element, 1100);
            assert_eq!((store.bytes(), store.limit_tokens()), (0, 1280));
            let mut at = 0;
            for (count, capacity) in [
                (1, 256),
                (0, 256),
                (255, 256),
                (1, 512),
                (300, 1024),
                (543, 1280),
            ] {
                let range = at * row..(at + count) * row;
                store
                    .append(path, at, &text.keys[range.clone()], &text.values[range])
                    .unwrap();
                at += count;
                assert_eq!((store.tokens(), store.capacity_tokens()), (at, capacity));
                assert_eq!(
                    store.bytes(),
                    KeyValueStore::bytes_for(text.shape, element, capacity)
                );
            }
            let attention = text.attention(1000..1100, Scoring::causal(4, 0.2));
            let expected = attend(&whole, path, 1, &attention);
            assert_eq!(
                bits(&attend(&store, path, 1, &attention).0),
                bits(&expected.0),
                "{path}"
            );

            // Written over, truncated and written again: only what was written last counts.
            store
                .append(
                    path,
                    500,
                    &text.keys[..300 * row],
                    &text.values[..300 * row],
                )
                .unwrap();
            assert_eq!(store.tokens(), 800);
            store.truncate(500);
            let rest = 500 * row..1100 * row;
            store
                .append(path, 500, &text.keys[rest.clone()], &text.values[rest])
                .unwrap();
            assert_eq!(
                bits(&attend(&store, path, 1, &attention).0),
                bits(&expected.0),
                "{path}"
            );

            let full = store.append(
                path,
                1100,
                &text.keys[..181 * row],
                &text.values[..181 * row],
            );
            assert_eq!(
                full,
                Err(StoreFull {
                    wanted_tokens: 1281,
                    limit_tokens: 1280
                })
            );
            // Not even what was to be written over is lost.
            let too_many = store.append(
                path,
                1000,
                &text.keys[..281 * row],
                &text.values[..281 * row],
            );
            assert!(too_many.is_err());
            assert_eq!(store.tokens(), 1100);
            assert_eq!(
                bits(&attend(&store, path, 1, &attention).0),
                bits(&expected.0),
                "{path}"
            );
        }
    }
}

#[test]
fn what_cannot_be_scaled_is_rounded_all_the_same() {
    let rows: [[f32; 4]; 5] = [
        [0.0, -0.0, 0.0, 0.0],
        [1e-45, 0.0, -1e-44, 3e-44],
        [1e38, -1e38, 1.0, 0.0],
        [f32::NAN, 1.0, 2.0, 3.0],
        [f32::INFINITY, 1.0, 2.0, 3.0],
    ];
    let shape = KeyValueShape {
        kv_heads: 1,
        head_dim: 4,
    };
    for path in Path::all() {
        for row in rows {
            let mut store = KeyValueStore::new(shape, ElementType::Int8, 1);
            store.append(path, 0, &[0.0; 4], &row).unwrap();
            let attention = Attention {
                queries: &[1.0; 4],
                position: 0,
                scoring: Scoring::causal(1, 1.0),
            };
            let found = attend(&store, path, 1, &attention).0;
            for (found, number) in found.iter().zip(row) {
                if row.iter().all(|x| x.is_finite()) {
                    let step = row.iter().fold(0.0_f32, |a, b| a.max(b.abs())) / 250.0;
                    assert!(
                        (found - number).abs() <= step.max(1e-43),
                        "{path}: {found} for {number}"
                    );
                } else {
                    assert!(found.is_nan(), "{path}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    let shape = KeyValueShape {
        kv_heads: 1,
        head_dim: 2,
    };
    for path in Path::all() {
        for element in ElementType::ALL {
            for (value, key) in [([f32::NAN, 1.0], 0.0), ([1.0, 1.0], f32::NAN)] {
                let mut store = KeyValueStore::new(shape, element, 1);
                store.append(path, 0, &[key; 2], &value).unwrap();
                let attention = Attention {
                    queries: &[1.0; 2],
                    position: 0,
                    scoring: Scoring::causal(1, 1.0),
                };
                let (found, sums) = attend(&store, path, 1, &attention);
                assert!(found[0].is_nan(), "{path}, {}", element.as_str());
                assert_eq!(
                    sums[0].is_nan(),
                    key.is_nan(),
                    "{path}, {}",
                    element.as_str()
                );
            }
        }
    }
}

#[test]
#[should_panic(expected = "the store holds each query's token")]
fn queries_without_a_key_are_refused() {
    let text = Text::new(1, 1, 8, 4);
    let mut store = text.store(Path::strongest(), ElementType::F32);
    store.truncate(3);
    attend(
        &store,
        Path::strongest(),
        1,
        &text.attention(3..4, Scoring::causal(1, 1.0)),
    );
}

#[test]
fn names_the_paths_that_ran() {
    let names: Vec<PathName> = Path::all().into_iter().map(Path::name).collect();
    eprintln!("attention was tested on {names:?}");
}
