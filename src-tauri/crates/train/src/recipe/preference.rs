//! Knobs of preference optimisation.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::loss::{Desirability, PairObjective, PairObjectiveKind};

/// Knobs of preference optimisation. Those that the chosen loss does not know may not be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Preference {
    /// Which loss.
    pub loss: PreferenceLoss,
    /// How strongly the model is held to its reference; 0.1 where it is not given, for SimPO 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub beta: Option<f64>,
    /// `sigmoid`, `robust`: the share of pairs believed to be the wrong way round. 0 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub label_smoothing: Option<f64>,
    /// `simpo`: the margin to be reached. 1 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub gamma: Option<f64>,
    /// `orpo`: what the preference weighs beside the likelihood. 0.1 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub lambda: Option<f64>,
    /// `kto`: what a chosen answer weighs. 1 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub desirable_weight: Option<f64>,
    /// `kto`: what a rejected answer weighs. 1 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub undesirable_weight: Option<f64>,
    /// Does without a reference.
    pub reference_free: bool,
    /// What is cut of a pair that is too long.
    pub truncation: Truncation,
    /// `trl-0.7.1`: tokens a prompt keeps when it is cut. Half of `max_tokens` where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub max_prompt_tokens: Option<usize>,
}

impl Default for Preference {
    fn default() -> Self {
        Self {
            loss: PreferenceLoss::Sigmoid,
            beta: None,
            label_smoothing: None,
            gamma: None,
            lambda: None,
            desirable_weight: None,
            undesirable_weight: None,
            reference_free: false,
            truncation: Truncation::Trl071,
            max_prompt_tokens: None,
        }
    }
}

/// Which loss; [`PairObjectiveKind`] and [`Desirability`] define them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PreferenceLoss {
    /// DPO; with `label_smoothing` conservative DPO.
    #[default]
    Sigmoid,
    /// DPO that knows how many labels are flipped.
    Robust,
    /// A margin instead of a probability.
    Hinge,
    /// IPO on sums.
    Ipo,
    /// IPO on means over tokens.
    IpoAveraged,
    /// KTO on pairs.
    KtoPair,
    /// KTO on answers one by one: chosen ones are desirable, rejected ones are not.
    Kto,
    /// ORPO: likelihood and preference at once, without a reference.
    Orpo,
    /// SimPO: means over tokens and a margin, without a reference.
    Simpo,
}

/// What is cut of a pair that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub enum Truncation {
    /// As TRL 0.7.1: prompt and answers tokenised apart; the prompt's beginning goes first, then the answers' ends.
    #[default]
    #[serde(rename = "trl-0.7.1")]
    Trl071,
    /// Prompt and answer tokenised as one text; what is beyond `max_tokens` goes.
    #[serde(rename = "keep-start")]
    KeepStart,
}

/// What is computed from log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// On pairs.
    Pairs(PairObjective),
    /// On answers one by one.
    Answers {
        /// The loss.
        loss: Desirability,
        /// Takes the reference's log-probabilities as 0.
        reference_free: bool,
    },
}

impl Preference {
    /// The loss with its knobs, defaults filled in.
    pub fn objective(&self) -> Objective {
        let label_smoothing = self.label_smoothing.unwrap_or(0.0);
        let kind = match self.loss {
            PreferenceLoss::Sigmoid => PairObjectiveKind::Sigmoid { label_smoothing },
            PreferenceLoss::Robust => PairObjectiveKind::Robust { label_smoothing },
            PreferenceLoss::Hinge => PairObjectiveKind::Hinge,
            PreferenceLoss::Ipo => PairObjectiveKind::Ipo,
            PreferenceLoss::IpoAveraged => PairObjectiveKind::IpoAveraged,
            PreferenceLoss::KtoPair => PairObjectiveKind::KtoPair,
            PreferenceLoss::Orpo => PairObjectiveKind::Orpo {
                lambda: self.lambda.unwrap_or(0.1),
            },
            PreferenceLoss::Simpo => PairObjectiveKind::SimPo {
                gamma: self.gamma.unwrap_or(1.0),
            },
            PreferenceLoss::Kto => {
                return Objective::Answers {
                    loss: Desirability {
                        beta: self.beta(),
                        desirable_weight: self.desirable_weight.unwrap_or(1.0),
                        undesirable_weight: self.undesirable_weight.unwrap_or(1.0),
                    },
                    reference_free: self.reference_free,
                };
            }
        };
        Objective::Pairs(PairObjective {
            kind,
            beta: self.beta(),
            reference_free: self.reference_free,
        })
    }

    /// `beta`, with its default.
    pub fn beta(&self) -> f64 {
        let default = match self.loss {
            PreferenceLoss::Simpo => 2.0,
            _ => 0.1,
        };
        self.beta.unwrap_or(default)
    }

    /// Tokens a prompt keeps when it is cut, for sequences of up to `max_tokens`.
    pub fn max_prompt_tokens(&self, max_tokens: usize) -> usize {
        self.max_prompt_tokens.unwrap_or(max_tokens / 2)
    }
}
