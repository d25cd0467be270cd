//! KTO on single answers that are labelled desirable or undesirable (Ethayarajh et al. 2024; TRL 0.11.4).

use super::functions::sigmoid;

/// One labelled answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Sum of the answer's log-probabilities under the model being trained.
    pub policy: f64,
    /// The same under the reference; 0 without one.
    pub reference: f64,
    /// The label.
    pub desirable: bool,
}

/// One answer's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedLoss {
    /// The loss.
    pub loss: f64,
    /// Its gradient with respect to `policy`.
    pub gradient: f64,
    /// `beta (policy - reference)`.
    pub reward: f64,
}

/// Unpaired KTO.
///
/// ```text
/// d = policy - reference
/// desirable:   w_D (1 - s(beta (d - z)))
/// undesirable: w_U (1 - s(beta (z - d)))
/// ```
///
/// `z` estimates how far the policy has gone from the reference, from answers given to other prompts; no gradient goes through it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Desirability {
    /// How strongly the policy is held to the reference.
    pub beta: f64,
    /// `w_D`.
    pub desirable_weight: f64,
    /// `w_U`.
    pub undesirable_weight: f64,
}

impl Desirability {
    /// `z`: the mean of `policy - reference` over mismatched answers (each prompt of a micro-batch with another's answer), at least 0. A
    /// micro-batch of one has no other answer: none is given then, and `z` is 0.
    pub fn divergence(mismatched: &[f64]) -> f64 {
        let count = mismatched.len().max(1) as f64;
        (mismatched.iter().sum::<f64>() / count).max(0.0)
    }

    /// Loss, gradient and reward of each answer.
    pub fn losses(&self, answers: &[Judged], divergence: f64) -> Vec<JudgedLoss> {
        let loss = |answer: &Judged| {
            let distance = answer.policy - answer.reference;
            let (weight, sign) = match answer.desirable {
                true => (self.desirable_weight, 1.0),
                false => (self.undesirable_weight, -1.0),
            };
            let x = sign * self.beta * (distance - divergence);
            JudgedLoss {
                loss: weight * sigmoid(-x),
                gradient: -sign * weight * self.beta * sigmoid(x) * sigmoid(-x),
                reward: self.beta * distance,
            }
        };
        answers.iter().map(loss).collect()
    }
}
