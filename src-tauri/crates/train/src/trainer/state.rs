//! What decides how a run goes on, beside parameters and the optimizer's averages.

use serde::{Deserialize, Serialize};

use crate::batch::DataPosition;
use crate::run::CheckpointId;

/// A loss counts as exploded above so many times its running mean …
const EXPLODED: f64 = 4.0;
/// … and this much, in nats.
const MARGIN: f64 = 1.0;
/// How much of the running mean a step keeps.
const KEPT: f64 = 0.9;

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Steps done.
    pub(super) step: u64,
    /// What comes next.
    pub(super) position: DataPosition,
    /// What learning rates are multiplied with: below 1 after going back.
    #[serde(with = "bits")]
    pub(super) rate_factor: f64,
    /// Whether it has gone back once.
    pub(super) rolled_back: bool,
    /// The running mean of the loss.
    #[serde(with = "bits::option")]
    pub(super) mean_loss: Option<f64>,
    /// The best held-out loss, and where it was.
    #[serde(with = "bits::option")]
    pub(super) best_loss: Option<f64>,
    pub(super) best: Option<CheckpointId>,
    pub(super) best_step: Option<u64>,
    /// Evaluations since then.
    pub(super) evaluations_since_best: u64,
    /// The held-out rows are to be looked at before the next step.
    pub(super) evaluation_due: bool,
    /// Fixed prompts are to be answered before the next step.
    pub(super) samples_due: bool,
    /// The journal's last event.
    pub(super) journal_sequence: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            step: 0,
            position: DataPosition::default(),
            rate_factor: 1.0,
            rolled_back: false,
            mean_loss: None,
            best_loss: None,
            best: None,
            best_step: None,
            evaluations_since_best: 0,
            evaluation_due: false,
            samples_due: false,
            journal_sequence: 0,
        }
    }
}

impl State {
    /// What is wrong with a step, if anything.
    pub(super) fn fault(&self, loss: f64, gradient_norm: f64) -> Option<String> {
        if !loss.is_finite() {
            return Some("the loss is not a number".to_owned());
        }
        if !gradient_norm.is_finite() {
            return Some("the gradients are not numbers".to_owned());
        }
        let mean = self.mean_loss?;
        let limit = EXPLODED * mean.abs() + MARGIN;
        (loss > limit).then(|| format!("the loss rose from about {mean:.3} to {loss:.3}"))
    }

    /// Takes a step's loss into the running mean.
    pub(super) fn smooth(&mut self, loss: f64) {
        let mean = self.mean_loss.unwrap_or(loss);
        self.mean_loss = Some(KEPT * mean + (1.0 - KEPT) * loss);
    }

    /// Whether a held-out loss is the best so far.
    pub(super) fn judge(&mut self, loss: f64) -> bool {
        let better = self.best_loss.is_none_or(|best| loss < best);
        if better {
            self.best_loss = Some(loss);
            self.best_step = Some(self.step);
            self.evaluations_since_best = 0;
        } else {
            self.evaluations_since_best += 1;
        }
        better
    }
}

/// Numbers as their bits: text would round them.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }

    pub(super) mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(
            number: &Option<f64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            number.map(f64::to_bits).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<f64>, D::Error> {
            Ok(Option::<u64>::deserialize(deserializer)?.map(f64::from_bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_no_number_or_explodes_is_a_fault() {
        let check = |mean, loss, norm, fault| {
            let state = State {
                mean_loss: mean,
                ..State::default()
            };
            assert_eq!(
                state.fault(loss, norm).is_some(),
                fault,
                "{mean:?} {loss} {norm}"
            );
        };
        check(None, 12.0, 1.0, false);
        check(Some(2.0), 8.9, 1.0, false);
        check(Some(2.0), 9.1, 1.0, true);
        check(Some(0.001), 0.9, 1.0, false);
        check(Some(2.0), f64::NAN, 1.0, true);
        check(None, f64::INFINITY, 1.0, true);
        check(None, 2.0, f64::NAN, true);
    }

    #[test]
    fn the_state_survives_the_disk_bit_for_bit() {
        let state = State {
            step: 7,
            rate_factor: 0.1 + 0.2,
            mean_loss: Some(1.0 / 3.0),
            best_loss: Some(f64::MIN_POSITIVE),
            ..State::default()
        };
        let text = serde_json::to_string(&state).expect("JSON");
        assert_eq!(
            serde_json::from_str::<State>(&text).expect("a state"),
            state
        );
    }
}
