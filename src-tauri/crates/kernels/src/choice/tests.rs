use std::time::Instant;

use super::bench::Bench;
use super::trial::{Runner, Size, Trial, try_each};
use super::*;
use crate::{Path, Pool};

use PathName::{Amx, Avx2, Avx512, Portable};

fn trial(path: PathName, rates: [f64; 3]) -> PathTrial {
    let [prefill, decode, backward] = rates;
    let outcome = Ok(Rates {
        prefill,
        decode,
        backward,
    });
    PathTrial { path, outcome }
}

fn faulty(path: PathName) -> PathTrial {
    let outcome = Err("its product is off".to_owned());
    PathTrial { path, outcome }
}

#[test]
fn the_fastest_sound_path_is_taken_for_each_kind_of_work() {
    use Reason::{AsFast, Fastest, Only, OnlySound};
    let check = |what: &str, trials: &[PathTrial], expected: [(PathName, Reason); 3]| {
        let chosen = choose(trials).map(|choice| (choice.path, choice.reason));
        assert_eq!(chosen, expected, "{what}");
        let works = choose(trials).map(|choice| choice.work);
        assert_eq!(works, WorkKind::ALL, "{what}");
    };
    check(
        "one path",
        &[trial(Portable, [1.0; 3])],
        [(Portable, Only); 3],
    );
    check(
        "each kind by itself",
        &[
            trial(Portable, [1.0, 9.0, 2.0]),
            trial(Avx2, [5.0, 8.0, 4.0]),
            trial(Amx, [40.0, 7.0, 3.0]),
        ],
        [(Amx, Fastest), (Portable, Fastest), (Avx2, Fastest)],
    );
    check(
        "noise within 3 % leaves the strongest",
        &[
            trial(Avx2, [100.0, 102.9, 100.0]),
            trial(Avx512, [100.0, 100.0, 96.0]),
        ],
        [(Avx512, Fastest), (Avx512, AsFast), (Avx2, Fastest)],
    );
    check(
        "the strongest of several that are near, in any order",
        &[
            trial(Amx, [99.0, 50.0, 98.0]),
            trial(Portable, [1.0, 100.0, 1.0]),
            trial(Avx512, [100.0, 98.0, 100.0]),
        ],
        [(Amx, AsFast), (Avx512, AsFast), (Amx, AsFast)],
    );
    check(
        "a path that computes wrong values is never taken",
        &[
            trial(Portable, [1.0; 3]),
            trial(Avx2, [2.0; 3]),
            faulty(Amx),
        ],
        [(Avx2, Fastest); 3],
    );
    check(
        "one is left",
        &[trial(Portable, [1.0; 3]), faulty(Avx2), faulty(Amx)],
        [(Portable, OnlySound); 3],
    );
    check("nothing was tried", &[], [(Portable, OnlySound); 3]);
    check(
        "rates that are no numbers",
        &[trial(Portable, [f64::NAN; 3]), trial(Avx2, [f64::NAN; 3])],
        [(Portable, Fastest); 3],
    );
}

/// Paths whose results and seconds the test decides.
struct Pretended<F> {
    compute: F,
    /// Measurements that there is time for.
    measurements: std::cell::Cell<usize>,
    runs: Vec<(PathName, Trial, Size)>,
}

impl<F: Fn(PathName, Trial, Size) -> (Vec<f32>, f64)> Pretended<F> {
    fn new(measurements: usize, compute: F) -> Self {
        Self {
            compute,
            measurements: measurements.into(),
            runs: Vec::new(),
        }
    }

    fn full_runs(&self, path: PathName) -> usize {
        let full = |run: &&(PathName, Trial, Size)| run.0 == path && run.2 == Size::Full;
        self.runs.iter().filter(full).count()
    }
}

impl<F: Fn(PathName, Trial, Size) -> (Vec<f32>, f64)> Runner for Pretended<F> {
    fn run(&mut self, path: PathName, trial: Trial, size: Size, output: &mut Vec<f32>) -> f64 {
        self.runs.push((path, trial, size));
        let (results, seconds) = (self.compute)(path, trial, size);
        *output = results;
        seconds
    }

    fn amount(&self, _trial: Trial) -> f64 {
        1.0
    }

    fn has_time(&self, _trial: Trial) -> bool {
        let left = self.measurements.get();
        self.measurements.set(left.saturating_sub(1));
        left > 0
    }
}

#[test]
fn a_wrong_result_drops_a_path_with_its_reason() {
    let right = vec![1.0, -2.0, 3.0, 0.5];
    let check = |spoiled: fn(&mut Vec<f32>), expected: Option<&str>| {
        for wrong in Trial::ALL {
            let mut pretended = Pretended::new(usize::MAX, |path, trial, _| {
                let mut results = right.clone();
                if path == Amx && trial == wrong {
                    spoiled(&mut results);
                }
                (results, if path == Amx { 0.5 } else { 1.0 })
            });
            let trials = try_each(&[Portable, Avx512, Amx], &mut pretended);
            let names: Vec<PathName> = trials.iter().map(|trial| trial.path).collect();
            assert_eq!(names, [Portable, Avx512, Amx]);
            assert!(trials[0].outcome.is_ok() && trials[1].outcome.is_ok());
            let Some(expected) = expected else {
                assert!(trials[2].outcome.is_ok(), "{wrong:?}: {trials:?}");
                assert_eq!(choose(&trials)[0].path, Amx);
                continue;
            };
            let fault = trials[2].outcome.as_ref().expect_err("it was spoiled");
            assert!(fault.contains(expected), "{wrong:?}: {fault}");
            assert!(choose(&trials).iter().all(|choice| choice.path == Avx512));
            // Once dropped it is not run again.
            let after =
                |run: &&(PathName, Trial, Size)| run.0 == Amx && run.1 as usize > wrong as usize;
            assert_eq!(pretended.runs.iter().filter(after).count(), 0, "{wrong:?}");
        }
    };
    check(|_| (), None);
    check(|results| results[2] += 1e-4, None);
    check(|results| results[0] += 0.2, Some("is off by 10.6 %"));
    check(|results| results[3] = f32::NAN, Some("not a number"));
    check(
        |results| results[1] = f32::INFINITY,
        Some("is off by inf %"),
    );
    check(|results| results.fill(0.0), Some("is off by"));
    check(|results| results.truncate(3), Some("is not whole"));
}

#[test]
fn measuring_takes_the_best_and_leaves_the_hopeless_alone() {
    let (seconds, first) = (std::cell::Cell::new(0_u32), std::cell::Cell::new(true));
    let mut pretended = Pretended::new(usize::MAX, |path, _, size| {
        let seconds = match (path, size) {
            (Portable, _) => 10.0,
            // So does the very first go.
            (Amx, Size::Check) if first.replace(false) => 50.0,
            (_, Size::Check) => 1.0,
            // Most measurements meet a busy moment.
            (_, Size::Full) => {
                seconds.set(seconds.get() + 1);
                if seconds.get().is_multiple_of(3) {
                    0.5
                } else {
                    100.0
                }
            }
        };
        (vec![1.0], seconds)
    });
    let trials = try_each(&[Portable, Avx2, Amx], &mut pretended);
    let rates = |index: usize| *trials[index].outcome.as_ref().expect("it is right");
    for (index, rate) in [(0, 0.1), (1, 2.0), (2, 2.0)] {
        let expected = Rates {
            prefill: rate,
            decode: rate,
            backward: rate,
        };
        assert_eq!(rates(index), expected);
    }
    assert_eq!(pretended.full_runs(Portable), 0);
    for path in [Avx2, Amx] {
        assert_eq!(pretended.full_runs(path), 5 * Trial::ALL.len(), "{path}");
    }

    let mut hurried = Pretended::new(1, |_, _, _| (vec![1.0], 1.0));
    let trials = try_each(&[Portable, Avx2], &mut hurried);
    assert!(
        trials.iter().all(|trial| trial.outcome.is_ok()),
        "{trials:?}"
    );
    let runs = hurried.full_runs(Portable) + hurried.full_runs(Avx2);
    assert_eq!(runs, 1, "no time, no second measurement");
}

/// The tiles of the tests' emulator, where there are none.
fn emulated_tiles() -> Option<Path> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return match crate::Amx::find() {
        Some(_) => None,
        None => Some(Path::Amx(crate::Avx512::find()?, crate::Amx::emulated())),
    };
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    return None;
}

#[test]
fn noise_does_not_tell_paths_of_the_same_code_apart() {
    let mut pretended = Pretended::new(usize::MAX, |path, _, _| {
        let seconds = match path {
            Avx512 => 1.0,
            Amx => 1.1,
            _ => 3.0,
        };
        (vec![1.0], seconds)
    });
    let trials = try_each(&[Portable, Avx2, Avx512, Amx], &mut pretended);
    let chosen = choose(&trials).map(|choice| choice.path);
    assert_eq!(chosen, [Avx512, Amx, Avx512]);
    let decode = |index: usize| trials[index].outcome.as_ref().map(|rates| rates.decode);
    assert_eq!(decode(0), decode(1), "other code keeps its own figure");
    assert_ne!(decode(1), decode(2));
}

/// The bounds leave room: what paths of this machine round lies below a half of them.
#[test]
fn the_paths_of_this_machine_are_sound() {
    let pool = Pool::new(2);
    let mut bench = Bench::new(&pool, Instant::now());
    for trial in Trial::ALL {
        for size in [Size::Check, Size::Full] {
            let mut expected = Vec::new();
            bench.once(Path::all()[0], trial, size, &mut expected);
            assert!(
                expected.iter().any(|value| value.abs() > 1e-3),
                "{trial:?} computes something"
            );
            let emulated = emulated_tiles().filter(|_| size == Size::Check);
            for path in Path::all().into_iter().chain(emulated) {
                let mut found = Vec::new();
                bench.once(path, trial, size, &mut found);
                let square: f32 = expected.iter().map(|value| value * value).sum();
                let typical = (square / expected.len() as f32).sqrt();
                let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                let share = differences.fold(0.0, f32::max) / typical;
                eprintln!("{path} {trial:?} {size:?}: {:.4} %", share * 100.0);
                assert!(share <= trial.bound() / 2.0, "{path} {trial:?}: {share}");
                assert_eq!(trial.fault(&expected, &found), None, "{path}");
                // One value of another sign among thousands does not pass.
                let last = found.len() - 1;
                let largest = (0..=last).max_by(|a, b| found[*a].abs().total_cmp(&found[*b].abs()));
                let largest = largest.expect("there are results");
                found[largest] = -found[largest];
                assert!(trial.fault(&expected, &found).is_some(), "{path} {trial:?}");
            }
        }
    }
}

#[test]
fn every_path_of_this_machine_is_tried() {
    let begun = Instant::now();
    let trials = try_paths(&Pool::new(2));
    eprintln!("tried in {:.0?}", begun.elapsed());
    let names: Vec<PathName> = trials.iter().map(|trial| trial.path).collect();
    let here: Vec<PathName> = Path::all().into_iter().map(Path::name).collect();
    assert_eq!(names, here);
    for trial in &trials {
        let rates = trial
            .outcome
            .as_ref()
            .expect("it computes what plain code does");
        for work in WorkKind::ALL {
            let rate = rates.of(work);
            eprintln!("{}: {work} {rate:.1}", trial.path);
            assert!(rate.is_finite() && rate > 0.0, "{}: {rate}", trial.path);
        }
    }
    for choice in choose(&trials) {
        assert!(here.contains(&choice.path), "{choice:?}");
    }
}
