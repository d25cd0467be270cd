//! What the reference thinks of every answer: computed once, kept by content.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use nc_model::TrainingDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::learner::row;
use super::preference::{answers, sums};
use super::stage::Work;
use crate::batch::{BatchOptions, Batches, MicroBatch};
use crate::error::{Result, TrainError};
use crate::recipe::Packing;
use crate::sample::{PairSample, Sample};

/// Log-probabilities of answers under the model as it was at the start.
pub(super) struct Reference {
    /// Of `[chosen, rejected]`, for each pair.
    train: Vec<[f64; 2]>,
    held_out: Vec<[f64; 2]>,
    /// The adapter at the start; none is the model without one.
    parameters: Option<Vec<f32>>,
    known: bool,
}

/// What the reference is, and where its figures are kept.
pub(super) struct Source<'a> {
    pub(super) decoder: &'a mut TrainingDecoder,
    pub(super) parameters: Option<Vec<f32>>,
    pub(super) file: &'a Path,
    /// Tells one reference from another: model, adapter, kernels.
    pub(super) fingerprint: &'a str,
    pub(super) micro_batch: usize,
}

/// A line of the file; sums as their bits, which text would round.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    chosen: u64,
    rejected: u64,
}

impl Reference {
    /// For losses without a reference.
    pub(super) fn none(train: usize, held_out: usize) -> Self {
        Self {
            train: vec![[0.0; 2]; train],
            held_out: vec![[0.0; 2]; held_out],
            parameters: None,
            known: false,
        }
    }

    /// Reads what is kept, and computes what is missing.
    pub(super) fn compute(
        source: Source,
        [train, held_out]: [&[PairSample]; 2],
        work: &mut Work,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self> {
        let Source {
            decoder,
            parameters,
            file,
            fingerprint,
            micro_batch,
        } = source;
        let failed = |error| TrainError::file(file, error);
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        // A line that a crash tore is no line; what it said is computed again.
        let lines = kept
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut known: HashMap<String, [f64; 2]> = lines
            .map(|line: Line| (line.key, [line.chosen, line.rejected].map(f64::from_bits)))
            .collect();
        let mut output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .map_err(failed)?;
        if !kept.is_empty() && !kept.ends_with('\n') {
            output.write_all(b"\n").map_err(failed)?;
        }
        let total = (train.len() + held_out.len()) as u64;
        let mut done = 0;
        let mut all = Vec::new();
        for pairs in [train, held_out] {
            let keys: Vec<String> = pairs.iter().map(|pair| key(pair, fingerprint)).collect();
            let missing: Vec<PairSample> = (keys.iter().zip(pairs))
                .filter(|(key, _)| !known.contains_key(*key))
                .map(|(_, pair)| pair.clone())
                .collect();
            done += (pairs.len() - missing.len()) as u64;
            let options = BatchOptions {
                packing: Packing::None,
                micro_batch,
                max_tokens: usize::MAX,
                shuffle: false,
                seed: 0,
            };
            let epoch = Batches::new(&missing, options).epoch(0);
            let mut number = 0;
            while let Some(batch) = epoch.micro_batch(number) {
                work.next()?;
                let found = decoder.log_probabilities(parameters.as_deref(), &row(&batch))?;
                let sums = sums(&found, &answers(&batch));
                for (&unit, &[chosen, rejected]) in
                    batch.units.iter().step_by(2).zip(sums.as_chunks::<2>().0)
                {
                    let key = key(&missing[unit], fingerprint);
                    let line = Line {
                        key: key.clone(),
                        chosen: chosen.to_bits(),
                        rejected: rejected.to_bits(),
                    };
                    let mut text = serde_json::to_string(&line).unwrap_or_default();
                    text.push('\n');
                    output.write_all(text.as_bytes()).map_err(failed)?;
                    known.insert(key, [chosen, rejected]);
                    done += 1;
                }
                on_progress(done, total);
                number += 1;
            }
            all.push(keys.iter().map(|key| known[key]).collect());
        }
        let held_out = all.pop().unwrap_or_default();
        let train = all.pop().unwrap_or_default();
        Ok(Self {
            train,
            held_out,
            parameters,
            known: true,
        })
    }

    /// Of each pair of a micro-batch.
    pub(super) fn of_train(&self, batch: &MicroBatch) -> Vec<[f64; 2]> {
        of(&self.train, batch)
    }

    /// Of each pair of a micro-batch of held-out pairs.
    pub(super) fn of_held_out(&self, batch: &MicroBatch) -> Vec<[f64; 2]> {
        of(&self.held_out, batch)
    }

    /// The adapter at the start.
    pub(super) fn parameters(&self) -> Option<&[f32]> {
        self.parameters.as_deref()
    }

    /// Whether there is a reference at all.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }
}

fn of(all: &[[f64; 2]], batch: &MicroBatch) -> Vec<[f64; 2]> {
    batch
        .units
        .iter()
        .step_by(2)
        .map(|&unit| all[unit])
        .collect()
}

/// Tells a pair under a reference from all others.
fn key(pair: &PairSample, fingerprint: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(fingerprint.as_bytes());
    for sample in [&pair.chosen, &pair.rejected] {
        let Sample {
            tokens, trained, ..
        } = sample;
        hash.update((tokens.len() as u64).to_le_bytes());
        for (token, trained) in tokens.iter().zip(trained) {
            hash.update(token.to_le_bytes());
            hash.update([u8::from(*trained)]);
        }
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
