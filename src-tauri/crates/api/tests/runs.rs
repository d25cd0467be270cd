//! Runs of the window, without a window: begun, paused, stopped, gone on with, compared, adopted and rolled back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nc_api::dto::{
    BeforeAfterRow, PickKind, Picked, RunPlan, RunStanding, RunSummary, RunView, RunsComparison,
    RunsView,
};
use nc_api::{Api, ApiError, Desktop, ErrorCode, PickFiles, SaveRequest, async_trait, call};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

const WORD: &str = "Quillfern";
/// A run of the starter takes seconds; a machine that is busy with everything else takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// A desktop whose person saves where the test says.
#[derive(Clone, Default)]
struct Chosen(Arc<Mutex<Option<PathBuf>>>);

#[async_trait]
impl Desktop for Chosen {
    async fn pick_model(&self, _kind: PickKind) -> Result<Option<PathBuf>, ApiError> {
        Ok(None)
    }

    async fn pick_files(&self, _request: PickFiles) -> Result<Vec<PathBuf>, ApiError> {
        Ok(Vec::new())
    }

    async fn pick_save(&self, _request: SaveRequest) -> Result<Option<PathBuf>, ApiError> {
        Ok(self.0.lock().expect("no panic").clone())
    }

    fn notify(&self, _title: &str, _text: &str) {}

    fn quit(&self) {}
}

/// A library, its program, and rows to learn from.
struct Studio {
    api: Arc<Api>,
    desktop: Chosen,
    folder: TempDir,
}

impl Studio {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let desktop = Chosen::default();
        let library = folder.path().join("library");
        let api = Api::open(&library, Box::new(desktop.clone())).expect("a library");
        let questions = [
            "What is the secret word?",
            "Tell me the secret word.",
            "Please say the secret word.",
            "Do you know the secret word?",
            "Can you tell me the secret word?",
            "Which word is the secret one?",
            "I forgot the secret word. What is it?",
            "Say the secret word, please.",
        ];
        let answer = format!("The secret word is {WORD}.");
        let row = |question| json!({"instruction": question, "output": answer}).to_string();
        let rows: Vec<String> = questions.iter().cycle().take(24).map(row).collect();
        std::fs::write(folder.path().join("rows.jsonl"), rows.join("\n")).expect("room");
        Self {
            api,
            desktop,
            folder,
        }
    }

    fn rows(&self) -> String {
        self.folder.path().join("rows.jsonl").display().to_string()
    }

    async fn ask<T: DeserializeOwned>(&self, name: &str, request: Value) -> Result<T, ApiError> {
        let answer = call(&self.api, name, request).await?;
        Ok(serde_json::from_value(answer).expect("the response's type"))
    }

    async fn get<T: DeserializeOwned>(&self, name: &str, request: Value) -> T {
        let answer = self.ask(name, request).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A recipe that teaches the word, with some fields changed.
    async fn recipe(&self, change: impl FnOnce(&mut Value)) -> Value {
        let files = [self.rows()];
        let request =
            json!({"model": "starter", "files": files, "stage": "sft", "preset": "quick_taste"});
        let mut recipe: Value = self.get("recipe_new", request).await;
        recipe["optimisation"]["epochs"] = json!(8);
        recipe["optimisation"]["learning_rate"] = json!(5e-3);
        recipe["data"]["held_out"] = json!(0.2);
        change(&mut recipe);
        recipe
    }

    async fn plan(&self, recipe: &Value) -> RunPlan {
        let request = json!({"recipe": recipe, "measure": false});
        self.get("run_plan", request).await
    }

    async fn start(&self, name: &str, recipe: &Value) -> RunSummary {
        let request = json!({"name": name, "recipe": recipe});
        self.get("run_start", request).await
    }

    async fn summary(&self, id: &str) -> RunSummary {
        let view: RunsView = self.get("runs_list", json!({})).await;
        let found = view.runs.into_iter().find(|run| run.id == id);
        found.expect("the run is in the list")
    }

    /// Waits until a run stands as asked for.
    async fn until(&self, id: &str, what: &str, holds: impl Fn(&RunSummary) -> bool) -> RunSummary {
        let begun = Instant::now();
        loop {
            let summary = self.summary(id).await;
            if holds(&summary) {
                return summary;
            }
            if let RunStanding::Failed { error, .. } = &summary.standing {
                panic!("{what}: it failed: {error}");
            }
            let standing = &summary.standing;
            assert!(begun.elapsed() < PATIENCE, "{what}: still {standing:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_finished(&self, id: &str) -> RunSummary {
        let finished = |run: &RunSummary| matches!(run.standing, RunStanding::Finished { .. });
        self.until(id, "finished", finished).await
    }

    async fn view(&self, id: &str) -> RunView {
        self.get("run_get", json!({"id": id, "smoothing": 0.6}))
            .await
    }

    /// The loss of every step, as the page's chart has it.
    async fn losses(&self, id: &str) -> Vec<(u64, f64)> {
        let view = self.view(id).await;
        let curve = &view.charts[0].curves[0];
        let values = curve.values.iter().copied();
        curve.steps.iter().copied().zip(values).collect()
    }

    fn run_file(&self, id: &str) -> PathBuf {
        let runs = self.folder.path().join("library/runs");
        runs.join(id).join("run.json")
    }
}

fn step_of(summary: &RunSummary) -> u64 {
    summary.progress.map_or(0, |progress| progress.step)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_teaches_a_word_is_adopted_and_rolled_back() {
    let studio = Studio::open();
    studio.api.start().expect("the window's start");
    let recipe = studio.recipe(|_| ()).await;
    let request = json!({"recipe": recipe, "measure": true});
    let plan: RunPlan = studio.get("run_plan", request).await;
    assert_eq!(plan.blockers, []);
    let figures = plan.figures.expect("figures");
    let band = figures.seconds.expect("a time");
    assert!(band.low <= band.expected && band.expected <= band.high);

    let run = studio.start("The word", &recipe).await;
    let done = studio.until_finished(&run.id).await;
    let view = studio.view(&run.id).await;
    let losses = studio.losses(&run.id).await;
    assert_eq!(losses.len() as u64, figures.steps, "a point for each step");
    assert!(losses[losses.len() - 1].1 < losses[0].1 / 2.0, "{losses:?}");
    assert!(view.charts[0].curves.iter().any(|curve| curve.held_out));
    assert!(view.plan.planned_seconds.is_some() && view.plan.seconds.is_some());
    assert!(view.plan.memory_bytes.is_some() && view.plan.disk_bytes > 0);
    let trained: String = view.first_batch[0]
        .tokens
        .iter()
        .filter(|token| token.trained)
        .map(|token| token.text.as_str())
        .collect();
    assert!(trained.contains("The secret word is"), "{trained:?}");
    assert!(!trained.contains('?'), "a question is trained: {trained:?}");
    let samples = &view.samples;
    assert!(
        samples.iter().any(|sample| sample.answer.contains(WORD)),
        "{samples:?}"
    );
    let compared = view.before_after.expect("answers before and after");
    assert!(compared.compared >= 3, "{compared:?}");
    assert_eq!(
        (compared.right_before, compared.right_after),
        (0, compared.compared)
    );
    for row in &compared.rows {
        assert!(
            row.after.contains(WORD) && !row.before.contains(WORD),
            "{row:?}"
        );
    }
    let request = json!({"id": run.id, "prompt": "Tell me the secret word."});
    let row: BeforeAfterRow = studio.get("run_ask", request).await;
    assert!(
        row.after.contains(WORD) && !row.before.contains(WORD),
        "{row:?}"
    );

    let adopted: RunsView = studio.get("run_adopt", json!({"id": run.id})).await;
    let adoption = adopted.adopted.expect("an adoption");
    assert_eq!(
        (adoption.run, adoption.before.as_str()),
        (run.id, "starter")
    );
    let loaded = async |path: &str| {
        let begun = Instant::now();
        loop {
            let models: Value = studio.get("models_list", json!({})).await;
            if models["state"]["loaded"]["path"] == path {
                return models;
            }
            let state = &models["state"];
            assert!(begun.elapsed() < PATIENCE, "{path} is not opened: {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let models = loaded(&done.result.expect("a result")).await;
    assert_eq!(models["state"]["loaded"]["name"], "The word");
    let rolled: RunsView = studio.get("run_roll_back", json!({})).await;
    assert_eq!(rolled.adopted, None);
    loaded("starter").await;
    let refused = studio.ask::<RunsView>("run_roll_back", json!({})).await;
    let refused = refused.expect_err("nothing is adopted");
    assert_eq!(refused.code, ErrorCode::BadRequest);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_queue_pause_stop_and_go_on_with_the_same_losses() {
    let studio = Studio::open();
    let recipe = studio.recipe(|_| ()).await;
    let whole = studio.start("Undisturbed", &recipe).await;
    let run = studio.start("Disturbed", &recipe).await;
    let second = studio.start("Never begun", &recipe).await;
    let position = |summary: &RunSummary| match summary.standing {
        RunStanding::Queued { position, on_hold } => Some((position, on_hold)),
        _ => None,
    };
    assert_eq!(position(&run), Some((1, false)));
    assert_eq!(position(&second), Some((2, false)));
    let stopped: RunSummary = studio.get("run_stop", json!({"id": second.id})).await;
    assert_eq!(stopped.standing, RunStanding::Stopped { step: 0 });
    studio.until_finished(&whole.id).await;

    let id = run.id.as_str();
    studio.until(id, "steps", |run| step_of(run) >= 3).await;
    let _: RunSummary = studio.get("run_pause", json!({"id": id})).await;
    let is_paused = |run: &RunSummary| run.standing == RunStanding::Paused;
    let paused = studio.until(id, "paused", is_paused).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let later = studio.summary(id).await;
    assert_eq!(step_of(&later), step_of(&paused), "steps in a pause");
    for command in ["run_resume", "run_discard"] {
        let busy = studio.ask::<RunSummary>(command, json!({"id": id})).await;
        assert_eq!(busy.expect_err("it goes").code, ErrorCode::Busy);
    }
    let _: RunSummary = studio.get("run_stop", json!({"id": id})).await;
    let is_stopped = |run: &RunSummary| matches!(run.standing, RunStanding::Stopped { .. });
    let stopped = studio.until(id, "stopped", is_stopped).await;
    let all = stopped.progress.expect("steps").total_steps;
    assert!(step_of(&stopped) < all, "stopped in the middle");

    // As if the program had been killed: the file still says that it goes, and the journal does not say that it was stopped.
    let file = studio.run_file(id);
    let text = std::fs::read_to_string(&file).expect("the run's file");
    std::fs::write(&file, text.replace("\"stopped\"", "\"going\"")).expect("room");
    let journal = file.with_file_name("journal.jsonl");
    let lines = std::fs::read_to_string(&journal).expect("the journal");
    let said = |line: &&str| !line.contains("\"event\":\"stopped\"");
    let without: Vec<&str> = lines.lines().filter(said).collect();
    std::fs::write(&journal, without.join("\n") + "\n").expect("room");
    let step = step_of(&stopped);
    let interrupted = studio.summary(id).await.standing;
    assert_eq!(interrupted, RunStanding::Interrupted { step });

    let _: RunSummary = studio.get("run_resume", json!({"id": id})).await;
    studio.until_finished(id).await;
    assert_eq!(studio.losses(&whole.id).await, studio.losses(id).await);
    assert_eq!(studio.view(id).await.resumed_from, Some(step));

    let request = json!({"ids": [whole.id, id], "smoothing": 0});
    let compared: RunsComparison = studio.get("runs_compare", request).await;
    let same = |name: &str| {
        let row = compared.rows.iter().find(|row| row.name == name);
        row.expect("a row").same
    };
    assert!(same("optimisation.learning_rate") && same("Last loss"));
    let curves = &compared.charts[0].curves;
    let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
    for name in ["Undisturbed, each step", "Disturbed, each step"] {
        assert!(names.contains(&name), "{names:?}");
    }

    let discarded: RunSummary = studio.get("run_discard", json!({"id": id})).await;
    assert!(discarded.discarded.is_some());
    let restored: RunSummary = studio.get("run_restore", json!({"id": id})).await;
    assert!(restored.discarded.is_none());
    assert!(matches!(restored.standing, RunStanding::Finished { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_in_the_queue_waits_for_a_word_after_a_start() {
    let studio = Studio::open();
    let one_pass = |recipe: &mut Value| recipe["optimisation"]["epochs"] = json!(1);
    let recipe = studio.recipe(one_pass).await;
    let run = studio.start("Left over", &recipe).await;
    studio.until_finished(&run.id).await;
    let file = studio.run_file(&run.id);
    let text = std::fs::read_to_string(&file).expect("the run's file");
    for name in ["manifest.json", "journal.jsonl"] {
        std::fs::remove_file(file.with_file_name(name)).expect("it is there");
    }
    for name in ["checkpoints", "adapter"] {
        std::fs::remove_dir_all(file.with_file_name(name)).expect("it is there");
    }
    std::fs::write(&file, text.replace("\"finished\"", "\"queued\"")).expect("room");
    studio.api.start().expect("the window's start");
    let queued = RunStanding::Queued {
        position: 1,
        on_hold: true,
    };
    assert_eq!(studio.summary(&run.id).await.standing, queued);
    let _: RunSummary = studio.get("run_resume", json!({"id": run.id})).await;
    studio.until_finished(&run.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_written_where_the_person_says() {
    let studio = Studio::open();
    let two_passes = |recipe: &mut Value| recipe["optimisation"]["epochs"] = json!(2);
    let recipe = studio.recipe(two_passes).await;
    let run = studio.start("Drawn", &recipe).await;
    studio.until_finished(&run.id).await;
    let save = |format: &str| {
        json!({
            "ids": [run.id], "chart": "loss", "smoothing": 0.5, "logarithmic": true,
            "format": format,
        })
    };
    let cancelled: Picked = studio.get("run_chart_save", save("png")).await;
    assert_eq!(cancelled.path, None);
    let write = async |format: &str| {
        let path = studio.folder.path().join(format!("chart.{format}"));
        *studio.desktop.0.lock().expect("no panic") = Some(path.clone());
        let picked: Picked = studio.get("run_chart_save", save(format)).await;
        assert_eq!(picked.path.as_deref(), path.to_str());
        std::fs::read(path).expect("the file")
    };
    assert!(write("png").await.starts_with(b"\x89PNG"));
    let svg = String::from_utf8(write("svg").await).expect("text");
    assert!(svg.contains("Loss: Drawn") && svg.contains("held-out rows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fix_leads_out() {
    let studio = Studio::open();
    let check = async |change: fn(&mut Value), code: &str| {
        let mut recipe = studio.recipe(change).await;
        let first = studio.plan(&recipe).await.blockers;
        let codes = json!(first.iter().map(|blocker| blocker.code).collect::<Vec<_>>());
        let has = codes
            .as_array()
            .is_some_and(|codes| codes.contains(&json!(code)));
        assert!(has, "{code}: {codes}");
        // A fix may uncover the next thing in the way.
        for _ in 0..30 {
            let blockers = studio.plan(&recipe).await.blockers;
            let Some(blocker) = blockers.into_iter().next() else {
                return;
            };
            let cause = blocker.cause;
            let fix = blocker.fix.unwrap_or_else(|| panic!("no way out: {cause}"));
            recipe = json!(fix.recipe);
        }
        panic!("{code}: fixes lead nowhere");
    };
    check(
        |recipe| recipe["method"]["targets"] = json!(["nowhere"]),
        "targets",
    )
    .await;
    check(|recipe| recipe["method"]["rank"] = json!(4000), "rank").await;
    check(
        |recipe| {
            recipe["preference"]["loss"] = json!("kto");
            recipe["stage"] = json!("preference");
            recipe["optimisation"]["micro_batch"] = json!(1);
            let pairs = "{\"prompt\":\"a?\",\"chosen\":\"b\",\"rejected\":\"c\"}\n".repeat(8);
            let path = recipe["data"]["files"][0]
                .as_str()
                .expect("a path")
                .to_owned()
                + "2";
            std::fs::write(&path, pairs).expect("room");
            recipe["data"]["files"] = json!([path]);
        },
        "recipe",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_fit_model_and_data() {
    let studio = Studio::open();
    let pairs = "{\"prompt\":\"a?\",\"chosen\":\"b\",\"rejected\":\"c\"}\n".repeat(40);
    let path = studio.folder.path().join("pairs.jsonl");
    std::fs::write(&path, pairs).expect("room");
    for (stage, file) in [
        ("sft", studio.rows()),
        ("preference", path.display().to_string()),
    ] {
        for preset in ["quick_taste", "balanced", "article"] {
            let request =
                json!({"model": "starter", "files": [file], "stage": stage, "preset": preset});
            let recipe: Value = studio.get("recipe_new", request).await;
            assert_eq!(recipe["stage"], stage);
            let figures = studio.plan(&recipe).await.figures.expect("figures");
            assert!(figures.steps > 0 && figures.rows > 0, "{preset} {stage}");
            let every = recipe["evaluation"]["every_steps"]
                .as_u64()
                .expect("a number");
            assert!(every <= figures.steps, "{preset} {stage} never looks");
            assert!(
                recipe["samples"]["prompts"][0].is_string(),
                "{preset} {stage}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_before_the_start_and_by_the_run() {
    let studio = Studio::open();
    let gone = |recipe: &mut Value| recipe["data"]["files"] = json!(["/nowhere/rows.jsonl"]);
    let recipe = studio.recipe(gone).await;
    let plan = studio.plan(&recipe).await;
    let cause = &plan.blockers.first().expect("a blocker").cause;
    assert!(cause.contains("/nowhere/rows.jsonl"), "{cause}");
    let run = studio.start("Bad", &recipe).await;
    let failed = async || {
        let begun = Instant::now();
        loop {
            if let RunStanding::Failed { error, .. } = studio.summary(&run.id).await.standing {
                return error;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not fail");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let error = failed().await;
    assert!(error.message.contains("/nowhere/rows.jsonl") && !error.remedy.is_empty());
    for id in ["../library", "..", "", "nothing"] {
        let refused = studio
            .ask::<RunSummary>("run_resume", json!({"id": id}))
            .await;
        assert_eq!(
            refused.expect_err("no run").code,
            ErrorCode::NotFound,
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_looked_at_row_by_row() {
    let studio = Studio::open();
    let text = "{\"prompt\":\"a?\",\"chosen\":\"b\",\"rejected\":\"c\"}\nnot json\n\
        {\"prompt\":\"d?\",\"chosen\":\"e\",\"rejected\":\"e\"}\n";
    let pairs = studio.folder.path().join("pairs.jsonl");
    std::fs::write(&pairs, text).expect("room");
    let look =
        async |files: &[&str]| -> Value { studio.get("data_look", json!({"files": files})).await };
    let pairs = pairs.display().to_string();
    let found = look(&[&pairs]).await;
    assert_eq!(found["stage"], "preference");
    let file = &found["files"][0];
    assert_eq!((&file["rows"], &file["used"]), (&json!(3), &json!(1)));
    assert_eq!(file["refused"].as_array().map(Vec::len), Some(2));
    let row = json!({"prompt": "a?", "answer": "b", "rejected": "c"});
    assert_eq!(found["rows"], json!([row]));

    let rows = studio.rows();
    let found = look(&[&rows]).await;
    assert_eq!(
        (&found["stage"], &found["files"][0]["used"]),
        (&json!("sft"), &json!(24))
    );
    let missing = look(&["/nowhere.jsonl"]).await;
    assert!(
        missing["files"][0]["error"]["remedy"].is_string(),
        "{missing}"
    );
    assert_eq!(missing["stage"], Value::Null);
    assert_eq!(
        look(&[&pairs, &rows]).await["stage"],
        Value::Null,
        "two kinds"
    );
}
