//! Losses of preference pairs.
//!
//! With the summed log-probabilities of the chosen answer `w` and the rejected answer `l` under the policy and the reference,
//!
//! ```text
//! d_w = policy_w - reference_w      d_l = policy_l - reference_l      D = d_w - d_l
//! ```
//!
//! Sources: Rafailov et al. 2023 (DPO), Mitchell 2023 (conservative DPO), Chowdhury et al. 2024 (robust DPO), Zhao et al. 2023 (hinge,
//! SLiC), Azar et al. 2023 (IPO), Ethayarajh et al. 2024 (KTO), Hong et al. 2024 (ORPO), Meng et al. 2024 (SimPO), and where
//! papers leave room, the versions of TRL that are named below.

use super::functions::{log_odds, log_sigmoid, sigmoid};

/// The log-probability of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SequenceLogProbability {
    /// Sum over the answer's tokens, its end token included, in nats.
    pub sum: f64,
    /// How many tokens that are.
    pub tokens: usize,
}

impl SequenceLogProbability {
    /// The mean over tokens.
    pub fn mean(&self) -> f64 {
        self.sum / self.length()
    }

    fn length(&self) -> f64 {
        self.tokens.max(1) as f64
    }
}

/// What a pair's loss is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairLogProbabilities {
    /// The chosen answer under the model being trained.
    pub policy_chosen: SequenceLogProbability,
    /// The rejected answer under the model being trained.
    pub policy_rejected: SequenceLogProbability,
    /// Sum over the chosen answer under the reference; not read where there is none.
    pub reference_chosen: f64,
    /// Sum over the rejected answer under the reference; not read where there is none.
    pub reference_rejected: f64,
}

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PairObjectiveKind {
    /// `-(1-e) ln s(beta D) - e ln s(-beta D)`: DPO, and with `e > 0` conservative DPO (TRL 0.7.5 to 0.11).
    Sigmoid {
        /// `e`: the share of pairs believed to be the wrong way round, in `[0, 0.5)`.
        label_smoothing: f64,
    },
    /// `[-(1-e) ln s(beta D) + e ln s(-beta D)] / (1-2e)`: unbiased where a share `e` of labels is flipped.
    Robust {
        /// `e`, in `[0, 0.5)`.
        label_smoothing: f64,
    },
    /// `max(0, 1 - beta D)`.
    Hinge,
    /// `(D - 1/(2 beta))^2` on summed log-probabilities (TRL 0.7.5 to 0.7.10).
    Ipo,
    /// The same on log-probabilities averaged over tokens (TRL from 0.8.6 on).
    IpoAveraged,
    /// `[1 - s(beta (d_w - KL_l)) + 1 - s(beta (KL_w - d_l))] / 2`, where `KL_x` is the mean of `d_x` over the pairs given
    /// together, at least 0 (TRL 0.8.6, whose gradient goes through the mean).
    KtoPair,
    /// `-w - lambda ln s(odds(w) - odds(l))` on averaged log-probabilities, without a reference. The first term is taken over the
    /// chosen answer, not over its prompt.
    Orpo {
        /// What the preference weighs beside the likelihood.
        lambda: f64,
    },
    /// `-ln s(beta (w - l) - gamma)` on averaged log-probabilities, without a reference.
    SimPo {
        /// The margin to be reached.
        gamma: f64,
    },
}

/// A loss with its strength.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairObjective {
    /// Which loss.
    pub kind: PairObjectiveKind,
    /// How strongly the policy is held to the reference: larger holds it closer. ORPO does not read it.
    pub beta: f64,
    /// Takes the reference's log-probabilities as 0.
    pub reference_free: bool,
}

/// One pair's loss.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairLoss {
    /// The loss of this pair.
    pub loss: f64,
    /// Gradient of the summed losses of the pairs given together with respect to this pair's `policy_chosen.sum`.
    pub chosen_gradient: f64,
    /// The same with respect to `policy_rejected.sum`.
    pub rejected_gradient: f64,
    /// `beta d_w`: how much likelier than the reference the policy finds the chosen answer.
    pub reward_chosen: f64,
    /// `beta d_l`.
    pub reward_rejected: f64,
}

impl PairLoss {
    /// Whether the chosen answer has the larger reward.
    pub fn accurate(&self) -> bool {
        self.reward_chosen > self.reward_rejected
    }

    /// The difference of the rewards.
    pub fn margin(&self) -> f64 {
        self.reward_chosen - self.reward_rejected
    }
}

/// Means over pairs, for a step's log line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairFigures {
    /// Mean loss.
    pub loss: f64,
    /// Mean reward of chosen answers.
    pub reward_chosen: f64,
    /// Mean reward of rejected answers.
    pub reward_rejected: f64,
    /// Share of pairs whose chosen answer has the larger reward.
    pub accuracy: f64,
    /// Mean difference of rewards.
    pub margin: f64,
}

impl PairFigures {
    /// The means; all zero over no pairs.
    pub fn of(pairs: &[PairLoss]) -> Self {
        let count = pairs.len().max(1) as f64;
        let mean = |value: fn(&PairLoss) -> f64| pairs.iter().map(value).sum::<f64>() / count;
        Self {
            loss: mean(|pair| pair.loss),
            reward_chosen: mean(|pair| pair.reward_chosen),
            reward_rejected: mean(|pair| pair.reward_rejected),
            accuracy: mean(|pair| f64::from(u8::from(pair.accurate()))),
            margin: mean(PairLoss::margin),
        }
    }
}

impl PairObjectiveKind {
    /// Whether the loss is taken of means over tokens rather than of sums.
    fn averages(self) -> bool {
        matches!(
            self,
            Self::IpoAveraged | Self::Orpo { .. } | Self::SimPo { .. }
        )
    }

    /// Whether the loss knows a reference at all.
    fn refers(self) -> bool {
        !matches!(self, Self::Orpo { .. } | Self::SimPo { .. })
    }
}

impl PairObjective {
    /// Whether log-probabilities under a reference are read.
    pub fn needs_reference(&self) -> bool {
        self.kind.refers() && !self.reference_free
    }

    /// Loss, gradients and rewards of each pair. Only [`PairObjectiveKind::KtoPair`] looks at pairs together.
    pub fn losses(&self, pairs: &[PairLogProbabilities]) -> Vec<PairLoss> {
        let relative: Vec<_> = pairs.iter().map(|pair| self.relative(pair)).collect();
        let divergence = match self.kind {
            PairObjectiveKind::KtoPair => Some(PairedDivergence::of(&relative, self.beta)),
            _ => None,
        };
        let both = pairs.iter().zip(relative);
        both.map(|(pair, (chosen, rejected))| {
            let (loss, chosen_gradient, rejected_gradient) = match &divergence {
                Some(divergence) => divergence.loss(chosen, rejected),
                None => self.value(chosen, rejected),
            };
            let averages = self.kind.averages();
            let length = |policy: &SequenceLogProbability| match averages {
                true => policy.length(),
                false => 1.0,
            };
            let scale = match self.kind {
                PairObjectiveKind::Orpo { lambda } => lambda,
                _ => self.beta,
            };
            PairLoss {
                loss,
                chosen_gradient: chosen_gradient / length(&pair.policy_chosen),
                rejected_gradient: rejected_gradient / length(&pair.policy_rejected),
                reward_chosen: scale * chosen,
                reward_rejected: scale * rejected,
            }
        })
        .collect()
    }

    /// `d_w` and `d_l`, as sums or means, less the reference where there is one.
    fn relative(&self, pair: &PairLogProbabilities) -> (f64, f64) {
        let against = |policy: &SequenceLogProbability, reference: f64| {
            let reference = match self.needs_reference() {
                true => reference,
                false => 0.0,
            };
            let sum = policy.sum - reference;
            match self.kind.averages() {
                true => sum / policy.length(),
                false => sum,
            }
        };
        (
            against(&pair.policy_chosen, pair.reference_chosen),
            against(&pair.policy_rejected, pair.reference_rejected),
        )
    }

    /// The loss at `d_w` and `d_l`, with its derivatives.
    fn value(&self, chosen: f64, rejected: f64) -> (f64, f64, f64) {
        let x = self.beta * (chosen - rejected);
        // Most losses depend on the difference only: loss, and derivative with respect to D.
        let (loss, slope) = match self.kind {
            PairObjectiveKind::Sigmoid { label_smoothing: e } => (
                -(1.0 - e) * log_sigmoid(x) - e * log_sigmoid(-x),
                self.beta * (e * sigmoid(x) - (1.0 - e) * sigmoid(-x)),
            ),
            PairObjectiveKind::Robust { label_smoothing: e } => {
                let unbiased = 1.0 - 2.0 * e;
                (
                    (e * log_sigmoid(-x) - (1.0 - e) * log_sigmoid(x)) / unbiased,
                    -self.beta * ((1.0 - e) * sigmoid(-x) + e * sigmoid(x)) / unbiased,
                )
            }
            PairObjectiveKind::Hinge => {
                let below = x < 1.0;
                ((1.0 - x).max(0.0), if below { -self.beta } else { 0.0 })
            }
            PairObjectiveKind::Ipo | PairObjectiveKind::IpoAveraged => {
                let off = chosen - rejected - 0.5 / self.beta;
                (off * off, 2.0 * off)
            }
            PairObjectiveKind::SimPo { gamma } => {
                (-log_sigmoid(x - gamma), -self.beta * sigmoid(gamma - x))
            }
            PairObjectiveKind::Orpo { lambda } => {
                let (odds_chosen, slope_chosen) = log_odds(chosen);
                let (odds_rejected, slope_rejected) = log_odds(rejected);
                let odds = odds_chosen - odds_rejected;
                let slope = lambda * sigmoid(-odds);
                return (
                    -chosen - lambda * log_sigmoid(odds),
                    -1.0 - slope * slope_chosen,
                    slope * slope_rejected,
                );
            }
            // Taken care of by whoever sees all pairs.
            PairObjectiveKind::KtoPair => {
                return PairedDivergence::of(&[(chosen, rejected)], self.beta)
                    .loss(chosen, rejected);
            }
        };
        (loss, slope, -slope)
    }
}

/// The mean divergences that paired KTO compares with, and what the losses' gradients send back through them.
struct PairedDivergence {
    beta: f64,
    chosen: f64,
    rejected: f64,
    /// Derivative of the summed losses with respect to each `d_w` through the mean of them; likewise for `d_l`.
    through_chosen: f64,
    through_rejected: f64,
}

impl PairedDivergence {
    fn of(pairs: &[(f64, f64)], beta: f64) -> Self {
        let count = pairs.len().max(1) as f64;
        let mean_chosen = pairs.iter().map(|pair| pair.0).sum::<f64>() / count;
        let mean_rejected = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
        let mut divergence = Self {
            beta,
            chosen: mean_chosen.max(0.0),
            rejected: mean_rejected.max(0.0),
            through_chosen: 0.0,
            through_rejected: 0.0,
        };
        let slopes = pairs.iter().map(|pair| divergence.slopes(pair.0, pair.1));
        let (chosen, rejected) =
            slopes.fold((0.0, 0.0), |sum, slope| (sum.0 + slope.0, sum.1 + slope.1));
        // The chosen half is compared with the divergence of the rejected one, and the other way round.
        divergence.through_rejected = match mean_rejected > 0.0 {
            true => chosen / count,
            false => 0.0,
        };
        divergence.through_chosen = match mean_chosen > 0.0 {
            true => -rejected / count,
            false => 0.0,
        };
        divergence
    }

    /// `beta s'(x) / 2` of both halves.
    fn slopes(&self, chosen: f64, rejected: f64) -> (f64, f64) {
        let slope = |x: f64| 0.5 * self.beta * sigmoid(x) * sigmoid(-x);
        (
            slope(self.beta * (chosen - self.rejected)),
            slope(self.beta * (self.chosen - rejected)),
        )
    }

    fn loss(&self, chosen: f64, rejected: f64) -> (f64, f64, f64) {
        let loss = 0.5
            * (sigmoid(-self.beta * (chosen - self.rejected))
                + sigmoid(-self.beta * (self.chosen - rejected)));
        let (slope_chosen, slope_rejected) = self.slopes(chosen, rejected);
        (
            loss,
            -slope_chosen + self.through_chosen,
            slope_rejected + self.through_rejected,
        )
    }
}
