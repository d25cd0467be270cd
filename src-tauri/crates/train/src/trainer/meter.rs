//! What a run really takes, to be held against its plan.

use std::time::{Duration, Instant};

use crate::plan::{Outcome, Plan};

/// Begun before the model is loaded.
pub(super) struct Meter {
    begun: Instant,
    resident_bytes: u64,
    planned: Option<(f64, u64)>,
}

impl Meter {
    pub(super) fn begin(plan: &Plan) -> Self {
        Self {
            begun: Instant::now(),
            resident_bytes: status("VmRSS:"),
            planned: plan.seconds.map(|band| (band.expected, plan.memory_bytes)),
        }
    }

    /// Seconds so far, without pauses.
    pub(super) fn seconds(&self, paused: Duration) -> f64 {
        self.begun.elapsed().saturating_sub(paused).as_secs_f64()
    }

    /// Against the plan; none where no time was foretold.
    pub(super) fn outcome(&self, paused: Duration) -> Option<Outcome> {
        let (planned_seconds, planned_memory_bytes) = self.planned?;
        Some(Outcome {
            planned_seconds,
            seconds: self.seconds(paused),
            planned_memory_bytes,
            memory_bytes: status("VmHWM:").saturating_sub(self.resident_bytes),
        })
    }
}

/// A line of this process's status on Linux, bytes; 0 elsewhere.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|number| number.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
