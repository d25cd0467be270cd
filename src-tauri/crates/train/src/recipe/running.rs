//! What a run does beside its steps, and with what.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Looking at held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// Every so many steps; 0 only at the end.
    pub every_steps: u64,
    /// Stops after so many evaluations in a row without a better one; 0 never.
    pub early_stopping: u64,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            every_steps: 50,
            early_stopping: 0,
        }
    }
}

/// What is kept to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointRule {
    /// Every so many steps; 0 only at the end.
    pub every_steps: u64,
    /// How many of the newest are kept, beside the best.
    pub keep: usize,
}

impl Default for CheckpointRule {
    fn default() -> Self {
        Self {
            every_steps: 50,
            keep: 2,
        }
    }
}

/// Prompts answered as training goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct SamplePrompts {
    /// The prompts.
    pub prompts: Vec<String>,
    /// Every so many steps.
    pub every_steps: u64,
    /// Longest answer, in tokens.
    pub max_tokens: usize,
}

impl Default for SamplePrompts {
    fn default() -> Self {
        Self {
            prompts: Vec::new(),
            every_steps: 50,
            max_tokens: 64,
        }
    }
}

/// What the run may use of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// Threads; 0 takes what the machine has.
    pub cores: usize,
    /// Keeps only each layer's input and computes the rest again: less memory, about a third more time.
    pub activation_checkpointing: bool,
    /// In which numbers products are computed.
    pub precision: Precision,
}

/// In which numbers products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// As the weights' type and the machine suggest.
    #[default]
    Auto,
    /// In f32 throughout, to compare with other trainers.
    F32,
}
