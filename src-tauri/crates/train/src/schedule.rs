//! The learning rate of every step.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How the rate goes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Down to 0 in a straight line.
    #[default]
    Linear,
    /// Down to 0 along half a cosine.
    Cosine,
    /// It stays.
    Constant,
}

/// The learning rate over a run, exactly as transformers' `get_linear_schedule_with_warmup`, `get_cosine_schedule_with_warmup` and
/// `get_constant_schedule_with_warmup` give it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// How the rate goes after the warm-up.
    pub kind: ScheduleKind,
    /// The largest rate.
    pub peak: f64,
    /// Over how many steps the rate rises to it.
    pub warmup_steps: u64,
    /// How many steps the run has.
    pub total_steps: u64,
}

impl Schedule {
    /// The warm-up for a share of the run, rounded up as transformers does.
    pub fn warmup_for_ratio(ratio: f64, total_steps: u64) -> u64 {
        (total_steps as f64 * ratio).ceil() as u64
    }

    /// The rate of a step, counted from 0. With a warm-up the first step's rate is 0.
    pub fn rate(&self, step: u64) -> f64 {
        self.peak * self.factor(step)
    }

    fn factor(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return step as f64 / self.warmup_steps as f64;
        }
        let after = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        match self.kind {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Linear => self.total_steps.saturating_sub(step) as f64 / after,
            ScheduleKind::Cosine => {
                let progress = (step - self.warmup_steps) as f64 / after;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: ScheduleKind, warmup_steps: u64, expected: &[(u64, f64)]) {
        let schedule = Schedule {
            kind,
            peak: 2.0,
            warmup_steps,
            total_steps: 10,
        };
        for &(step, rate) in expected {
            let found = schedule.rate(step);
            assert!(
                (found - rate).abs() < 1e-12,
                "{kind:?}, warm-up {warmup_steps}, step {step}: {found} is not {rate}"
            );
        }
    }

    #[test]
    fn rates_worked_out_by_hand() {
        use ScheduleKind::{Constant, Cosine, Linear};
        check(
            Linear,
            0,
            &[(0, 2.0), (1, 1.8), (5, 1.0), (9, 0.2), (10, 0.0), (11, 0.0)],
        );
        check(
            Linear,
            2,
            &[
                (0, 0.0),
                (1, 1.0),
                (2, 2.0),
                (3, 1.75),
                (6, 1.0),
                (9, 0.25),
                (10, 0.0),
            ],
        );
        // (1 + cos(pi/4)) / 2 = 0.853553390593...
        let quarter = 2.0 * 0.853_553_390_593_273_8;
        check(
            Cosine,
            2,
            &[
                (0, 0.0),
                (1, 1.0),
                (2, 2.0),
                (4, quarter),
                (6, 1.0),
                (8, 2.0 - quarter),
                (10, 0.0),
            ],
        );
        check(
            Constant,
            4,
            &[(0, 0.0), (1, 0.5), (3, 1.5), (4, 2.0), (10, 2.0), (99, 2.0)],
        );
        check(Constant, 0, &[(0, 2.0), (9, 2.0)]);
        // Nothing but warm-up.
        check(Linear, 10, &[(0, 0.0), (9, 1.8), (10, 0.0)]);
    }

    #[test]
    fn ratios_round_up() {
        assert_eq!(Schedule::warmup_for_ratio(0.02, 100), 2);
        assert_eq!(Schedule::warmup_for_ratio(0.02, 101), 3);
        assert_eq!(Schedule::warmup_for_ratio(0.0, 101), 0);
    }
}
