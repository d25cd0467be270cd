//! Curves of a run, and runs beside each other.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::RunSummary;

/// What a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// The loss, of steps and of held-out rows.
    Loss,
    /// The learning rate.
    LearningRate,
    /// The gradient's norm before it was held down.
    GradientNorm,
    /// Tokens read a second.
    Speed,
    /// Rewards of chosen and of rejected answers.
    Rewards,
    /// The difference of the rewards.
    Margin,
    /// Share of pairs whose chosen answer has the larger reward.
    Accuracy,
    /// How far the model has moved away from chosen answers, per token.
    Drift,
    /// Log-ratio to the reference, an estimate of the divergence.
    Divergence,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Chart {
    /// What it shows.
    pub kind: ChartKind,
    /// Its title.
    pub title: String,
    /// The unit of its values, for the axis.
    pub unit: String,
    /// A sentence on what it shows and how to read it.
    pub about: String,
    /// Whether all values are above 0, so that a logarithmic axis can be had.
    pub can_be_logarithmic: bool,
    /// Its lines.
    pub curves: Vec<Curve>,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Curve {
    /// What it is called.
    pub name: String,
    /// It is of held-out rows: few points, shown as they are.
    pub held_out: bool,
    /// Steps, rising.
    pub steps: Vec<u64>,
    /// A value for each step.
    pub values: Vec<f64>,
    /// The same, smoothed.
    pub smoothed: Vec<f64>,
}

/// Two to six runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CompareRuns {
    /// Which.
    pub ids: Vec<String>,
    /// As in [`GetRun`](super::GetRun).
    pub smoothing: f64,
}

/// Runs beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunsComparison {
    /// The runs, in the order asked for.
    pub runs: Vec<RunSummary>,
    /// Charts with a line for each run.
    pub charts: Vec<Chart>,
    /// Every knob and figure, with a value for each run.
    pub rows: Vec<ComparisonRow>,
}

/// A knob or a figure of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ComparisonRow {
    /// What it is.
    pub name: String,
    /// A value for each run, in words.
    pub values: Vec<String>,
    /// All runs have the same.
    pub same: bool,
}

/// What kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    /// Pixels.
    Png,
    /// Lines.
    Svg,
}

/// Write a chart to a file that a native dialog asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SaveChart {
    /// One run, or those compared.
    pub ids: Vec<String>,
    /// Which chart.
    pub chart: ChartKind,
    /// As in [`GetRun`](super::GetRun).
    pub smoothing: f64,
    /// With a logarithmic axis of values.
    pub logarithmic: bool,
    /// What kind of picture.
    pub format: PictureFormat,
}

/// Unseen questions answered by the model before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BeforeAfter {
    /// The model before, for people.
    pub before_name: String,
    /// The model after, for people.
    pub after_name: String,
    /// The questions, with both answers.
    pub rows: Vec<BeforeAfterRow>,
    /// Of how many rows an expected answer is known and compared word for word.
    pub compared: u64,
    /// How many of these the model before answered exactly so.
    pub right_before: u64,
    /// How many the model after did.
    pub right_after: u64,
    /// Where the questions come from: "rows held out from training", "the recipe's prompts".
    pub source: String,
}

/// A question with both answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BeforeAfterRow {
    /// The question.
    pub prompt: String,
    /// What the data says, where it does.
    pub expected: Option<String>,
    /// What the model before says.
    pub before: String,
    /// What the model after says.
    pub after: String,
}

/// Ask the model before and after the same question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AskRun {
    /// The run.
    pub id: String,
    /// The question.
    pub prompt: String,
}
