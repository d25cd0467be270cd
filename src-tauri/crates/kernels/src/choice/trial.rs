//! What each path is tried with, and whether what it computes is right.

use super::{PathTrial, Rates, WorkKind};
use crate::PathName;

/// Measurements of which the best is taken, since other programs can only make it slower; they go round the paths, so that a
/// busy moment meets all of them.
const ROUNDS: usize = 5;
/// A path so many times slower than the fastest at its first goes is not measured.
const HOPELESS: f64 = 4.0;
/// Further goes of a path that seems hopeless.
const RETRIES: usize = 2;

/// A small piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// Many rows with 4-bit weights.
    ManyQ4_0,
    /// Many rows with bfloat16 weights.
    ManyBf16,
    /// One row with 4-bit weights.
    OneQ4_0,
    /// One row with bfloat16 weights.
    OneBf16,
    /// One token appended to a cache, and its attention.
    Attention,
    /// Gradients of attention.
    AttentionBackward,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// What results are compared of.
    Check,
    /// What is measured.
    Full,
}

impl Trial {
    pub(super) const ALL: [Self; 6] = [
        Self::ManyQ4_0,
        Self::ManyBf16,
        Self::OneQ4_0,
        Self::OneBf16,
        Self::Attention,
        Self::AttentionBackward,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ManyQ4_0 => "product of many rows with q4_0 weights",
            Self::ManyBf16 => "product of many rows with bf16 weights",
            Self::OneQ4_0 => "product of one row with q4_0 weights",
            Self::OneBf16 => "product of one row with bf16 weights",
            Self::Attention => "attention",
            Self::AttentionBackward => "gradient of attention",
        }
    }

    /// How far a result may be from plain code's, as a share of the root mean square of all results. Many rows are rounded to
    /// bfloat16 on some paths (a relative 2⁻⁹ a factor) and 8-bit codes on others (1/254 of the largest in a group), which
    /// leaves the farthest of some ten thousand sums 2 % off; everything else is the same arithmetic in another order.
    pub(super) fn bound(self) -> f32 {
        match self {
            Self::ManyQ4_0 | Self::ManyBf16 => 0.05,
            Self::OneQ4_0 | Self::OneBf16 | Self::Attention | Self::AttentionBackward => 0.002,
        }
    }

    /// What a kind of work is made of, and how often. A layer's training has some fifty times more operations in products than
    /// in attention, its decoding reads some twenty times more weights than keys and values: so do these.
    pub(super) fn of(work: WorkKind) -> &'static [(Self, f64)] {
        match work {
            WorkKind::Prefill => &[(Self::ManyQ4_0, 1.0), (Self::ManyBf16, 1.0)],
            WorkKind::Decode => &[
                (Self::OneQ4_0, 1.0),
                (Self::OneBf16, 1.0),
                (Self::Attention, 1.0),
            ],
            WorkKind::Backward => &[(Self::ManyBf16, 2.0), (Self::AttentionBackward, 1.0)],
        }
    }

    /// What is wrong with `found`, where plain code computed `expected`.
    pub(super) fn fault(self, expected: &[f32], found: &[f32]) -> Option<String> {
        let name = self.name();
        if found.len() != expected.len() {
            return Some(format!("its {name} is not whole"));
        }
        let square: f64 = expected.iter().map(|value| f64::from(*value).powi(2)).sum();
        let typical = (square / expected.len().max(1) as f64).sqrt() as f32;
        // Not `max`, which would lose what is not a number.
        let mut largest = 0.0_f32;
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            if difference.is_nan() {
                return Some(format!("its {name} gives what is not a number"));
            }
            largest = largest.max(difference);
        }
        let (share, bound) = (largest / typical, self.bound());
        let right = largest == 0.0 || share <= bound;
        (!right).then(|| {
            let (share, bound) = (share * 100.0, bound * 100.0);
            format!("its {name} is off by {share:.1} % of a typical value, where {bound:.1} % is rounding")
        })
    }
}

/// What trials are run with.
pub(super) trait Runner {
    /// Runs a trial on a path, leaves its results in `output` and gives the seconds that a full one takes.
    fn run(&mut self, path: PathName, trial: Trial, size: Size, output: &mut Vec<f32>) -> f64;

    /// GFLOP or GB of a full trial.
    fn amount(&self, trial: Trial) -> f64;

    /// Whether there is time to measure this trial again.
    fn has_time(&self, trial: Trial) -> bool;
}

/// Tries paths, of which the first is plain code: the others are compared with it.
pub(super) fn try_each(paths: &[PathName], runner: &mut dyn Runner) -> Vec<PathTrial> {
    let mut tried: Vec<Tried> = paths.iter().copied().map(Tried::new).collect();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for trial in Trial::ALL {
        expected.clear();
        for tried in tried.iter_mut().filter(|tried| tried.fault.is_none()) {
            found.clear();
            tried.seconds[trial as usize] = runner.run(tried.path, trial, Size::Check, &mut found);
            match expected.is_empty() {
                true => std::mem::swap(&mut expected, &mut found),
                false => tried.fault = trial.fault(&expected, &found),
            }
        }
        measure(&mut tried, runner, trial, &mut found);
        share(&mut tried, trial);
    }
    tried
        .into_iter()
        .map(|tried| PathTrial {
            path: tried.path,
            outcome: match &tried.fault {
                Some(fault) => Err(fault.clone()),
                None => Ok(tried.rates(runner)),
            },
        })
        .collect()
}

/// Measures those paths that may be the fastest.
fn measure(tried: &mut [Tried], runner: &mut dyn Runner, trial: Trial, output: &mut Vec<f32>) {
    let index = trial as usize;
    let mut near: Vec<&mut Tried> = tried
        .iter_mut()
        .filter(|tried| tried.fault.is_none())
        .collect();
    let fastest = near.iter().map(|tried| tried.seconds[index]);
    let limit = HOPELESS * fastest.fold(f64::INFINITY, f64::min);
    for tried in near.iter_mut().skip(1) {
        // Another program may have had the processor at the first go. (Plain code takes long, and comes first.)
        for _ in 0..RETRIES {
            if tried.seconds[index] > limit && runner.has_time(trial) {
                let again = runner.run(tried.path, trial, Size::Check, output);
                tried.seconds[index] = tried.seconds[index].min(again);
            }
        }
    }
    near.retain(|tried| tried.seconds[index] <= limit);
    let mut best = vec![None; near.len()];
    for _ in 0..ROUNDS {
        for (tried, best) in near.iter().zip(&mut best) {
            if runner.has_time(trial) {
                let seconds = runner.run(tried.path, trial, Size::Full, output);
                *best = Some(best.map_or(seconds, |best| f64::min(seconds, best)));
            }
        }
    }
    for (tried, best) in near.into_iter().zip(best) {
        // What was compared was smaller, and ran with cold caches.
        tried.seconds[index] = best.unwrap_or(tried.seconds[index]);
    }
}

/// Few rows are computed by the same code on all paths with AVX-512 (`Path::run`): they share their best, so that no noise
/// tells them apart.
fn share(tried: &mut [Tried], trial: Trial) {
    if !matches!(trial, Trial::OneQ4_0 | Trial::OneBf16 | Trial::Attention) {
        return;
    }
    let same = |tried: &&mut Tried| tried.path >= PathName::Avx512 && tried.fault.is_none();
    let seconds = |tried: &mut Tried| tried.seconds[trial as usize];
    let best = tried.iter_mut().filter(same).map(seconds);
    let best = best.fold(f64::INFINITY, f64::min);
    for tried in tried.iter_mut().filter(same) {
        tried.seconds[trial as usize] = best;
    }
}

/// What is known of a path.
struct Tried {
    path: PathName,
    /// Of each full trial.
    seconds: [f64; Trial::ALL.len()],
    fault: Option<String>,
}

impl Tried {
    fn new(path: PathName) -> Self {
        Self {
            path,
            seconds: [0.0; Trial::ALL.len()],
            fault: None,
        }
    }

    fn rates(&self, runner: &dyn Runner) -> Rates {
        let rate = |work| {
            let (mut amount, mut seconds) = (0.0, 0.0);
            for (trial, times) in Trial::of(work) {
                amount += times * runner.amount(*trial);
                seconds += times * self.seconds[*trial as usize];
            }
            // A clock that stands still measures nothing; no rate is infinite.
            amount / f64::max(seconds, 1e-9)
        };
        Rates {
            prefill: rate(WorkKind::Prefill),
            decode: rate(WorkKind::Decode),
            backward: rate(WorkKind::Backward),
        }
    }
}
