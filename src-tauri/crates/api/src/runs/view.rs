//! Runs as lists and pages show them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nc_train::recipe::{Method, Stage};
use nc_train::{Health as Judged, Recipe};

use super::history::History;
use super::kept::{self, Kept, KeptState};
use super::{adoption, before_after, charts, folder, folder_of, live};
use crate::dto::{
    AskRun, BeforeAfterRow, GetRun, Health, HealthState, RunStanding, RunSummary, RunView, RunsView,
};
use crate::{Api, ApiError, ErrorCode, kernels, registry};

/// Values of the small line of a run in a list.
const LINE: usize = 60;

/// A run's folder and what is kept there.
pub(super) struct Found {
    folder: PathBuf,
    kept: Kept,
    pub(super) recipe: Recipe,
    adopted: bool,
}

impl Found {
    fn new(folder: PathBuf, kept: Kept, adopted: Option<&str>) -> Result<Self, ApiError> {
        Ok(Self {
            recipe: kept.recipe()?,
            adopted: adopted == Some(&kept::id_of(&folder)),
            folder,
            kept,
        })
    }

    /// The run called `id`.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub(super) fn open(api: &Api, id: &str) -> Result<Self, ApiError> {
        let folder = folder_of(api, id)?;
        let kept = Kept::read(&folder)?;
        let adopted = adoption::adopted(api)?;
        Self::new(
            folder,
            kept,
            adopted.as_ref().map(|adopted| adopted.run.as_str()),
        )
    }

    /// What the run has told, read once, and its summary: of the one that goes from memory, of others from their journals.
    ///
    /// # Errors
    /// `Storage`.
    pub(super) fn with_history<T>(
        &self,
        api: &Arc<Api>,
        use_it: impl FnOnce(&History, RunSummary) -> T,
    ) -> Result<T, ApiError> {
        let id = kept::id_of(&self.folder);
        match api.runs.going(&id) {
            Some(going) => {
                let standing = live::standing(&going);
                // One that has just ended stands as its file says.
                let kept = Kept::read(&self.folder)?;
                let standing = (kept.state == KeptState::Going).then_some(standing);
                let live = going.live();
                Ok(use_it(
                    &live.history,
                    self.summary(api, &live.history, standing),
                ))
            }
            None => {
                let history = History::read(&self.folder)?;
                Ok(use_it(&history, self.summary(api, &history, None)))
            }
        }
    }

    fn summary(&self, api: &Api, history: &History, standing: Option<RunStanding>) -> RunSummary {
        let id = kept::id_of(&self.folder);
        let kept = &self.kept;
        let standing = standing.unwrap_or_else(|| standing_of(api, &id, kept, history));
        let model = self.recipe.model.to_string_lossy().into_owned();
        RunSummary {
            name: kept.name.clone(),
            model_name: registry::name_of(&model),
            model,
            stage: self.recipe.stage,
            method: method(&self.recipe),
            created: kept.created.clone(),
            progress: history.progress(),
            line: charts::line(history, LINE),
            loss: history
                .steps
                .last()
                .map(|step| step.loss)
                .filter(|loss| loss.is_finite()),
            held_out_loss: history
                .evaluations
                .last()
                .map(|held| held.loss)
                .filter(|loss| loss.is_finite()),
            adopted: self.adopted,
            discarded: kept.discarded.clone(),
            result: match standing {
                RunStanding::Finished { .. } => result(&self.folder),
                _ => None,
            },
            standing,
            id,
        }
    }
}

/// All runs, the newest first. What is kept of a run that cannot be read is left out, and said on standard error.
///
/// # Errors
/// `Storage` when the library cannot be read.
pub(crate) fn list(api: &Arc<Api>) -> Result<RunsView, ApiError> {
    let adopted = adoption::adopted(api)?;
    let adopted_id = adopted.as_ref().map(|adopted| adopted.run.as_str());
    let runs = kept::all(&folder(api)).into_iter();
    let summaries = runs.filter_map(|(folder, kept)| {
        let place = folder.display().to_string();
        let found = Found::new(folder, kept, adopted_id);
        let summary = found.and_then(|found| found.with_history(api, |_, summary| summary));
        summary.map_err(|error| eprintln!("{place}: {error}")).ok()
    });
    Ok(RunsView {
        runs: summaries.collect(),
        adopted,
    })
}

/// A run as a list shows it.
///
/// # Errors
/// `NotFound`, `Storage`.
pub(crate) fn summary(api: &Arc<Api>, id: &str) -> Result<RunSummary, ApiError> {
    Found::open(api, id)?.with_history(api, |_, summary| summary)
}

/// How a run that does not go stands.
fn standing_of(api: &Api, id: &str, kept: &Kept, history: &History) -> RunStanding {
    let finished = |finished: &nc_train::Finished| RunStanding::Finished {
        early: finished.early.clone(),
        kept_step: finished.kept_step,
    };
    match (&kept.state, &history.finished) {
        (KeptState::Finished | KeptState::Going, Some(end)) => finished(end),
        (KeptState::Queued, _) => {
            let state = api.runs.lock();
            let position = state.queue.iter().position(|queued| queued == id);
            RunStanding::Queued {
                position: position.map_or(0, |position| position as u32) + 1,
                on_hold: state.on_hold,
            }
        }
        (KeptState::Failed { error }, _) => RunStanding::Failed {
            error: error.clone(),
            can_resume: error.code != ErrorCode::NotFound,
        },
        (KeptState::Stopped, _) => RunStanding::Stopped {
            step: history.step(),
        },
        // A run of the command line that was stopped has no file of its own to say so.
        (KeptState::Going, None) if history.stopped => RunStanding::Stopped {
            step: history.step(),
        },
        (KeptState::Going | KeptState::Finished, None) => RunStanding::Interrupted {
            step: history.saved_step,
        },
    }
}

fn method(recipe: &Recipe) -> String {
    match &recipe.method {
        Method::Lora(lora) => format!("LoRA, rank {}", lora.rank),
        Method::Full(_) => "all weights".to_owned(),
    }
}

/// The folder of what a run learnt, where there is one that opens as a model.
pub(super) fn result(folder: &Path) -> Option<String> {
    let folders = [
        (folder.join("adapter"), "adapter_config.json"),
        (folder.join("model"), "config.json"),
    ];
    let found = folders
        .into_iter()
        .find(|(folder, file)| folder.join(file).exists());
    found.map(|(folder, _)| folder.display().to_string())
}

/// Everything a run's page shows.
///
/// # Errors
/// `NotFound`, `Storage`.
pub(crate) fn view(api: &Arc<Api>, request: &GetRun) -> Result<RunView, ApiError> {
    // Taken first: what happens meanwhile is told again, and does no harm.
    let as_of = api.events.last();
    let found = Found::open(api, &request.id)?;
    let folder = &found.folder;
    found.with_history(api, |history, summary| RunView {
        folder: folder.display().to_string(),
        plan: crate::dto::PlanAndOutcome {
            disk_bytes: bytes_of(folder),
            ..history.plan
        },
        charts: charts::charts(history, request.smoothing, beta(&found.recipe)),
        samples: history.samples.clone(),
        first_batch: history.first_batch.clone(),
        log: history.log.clone(),
        health: health(history),
        rolled_back: history.rolled_back.clone(),
        resumed_from: history.resumed_from,
        before_after: before_after::read(folder),
        summary,
        recipe: found.recipe.clone(),
        as_of,
    })
}

/// What turns the rewards of a run into log-ratios.
pub(super) fn beta(recipe: &Recipe) -> Option<f64> {
    (recipe.stage == Stage::Preference).then(|| recipe.preference.beta())
}

/// What a folder holds, with all below it.
fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_of(&entry.path()),
            Ok(about) => about.len(),
            // A file that is being renamed is counted the next time.
            Err(_) => 0,
        })
        .sum()
}

/// Of the newest held-out pairs, else of those trained last; none for a run that has neither.
pub(crate) fn health(history: &History) -> Option<Health> {
    let held = history.evaluations.last().and_then(|held| held.preference);
    let held = held.and_then(|figures| figures.chosen_drift);
    let trained = || {
        history
            .steps
            .last()
            .and_then(|step| step.preference?.chosen_drift)
    };
    let (chosen_drift, held_out) = match held {
        Some(drift) => (drift, true),
        None => (trained()?, false),
    };
    let pairs = match held_out {
        true => "held-out",
        false => "the last step's",
    };
    let moved = format!(
        "the chosen answers of {pairs} pairs are {:.2} nats per token {} than at the start",
        chosen_drift.abs(),
        if chosen_drift < 0.0 {
            "less likely"
        } else {
            "more likely"
        },
    );
    let (state, words) = match Judged::of_drift(chosen_drift) {
        Judged::Healthy => (
            HealthState::Healthy,
            format!("Healthy: {moved}. The model learns to prefer and still says what it prefers."),
        ),
        Judged::Drifting => (
            HealthState::Drifting,
            format!(
                "Drifting: {moved}. It moves away from what it should prefer: a smaller learning rate, a larger beta or fewer steps help."
            ),
        ),
        Judged::Collapsing => (
            HealthState::Collapsing,
            format!(
                "Collapsing: {moved}. It forgets how to answer: stop it, and begin again with a learning rate ten times smaller."
            ),
        ),
    };
    Some(Health {
        state,
        words,
        chosen_drift: if chosen_drift.is_finite() {
            chosen_drift
        } else {
            f64::MIN
        },
        held_out,
    })
}

/// Asks the model before and after a run the same question.
///
/// # Errors
/// `BadRequest` for a run without a result, and those of opening and of answering.
pub(crate) fn ask(api: &Arc<Api>, request: AskRun) -> Result<BeforeAfterRow, ApiError> {
    let folder = folder_of(api, &request.id)?;
    let recipe = Kept::read(&folder)?.recipe()?;
    let result = result(&folder).ok_or_else(|| {
        ApiError::new(
            ErrorCode::BadRequest,
            "This run has not finished, so there is nothing to ask.",
            "Wait for it, or resume it.",
        )
    })?;
    let compute = kernels::compute(Some(&api.library))?;
    before_after::ask((&recipe, &result), request.prompt, &compute)
}
