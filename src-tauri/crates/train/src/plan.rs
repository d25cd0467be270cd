//! What a run will take, before it starts: memory, time, disk, and what stands in its way.
//!
//! [`plan`] is a function of facts, which [`DataFacts::of`], [`ModelFacts::of`] and [`MachineFacts::find`] collect; the speed
//! of steps comes from a probe ([`probe`]). Afterwards [`Outcome`] holds what was foretold against what came.

mod blockers;
mod estimate;
mod facts;
mod fits;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use nc_model::{Compute, ModelError, ProbeRequest, StepSpeed};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::method::UnknownTarget;
pub use blockers::{Blocker, BlockerCode};
pub use facts::{DataFacts, MachineFacts, ModelFacts};

use crate::recipe::Recipe;
use crate::sample::DropReason;

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Memory at most, bytes, beside what the program takes now.
    pub memory_bytes: u64,
    /// What it is made of.
    pub memory: MemoryParts,
    /// Memory that can be taken now, bytes.
    pub available_bytes: u64,
    /// From loading to the last checkpoint; none where something stands in the way of measuring.
    pub seconds: Option<TimeBand>,
    /// On the disk at most, bytes.
    pub disk_bytes: u64,
    /// Free there now, bytes.
    pub disk_free_bytes: u64,
    /// Steps of the optimizer.
    pub steps: u64,
    /// Tokens read over all steps.
    pub tokens: u64,
    /// Of these, tokens that are trained.
    pub trained_tokens: u64,
    /// Numbers that learn.
    pub parameters: u64,
    /// Rows (or pairs) trained on.
    pub rows: u64,
    /// Rows that give no sample, by reason; rows that could not be read are under `not-read`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Rows cut to fit `max_tokens`.
    pub cut: u64,
    /// What stands in the way; the run must not start while there is one.
    pub blockers: Vec<Blocker>,
    /// What a person should know, and may go on with.
    pub warnings: Vec<String>,
}

/// Parts of the memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct MemoryParts {
    /// The model's weights.
    pub weights: u64,
    /// What learns, with gradients and the optimizer's averages.
    pub parameters: u64,
    /// What is kept of the longest micro-batch on the way forward.
    pub kept: u64,
    /// Everything computed in.
    pub buffers: u64,
    /// Samples.
    pub data: u64,
}

impl MemoryParts {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.parameters + self.kept + self.buffers + self.data
    }
}

/// A time, and the band in which it is likely to lie, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct TimeBand {
    /// With the machine at its best.
    pub low: f64,
    /// The likeliest.
    pub expected: f64,
    /// With the machine as busy as in the probe's worst passes.
    pub high: f64,
}

/// What was foretold against what came, to be kept with a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Foretold, seconds.
    pub planned_seconds: f64,
    /// Taken, without pauses.
    pub seconds: f64,
    /// Foretold, bytes.
    pub planned_memory_bytes: u64,
    /// Most that was taken, beside what the program took before.
    pub memory_bytes: u64,
}

impl Outcome {
    /// Time taken, of that foretold.
    pub fn time_ratio(&self) -> f64 {
        self.seconds / self.planned_seconds
    }

    /// Memory taken, of that foretold.
    pub fn memory_ratio(&self) -> f64 {
        self.memory_bytes as f64 / self.planned_memory_bytes as f64
    }
}

/// All facts that a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The machine.
    pub machine: &'a MachineFacts,
    /// The model.
    pub model: &'a ModelFacts,
    /// The samples.
    pub data: &'a DataFacts,
    /// How fast steps are; none where it was not measured, and then there is no time in the plan.
    pub speed: Option<&'a StepSpeed>,
}

/// Plans a run.
pub fn plan(facts: Facts, recipe: &Recipe) -> Plan {
    let Facts {
        machine,
        model,
        data,
        speed,
    } = facts;
    let memory = fits::memory(facts, recipe, data.longest);
    let work = estimate::Work::of(data, recipe);
    let learning = crate::method::learning(&recipe.method).ok();
    let parameters = learning.map_or(0, |method| method.parameters(&model.spec) as u64);
    let disk_bytes = estimate::disk_bytes(parameters, &work, recipe);
    let mut dropped: BTreeMap<&'static str, u64> = (data.dropped.iter())
        .map(|(reason, count)| (name_of(*reason), *count))
        .collect();
    if data.refused > 0 {
        dropped.insert("not-read", data.refused);
    }
    Plan {
        memory_bytes: memory.total(),
        memory,
        available_bytes: machine.available_bytes,
        seconds: speed.map(|speed| work.seconds(speed, model, parameters, recipe)),
        disk_bytes,
        disk_free_bytes: machine.disk_free_bytes,
        steps: work.steps,
        tokens: work.tokens,
        trained_tokens: work.trained_tokens,
        parameters,
        rows: data.rows(),
        dropped,
        cut: data.cut,
        blockers: blockers::find(facts, recipe, disk_bytes),
        warnings: blockers::warnings(facts, recipe),
    }
}

/// Measures how fast such steps are here, in about two seconds.
///
/// # Errors
/// [`ModelError::Lora`] or [`ModelError::QuantizedTraining`] where the method does not fit the model: the plan names these as
/// blockers.
pub fn probe(
    model: &ModelFacts,
    data: &DataFacts,
    recipe: &Recipe,
    compute: &Compute,
) -> Result<Option<StepSpeed>, ModelError> {
    let Ok(method) = crate::method::learning(&recipe.method) else {
        return Ok(None);
    };
    let request = ProbeRequest {
        spec: &model.spec,
        weights: model.weights,
        method: &method,
        recompute: recipe.machine.activation_checkpointing,
        typical: data.typical(),
        compute,
    };
    match data.micro_batches.is_empty() {
        true => Ok(None),
        false => request.measure().map(Some),
    }
}

fn name_of(reason: DropReason) -> &'static str {
    match reason {
        DropReason::TemplateFailed => "template-failed",
        DropReason::AnswersUnknown => "answers-unknown",
        DropReason::NotEncoded => "not-encoded",
        DropReason::NothingTrained => "nothing-trained",
        DropReason::SameAnswers => "same-answers",
    }
}
