//! What a run has told so far, folded into what its page shows.

use nc_train::run::Journal;
use nc_train::{EvaluationFigures, Event, Finished, StepFigures};

use crate::dto::{
    BatchRow, BatchToken, LogKind, LogLine, PlanAndOutcome, RolledBack, RunProgress, SampleAnswer,
};
use crate::{ApiError, dto::Preparing};

/// Steps over which speed and time left are taken.
const RECENT_STEPS: usize = 20;

/// What a run has told so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) steps: Vec<StepFigures>,
    pub(crate) evaluations: Vec<EvaluationFigures>,
    pub(crate) samples: Vec<SampleAnswer>,
    pub(crate) first_batch: Vec<BatchRow>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) plan: PlanAndOutcome,
    pub(crate) total_steps: Option<u64>,
    pub(crate) saved_step: u64,
    pub(crate) rolled_back: Option<RolledBack>,
    pub(crate) resumed_from: Option<u64>,
    pub(crate) finished: Option<Finished>,
    pub(crate) stopped: bool,
    /// What is done before the first step, and how much of it.
    pub(crate) preparing: Option<(Preparing, u64, u64)>,
    pub(crate) evaluating: bool,
    /// Steps made since it began or went on.
    pub(crate) steps_of_attempt: usize,
}

impl History {
    /// A run's journal, as far as it goes.
    ///
    /// # Errors
    /// `Storage` where it is damaged.
    pub(crate) fn read(folder: &std::path::Path) -> Result<Self, ApiError> {
        let journal = Journal::read::<Event>(&nc_train::run::journal_path(folder))?;
        let mut history = Self::default();
        for entry in &journal.entries {
            history.take(&entry.event);
        }
        Ok(history)
    }

    /// The last step.
    pub(crate) fn step(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.step)
    }

    /// How far the run is; none before the first step.
    pub(crate) fn progress(&self) -> Option<RunProgress> {
        let last = self.steps.last()?;
        let total_steps = self.total_steps.unwrap_or(last.step);
        let first = self
            .steps
            .len()
            .saturating_sub(RECENT_STEPS.min(self.steps_of_attempt.max(1)));
        let recent = &self.steps[first..];
        let tokens: u64 = recent.iter().map(|step| step.tokens).sum();
        let seconds: f64 = recent
            .iter()
            .map(|step| step.tokens as f64 / step.tokens_per_second.max(f64::MIN_POSITIVE))
            .sum();
        let left = total_steps.saturating_sub(last.step) as f64;
        Some(RunProgress {
            step: last.step,
            total_steps,
            epoch: last.epoch,
            tokens_per_second: tokens as f64 / seconds.max(f64::MIN_POSITIVE),
            seconds_left: (recent.len() >= 2 && self.finished.is_none())
                .then(|| seconds / recent.len() as f64 * left),
        })
    }

    fn log(&mut self, kind: LogKind, text: String) {
        let step = self.step();
        self.log.push(LogLine { step, kind, text });
    }

    /// Takes an event in.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Started {
                step,
                total_steps,
                samples,
                held_out,
                parameters,
                kernels,
            } => {
                // What came after the checkpoint that a run goes on from never was.
                self.forget_after(*step);
                self.total_steps = Some(*total_steps);
                self.resumed_from = (*step > 0).then_some(*step);
                (self.stopped, self.finished) = (false, None);
                (self.preparing, self.steps_of_attempt) = (None, 0);
                let begins = match step {
                    0 => "Begins".to_owned(),
                    step => format!("Goes on after step {step}"),
                };
                let text = format!(
                    "{begins}: {samples} rows, {held_out} held out, {parameters} numbers learn, {kernels} kernels."
                );
                self.log(LogKind::Info, text);
            }
            Event::Planned {
                seconds,
                memory_bytes,
                disk_bytes,
            } => {
                self.preparing = Some((Preparing::Loading, 0, 0));
                // A run that goes on measures nothing anew.
                if self.plan.planned_seconds.is_none() {
                    self.plan.planned_seconds = *seconds;
                }
                self.plan.planned_memory_bytes = Some(*memory_bytes);
                self.plan.planned_disk_bytes = Some(*disk_bytes);
            }
            Event::Reference { done, total } => {
                self.preparing = Some((Preparing::Reference, *done, *total));
            }
            Event::FirstBatch { rows } => {
                self.first_batch = rows.iter().map(batch_row).collect();
            }
            Event::Evaluating => self.evaluating = true,
            Event::Step(figures) => {
                self.evaluating = false;
                self.steps.push(*figures);
                self.steps_of_attempt += 1;
            }
            Event::Evaluation(figures) => {
                self.evaluating = false;
                self.evaluations.push(*figures);
            }
            Event::Sample {
                step,
                prompt,
                answer,
            } => self.samples.push(SampleAnswer {
                step: *step,
                prompt: prompt.clone(),
                answer: answer.clone(),
            }),
            Event::Checkpoint { id, best } => {
                self.saved_step = id.step;
                let best = if *best { ", the best so far" } else { "" };
                self.log(
                    LogKind::Saved,
                    format!("Saved after step {}{best}.", id.step),
                );
            }
            Event::RolledBack {
                step,
                to_step,
                cause,
                rate_factor,
            } => {
                self.forget_after(*to_step);
                let text = format!(
                    "Step {step} went wrong: {cause}. Went back to step {to_step}; learning rates are {rate_factor} of what they were."
                );
                self.log(LogKind::Warning, text);
                self.rolled_back = Some(RolledBack {
                    step: *step,
                    to_step: *to_step,
                    cause: cause.clone(),
                });
            }
            Event::Notice { text } => self.log(LogKind::Warning, text.clone()),
            Event::Finished(finished) => {
                self.log(
                    LogKind::Info,
                    format!("Finished after step {}.", finished.step),
                );
                self.plan.seconds = Some(finished.seconds);
                self.plan.memory_bytes = finished.against_plan.map(|outcome| outcome.memory_bytes);
                self.finished = Some(finished.clone());
            }
            Event::Stopped { step } => {
                self.stopped = true;
                self.log(LogKind::Info, format!("Stopped after step {step}."));
            }
        }
    }

    fn forget_after(&mut self, step: u64) {
        self.steps.retain(|figures| figures.step <= step);
        self.evaluations.retain(|figures| figures.step <= step);
        self.samples.retain(|sample| sample.step <= step);
    }
}

fn batch_row(row: &nc_train::BatchRow) -> BatchRow {
    let tokens = row.tokens.iter().map(|token| BatchToken {
        text: token.text.clone(),
        trained: token.trained,
    });
    BatchRow {
        tokens: tokens.collect(),
        more: row.more,
    }
}
