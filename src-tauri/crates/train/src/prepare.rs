//! From a recipe's files to samples: read, encoded, a share held out, and every row accounted for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nc_data::{Example, Options, Pair, Reading};
use nc_text::Tokenizer;

use crate::batch::{Unit, held_out};
use crate::error::{Result, TrainError};
use crate::recipe::{Recipe, Stage, TemplateChoice};
use crate::sample::{
    DropReason, Dropped, Encoder, EncoderOptions, PairOptions, PairSample, Sample, chat_template,
};

/// A recipe's data, ready to be trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared<U> {
    /// What is trained on, in the order of the files.
    pub train: Vec<U>,
    /// What is measured on; empty where the recipe holds nothing out.
    pub held_out: Vec<U>,
    /// What became of each file's rows.
    pub files: Vec<FileReport>,
}

/// What became of a file's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// What was read, with the rows refused and the file's hash.
    pub reading: Reading,
    /// Of the rows read, those that gave no sample: how many for each reason, and the first.
    pub dropped: BTreeMap<DropReason, (u64, Dropped)>,
    /// How many samples were cut to fit `max_tokens`.
    pub cut: u64,
}

impl Recipe {
    /// The encoder that the recipe asks for; `own_template` is the source of the chat template that comes with the model.
    ///
    /// # Errors
    /// As [`chat_template`].
    pub fn encoder(&self, tokenizer: Tokenizer, own_template: Option<&str>) -> Result<Encoder> {
        let template = chat_template(self.template, own_template, &tokenizer)?;
        let options = EncoderOptions {
            answers_only: self.sft.answers_only || self.stage == Stage::Preference,
            max_tokens: self.optimisation.max_tokens,
            writes_input: self.template == TemplateChoice::Alpaca,
        };
        Ok(Encoder::new(tokenizer, template, options))
    }

    /// The samples of a supervised run.
    ///
    /// # Errors
    /// [`TrainError::Data`] for a file without usable rows, [`TrainError::NothingToTrain`] for one without samples.
    pub fn samples(&self, encoder: &Encoder) -> Result<Prepared<Sample>> {
        self.prepare(|path, options, collected| {
            nc_data::read_examples(path, options, |example: Example| {
                collected.take(encoder.encode(&example));
            })
        })
    }

    /// The samples of a preference run.
    ///
    /// # Errors
    /// As [`samples`](Self::samples).
    pub fn pairs(&self, encoder: &Encoder) -> Result<Prepared<PairSample>> {
        let pair_options = PairOptions {
            truncation: self.preference.truncation,
            max_prompt_tokens: self
                .preference
                .max_prompt_tokens(self.optimisation.max_tokens),
        };
        self.prepare(|path, options, collected| {
            nc_data::read_pairs(path, options, |pair: Pair| {
                collected.take(encoder.encode_pair(&pair, pair_options));
            })
        })
    }

    fn prepare<U: Unit>(
        &self,
        read: impl Fn(&Path, Options, &mut Collected<U>) -> nc_data::Result<Reading>,
    ) -> Result<Prepared<U>> {
        let mut files = Vec::new();
        let mut file = |path: &Path, max_rows: Option<u64>| -> Result<(Vec<U>, u64)> {
            let mut collected = Collected::default();
            let options = Options {
                format: self.data.format,
                max_rows,
            };
            let reading = read(path, options, &mut collected)?;
            if collected.units.is_empty() {
                let most = collected.dropped.into_values();
                let most = most.max_by_key(|(count, _)| *count);
                return Err(TrainError::NothingToTrain {
                    path: path.to_path_buf(),
                    rows: reading.used,
                    first: most.map(|(_, first)| first),
                });
            }
            let used = reading.used;
            files.push(FileReport {
                path: path.to_path_buf(),
                reading,
                dropped: collected.dropped,
                cut: collected.cut,
            });
            Ok((collected.units, used))
        };
        let mut units = Vec::new();
        let mut left = self.data.max_rows;
        for path in &self.data.files {
            if left == Some(0) {
                break;
            }
            let (more, used) = file(path, left)?;
            left = left.map(|left| left.saturating_sub(used));
            units.extend(more);
        }
        let held = match &self.data.held_out_file {
            Some(path) => file(path, None)?.0,
            None => {
                let which = held_out(units.len(), self.data.held_out, self.data.seed);
                let mut which = which.into_iter();
                units
                    .extract_if(.., |_| which.next().unwrap_or(false))
                    .collect()
            }
        };
        Ok(Prepared {
            train: units,
            held_out: held,
            files,
        })
    }
}

/// Samples of a file, as they come.
struct Collected<U> {
    units: Vec<U>,
    dropped: BTreeMap<DropReason, (u64, Dropped)>,
    cut: u64,
}

impl<U> Default for Collected<U> {
    fn default() -> Self {
        Self {
            units: Vec::new(),
            dropped: BTreeMap::new(),
            cut: 0,
        }
    }
}

impl<U: Unit> Collected<U> {
    fn take(&mut self, row: std::result::Result<U, Dropped>) {
        match row {
            Ok(unit) => {
                self.cut += u64::from(unit.sequences().any(|sample| sample.cut));
                self.units.push(unit);
            }
            Err(drop) => self.dropped.entry(drop.reason).or_insert((0, drop)).0 += 1,
        }
    }
}
