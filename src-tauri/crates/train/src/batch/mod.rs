//! Samples to micro-batches: in an order that a seed decides, as flat rows of tokens without padding.

mod order;
mod plan;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use order::{held_out, order};
pub use plan::{BatchOptions, Batches, Epoch};

use crate::sample::{PairSample, Sample};

/// What is never torn apart: a sample, or both samples of a pair.
pub trait Unit {
    /// How many sequences a unit has.
    const SEQUENCES: usize;

    /// The sequences: for a pair the chosen one, then the rejected one.
    fn sequences(&self) -> impl Iterator<Item = &Sample>;
}

impl Unit for Sample {
    const SEQUENCES: usize = 1;

    fn sequences(&self) -> impl Iterator<Item = &Sample> {
        std::iter::once(self)
    }
}

impl Unit for PairSample {
    const SEQUENCES: usize = 2;

    fn sequences(&self) -> impl Iterator<Item = &Sample> {
        [&self.chosen, &self.rejected].into_iter()
    }
}

/// Where in the data a run is: what comes next.
///
/// With the same samples and the same [`BatchOptions`], going on from a position gives exactly the micro-batches that an undisturbed run would
/// have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct DataPosition {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The micro-batch within the epoch, from 0.
    pub micro_batch: u64,
    /// The attempt that got there; it decides nothing.
    pub attempt: u32,
}

/// Sequences computed together, one after the other in one row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MicroBatch {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// For each token the index in this row at which its sequence begins. A token attends to its own sequence only, and its position
    /// is its index less this.
    pub starts: Vec<usize>,
    /// For each token the one that is to follow, where that is trained.
    pub targets: Vec<Option<u32>>,
    /// Where each sequence lies. Of pairs, sequence `2 i` is the chosen and `2 i + 1` the rejected one of the same pair.
    pub sequences: Vec<Range<usize>>,
    /// For each sequence the unit that its first token comes from, as an index into the samples.
    pub units: Vec<usize>,
}

impl MicroBatch {
    /// How many tokens are trained.
    pub fn trained_tokens(&self) -> u64 {
        self.targets.iter().flatten().count() as u64
    }

    /// Samples as they come, each a sequence of its own.
    pub(crate) fn of_samples(samples: &[&Sample]) -> Self {
        let mut batch = Self::default();
        for (unit, sample) in samples.iter().enumerate() {
            batch.begin(unit);
            batch.extend(sample, 0..sample.tokens.len());
        }
        batch
    }

    /// Begins a sequence.
    fn begin(&mut self, unit: usize) {
        let at = self.tokens.len();
        self.sequences.push(at..at);
        self.units.push(unit);
    }

    /// Goes on with the last sequence.
    fn extend(&mut self, sample: &Sample, range: Range<usize>) {
        let Some(sequence) = self.sequences.last_mut() else {
            return;
        };
        for at in range {
            let token = sample.tokens[at];
            if sequence.end > sequence.start && sample.trained[at] {
                self.targets[sequence.end - 1] = Some(token);
            }
            self.tokens.push(token);
            self.starts.push(sequence.start);
            self.targets.push(None);
            sequence.end += 1;
        }
    }
}
