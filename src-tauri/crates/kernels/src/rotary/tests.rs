use super::*;
use crate::trials::{Numbers, assert_close, everywhere};

const POSITIONS: usize = 40;

#[derive(Debug, Clone, Copy)]
struct Shape {
    pairing: RotaryPairing,
    width: usize,
    tokens: usize,
    heads: usize,
    head_dim: usize,
    /// Values between a token's heads and the next token.
    gap: usize,
}

struct Case {
    shape: Shape,
    cosines: Vec<f32>,
    sines: Vec<f32>,
    positions: Vec<u32>,
    x: Vec<f32>,
}

impl Case {
    fn new(shape: Shape) -> Self {
        let mut numbers = Numbers((shape.width + 31 * shape.tokens) as u64);
        let angles = numbers.many(POSITIONS * shape.width / 2, 3.0);
        // Out of order and repeated, as in a batch of several conversations.
        let positions = (0..shape.tokens).map(|_| (numbers.bits() % POSITIONS as u64) as u32);
        let positions = positions.collect();
        let stride = shape.heads * shape.head_dim + shape.gap;
        // The last token ends with its heads.
        let length = (shape.tokens * stride).saturating_sub(shape.gap);
        Self {
            shape,
            cosines: angles.iter().map(|a| a.cos()).collect(),
            sines: angles.iter().map(|a| a.sin()).collect(),
            positions,
            x: numbers.many(length, 10.0),
        }
    }

    fn turn(&self, path: Path, pool: &Pool, turn: Turn, x: &[f32]) -> Vec<f32> {
        let table = RotaryTable {
            pairing: self.shape.pairing,
            width: self.shape.width,
            cosines: &self.cosines,
            sines: &self.sines,
        };
        let mut turned = x.to_vec();
        let rows = HeadRows {
            values: &mut turned,
            heads: self.shape.heads,
            head_dim: self.shape.head_dim,
            stride: self.shape.heads * self.shape.head_dim + self.shape.gap,
        };
        table.turn(path, pool, turn, rows, &self.positions);
        turned
    }

    fn twin(&self) -> Vec<f64> {
        let Shape {
            pairing,
            width,
            tokens,
            heads,
            head_dim,
            gap,
        } = self.shape;
        let mut turned: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        for token in 0..tokens {
            for head in 0..heads {
                let start = token * (heads * head_dim + gap) + head * head_dim;
                for pair in 0..width / 2 {
                    let (first, second) = match pairing {
                        RotaryPairing::Halves => (start + pair, start + pair + width / 2),
                        RotaryPairing::Neighbours => (start + 2 * pair, start + 2 * pair + 1),
                    };
                    let angle = self.positions[token] as usize * (width / 2) + pair;
                    let (cos, sin) = (f64::from(self.cosines[angle]), f64::from(self.sines[angle]));
                    let (a, b) = (turned[first], turned[second]);
                    turned[first] = a * cos - b * sin;
                    turned[second] = b * cos + a * sin;
                }
            }
        }
        turned
    }

    /// What is no part of a turning pair.
    fn stays(&self, index: usize) -> bool {
        let used = self.shape.heads * self.shape.head_dim;
        let within = index % (used + self.shape.gap);
        within >= used || within % self.shape.head_dim >= self.shape.width
    }
}

fn check(shape: Shape) {
    let case = Case::new(shape);
    let expected = case.twin();
    let what = format!("{shape:?}");
    everywhere(
        |path, pool| case.turn(path, pool, Turn::Forward, &case.x),
        |path, found| {
            assert_close(&format!("{path} {what}"), found, &expected, (0.0, 2e-6));
            for index in (0..found.len()).filter(|index| case.stays(*index)) {
                assert_eq!(found[index], case.x[index], "{path} {what} at {index}");
            }
        },
    );
    let unturned: Vec<f64> = case.x.iter().map(|x| f64::from(*x)).collect();
    everywhere(
        |path, pool| {
            let turned = case.turn(path, pool, Turn::Forward, &case.x);
            case.turn(path, pool, Turn::Backward, &turned)
        },
        |path, found| {
            assert_close(
                &format!("{path} back, {what}"),
                found,
                &unturned,
                (0.0, 5e-6),
            )
        },
    );
    // The gradient of a linear map: (turned x) · y = x · (y turned back).
    let y = Numbers(5).many(case.x.len(), 1.0);
    let product = |a: &[f32], b: &[f32]| {
        let pairs = a.iter().zip(b).enumerate();
        let turning = pairs.filter(|(index, _)| !case.stays(*index));
        turning
            .map(|(_, (a, b))| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    everywhere(
        |path, pool| case.turn(path, pool, Turn::Backward, &y),
        |path, found| {
            let forward = case.turn(path, &Pool::new(1), Turn::Forward, &case.x);
            let (one, other) = (product(&forward, &y), product(&case.x, found));
            let bound = 1e-6 * (1.0 + case.x.len() as f64);
            assert!(
                (one - other).abs() < bound,
                "{path} {what}: {one} and {other}"
            );
        },
    );
}

#[test]
fn pairs_turn_by_their_angles() {
    for pairing in [RotaryPairing::Halves, RotaryPairing::Neighbours] {
        for (width, head_dim) in [
            (0, 4),
            (2, 2),
            (6, 6),
            (16, 16),
            (18, 40),
            (32, 32),
            (34, 34),
            (64, 128),
            (128, 128),
        ] {
            for (tokens, heads, gap) in [(0, 2, 0), (1, 1, 0), (1, 32, 0), (5, 3, 0), (7, 2, 37)] {
                check(Shape {
                    pairing,
                    width,
                    tokens,
                    heads,
                    head_dim,
                    gap,
                });
            }
        }
        // Enough for many threads, in a row of queries, keys and values.
        check(Shape {
            pairing,
            width: 64,
            tokens: 131,
            heads: 6,
            head_dim: 64,
            gap: 256,
        });
    }
}

#[test]
fn what_is_not_a_number_stays_in_its_pair() {
    for (pairing, partner) in [
        (RotaryPairing::Halves, 17 + 3),
        (RotaryPairing::Neighbours, 2),
    ] {
        let mut case = Case::new(Shape {
            pairing,
            width: 34,
            tokens: 1,
            heads: 1,
            head_dim: 34,
            gap: 0,
        });
        case.x[3] = f32::NAN;
        everywhere(
            |path, pool| case.turn(path, pool, Turn::Forward, &case.x),
            |_, found| {
                for (index, value) in found.iter().enumerate() {
                    assert_eq!(
                        value.is_nan(),
                        index == 3 || index == partner,
                        "{pairing:?} {index}"
                    );
                }
            },
        );
    }
}
