//! What the wizard asks for: data looked at, recipes made, loaded and saved, plans.

use nc_data::Format;
use nc_train::Recipe;
use nc_train::plan::{BlockerCode, MemoryParts, TimeBand};
use nc_train::recipe::Stage;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ApiError;

/// Files to learn from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DataFiles {
    /// Their paths.
    pub files: Vec<String>,
}

/// What is in files to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DataLook {
    /// Each file.
    pub files: Vec<DataFile>,
    /// The first rows of all.
    pub rows: Vec<DataRow>,
    /// What these rows can be used for as they are; none where files disagree or cannot be read.
    pub stage: Option<Stage>,
}

/// A file to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DataFile {
    /// Where it lies.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What its rows are; none where it cannot be read.
    pub format: Option<Format>,
    /// The same in words.
    pub format_words: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that can be used.
    pub used: u64,
    /// The others, by reason.
    pub refused: Vec<RefusedRows>,
    /// Why it cannot be used at all.
    pub error: Option<ApiError>,
}

/// Rows that cannot be used, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RefusedRows {
    /// Why, as a sentence.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The first one's number in the file, from 1.
    pub first_row: u64,
    /// What to do about it.
    pub remedy: String,
}

/// A row to learn from, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DataRow {
    /// What is said before the answer.
    pub prompt: String,
    /// The answer to be learnt, or preferred.
    pub answer: String,
    /// The answer not to be preferred.
    pub rejected: Option<String>,
}

/// Files that a native dialog gave; none when the person cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PickedFiles {
    /// Their paths.
    pub paths: Vec<String>,
}

/// Data that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SampleData {
    /// Its name.
    pub name: String,
    /// What a model learns from it, a sentence.
    pub about: String,
    /// What it is for.
    pub stage: Stage,
    /// Where it lies.
    pub path: String,
}

/// How much a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Minutes: a small adapter, one or few passes.
    QuickTaste,
    /// The usual choice.
    Balanced,
    /// As in the article this program follows.
    Article,
}

/// Make a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewRecipe {
    /// The model to begin with: a path, or `starter`.
    pub model: String,
    /// The rows to learn from.
    pub files: Vec<String>,
    /// Supervised, or by preferences.
    pub stage: Stage,
    /// How much.
    pub preset: Preset,
}

/// A recipe from a file; nothing when the person cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OpenedRecipe {
    /// The file.
    pub path: Option<String>,
    /// What it says.
    pub recipe: Option<Recipe>,
}

/// Read a recipe's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecipePath {
    /// The file; none asks with the native dialog.
    pub path: Option<String>,
}

/// Plan a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanRun {
    /// What it would do.
    pub recipe: Recipe,
    /// Measures this machine for about two seconds, to tell the time.
    pub measure: bool,
}

/// What a run would take, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunPlan {
    /// What stands in the way: the run cannot start while there is one.
    pub blockers: Vec<PlanBlocker>,
    /// What a person should know, and may go on with.
    pub warnings: Vec<String>,
    /// The figures; none where data or model could not be read.
    pub figures: Option<PlanFigures>,
}

/// Figures of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanFigures {
    /// Memory at most, beside what the program takes now.
    pub memory_bytes: u64,
    /// What it is made of.
    pub memory: MemoryParts,
    /// Memory that can be taken now.
    pub available_bytes: u64,
    /// From loading to the last checkpoint; none where it was not measured.
    pub seconds: Option<TimeBand>,
    /// On the disk at most.
    pub disk_bytes: u64,
    /// Free there now.
    pub disk_free_bytes: u64,
    /// Steps of the optimizer.
    pub steps: u64,
    /// Tokens read over all steps.
    pub tokens: u64,
    /// Of these, tokens that are trained.
    pub trained_tokens: u64,
    /// Numbers that learn.
    pub parameters: u64,
    /// Numbers of the whole model.
    pub model_parameters: u64,
    /// Rows (or pairs) trained on.
    pub rows: u64,
    /// Rows left out, by reason in words.
    pub dropped: Vec<DroppedRows>,
    /// Rows cut to fit.
    pub cut: u64,
}

/// Rows left out, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DroppedRows {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Something that stands in the way of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PlanBlocker {
    /// What.
    pub code: BlockerCode,
    /// In words.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
    /// The recipe with which it would be gone, where a change of knobs is enough.
    pub fix: Option<Fix>,
}

/// A recipe that takes a blocker out of the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Fix {
    /// What the button says.
    pub label: String,
    /// The recipe.
    pub recipe: Recipe,
}
