//! Which numbers of the model change.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Method {
    /// Small matrices beside the model's own (Hu et al. 2021).
    Lora(Lora),
    /// All of them.
    Full(Full),
}

impl Default for Method {
    fn default() -> Self {
        Self::Lora(Lora::default())
    }
}

/// Nothing to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Full {}

/// `W + scale B A`, `A` of `rank` rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    /// Rows of `A`: what an adapter can learn, and what it costs.
    pub rank: usize,
    /// The scale is `alpha / rank`.
    pub alpha: f64,
    /// Share of the inputs of `A` set to 0 in training.
    pub dropout: f64,
    /// Which layers get an adapter.
    pub targets: Targets,
    /// Takes `alpha / sqrt(rank)` as the scale, which keeps large ranks learning (Kalajdzievski 2023).
    pub rslora: bool,
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets: Targets::Word(All::All),
            rslora: false,
        }
    }
}

impl Lora {
    /// What `B A` is multiplied with.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }
}

/// Which linear layers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(
    untagged,
    expecting = "targets is \"all\" or a list of layer names such as [\"q_proj\", \"v_proj\"]"
)]
pub enum Targets {
    /// The word `all`: every linear layer but the output's.
    Word(All),
    /// By name, as the model's own files call them: `q_proj`, `Wqkv`, `down_proj`.
    Named(Vec<String>),
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum All {
    /// Every linear layer but the output's.
    All,
}
