//! Softmax cross-entropy over a vocabulary: whole rows of logits, or block by block without keeping the probabilities.

use crate::elementwise::{rows_together, share, whole_rows};
use crate::softmax::{exponentiate, largest, multiply, shift_of, sum_in_tiles};
use crate::{Path, Pool, Simd, Work};

/// For each row of logits the id that should follow, or none where the row does not count: it is not looked at, its loss
/// and its gradient are zero.
pub type Targets<'a> = &'a [Option<u32>];

/// `loss = ln Σ e^logit - logit of the target`, for each row of `logits`, `(rows, vocabulary)`, with one target a row.
///
/// A logit of minus infinity takes no part. A row without any finite logit, or with what is not a number, has a loss that
/// is not a number.
///
/// # Panics
/// When a target lies beyond the vocabulary.
pub fn cross_entropy(
    path: Path,
    pool: &Pool,
    logits: &[f32],
    targets: Targets,
    losses: &mut [f32],
) {
    assert_eq!(losses.len(), targets.len(), "one loss for each row");
    let mut streamed = StreamedCrossEntropy::begin(targets);
    streamed.add_block(path, pool, logits, 0);
    streamed.losses(losses);
}

/// The same losses, and over the logits the gradient of `Σ weight · loss`: `(softmax - onehot(target)) · weight`.
///
/// # Panics
/// When a target lies beyond the vocabulary.
pub fn cross_entropy_with_gradient(
    path: Path,
    pool: &Pool,
    logits: &mut [f32],
    (targets, weights): (Targets, &[f32]),
    losses: &mut [f32],
) {
    assert_eq!(weights.len(), targets.len(), "one weight for each row");
    if targets.is_empty() {
        assert!(logits.is_empty() && losses.is_empty(), "no rows");
        return;
    }
    let vocabulary = logits.len() / targets.len();
    assert!(
        targets
            .iter()
            .flatten()
            .all(|id| (*id as usize) < vocabulary),
        "targets lie within the vocabulary"
    );
    let work = (targets.len(), rows_together(vocabulary));
    let slices = [(logits, vocabulary), (losses, 1)];
    share(pool, work, slices, |range, [logits, losses]| {
        path.run(LossAndGradient {
            logits,
            vocabulary,
            targets: &targets[range.clone()],
            weights: &weights[range],
            losses,
        });
    });
}

struct LossAndGradient<'a> {
    logits: &'a mut [f32],
    vocabulary: usize,
    targets: Targets<'a>,
    weights: &'a [f32],
    losses: &'a mut [f32],
}

impl Work for LossAndGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.targets.iter().zip(self.weights).zip(self.losses);
        for (index, ((target, weight), loss)) in rows.enumerate() {
            let row = index * self.vocabulary..(index + 1) * self.vocabulary;
            let row = &mut self.logits[row];
            let Some(target) = *target else {
                row.fill(0.0);
                *loss = 0.0;
                continue;
            };
            let target = target as usize;
            let target_logit = row[target];
            let largest = largest(simd, row);
            exponentiate(simd, row, shift_of(largest), 1.0);
            let sum = sum_in_tiles::<S, false>(simd, row, 0.0);
            *loss = loss_of(largest, sum, target_logit);
            multiply(simd, row, (f64::from(*weight) / sum) as f32);
            row[target] -= weight;
        }
    }
}

/// In f64: where logits are large, their difference must not be lost in the rounding of the log-sum-exp.
fn loss_of(largest: f32, sum: f64, target_logit: f32) -> f32 {
    (f64::from(largest) - f64::from(target_logit) + sum.ln()) as f32
}

/// What is known of a row: its log-sum-exp in two parts, since one f32 would round large ones too coarsely, and its
/// target's logit.
#[derive(Debug, Clone, Copy)]
struct RowState {
    largest: f32,
    /// `Σ e^(logit - largest)`
    sum: f64,
    target_logit: Option<f32>,
}

/// Cross-entropy from blocks of the vocabulary, each seen once for the losses and once more for the gradient.
#[derive(Debug, Clone)]
pub struct StreamedCrossEntropy<'a> {
    targets: Targets<'a>,
    rows: Vec<RowState>,
}

impl<'a> StreamedCrossEntropy<'a> {
    /// Before the first block.
    pub fn begin(targets: Targets<'a>) -> Self {
        let row = RowState {
            largest: f32::NEG_INFINITY,
            sum: 0.0,
            target_logit: None,
        };
        Self {
            targets,
            rows: vec![row; targets.len()],
        }
    }

    /// Takes in the logits `(rows, block)` of the ids from `first_id` on. Blocks may come in any order, each once; losses
    /// repeat bit for bit when the blocks are the same.
    pub fn add_block(&mut self, path: Path, pool: &Pool, logits: &[f32], first_id: u32) {
        let Some(width) = block_width(logits, self.targets) else {
            return;
        };
        let (targets, together) = (self.targets, rows_together(width));
        pool.pieces(&mut self.rows, together, |number, rows| {
            let first = number * together;
            path.run(AddBlock {
                logits: &logits[first * width..(first + rows.len()) * width],
                width,
                targets: &targets[first..first + rows.len()],
                first_id,
                rows,
            });
        });
    }

    /// The loss of each row, after the last block.
    ///
    /// # Panics
    /// When a target was in no block.
    pub fn losses(&self, losses: &mut [f32]) {
        assert_eq!(losses.len(), self.rows.len(), "one loss for each row");
        for ((loss, row), target) in losses.iter_mut().zip(&self.rows).zip(self.targets) {
            *loss = match (target, row.target_logit) {
                (None, _) => 0.0,
                (Some(_), Some(logit)) => loss_of(row.largest, row.sum, logit),
                (Some(target), None) => panic!("id {target} was in no block of the vocabulary"),
            };
        }
    }

    /// Over the block's logits, computed again, writes the gradient of `Σ weight · loss`:
    /// `(softmax - onehot(target)) · weight`. After the last [`Self::add_block`].
    pub fn gradient_block(
        &self,
        path: Path,
        pool: &Pool,
        (logits, first_id): (&mut [f32], u32),
        weights: &[f32],
    ) {
        assert_eq!(weights.len(), self.rows.len(), "one weight for each row");
        let Some(width) = block_width(logits, self.targets) else {
            return;
        };
        let work = (self.rows.len(), rows_together(width));
        share(pool, work, [(logits, width)], |range, [logits]| {
            path.run(GradientBlock {
                logits,
                width,
                targets: &self.targets[range.clone()],
                first_id,
                rows: &self.rows[range.clone()],
                weights: &weights[range],
            });
        });
    }
}

/// How many ids a block has; none where there is nothing in it.
fn block_width(logits: &[f32], targets: Targets) -> Option<usize> {
    if logits.is_empty() {
        return None;
    }
    assert!(!targets.is_empty(), "logits without rows");
    let width = logits.len() / targets.len();
    assert_eq!(whole_rows(logits.len(), width), targets.len());
    Some(width)
}

/// Where the target stands in a block of `width` ids.
fn place(target: u32, first_id: u32, width: usize) -> Option<usize> {
    let place = target.checked_sub(first_id)? as usize;
    (place < width).then_some(place)
}

struct AddBlock<'a> {
    logits: &'a [f32],
    width: usize,
    targets: Targets<'a>,
    first_id: u32,
    rows: &'a mut [RowState],
}

impl Work for AddBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let logits = self.logits.chunks_exact(self.width);
        for ((logits, target), row) in logits.zip(self.targets).zip(self.rows) {
            let Some(target) = *target else {
                continue;
            };
            let largest = largest(simd, logits).max(row.largest);
            let shift = shift_of(largest);
            // Nothing before this block: no sum to carry over, and no difference of infinities.
            if row.sum != 0.0 {
                row.sum *= f64::from(row.largest - shift).exp();
            }
            row.sum += sum_in_tiles::<S, true>(simd, logits, shift);
            row.largest = largest;
            if let Some(place) = place(target, self.first_id, self.width) {
                row.target_logit = Some(logits[place]);
            }
        }
    }
}

struct GradientBlock<'a> {
    logits: &'a mut [f32],
    width: usize,
    targets: Targets<'a>,
    first_id: u32,
    rows: &'a [RowState],
    weights: &'a [f32],
}

impl Work for GradientBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let logits = self.logits.chunks_exact_mut(self.width);
        let rows = self.rows.iter().zip(self.weights);
        for ((logits, target), (row, weight)) in logits.zip(self.targets).zip(rows) {
            let Some(target) = *target else {
                logits.fill(0.0);
                continue;
            };
            let factor = (f64::from(*weight) / row.sum) as f32;
            exponentiate(simd, logits, shift_of(row.largest), factor);
            if let Some(place) = place(target, self.first_id, self.width) {
                logits[place] -= weight;
            }
        }
    }
}

#[cfg(test)]
mod tests;
