//! Training as a script sees it, killed at any moment.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const RECIPE: &str = r#"
model = "starter"
[data]
files = [DATA]
held_out = 0.2
[method]
kind = "lora"
rank = 8
alpha = 16
dropout = 0.1
[optimisation]
max_steps = 24
learning_rate = 3e-3
micro_batch = 2
accumulation = 2
max_tokens = 96
[evaluation]
every_steps = 6
[checkpoints]
every_steps = 4
keep = 2
"#;

fn program(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neuralchat-cli"));
    command
        .args(arguments)
        .env("NEURALCHAT_HOME", home.join("library"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn write_recipe(folder: &Path) -> String {
    let row = |index: usize| {
        format!(r#"{{"instruction": "Count to {index}.", "output": "It ends with {index}."}}"#)
    };
    let rows: Vec<String> = (0..30).map(row).collect();
    let data = folder.join("rows.jsonl");
    std::fs::write(&data, rows.join("\n")).expect("room");
    let recipe = folder.join("recipe.toml");
    let text = RECIPE.replace("DATA", &format!("{:?}", data.display().to_string()));
    std::fs::write(&recipe, text).expect("room");
    recipe.display().to_string()
}

/// Reads lines until the program ends, or until `kill_after` steps and then some milliseconds. The losses as they were printed.
fn follow(
    mut command: Command,
    losses: &mut BTreeMap<u64, String>,
    kill_after: Option<(u64, u64)>,
) -> bool {
    let mut child = command.spawn().expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for line in lines {
        let line = line.expect("text");
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event["event"] != "step" {
            continue;
        }
        for field in ["lr", "grad_norm", "tokens_per_second"] {
            assert!(event[field].is_number(), "{line}");
        }
        let step = event["step"].as_u64().expect("a number");
        losses.insert(step, event["loss"].to_string());
        if let Some((after, milliseconds)) = kill_after
            && step >= after
        {
            std::thread::sleep(Duration::from_millis(milliseconds));
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            return false;
        }
    }
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
    true
}

#[test]
fn a_run_killed_again_and_again_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recipe = write_recipe(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut undisturbed = BTreeMap::new();
    let begin = |out: &str| program(folder.path(), &["train", &recipe, "--out", out, "--json"]);
    assert!(follow(begin(&path("whole")), &mut undisturbed, None));
    assert_eq!(undisturbed.len(), 24);

    let (out, mut losses) = (path("killed"), BTreeMap::new());
    let mut ended = follow(begin(&out), &mut losses, Some((2, 3)));
    // At other moments of a step, of a checkpoint, of an evaluation.
    for (after, milliseconds) in [(4, 0), (6, 7), (13, 21)] {
        let resume = program(folder.path(), &["train", "--resume", &out, "--json"]);
        ended = ended || follow(resume, &mut losses, Some((after, milliseconds)));
    }
    let resume = program(folder.path(), &["train", "--resume", &out, "--json"]);
    assert!(ended || follow(resume, &mut losses, None));
    assert_eq!(losses, undisturbed, "the same losses, digit for digit");
    let adapter = |run: &str| {
        std::fs::read(Path::new(run).join("adapter/adapter_model.safetensors")).expect("an adapter")
    };
    assert!(
        adapter(&out) == adapter(&path("whole")),
        "and the same adapter"
    );
}

#[test]
fn recipes_and_data_that_cannot_be_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recipe = write_recipe(folder.path());
    let check = |change: (&str, &str), data: Option<&str>, expected: &str| {
        let text = std::fs::read_to_string(&recipe).expect("the recipe");
        let changed = folder.path().join("changed.toml");
        let text = match data {
            Some(data) => {
                let path = folder.path().join("changed.jsonl");
                std::fs::write(&path, data).expect("room");
                text.replace("rows.jsonl", "changed.jsonl")
            }
            None => text.replacen(change.0, change.1, 1),
        };
        std::fs::write(&changed, text).expect("room");
        let changed = changed.display().to_string();
        let out = folder.path().join("refused").display().to_string();
        let output = program(folder.path(), &["train", &changed, "--out", &out, "--json"])
            .output()
            .expect("it runs");
        let _ = std::fs::remove_dir_all(&out);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{expected}: {text}");
        let last: Value =
            serde_json::from_str(text.lines().last().unwrap_or_default()).expect("JSON");
        let error = &last["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(expected), "wanted {expected:?}: {message}");
        assert!(
            !error["remedy"].as_str().unwrap_or_default().is_empty(),
            "{message}"
        );
    };
    check(("rank = 8", "rank = 9999"), None, "rank");
    check(("rank = 8", "rnak = 8"), None, "rnak");
    check(
        ("\"starter\"", "\"/nowhere/at/all\""),
        None,
        "/nowhere/at/all",
    );
    check(("max_tokens = 96", "max_tokens = 8"), None, "max_tokens");
    check(("stage", "stage"), Some(""), "changed.jsonl");
    check(
        ("stage", "stage"),
        Some(r#"{"question_only": "?"}"#),
        "changed.jsonl",
    );
}
