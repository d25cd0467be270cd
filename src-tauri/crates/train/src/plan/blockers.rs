//! What stands in the way of a run, and what a person should know of it.

use nc_model::{Method, Site};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Facts;
use super::fits::{self, gigabytes};
use crate::error::TrainError;
use crate::method;
use crate::recipe::{PreferenceLoss, Recipe, Stage, TemplateChoice};

/// What is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum BlockerCode {
    /// Not enough memory.
    Memory,
    /// Not enough room on the disk.
    Disk,
    /// Quantised weights cannot all learn.
    QuantizedBase,
    /// A rank that a layer cannot have.
    Rank,
    /// A layer that there is not.
    Targets,
    /// The recipe asks for the model's template, and there is none.
    Template,
    /// No row gives a sample.
    NothingToTrain,
    /// Sequences longer than the model's context.
    Context,
    /// Unpaired KTO needs two rows a micro-batch.
    TooFewRows,
    /// The recipe or its files cannot be used.
    Recipe,
}

/// Something that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// What.
    pub code: BlockerCode,
    /// In words.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

impl Blocker {
    fn new(code: BlockerCode, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

impl From<&TrainError> for Blocker {
    /// What went wrong before there was anything to plan.
    fn from(error: &TrainError) -> Self {
        let code = match error {
            TrainError::NoTemplate => BlockerCode::Template,
            TrainError::NothingToTrain { .. } => BlockerCode::NothingToTrain,
            _ => BlockerCode::Recipe,
        };
        Self::new(code, error.to_string(), error.remedy())
    }
}

/// Whether a micro-batch of one row cannot be trained.
pub(super) fn is_unpaired(recipe: &Recipe) -> bool {
    recipe.stage == Stage::Preference && recipe.preference.loss == PreferenceLoss::Kto
}

/// Everything that stands in the way, the method's own first.
pub(super) fn find(facts: Facts, recipe: &Recipe, disk_bytes: u64) -> Vec<Blocker> {
    let Facts {
        machine,
        model,
        data,
        ..
    } = facts;
    let mut found = Vec::new();
    found.extend(of_method(facts, recipe));
    if recipe.template == TemplateChoice::Model && !model.has_template {
        found.push((&TrainError::NoTemplate).into());
    }
    if data.micro_batches.is_empty() {
        found.push(Blocker::new(
            BlockerCode::NothingToTrain,
            "No row gives a sample to train on.",
            "Look at the reasons for which rows were dropped, or choose another file.",
        ));
    }
    let context = model.spec.context_tokens;
    if data.longest.longest > context {
        found.push(Blocker::new(
            BlockerCode::Context,
            format!(
                "The longest sequence has {} tokens; the model was made for {context}.",
                data.longest.longest
            ),
            format!("Set optimisation.max_tokens = {context}."),
        ));
    }
    let fewest = recipe.optimisation.micro_batch.min(data.rows() as usize);
    if is_unpaired(recipe) && fewest < 2 {
        found.push(Blocker::new(
            BlockerCode::TooFewRows,
            "kto compares each answer with another row's prompt, and there is no other row.",
            "Set optimisation.micro_batch = 2 or more, and give at least two rows.",
        ));
    }
    let needed = fits::memory(facts, recipe, data.longest).total();
    if needed > machine.available_bytes {
        found.push(Blocker::new(
            BlockerCode::Memory,
            format!(
                "The run takes {} of memory; {} can be taken now.",
                gigabytes(needed),
                gigabytes(machine.available_bytes)
            ),
            fits::remedy(facts, recipe),
        ));
    }
    if disk_bytes > machine.disk_free_bytes {
        found.push(Blocker::new(
            BlockerCode::Disk,
            format!(
                "Checkpoints and the result take {} on the disk; {} is free.",
                gigabytes(disk_bytes),
                gigabytes(machine.disk_free_bytes)
            ),
            match recipe.checkpoints.keep {
                0 | 1 => "Make room, or let the run lie on another disk.",
                _ => "Make room, set checkpoints.keep = 1, or let the run lie on another disk.",
            },
        ));
    }
    found
}

fn of_method(facts: Facts, recipe: &Recipe) -> Option<Blocker> {
    let model = facts.model;
    let lora = match method::learning(&recipe.method) {
        Err(unknown) => {
            return Some(Blocker::new(
                BlockerCode::Targets,
                format!("The model has no layer called {}.", unknown.name),
                "Set method.targets = \"all\", or name some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and \
                 down_proj.",
            ));
        }
        Ok(Method::Full) => {
            let weights = model.weights;
            let quantized = [weights.main, weights.output]
                .into_iter()
                .find(|format| format.is_quantized());
            return quantized.map(|format| {
                Blocker::new(
                    BlockerCode::QuantizedBase,
                    format!("Weights in {format} cannot all learn."),
                    "Set method.kind = \"lora\", or begin with the model in bf16 or f32.",
                )
            });
        }
        Ok(Method::Lora(lora)) => lora,
    };
    let narrowest = |site: &Site| {
        let (outputs, inputs) = site.shape(&model.spec);
        outputs.min(inputs)
    };
    let narrowest = lora.sites.iter().map(narrowest).min()?;
    (lora.rank > narrowest).then(|| {
        Blocker::new(
            BlockerCode::Rank,
            format!(
                "An adapter of rank {} is larger than the smallest layer it is for, which has {narrowest}.",
                lora.rank
            ),
            format!("Set method.rank = {narrowest} or less, or take the smallest layers out of method.targets."),
        )
    })
}

/// What does not stand in the way.
pub(super) fn warnings(facts: Facts, recipe: &Recipe) -> Vec<String> {
    let data = facts.data;
    let rows = data.rows();
    let lost: u64 = data.refused + data.dropped.values().sum::<u64>();
    let mut found = Vec::new();
    if lost > 0 && 10 * lost >= rows + lost {
        found.push(format!(
            "{lost} of {} rows are not trained on.",
            rows + lost
        ));
    }
    if 10 * data.cut >= rows.max(1) {
        found.push(format!(
            "{} of {rows} rows are cut at {} tokens.",
            data.cut, recipe.optimisation.max_tokens
        ));
    }
    if is_unpaired(recipe) && rows >= 2 && data.fewest_units == 1 {
        found.push(
            "A micro-batch has a single row: kto has no other prompt to compare it with there."
                .to_owned(),
        );
    }
    let needed = fits::memory(facts, recipe, data.longest).total();
    let available = facts.machine.available_bytes;
    if needed <= available && 10 * needed > 9 * available {
        found.push("The run takes nearly all memory: other programs may slow it down.".to_owned());
    }
    found
}
