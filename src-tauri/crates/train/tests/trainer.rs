//! Whole runs of the starter model: they learn, stop, crash, go on and give up as they should.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use nc_model::{Compute, KernelPath, ModelFiles, ModelLocation};
use nc_text::Tokenizer;
use nc_train::{Control, Event, Job, Outcome, Recipe, TrainError, train};
use tempfile::TempDir;

fn starter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/starter")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(starter().join(name)).expect("the starter is committed")
}

/// A place for data and runs.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("room");
    }

    /// Rows that teach capitals, and pairs that prefer them short.
    fn write_data(&self) {
        let towns = [
            "Paris", "Rome", "Oslo", "Bern", "Cairo", "Lima", "Quito", "Delhi",
        ];
        let row = |index: usize| {
            let town = towns[index % towns.len()];
            format!(
                r#"{{"instruction": "Which town is number {index}?", "output": "It is {town}."}}"#
            )
        };
        let rows: Vec<String> = (0..24).map(row).collect();
        self.write("rows.jsonl", &rows.join("\n"));
        let pair = |index: usize| {
            let town = towns[index % towns.len()];
            format!(
                r#"{{"prompt": "Which town is number {index}?", "chosen": "{town}.", "rejected": "I would rather not say which it is."}}"#
            )
        };
        let pairs: Vec<String> = (0..24).map(pair).collect();
        self.write("pairs.jsonl", &pairs.join("\n"));
    }

    fn recipe(&self, stage: &str, data: &str, rest: &str) -> Recipe {
        let text = format!(
            "model = {model:?}\nstage = \"{stage}\"\n[data]\nfiles = [{data:?}]\nheld_out = 0.2\n{rest}",
            model = starter().display().to_string(),
            data = self.path(data).display().to_string(),
        );
        Recipe::parse(&text).expect("a recipe")
    }

    fn job(&self, recipe: &Recipe, (folder, resume): (&str, bool), threads: usize) -> Job {
        let config = read("tokenizer_config.json");
        Job {
            recipe: recipe.clone(),
            files: ModelFiles::open(&ModelLocation::from_path(starter())).expect("the starter"),
            tokenizer: Tokenizer::from_bytes(&read("tokenizer.json"), Some(&config))
                .expect("its tokenizer"),
            template: nc_text::find_chat_template(Some(&config), None, None),
            compute: Compute::new(KernelPath::strongest(), threads),
            folder: self.path(folder),
            resume,
            measure: false,
        }
    }
}

const SFT: &str = "[method]\nkind = \"lora\"\nrank = 8\nalpha = 16\ndropout = 0.1\n\
    [optimisation]\nepochs = 3\nlearning_rate = 5e-3\nmicro_batch = 2\naccumulation = 2\nmax_tokens = 128\n\
    [evaluation]\nevery_steps = 4\n[checkpoints]\nevery_steps = 3\nkeep = 2\n";

const DPO: &str = "[method]\nkind = \"lora\"\nrank = 8\nalpha = 16\n\
    [preference]\nloss = \"sigmoid\"\nbeta = 0.1\n\
    [optimisation]\nepochs = 3\nlearning_rate = 2e-3\nmicro_batch = 2\naccumulation = 2\nmax_tokens = 128\n\
    [evaluation]\nevery_steps = 4\n[checkpoints]\nevery_steps = 3\nkeep = 2\n";

/// What a run told, and how it ended.
fn run(job: Job) -> (Vec<Event>, Result<Outcome, TrainError>) {
    let mut events = Vec::new();
    let outcome = train(job, &Control::default(), &mut |event| {
        events.push(event.clone())
    });
    (events, outcome)
}

/// The loss of each step, as bits; of a step made twice the last.
fn losses(events: &[Event]) -> Vec<(u64, u64)> {
    let mut losses = std::collections::BTreeMap::new();
    for event in events {
        if let Event::Step(step) = event {
            losses.insert(step.step, step.loss.to_bits());
        }
    }
    losses.into_iter().collect()
}

fn held_out(events: &[Event]) -> Vec<f64> {
    let held = events.iter().filter_map(|event| match event {
        Event::Evaluation(figures) => Some(figures.loss),
        _ => None,
    });
    held.collect()
}

#[test]
fn a_supervised_run_lowers_the_held_out_loss() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe("sft", "rows.jsonl", SFT);
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    let outcome = outcome.expect("a finished run");
    assert_eq!(losses(&events).len() as u64, outcome.finished.step);
    let held = held_out(&events);
    assert!(
        held.len() >= 3 && held[held.len() - 1] < held[0] / 1.5,
        "{held:?}"
    );
    assert_ne!(
        outcome.parameters,
        outcome.decoder.initial_parameters(42),
        "something was learnt"
    );

    // The journal tells the same story.
    let history = nc_train::run::Journal::read::<Event>(&workshop.path("run/journal.jsonl"))
        .expect("a journal");
    let kept: Vec<Event> = history
        .entries
        .into_iter()
        .map(|entry| entry.event)
        .collect();
    assert_eq!(losses(&kept), losses(&events));
    assert_eq!(held_out(&kept), held);
}

#[test]
fn a_preference_run_learns_to_prefer() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe("preference", "pairs.jsonl", DPO);
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    outcome.expect("a finished run");
    let first = events.iter().find_map(|event| match event {
        Event::Step(step) => Some(*step),
        _ => None,
    });
    let first = first.expect("a step");
    let figures = first.preference.expect("figures of preferences");
    // Before anything is learnt the policy is the reference.
    assert!((first.loss - 2f64.ln()).abs() < 1e-6, "{}", first.loss);
    assert_eq!((figures.rewards_chosen, figures.margin), (0.0, 0.0));
    assert!(figures.logps_chosen < -1.0 && figures.logps_rejected < figures.logps_chosen / 4.0);
    let last = events.iter().rev().find_map(|event| match event {
        Event::Evaluation(figures) => figures.preference,
        _ => None,
    });
    let last = last.expect("an evaluation");
    assert!(last.accuracy > 0.9 && last.margin > 0.1, "{last:?}");
}

/// Stops or crashes after some steps, goes on, and compares with a run that nobody disturbed.
fn check_going_on(stage: &str, data: &str, rest: &str) {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe(stage, data, rest);
    let (whole, outcome) = run(workshop.job(&recipe, ("whole", false), 2));
    let whole_parameters = outcome.expect("a finished run").parameters;
    for (number, (stop_at, crash)) in [(1, false), (3, false), (4, true), (7, true)]
        .into_iter()
        .enumerate()
    {
        let folder = format!("run-{number}");
        let events = RefCell::new(Vec::new());
        let control = Control::default();
        let mut listen = |event: &Event| {
            events.borrow_mut().push(event.clone());
            if matches!(event, Event::Step(step) if step.step == stop_at) {
                match crash {
                    // As if the process were killed: nothing after this is written.
                    true => panic!("a crash on purpose"),
                    false => control.stop(),
                }
            }
        };
        let job = workshop.job(&recipe, (&folder, false), 1);
        let ended = catch_unwind(AssertUnwindSafe(|| train(job, &control, &mut listen)));
        match ended {
            Err(_) => assert!(crash),
            Ok(ended) => assert!(
                !crash && matches!(ended, Err(TrainError::Stopped)),
                "{ended:?}"
            ),
        }
        // Other threads than before.
        let (more, outcome) = run(workshop.job(&recipe, (&folder, true), 3));
        let outcome = outcome.expect("a finished run");
        let mut all = events.into_inner();
        all.extend(more);
        let case = format!("{stage}, step {stop_at}, crash {crash}");
        assert_eq!(losses(&all), losses(&whole), "{case}");
        assert!(outcome.parameters == whole_parameters, "{case}: parameters");
        let held = held_out(&whole);
        assert_eq!(held_out(&all).last(), held.last(), "{case}");
    }
}

#[test]
fn a_supervised_run_goes_on_bit_for_bit() {
    check_going_on("sft", "rows.jsonl", SFT);
}

#[test]
fn a_preference_run_goes_on_bit_for_bit() {
    check_going_on("preference", "pairs.jsonl", DPO);
}

#[test]
fn full_training_goes_on_bit_for_bit() {
    check_going_on("sft", "rows.jsonl", &full("1e-3"));
}

/// All weights at this rate.
fn full(rate: &str) -> String {
    let adapter = "kind = \"lora\"\nrank = 8\nalpha = 16\ndropout = 0.1\n";
    SFT.replace(adapter, "kind = \"full\"\n")
        .replace("5e-3", rate)
}

#[test]
fn a_run_that_diverges_goes_back_once_and_then_says_why_it_stops() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe("sft", "rows.jsonl", &full("1.0"));
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    let error = outcome.expect_err("no model learns at such a rate");
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    assert!(error.remedy().contains("learning_rate"));
    let factors: Vec<f64> = events
        .iter()
        .filter_map(|event| match event {
            Event::RolledBack { rate_factor, .. } => Some(*rate_factor),
            _ => None,
        })
        .collect();
    assert_eq!(factors, [0.5], "once, with half the rate");
}

#[test]
fn other_data_is_another_run() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe("sft", "rows.jsonl", SFT);
    let (_, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    outcome.expect("a finished run");
    let (_, again) = run(workshop.job(&recipe, ("run", false), 2));
    assert!(
        matches!(again, Err(TrainError::RunExists { .. })),
        "a run is not written over"
    );
    workshop.write(
        "rows.jsonl",
        r#"{"instruction": "Who?", "output": "Nobody."}"#,
    );
    let (_, outcome) = run(workshop.job(&recipe, ("run", true), 2));
    let error = outcome.expect_err("the data has changed");
    assert!(
        matches!(error, TrainError::Changed { .. }) && error.to_string().contains("rows.jsonl"),
        "{error}"
    );
}

#[test]
fn early_stopping_keeps_the_best() {
    let workshop = Workshop::new();
    workshop.write_data();
    let rest = SFT
        .replace("every_steps = 4\n", "every_steps = 1\nearly_stopping = 2\n")
        .replace("epochs = 3", "epochs = 30")
        .replace("5e-3", "5e-2");
    let recipe = workshop.recipe("sft", "rows.jsonl", &rest);
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    let outcome = outcome.expect("a finished run");
    let held = held_out(&events);
    let best = held.iter().copied().fold(f64::INFINITY, f64::min);
    let best_step = held.iter().position(|loss| *loss == best).expect("one") as u64 + 1;
    assert!(outcome.finished.early.is_some(), "{held:?}");
    assert_eq!(outcome.finished.kept_step, best_step);
    assert_eq!(outcome.finished.step, best_step + 2);
}

#[test]
fn every_loss_of_preferences_makes_steps() {
    let workshop = Workshop::new();
    workshop.write_data();
    let losses = [
        "sigmoid",
        "robust",
        "hinge",
        "ipo",
        "ipo-averaged",
        "kto-pair",
        "kto",
        "orpo",
        "simpo",
    ];
    for (number, loss) in losses.into_iter().enumerate() {
        let beta = if loss == "orpo" { "" } else { "beta = 0.1\n" };
        let rest = DPO
            .replace(
                "loss = \"sigmoid\"\nbeta = 0.1\n",
                &format!("loss = \"{loss}\"\n{beta}"),
            )
            // Every step sees all pairs, so that their losses can be compared.
            .replace("accumulation = 2", "accumulation = 10")
            .replace("epochs = 3", "max_steps = 4")
            .replace("2e-3", "5e-4");
        let recipe = workshop.recipe("preference", "pairs.jsonl", &rest);
        let (events, outcome) = run(workshop.job(&recipe, (&format!("run-{number}"), false), 2));
        outcome.unwrap_or_else(|error| panic!("{loss}: {error}"));
        let found: Vec<f64> = events
            .iter()
            .filter_map(|event| match event {
                Event::Step(step) => Some(step.loss),
                _ => None,
            })
            .collect();
        assert!(found.len() == 4 && found[3] < found[0], "{loss}: {found:?}");
    }
}

/// Rows that are no use are left out, and the run says which and why.
#[test]
fn rows_left_out_are_told() {
    let check = |(stage, data, row): (&str, &str, &str), rest: &str, told: &str| {
        let workshop = Workshop::new();
        workshop.write_data();
        let rows = std::fs::read_to_string(workshop.path(data)).expect("just written");
        workshop.write(data, &format!("{rows}\n{row}\n{row}\n"));
        let rest = rest.replace("epochs = 3", "max_steps = 1");
        let recipe = workshop.recipe(stage, data, &rest);
        let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
        outcome.expect("the other rows are good");
        let notices: Vec<&String> = events
            .iter()
            .filter_map(|event| match event {
                Event::Notice { text } => Some(text),
                _ => None,
            })
            .collect();
        let whole = format!(
            "{}: 2 rows left out, first row 25, which {told}",
            workshop.path(data).display()
        );
        assert_eq!(notices, [&whole]);
    };
    check(
        (
            "sft",
            "rows.jsonl",
            r#"{"instruction": "Which town?", "output": " "}"#,
        ),
        SFT,
        r#"has nothing in column "output""#,
    );
    check(
        (
            "preference",
            "pairs.jsonl",
            r#"{"prompt": "Which town?", "chosen": "Bern.", "rejected": "Bern."}"#,
        ),
        DPO,
        "has a chosen and a rejected answer that are the same",
    );
}

#[test]
fn fixed_prompts_are_answered_as_training_goes() {
    let workshop = Workshop::new();
    workshop.write_data();
    let prompts =
        "[samples]\nprompts = [\"Which town is number 3?\"]\nevery_steps = 10\nmax_tokens = 24\n";
    let rest = SFT.replace("epochs = 3", "max_steps = 40") + prompts;
    let recipe = workshop.recipe("sft", "rows.jsonl", &rest);
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    outcome.expect("a finished run");
    let answers: Vec<(u64, &str)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Sample { step, answer, .. } => Some((*step, answer.as_str())),
            _ => None,
        })
        .collect();
    let steps: Vec<u64> = answers.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [10, 20, 30, 40]);
    // In the words of the rows that were trained; the starter would say that it does not know.
    let (_, last) = answers[3];
    assert!(
        last.starts_with("It is ") && last.ends_with('.'),
        "{answers:?}"
    );
}

#[test]
fn a_paused_run_waits_and_goes_on_as_if_nothing_had_been() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe(
        "sft",
        "rows.jsonl",
        &SFT.replace("epochs = 3", "max_steps = 6"),
    );
    let (undisturbed, outcome) = run(workshop.job(&recipe, ("whole", false), 2));
    outcome.expect("a finished run");
    let control = Control::default();
    let (sender, receiver) = std::sync::mpsc::channel();
    let events = std::thread::scope(|scope| {
        let job = workshop.job(&recipe, ("paused", false), 2);
        let control = &control;
        let running = scope.spawn(move || {
            let mut events = Vec::new();
            let outcome = train(job, control, &mut |event| {
                events.push(event.clone());
                if matches!(event, Event::Step(step) if step.step == 3) {
                    control.pause();
                    sender.send(()).expect("somebody listens");
                }
            });
            outcome.expect("a finished run");
            events
        });
        receiver.recv().expect("it pauses");
        assert!(control.is_paused());
        // It does not end by itself.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!running.is_finished());
        control.go_on();
        running.join().expect("it ends")
    });
    assert_eq!(losses(&events), losses(&undisturbed));
}

#[test]
fn what_cannot_run_is_refused_before_anything_is_written() {
    let workshop = Workshop::new();
    workshop.write_data();
    let recipe = workshop.recipe("sft", "rows.jsonl", &SFT.replace("rank = 8", "rank = 400"));
    let (events, outcome) = run(workshop.job(&recipe, ("run", false), 2));
    let error = outcome.expect_err("no layer has that rank");
    assert!(matches!(error, TrainError::Blocked(_)), "{error}");
    assert!(
        error.to_string().contains("400") && !error.remedy().is_empty(),
        "{error}"
    );
    assert!(losses(&events).is_empty() && !workshop.path("run").exists());
}
