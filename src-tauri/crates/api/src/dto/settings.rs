//! What the person has set for the whole program.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::KernelPath;

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What the person has set for the whole program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Settings {
    /// Light, dark, or as the system says.
    pub theme: Theme,
    /// Show every knob (Advanced) or only the usual ones (Simple).
    pub advanced: bool,
    /// The sidebar is folded to icons.
    pub sidebar_collapsed: bool,
    /// The kernels that models are computed with, from the next one opened on; none chooses automatically.
    pub kernels: Option<KernelPath>,
}
