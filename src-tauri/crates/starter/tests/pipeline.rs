//! The whole way with a tiny model and a few rows, undisturbed and interrupted.

use std::cell::Cell;
use std::path::Path;

use nc_kernels::Compute;
use nc_starter::corpus::Sizes;
use nc_starter::evaluation::Score;
use nc_starter::pipeline::{Plan, Report, make};
use nc_starter::preferences::Change;
use nc_starter::shape::Shape;
use nc_starter::stage::Workshop;
use nc_starter::{Result, StarterError};
use nc_train::{Control, Event, TrainError};

const PLAN: Plan = Plan {
    seed: 5,
    shape: Shape {
        hidden: 256,
        intermediate: 256,
        layers: 1,
        heads: 8,
        kv_heads: 4,
    },
    sizes: Sizes {
        pretraining_chats: 60,
        worksheets: 20,
        practice: 60,
        answers: 60,
        more_answers: 60,
        pairs: 40,
        questions: 1,
        held_out_pairs: 10,
        vocabulary_texts: 300,
    },
};

/// Makes it; stops in the middle of this stage, if one is given, after its second step.
fn made(folder: &Path, stop_in: Option<&str>) -> Result<Report> {
    let compute = Compute::of_process()?;
    let control = Control::default();
    let tell = |name: &str, event: &Event| {
        if matches!(event, Event::Step(step) if step.step == 2) && stop_in == Some(name) {
            control.stop();
        }
    };
    let workshop = Workshop {
        folder,
        compute: &compute,
        control: &control,
        tell: &tell,
    };
    make(&PLAN, workshop)
}

#[test]
fn stages_join_and_an_interrupted_one_goes_on() {
    let [whole, cut] = [(), ()].map(|()| tempfile::tempdir().expect("a folder"));
    let report = made(whole.path(), None).expect("it is made");
    for stage in &report.stages {
        assert!(
            stage.made.steps > 2 && stage.made.tokens > 0,
            "{}: {:?}",
            stage.name,
            stage.made
        );
        assert_eq!(Score::of(&stage.answered, None).asked, 12);
    }
    assert_eq!(report.preferences.count, 10);

    for name in ["pretraining", "answers", "preferences"] {
        let stopped = made(cut.path(), Some(name));
        assert!(
            matches!(stopped, Err(StarterError::Train(TrainError::Stopped))),
            "{name}"
        );
    }
    let again = made(cut.path(), None).expect("it is made");
    let weights = |report: &Report| {
        std::fs::read(report.model().join("model.safetensors")).expect("the model")
    };
    assert!(
        weights(&report) == weights(&again),
        "the same weights, however often it was stopped"
    );

    // What is there is taken: nothing is trained again.
    let trained = Cell::new(false);
    let compute = Compute::of_process().expect("kernels");
    let workshop = Workshop {
        folder: cut.path(),
        compute: &compute,
        control: &Control::default(),
        tell: &|_, _| trained.set(true),
    };
    let once_more = make(&PLAN, workshop).expect("it is there");
    assert!(!trained.get() && weights(&once_more) == weights(&again));
}

#[test]
fn mcnemar_is_exact() {
    let check = |gained: usize, lost: usize, expected: f64| {
        let before: Vec<bool> = (0..gained + lost).map(|at| at >= gained).collect();
        let after: Vec<bool> = before.iter().map(|right| !right).collect();
        let change = Change::between(&before, &after);
        assert_eq!((change.gained, change.lost), (gained as u64, lost as u64));
        assert_eq!(
            (change.before, change.after, change.count),
            (lost, gained, gained + lost)
        );
        let found = change.p_value();
        assert!(
            (found - expected).abs() <= expected * 1e-9,
            "{gained}, {lost}: {found}"
        );
    };
    check(0, 0, 1.0);
    check(1, 0, 1.0);
    check(5, 0, 0.0625);
    check(6, 0, 0.03125);
    check(3, 3, 1.0);
    // 2 · (1 + 10 + 45) / 2^10
    check(8, 2, 0.109375);
    check(2, 8, 0.109375);
    // 2 · 2^-100
    check(100, 0, 2.0 / 2f64.powi(100));
}
