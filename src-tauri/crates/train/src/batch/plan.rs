//! Which units make up which micro-batch.

use super::{DataPosition, MicroBatch, Unit, order};
use crate::recipe::Packing;

/// How units become micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Whether several samples share a row.
    pub packing: Packing,
    /// Rows of a micro-batch: units without packing, otherwise stretches of `max_tokens`.
    pub micro_batch: usize,
    /// Longest sequence, in tokens.
    pub max_tokens: usize,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Decides the orders.
    pub seed: u64,
}

/// The micro-batches of all epochs.
///
/// - [`Packing::None`]: `micro_batch` units each.
/// - [`Packing::Isolated`]: as many units as have `micro_batch * max_tokens` tokens together (pairs: twice that). Rows have no padding, so
///   this only evens out how much is computed at once.
/// - [`Packing::Flat`]: `micro_batch` blocks of `max_tokens`, cut from all samples joined; the epoch's last block may be shorter. A block's first
///   token has nothing before it and is not trained. Pairs are never cut: for them it is the same as `Isolated`.
#[derive(Debug)]
pub struct Batches<'u, U> {
    units: &'u [U],
    options: BatchOptions,
}

/// The micro-batches of one epoch.
#[derive(Debug)]
pub struct Epoch<'u, U> {
    units: &'u [U],
    order: Vec<usize>,
    cuts: Cuts,
}

#[derive(Debug)]
enum Cuts {
    /// The place in the order that each micro-batch ends before.
    Units(Vec<usize>),
    /// Blocks of so many tokens, so many a micro-batch; and how many tokens lie before each place of the order, and in all.
    Blocks {
        block: usize,
        blocks: usize,
        before: Vec<usize>,
    },
}

impl<'u, U: Unit> Batches<'u, U> {
    /// The micro-batches of these units.
    pub fn new(units: &'u [U], options: BatchOptions) -> Self {
        Self { units, options }
    }

    /// An epoch's micro-batches.
    pub fn epoch(&self, epoch: u64) -> Epoch<'u, U> {
        let options = self.options;
        let order = order(self.units.len(), options.shuffle, options.seed, epoch);
        let length = |&unit: &usize| -> usize {
            let sequences = self.units[unit].sequences();
            sequences.map(|sample| sample.tokens.len()).sum()
        };
        let rows = options.micro_batch.max(1);
        let cuts = match options.packing {
            Packing::None => {
                let full = (rows..order.len()).step_by(rows);
                Cuts::Units(
                    full.chain((!order.is_empty()).then_some(order.len()))
                        .collect(),
                )
            }
            Packing::Flat if U::SEQUENCES == 1 => {
                let mut before = vec![0];
                for unit in &order {
                    before.push(before[before.len() - 1] + length(unit));
                }
                Cuts::Blocks {
                    block: options.max_tokens.max(1),
                    blocks: rows,
                    before,
                }
            }
            Packing::Flat | Packing::Isolated => {
                let room = rows
                    .saturating_mul(options.max_tokens)
                    .saturating_mul(U::SEQUENCES);
                let mut ends = Vec::new();
                let mut tokens = 0;
                for (at, unit) in order.iter().enumerate() {
                    let more = length(unit);
                    if tokens > 0 && tokens + more > room {
                        ends.push(at);
                        tokens = 0;
                    }
                    tokens += more;
                }
                ends.extend((!order.is_empty()).then_some(order.len()));
                Cuts::Units(ends)
            }
        };
        Epoch {
            units: self.units,
            order,
            cuts,
        }
    }
}

impl<U: Unit> Epoch<'_, U> {
    /// How many micro-batches.
    pub fn len(&self) -> u64 {
        match &self.cuts {
            Cuts::Units(ends) => ends.len() as u64,
            Cuts::Blocks {
                block,
                blocks,
                before,
            } => {
                let tokens = before[before.len() - 1];
                tokens.div_ceil(*block).div_ceil(*blocks) as u64
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A micro-batch by its number; none beyond the epoch's end.
    pub fn micro_batch(&self, number: u64) -> Option<MicroBatch> {
        if number >= self.len() {
            return None;
        }
        let number = usize::try_from(number).ok()?;
        Some(match &self.cuts {
            Cuts::Units(ends) => {
                let start = number.checked_sub(1).map_or(0, |before| ends[before]);
                self.whole(&self.order[start..ends[number]])
            }
            Cuts::Blocks {
                block,
                blocks,
                before,
            } => {
                let first = number * blocks;
                let mut batch = MicroBatch::default();
                for start in (first..first + blocks).map(|at| at * block) {
                    self.block(start, start + block, before, &mut batch);
                }
                batch
            }
        })
    }

    /// Units, each sequence by itself.
    fn whole(&self, units: &[usize]) -> MicroBatch {
        let mut batch = MicroBatch::default();
        for &unit in units {
            for sample in self.units[unit].sequences() {
                batch.begin(unit);
                batch.extend(sample, 0..sample.tokens.len());
            }
        }
        batch
    }

    /// The tokens from `start` to `end` of all samples joined, as one sequence.
    fn block(&self, start: usize, end: usize, before: &[usize], batch: &mut MicroBatch) {
        let mut place = before.partition_point(|&before| before <= start) - 1;
        let mut begun = false;
        while place < self.order.len() && before[place] < end {
            let unit = self.order[place];
            if !begun {
                batch.begin(unit);
                begun = true;
            }
            let from = start.saturating_sub(before[place]);
            for sample in self.units[unit].sequences() {
                let to = sample.tokens.len().min(end - before[place]);
                batch.extend(sample, from..to);
            }
            place += 1;
        }
    }
}

impl DataPosition {
    /// The position after this micro-batch, in an epoch that has so many.
    pub fn next(self, micro_batches_in_epoch: u64) -> Self {
        match self.micro_batch + 1 < micro_batches_in_epoch {
            true => Self {
                micro_batch: self.micro_batch + 1,
                ..self
            },
            false => Self {
                epoch: self.epoch + 1,
                micro_batch: 0,
                ..self
            },
        }
    }
}
