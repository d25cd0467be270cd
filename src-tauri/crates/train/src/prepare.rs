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

    /// The samples of a supervised run, encoded on as many threads as the recipe allows.
    ///
    /// # Errors
    /// [`TrainError::Data`] for a file without usable rows, [`TrainError::NothingToTrain`] for one without samples.
    pub fn samples(&self, encoder: &Encoder) -> Result<Prepared<Sample>> {
        let encode = |example: &Example| encoder.encode(example);
        self.prepare(&encode, |path, options, rows| {
            nc_data::read_examples(path, options, |example| rows.take(example))
        })
    }

    /// The samples of a preference run.
    ///
    /// # Errors
    /// As [`samples`](Self::samples).
    pub fn pairs(&self, encoder: &Encoder) -> Result<Prepared<PairSample>> {
        let pair_options = self.pair_options();
        let encode = |pair: &Pair| encoder.encode_pair(pair, pair_options);
        self.prepare(&encode, |path, options, rows| {
            nc_data::read_pairs(path, options, |pair| rows.take(pair))
        })
    }

    pub(crate) fn pair_options(&self) -> PairOptions {
        PairOptions {
            truncation: self.preference.truncation,
            max_prompt_tokens: self
                .preference
                .max_prompt_tokens(self.optimisation.max_tokens),
        }
    }

    pub(crate) fn prepare<R: Sync, U: Unit + Send>(
        &self,
        encode: &Encode<'_, R, U>,
        read: impl Fn(&Path, Options, &mut Rows<'_, R, U>) -> nc_data::Result<Reading>,
    ) -> Result<Prepared<U>> {
        let threads = match self.machine.cores {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            cores => cores,
        };
        let mut files = Vec::new();
        let mut units = Vec::new();
        let mut left = self.data.max_rows;
        for path in &self.data.files {
            if left == Some(0) {
                break;
            }
            let mut rows = Rows::new(encode, threads);
            let reading = read(path, self.read_options(left), &mut rows)?;
            left = left.map(|left| left.saturating_sub(reading.used));
            let (more, report) = rows.finish(path, reading)?;
            units.extend(more);
            files.push(report);
        }
        let held_out = match &self.data.held_out_file {
            Some(path) => {
                let mut rows = Rows::new(encode, threads);
                let reading = read(path, self.read_options(None), &mut rows)?;
                let (held, report) = rows.finish(path, reading)?;
                files.push(report);
                held
            }
            None => {
                let which = held_out(units.len(), self.data.held_out, self.data.seed);
                let mut which = which.into_iter();
                let held = |_: &mut U| which.next().unwrap_or(false);
                units.extract_if(.., held).collect()
            }
        };
        Ok(Prepared {
            train: units,
            held_out,
            files,
        })
    }

    fn read_options(&self, max_rows: Option<u64>) -> Options {
        Options {
            format: self.data.format,
            max_rows,
        }
    }
}

/// How a row becomes a unit.
pub(crate) type Encode<'e, R, U> = dyn Fn(&R) -> std::result::Result<U, Dropped> + Sync + 'e;

/// Rows that each thread encodes before all wait for each other.
const ROWS_A_THREAD: usize = 256;

/// A file's rows on their way to units, in order.
pub(crate) struct Rows<'e, R, U> {
    encode: &'e Encode<'e, R, U>,
    threads: usize,
    waiting: Vec<R>,
    units: Vec<U>,
    dropped: BTreeMap<DropReason, (u64, Dropped)>,
    cut: u64,
}

impl<'e, R: Sync, U: Unit + Send> Rows<'e, R, U> {
    fn new(encode: &'e Encode<'e, R, U>, threads: usize) -> Self {
        Self {
            encode,
            threads,
            waiting: Vec::new(),
            units: Vec::new(),
            dropped: BTreeMap::new(),
            cut: 0,
        }
    }

    pub(crate) fn take(&mut self, row: R) {
        self.waiting.push(row);
        if self.waiting.len() >= self.threads.saturating_mul(ROWS_A_THREAD) {
            self.encode_waiting();
        }
    }

    fn encode_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let encode = self.encode;
        let encoded = std::thread::scope(|scope| {
            let start = |rows| scope.spawn(move || -> Vec<_> { encode_all(encode, rows) });
            let share = waiting.len().div_ceil(self.threads).max(1);
            let threads: Vec<_> = waiting.chunks(share).map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| match thread.join() {
                Ok(encoded) => encoded,
                // A thread that breaks off does so here too.
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        for row in encoded.into_iter().flatten() {
            match row {
                Ok(unit) => {
                    self.cut += u64::from(unit.sequences().any(|sample| sample.cut));
                    self.units.push(unit);
                }
                Err(drop) => self.dropped.entry(drop.reason).or_insert((0, drop)).0 += 1,
            }
        }
    }

    /// The units of a file that was read to its end.
    fn finish(mut self, path: &Path, reading: Reading) -> Result<(Vec<U>, FileReport)> {
        self.encode_waiting();
        if self.units.is_empty() {
            let most = self.dropped.into_values().max_by_key(|(count, _)| *count);
            return Err(TrainError::NothingToTrain {
                path: path.to_path_buf(),
                rows: reading.used,
                first: most.map(|(_, first)| first),
            });
        }
        let report = FileReport {
            path: path.to_path_buf(),
            reading,
            dropped: self.dropped,
            cut: self.cut,
        };
        Ok((self.units, report))
    }
}

fn encode_all<R, U>(encode: &Encode<'_, R, U>, rows: &[R]) -> Vec<std::result::Result<U, Dropped>> {
    rows.iter().map(encode).collect()
}
