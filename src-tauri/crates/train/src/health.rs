//! How a preference run is doing.
//!
//! Losses and rewards look well while a model forgets how to answer: the margin grows when rejected answers lose more than chosen ones. What tells
//! is the log-probability of chosen answers per token against its start (figures: `chosen_drift`).

use crate::trainer::PreferenceFigures;

/// Above this the model still says what it is to prefer, nats per token.
const HEALTHY: f64 = -0.1;
/// Below this it no longer does.
const COLLAPSING: f64 = -0.5;

/// How a preference run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It learns to prefer without forgetting how to say what it prefers.
    Healthy,
    /// It moves away from the answers it should prefer.
    Drifting,
    /// It forgets how to answer.
    Collapsing,
}

impl Health {
    /// From how far chosen answers have moved, in nats per token.
    pub fn of_drift(chosen_drift: f64) -> Self {
        if chosen_drift > HEALTHY {
            Self::Healthy
        } else if chosen_drift >= COLLAPSING {
            Self::Drifting
        } else {
            // A drift that is no number ends here too.
            Self::Collapsing
        }
    }

    /// From figures, where their loss has a reference.
    pub fn of(figures: &PreferenceFigures) -> Option<Self> {
        figures.chosen_drift.map(Self::of_drift)
    }
}

#[cfg(test)]
mod tests {
    use super::Health;
    use crate::trainer::PreferenceFigures;

    #[test]
    fn drift_is_judged() {
        let check =
            |drift: f64, expected: Health| assert_eq!(Health::of_drift(drift), expected, "{drift}");
        check(0.4, Health::Healthy);
        check(0.0, Health::Healthy);
        check(-0.099, Health::Healthy);
        check(-0.1, Health::Drifting);
        check(-0.5, Health::Drifting);
        check(-0.501, Health::Collapsing);
        check(f64::NEG_INFINITY, Health::Collapsing);
        check(f64::NAN, Health::Collapsing);
    }

    /// The last evaluation on held-out pairs of a run recorded in tests/golden/dpo_health.
    fn recorded(times: u32) -> PreferenceFigures {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../tests/golden/dpo_health"
        );
        let text = std::fs::read_to_string(format!("{folder}/rate_{times}.jsonl"));
        let text = text.expect("the recorded run is committed");
        let last = text.lines().next_back().expect("an evaluation");
        serde_json::from_str(last).expect("figures of pairs")
    }

    #[test]
    fn recorded_runs_are_judged_by_what_their_rewards_do_not_show() {
        let check = |times: u32, expected: Health| {
            let figures = recorded(times);
            assert_eq!(
                Health::of(&figures),
                Some(expected),
                "rate x {times}: {figures:?}"
            );
            figures
        };
        let runs = [
            check(1, Health::Healthy),
            check(10, Health::Drifting),
            check(100, Health::Collapsing),
        ];
        // The worse the run, the better it looks by its accuracy and its margin.
        for pair in runs.windows(2) {
            assert!(pair[0].accuracy <= pair[1].accuracy && pair[0].margin < pair[1].margin);
        }
    }
}
