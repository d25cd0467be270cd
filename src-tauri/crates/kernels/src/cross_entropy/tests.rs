use super::*;
use crate::trials::{Numbers, assert_close, everywhere};

struct Case {
    logits: Vec<f32>,
    targets: Vec<Option<u32>>,
    weights: Vec<f32>,
}

/// `ln Σ e^logit - logit of the target`
fn loss(row: &[f64], target: u32) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    largest - row[target as usize] + sum.ln()
}

impl Case {
    fn new(rows: usize, vocabulary: usize, limit: f32) -> Self {
        let mut numbers = Numbers((rows + 100 * vocabulary) as u64);
        Self {
            logits: numbers.many(rows * vocabulary, limit),
            targets: (0..rows)
                .map(|row| (row % 4 != 1).then_some((numbers.bits() % vocabulary as u64) as u32))
                .collect(),
            weights: numbers.many(rows, 2.0),
        }
    }

    fn vocabulary(&self) -> usize {
        self.logits.len() / self.targets.len()
    }

    /// Losses and gradients of `Σ weight · loss`.
    fn twin(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut losses, mut gradients) = (Vec::new(), Vec::new());
        let wide: Vec<f64> = self.logits.iter().map(|x| f64::from(*x)).collect();
        for (row, target) in self.targets.iter().enumerate() {
            let logits = &wide[row * self.vocabulary()..(row + 1) * self.vocabulary()];
            let Some(target) = *target else {
                losses.push(0.0);
                gradients.extend(logits.iter().map(|_| 0.0));
                continue;
            };
            let weight = f64::from(self.weights[row]);
            let loss = loss(logits, target);
            losses.push(loss);
            let probability = |id: usize| match logits[id] == f64::NEG_INFINITY {
                true => 0.0,
                false => (logits[id] - logits[target as usize] - loss).exp(),
            };
            gradients.extend((0..logits.len()).map(|id| {
                let hit = f64::from(u8::from(id == target as usize));
                (probability(id) - hit) * weight
            }));
        }
        (losses, gradients)
    }

    /// Losses, then gradients, in one go.
    fn whole(&self, path: Path, pool: &Pool) -> Vec<f32> {
        let mut losses = vec![f32::NAN; self.targets.len()];
        let mut logits = self.logits.clone();
        let rows = (&self.targets[..], &self.weights[..]);
        cross_entropy_with_gradient(path, pool, &mut logits, rows, &mut losses);
        [losses, logits].concat()
    }

    fn block(&self, ids: std::ops::Range<usize>) -> Vec<f32> {
        let rows = self.logits.chunks(self.vocabulary());
        rows.flat_map(|row| row[ids.clone()].to_vec()).collect()
    }

    /// The same by blocks.
    fn streamed(&self, path: Path, pool: &Pool, blocks: &[std::ops::Range<usize>]) -> Vec<f32> {
        let mut streamed = StreamedCrossEntropy::begin(&self.targets);
        for ids in blocks {
            let logits = self.block(ids.clone());
            streamed.add_block(path, pool, &logits, ids.start as u32);
        }
        let rows = self.targets.len();
        let mut all = vec![f32::NAN; rows + self.logits.len()];
        streamed.losses(&mut all[..rows]);
        for ids in blocks {
            let mut logits = self.block(ids.clone());
            let first = ids.start as u32;
            streamed.gradient_block(path, pool, (&mut logits, first), &self.weights);
            for row in 0..rows {
                let start = rows + row * self.vocabulary();
                all[start + ids.start..start + ids.end]
                    .copy_from_slice(&logits[row * ids.len()..(row + 1) * ids.len()]);
            }
        }
        all
    }
}

fn check(case: &Case) {
    let (losses, gradients) = case.twin();
    let rows = losses.len();
    let what = format!("{rows} rows of {}", case.logits.len());
    let compare = |path: Path, found: &[f32]| {
        let what = format!("{path} {what}");
        assert_close(&what, &found[..rows], &losses, (1e-6, 1e-6));
        assert_close(&what, &found[rows..], &gradients, (1e-6, 3e-7));
    };
    everywhere(|path, pool| case.whole(path, pool), compare);
    everywhere(
        |path, pool| {
            let mut losses = vec![f32::NAN; rows];
            cross_entropy(path, pool, &case.logits, &case.targets, &mut losses);
            losses
        },
        |path, found| assert_close(&format!("{path} losses"), found, &losses, (1e-6, 1e-6)),
    );
    if rows == 0 {
        return;
    }
    let end = case.vocabulary();
    let (third, half) = (end / 3, end / 2);
    #[allow(clippy::single_range_in_vec_init)]
    let whole = vec![0..end];
    for blocks in [
        whole,
        vec![0..half, half..end],
        vec![0..third, third..half, half..end],
        vec![half..end, 0..third, third..half],
    ] {
        everywhere(|path, pool| case.streamed(path, pool, &blocks), compare);
    }
}

#[test]
fn losses_and_gradients_are_those_of_the_twin() {
    for vocabulary in [1, 2, 15, 16, 17, 35, 1023, 1024, 1025, 4100] {
        for rows in [0, 1, 2, 7] {
            check(&Case::new(rows, vocabulary, 10.0));
        }
    }
    // Enough for many threads.
    check(&Case::new(131, 1030, 5.0));
    check(&Case::new(3, 33_000, 5.0));
}

#[test]
fn gradients_are_finite_differences() {
    let case = Case::new(3, 19, 3.0);
    let mut slopes = Vec::new();
    for (row, target) in case.targets.iter().enumerate() {
        let row_logits = case.logits[row * 19..(row + 1) * 19].iter();
        let logits: Vec<f64> = row_logits.map(|x| f64::from(*x)).collect();
        for id in 0..19 {
            let at = |away: f64| {
                let mut moved = logits.clone();
                moved[id] += away;
                target.map_or(0.0, |target| loss(&moved, target))
            };
            slopes.push(f64::from(case.weights[row]) * (at(1e-5) - at(-1e-5)) / 2e-5);
        }
    }
    everywhere(
        |path, pool| case.whole(path, pool),
        |path, found| assert_close(&format!("{path}"), &found[3..], &slopes, (0.0, 1e-6)),
    );
}

#[test]
fn large_logits_and_hidden_ones() {
    let hidden = f32::NEG_INFINITY;
    let mut case = Case {
        logits: [
            [2e4, 2e4 + 1.0, 2e4 - 0.5, 1e4],
            [-3e4, -3e4 - 2.0, -3e4 + 1.0, -5e4],
            [f32::MAX, f32::MIN, 0.0, f32::MAX],
            [hidden, 1.0, hidden, 2.0],
            [hidden, hidden, 5.0, hidden],
            // The target is hidden: its loss is infinite.
            [1.0, hidden, 2.0, 3.0],
        ]
        .concat(),
        targets: [0, 2, 3, 1, 2, 1].map(Some).into(),
        weights: vec![1.0, -0.5, 2.0, 0.25, 1.0, 1.0],
    };
    // Of the last row the gradient is known, though the twin's formula divides by nothing.
    let last = case.logits.split_off(20);
    let (target, weight) = (case.targets.pop(), case.weights.pop());
    check(&case);
    case.logits.extend(last);
    case.targets.extend(target);
    case.weights.extend(weight);
    let sum = 1.0 + 1_f64.exp() + 2_f64.exp();
    let expected = [1.0 / sum, -1.0, 1_f64.exp() / sum, 2_f64.exp() / sum];
    for blocks in [vec![0..2, 2..4], vec![2..4, 0..2]] {
        let compare = |path: Path, found: &[f32]| {
            assert_eq!(found[5], f32::INFINITY, "{path}");
            assert_close(&format!("{path}"), &found[6 + 20..], &expected, (1e-6, 0.0));
        };
        everywhere(|path, pool| case.streamed(path, pool, &blocks), compare);
        everywhere(|path, pool| case.whole(path, pool), compare);
    }
}

#[test]
fn rows_without_a_number_say_so_and_ignored_rows_are_not_looked_at() {
    let mut case = Case::new(6, 20, 2.0);
    case.targets = vec![Some(0), None, Some(3), Some(4), Some(19), Some(5)];
    let row = |index: usize| index * 20..(index + 1) * 20;
    // Ignored; not a number among numbers; hidden but for one that is not a number; hidden altogether; infinite.
    case.logits[row(1)].fill(f32::NAN);
    case.logits[45] = f32::NAN;
    case.logits[row(3)].fill(f32::NEG_INFINITY);
    case.logits[62] = f32::NAN;
    case.logits[row(4)].fill(f32::NEG_INFINITY);
    case.logits[110] = f32::INFINITY;
    let compare = |path: Path, found: &[f32]| {
        let (losses, gradients) = found.split_at(6);
        assert!(losses[0].is_finite() && losses[0] > 0.0, "{path}");
        assert_eq!(losses[1], 0.0, "{path}");
        assert!(
            losses[2..].iter().all(|loss| loss.is_nan()),
            "{path} {losses:?}"
        );
        assert!(gradients[row(0)].iter().all(|g| g.is_finite()), "{path}");
        assert!(gradients[row(1)].iter().all(|g| *g == 0.0), "{path}");
        for index in 2..6 {
            assert!(
                gradients[row(index)].iter().any(|g| g.is_nan()),
                "{path} row {index}"
            );
        }
    };
    everywhere(|path, pool| case.whole(path, pool), compare);
    for blocks in [vec![0..7, 7..20], vec![7..20, 0..7]] {
        everywhere(|path, pool| case.streamed(path, pool, &blocks), compare);
    }
}

#[test]
#[should_panic(expected = "within the vocabulary")]
fn targets_must_lie_within_the_vocabulary() {
    let (path, pool) = (Path::strongest(), Pool::new(1));
    let rows = (&[Some(4)][..], &[1.0][..]);
    cross_entropy_with_gradient(path, &pool, &mut [0.0; 4], rows, &mut [0.0]);
}

#[test]
#[should_panic(expected = "in no block")]
fn targets_must_be_in_a_block() {
    let (path, pool) = (Path::strongest(), Pool::new(1));
    let mut streamed = StreamedCrossEntropy::begin(&[Some(4)]);
    streamed.add_block(path, &pool, &[0.0; 4], 0);
    streamed.losses(&mut [0.0]);
}
