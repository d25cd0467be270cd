//! Which path each kind of work takes on this machine: every path is tried, those that compute wrong values are dropped, and
//! of the others the fastest is taken.

mod bench;
mod trial;

use std::fmt;

pub use bench::try_paths;

use crate::PathName;

/// How much faster than a stronger path a weaker one must be to be taken: less than this comes and goes with the weather.
const MARGIN: f64 = 1.03;

/// What paths are chosen for, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// Reading a prompt: products of many rows.
    Prefill,
    /// Writing: products of few rows, and attention over what was said before.
    Decode,
    /// Training.
    Backward,
}

impl WorkKind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Prefill, Self::Decode, Self::Backward];

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Backward => "backward",
        }
    }
}

impl fmt::Display for WorkKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How fast a path is. Comparable between paths of one machine, not with the machine's limits: the matrices are small enough
/// to stay in caches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// GFLOP/s of products of many rows, half of them with q4_0 and half with bf16 weights.
    pub prefill: f64,
    /// GB/s of weights and cache in products of one row, q4_0 and bf16 by equal bytes, and attention.
    pub decode: f64,
    /// GFLOP/s of products of many rows with bf16 weights and attention's gradients.
    pub backward: f64,
}

impl Rates {
    /// That of a kind of work.
    pub fn of(&self, work: WorkKind) -> f64 {
        match work {
            WorkKind::Prefill => self.prefill,
            WorkKind::Decode => self.decode,
            WorkKind::Backward => self.backward,
        }
    }
}

/// A path, tried.
#[derive(Debug, Clone, PartialEq)]
pub struct PathTrial {
    /// Which.
    pub path: PathName,
    /// How fast it is; or what was wrong with what it computed, a part of a sentence for people.
    pub outcome: Result<Rates, String>,
}

/// Why a path was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The machine offers no other.
    Only,
    /// All others computed wrong values.
    OnlySound,
    /// None is faster.
    Fastest,
    /// The strongest of those that are as fast as the fastest.
    AsFast,
    /// [`KERNELS_VARIABLE`](crate::KERNELS_VARIABLE) names it.
    Variable,
    /// The person set it.
    Setting,
}

/// The path of a kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// For what.
    pub work: WorkKind,
    /// Which.
    pub path: PathName,
    /// Why.
    pub reason: Reason,
}

impl Choice {
    /// One path for everything.
    pub fn all(path: PathName, reason: Reason) -> [Self; 3] {
        WorkKind::ALL.map(|work| Self { work, path, reason })
    }
}

/// Chooses for each kind of work the strongest path that is as fast as the fastest, or at most 3 % slower; paths that computed
/// wrong values are never taken. Plain code is taken where nothing else is left.
pub fn choose(trials: &[PathTrial]) -> [Choice; 3] {
    let mut sound: Vec<(PathName, Rates)> = trials
        .iter()
        .filter_map(|trial| Some((trial.path, *trial.outcome.as_ref().ok()?)))
        .collect();
    sound.sort_by_key(|(path, _)| *path);
    match sound[..] {
        [] => return Choice::all(PathName::Portable, Reason::OnlySound),
        [(path, _)] if trials.len() == 1 => return Choice::all(path, Reason::Only),
        [(path, _)] => return Choice::all(path, Reason::OnlySound),
        _ => {}
    }
    WorkKind::ALL.map(|work| {
        let rates = sound.iter().map(|(path, rates)| (*path, rates.of(work)));
        let fastest = rates.clone().map(|(_, rate)| rate).fold(0.0, f64::max);
        let near = rates.rev().find(|(_, rate)| rate * MARGIN >= fastest);
        // Rates that are no numbers are never near.
        let (path, rate) = near.unwrap_or((PathName::Portable, fastest));
        let reason = match rate >= fastest {
            true => Reason::Fastest,
            false => Reason::AsFast,
        };
        Choice { work, path, reason }
    })
}

#[cfg(test)]
mod tests;
