//! What a plan is made of.

use std::collections::BTreeMap;
use std::path::Path;

use nc_model::{
    Compute, DecoderSpec, KernelPath, MicroBatchShape, ModelFiles, WeightFacts,
    available_memory_bytes,
};

use crate::batch::{BatchOptions, Batches, MicroBatch, Unit};
use crate::prepare::Prepared;
use crate::recipe::Recipe;
use crate::sample::DropReason;

/// Epochs whose micro-batches are looked at for the longest.
const EPOCHS_SEARCHED: u64 = 4;

/// The machine, as it is now.
#[derive(Debug, Clone, Copy)]
pub struct MachineFacts {
    /// Memory that can be taken, bytes.
    pub available_bytes: u64,
    /// Free where the run will lie, bytes.
    pub disk_free_bytes: u64,
    /// Threads that will compute.
    pub threads: usize,
    /// Instructions of training.
    pub path: KernelPath,
}

impl MachineFacts {
    /// Asks the system: `folder` is where the run will lie, or the nearest folder above it that exists.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    pub fn find(compute: &Compute, folder: &Path) -> std::io::Result<Self> {
        let there = folder.ancestors().find(|folder| folder.exists());
        let (path, pool) = compute.training();
        Ok(Self {
            available_bytes: available_memory_bytes(),
            disk_free_bytes: fs4::available_space(there.unwrap_or(Path::new(".")))?,
            threads: pool.threads(),
            path,
        })
    }
}

/// The model to begin with.
#[derive(Debug, Clone)]
pub struct ModelFacts {
    /// Its shapes.
    pub spec: DecoderSpec,
    /// Its weights.
    pub weights: WeightFacts,
    /// Its files, bytes.
    pub file_bytes: u64,
    /// Whether a chat template comes with it.
    pub has_template: bool,
}

impl ModelFacts {
    /// Those of a model's files.
    pub fn of(files: &ModelFiles, has_template: bool) -> Self {
        Self {
            spec: files.spec().clone(),
            weights: WeightFacts::of_files(files),
            file_bytes: files.file_bytes(),
            has_template,
        }
    }
}

/// The samples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataFacts {
    /// Tokens of each sequence, unit after unit.
    pub sequences: Vec<usize>,
    /// Sequences of a row: 1, for pairs 2.
    pub sequences_per_unit: usize,
    /// The first epoch's micro-batches, in order.
    pub micro_batches: Vec<MicroBatchShape>,
    /// How many micro-batches each epoch has.
    pub epoch_lengths: Vec<u64>,
    /// The largest number of tokens, of counted ones and the longest sequence of any micro-batch.
    pub longest: MicroBatchShape,
    /// Rows of the smallest micro-batch.
    pub fewest_units: usize,
    /// Held-out rows, as micro-batches.
    pub held_out: Vec<MicroBatchShape>,
    /// Rows that gave no sample.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Rows that could not be read.
    pub refused: u64,
    /// Rows that were cut.
    pub cut: u64,
}

impl DataFacts {
    /// Those of a recipe's samples.
    pub fn of<U: Unit>(prepared: &Prepared<U>, recipe: &Recipe) -> Self {
        let options = BatchOptions {
            packing: recipe.sft.packing,
            micro_batch: recipe.optimisation.micro_batch,
            max_tokens: recipe.optimisation.max_tokens,
            shuffle: recipe.data.shuffle,
            seed: recipe.data.seed,
        };
        let batches = Batches::new(&prepared.train, options);
        let lengths = |units: &[U]| -> Vec<usize> {
            let sequences = units.iter().flat_map(Unit::sequences);
            sequences.map(|sample| sample.tokens.len()).collect()
        };
        let mut facts = Self {
            sequences: lengths(&prepared.train),
            sequences_per_unit: U::SEQUENCES,
            fewest_units: usize::MAX,
            ..Self::default()
        };
        // With a number of steps, the first epochs; those that follow are as the last of them.
        let epochs = recipe.optimisation.epochs.unwrap_or(EPOCHS_SEARCHED);
        for number in 0..epochs {
            let epoch = batches.epoch(number);
            facts.epoch_lengths.push(epoch.len());
            if number >= EPOCHS_SEARCHED {
                continue;
            }
            for batch in (0..epoch.len()).map_while(|at| epoch.micro_batch(at)) {
                let shape = shape(&batch);
                let longest = &mut facts.longest;
                longest.tokens = longest.tokens.max(shape.tokens);
                longest.counted = longest.counted.max(shape.counted);
                longest.longest = longest.longest.max(shape.longest);
                longest.squares = longest.squares.max(shape.squares);
                facts.fewest_units = facts.fewest_units.min(batch.units.len() / U::SEQUENCES);
                if number == 0 {
                    facts.micro_batches.push(shape);
                }
            }
        }
        let in_order = BatchOptions {
            shuffle: false,
            ..options
        };
        let held_out = Batches::new(&prepared.held_out, in_order).epoch(0);
        let held_out = (0..held_out.len()).map_while(|at| held_out.micro_batch(at));
        facts.held_out = held_out.map(|batch| shape(&batch)).collect();
        for file in &prepared.files {
            for (reason, (count, _)) in &file.dropped {
                *facts.dropped.entry(*reason).or_insert(0) += count;
            }
            facts.refused += file.reading.rows - file.reading.used;
            facts.cut += file.cut;
        }
        facts
    }

    /// Rows that are trained on.
    pub fn rows(&self) -> u64 {
        (self.sequences.len() / self.sequences_per_unit.max(1)) as u64
    }

    /// The mean micro-batch of the first epoch, with its longest sequence.
    pub(super) fn typical(&self) -> MicroBatchShape {
        let count = self.micro_batches.len().max(1);
        let sum = |of: fn(&MicroBatchShape) -> usize| {
            self.micro_batches.iter().map(of).sum::<usize>() / count
        };
        let squares: u64 = self.micro_batches.iter().map(|shape| shape.squares).sum();
        MicroBatchShape {
            tokens: sum(|shape| shape.tokens).max(1),
            counted: sum(|shape| shape.counted),
            longest: self.longest.longest,
            squares: squares / count as u64,
        }
    }
}

fn shape(batch: &MicroBatch) -> MicroBatchShape {
    let lengths = batch.sequences.iter().map(ExactSizeIterator::len);
    MicroBatchShape::of_lengths(lengths, batch.trained_tokens() as usize)
}
