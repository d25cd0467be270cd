//! The program as a script sees it: standard output, standard error, status.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run_in(home: Option<&std::path::Path>, arguments: &[&str]) -> Output {
    command_in(home, arguments)
        .output()
        .expect("the program starts")
}

/// Never in the library of whoever runs the tests.
fn command_in(home: Option<&std::path::Path>, arguments: &[&str]) -> Command {
    let own = concat!(env!("CARGO_TARGET_TMPDIR"), "/home");
    let mut command = Command::new(env!("CARGO_BIN_EXE_neuralchat-cli"));
    command
        .args(arguments)
        .env("NEURALCHAT_HOME", home.unwrap_or(std::path::Path::new(own)))
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    run_in(None, arguments)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// The one line of JSON that was printed.
fn json(output: &Output) -> Value {
    let out = text(&output.stdout);
    assert_eq!(out.matches('\n').count(), 1, "one line: {out:?}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out:?}"))
}

fn stories() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../../shared/data/models/stories260k");
    if path.exists() {
        return Some(path);
    }
    eprintln!("{} is not here: this check is left out", path.display());
    None
}

#[test]
fn generate_prints_the_text_and_nothing_else() {
    let Some(stories) = stories() else { return };
    let expected =
        std::fs::read_to_string(stories.join("expected_greedy.txt")).expect("it lies beside");
    let model = stories.display().to_string();
    let arguments = [
        "generate",
        "--model",
        &model,
        "--prompt",
        "",
        "--max-new-tokens",
        "199",
        "--temperature",
        "0",
    ];
    let output = run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = text(&output.stdout);
    assert!(expected.starts_with(&written), "{written}");
    assert!(written.len() > 400, "{} characters", written.len());
    assert_eq!(text(&output.stderr), "");

    let answer = json(&run(&[&arguments[..], &["--json"]].concat()));
    assert_eq!(answer["text"], Value::String(written));
    assert_eq!(answer["ended"], "length");
    assert_eq!(answer["stats"]["new_tokens"], 199);
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let with_seed = |seed: &str| {
        let output = run(&[
            "generate",
            "--prompt",
            "Hello",
            "--max-new-tokens",
            "40",
            "--temperature",
            "1.5",
            "--seed",
            seed,
            "--json",
        ]);
        json(&output)["text"].clone()
    };
    assert_eq!(with_seed("7"), with_seed("7"));
    assert_ne!(with_seed("7"), with_seed("8"));
}

#[test]
fn a_stop_string_is_not_printed() {
    let whole = run(&[
        "chat",
        "--once",
        "What are the days of the week?",
        "--temperature",
        "0",
    ]);
    let whole = text(&whole.stdout);
    let (before, _) = whole
        .split_once("Wednesday")
        .unwrap_or_else(|| panic!("the starter knows the days: {whole}"));
    let cut = run(&[
        "chat",
        "--once",
        "What are the days of the week?",
        "--temperature",
        "0",
        "--stop",
        "Wednesday",
    ]);
    assert_eq!(text(&cut.stdout).trim_end(), before.trim_end());
}

#[test]
fn chat_answers_once() {
    let output = run(&[
        "chat",
        "--once",
        "What are the days of the week?",
        "--temperature",
        "0",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("Wednesday"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn chat_draws_as_the_model_says_and_options_go_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let starter = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../assets/starter");
    for file in std::fs::read_dir(starter).expect("the starter") {
        let path = file.expect("the starter lists").path();
        let name = path.file_name().expect("a file has a name").to_owned();
        std::fs::copy(&path, folder.path().join(name)).expect("there is room");
    }
    let config = folder.path().join("generation_config.json");
    std::fs::write(config, "{\"do_sample\": false}").expect("there is room");
    let model = folder.path().display().to_string();
    let asked = |more: &[&str]| {
        let question = ["chat", "--model", &model, "--once", "Tell me a story."];
        let output = run(&[&question[..], &["--max-new-tokens", "40"], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let greedy = asked(&["--temperature", "0"]);
    assert_eq!(asked(&["--seed", "3"]), greedy);
    assert_ne!(asked(&["--seed", "3", "--temperature", "4"]), greedy);
}

#[test]
fn tokenize_and_inspect_speak_json() {
    let tokens = json(&run(&["tokenize", "--text", "Hello there", "--json"]));
    let tokens = tokens.as_array().expect("a list");
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token["id"].is_u64()));
    let found = json(&run(&["inspect", "starter", "--json"]));
    assert_eq!(found["architecture"], "llama");
    assert_eq!(found["kind"], "chat");
    assert!(
        found["parameters"]
            .as_u64()
            .is_some_and(|count| count > 500_000)
    );
}

#[test]
fn errors_have_code_cause_remedy_and_status_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x0f")
        .expect("it is writable");
    let broken = broken.display().to_string();
    for (arguments, code) in [
        (
            vec!["generate", "--model", "/no/such/model", "--json"],
            "model_not_found",
        ),
        (
            vec!["generate", "--model", &broken, "--json"],
            "model_damaged",
        ),
        (vec!["inspect", &broken, "--json"], "model_damaged"),
        (
            vec!["tokenize", "--model", &broken, "--text", "x", "--json"],
            "model_damaged",
        ),
        (
            vec!["generate", "--temperature", "99", "--json"],
            "bad_request",
        ),
        (vec!["call", "no_such_command"], "bad_request"),
        (
            vec!["call", "chat_get", "{\"chat_id\": 12345}"],
            "not_found",
        ),
    ] {
        let output = run_in(Some(folder.path()), &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        for part in ["message", "remedy"] {
            assert!(
                error[part].as_str().is_some_and(|text| text.len() > 10),
                "{arguments:?}: {error}"
            );
        }
    }
    let words = run(&["generate", "--model", "/no/such/model"]);
    assert_eq!(words.status.code(), Some(1));
    assert_eq!(text(&words.stdout), "");
    assert!(text(&words.stderr).contains("/no/such/model"));
}

#[test]
fn commands_of_the_window_can_be_called() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = Some(home.path());
    let made = json(&run_in(
        home,
        &[
            "call",
            "chat_create",
            "{\"kind\": \"chat\", \"settings\": null}",
        ],
    ));
    assert_eq!(made["summary"]["title"], "New chat");
    let listed = json(&run_in(home, &["call", "chats_list", "{\"search\": \"\"}"]));
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let known = json(&run_in(home, &["call"]));
    assert!(known.as_array().is_some_and(|commands| commands.len() > 20));
}

#[test]
fn the_demo_ends_well() {
    let output = run(&["demo"]);
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    for stage in ["machine", "open the starter", "chat"] {
        assert!(
            text(&output.stdout).contains(&format!("== {stage}\n")),
            "{stage}"
        );
    }
}

/// The same with kernels asked for.
fn run_with_kernels(kernels: &str, arguments: &[&str]) -> Output {
    run_in_with_kernels(None, kernels, arguments)
}

fn run_in_with_kernels(
    home: Option<&std::path::Path>,
    kernels: &str,
    arguments: &[&str],
) -> Output {
    command_in(home, arguments)
        .env("NEURALCHAT_KERNELS", kernels)
        .output()
        .expect("the program starts")
}

/// Figures as an earlier start kept them, with one path far ahead.
fn keep_figures(home: &std::path::Path, fastest: &str) {
    let file = home.join("kernels.json");
    let text = std::fs::read_to_string(&file).expect("the figures are kept");
    let mut kept: Value = serde_json::from_str(&text).expect("they are JSON");
    for trial in kept["trials"].as_array_mut().expect("a list") {
        let rate = if trial["path"] == fastest { 9e9 } else { 1.0 };
        trial["rates"] = serde_json::json!({
            "prefill_gflop_per_s": rate,
            "decode_gb_per_s": rate,
            "backward_gflop_per_s": rate,
        });
        trial["fault"] = Value::Null;
    }
    std::fs::write(&file, kept.to_string()).expect("there is room");
}

#[test]
fn kernels_are_measured_once_and_the_variable_goes_before_the_setting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Some(folder.path());
    let show = ["kernels", "--json"];
    let first = json(&run_in(home, &show));
    let report = &first["kernel_report"];
    let strings = |list: &Value, field: &str| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|entry| entry[field].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let paths = strings(&report["trials"], "path");
    assert_eq!(paths[0], "portable", "{report}");
    assert_eq!(
        strings(&report["choices"], "work"),
        ["prefill", "decode", "backward"]
    );
    for trial in report["trials"].as_array().expect("a list") {
        assert!(
            trial["rates"]["decode_gb_per_s"].as_f64() > Some(0.0),
            "{trial}"
        );
    }
    let again = json(&run_in(home, &show));
    assert_eq!(again["kernel_report"], *report, "kept, not measured anew");

    // What was kept decides; then the setting; then the variable.
    let check = |output: Output, path: &str, reason: &str| {
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report = json(&output)["kernel_report"].clone();
        assert_eq!(strings(&report["choices"], "path"), [path; 3], "{report}");
        assert_eq!(strings(&report["choices"], "reason"), [reason; 3]);
    };
    keep_figures(folder.path(), "portable");
    let fastest = if paths.len() == 1 { "only" } else { "fastest" };
    check(run_in(home, &show), "portable", fastest);
    let strongest = paths.last().expect("a path");
    let settings = format!("{{\"kernels\": \"{strongest}\"}}");
    let set = run_in(home, &["call", "settings_set", &settings]);
    assert_eq!(json(&set)["kernels"], **strongest);
    check(run_in(home, &show), strongest, "setting");
    check(
        run_in_with_kernels(home, "portable", &show),
        "portable",
        "variable",
    );
    check(run_in_with_kernels(home, " ", &show), strongest, "setting");

    let words = text(&run_in_with_kernels(home, "portable", &["kernels"]).stdout);
    for path in &paths {
        assert!(words.contains(path.as_str()), "{words}");
    }
    assert!(words.contains("asked for by NEURALCHAT_KERNELS"), "{words}");
}

#[test]
fn a_path_that_failed_its_self_check_is_not_taken() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = Some(folder.path());
    let show = ["kernels", "--json"];
    let found = json(&run_in(home, &show));
    let trials = found["kernel_report"]["trials"].as_array().map(Vec::len);
    if trials == Some(1) {
        eprintln!("this machine has one path: none can be dropped");
        return;
    }
    let strongest = found["kernel_report"]["trials"][trials.unwrap_or(1) - 1]["path"].clone();
    keep_figures(folder.path(), strongest.as_str().unwrap_or_default());
    let file = folder.path().join("kernels.json");
    let kept = std::fs::read_to_string(&file).expect("it was kept");
    let mut kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    for trial in kept["trials"].as_array_mut().expect("a list") {
        if trial["path"] == strongest {
            trial["rates"] = Value::Null;
            trial["fault"] = "its product is off".into();
        }
    }
    std::fs::write(&file, kept.to_string()).expect("there is room");
    let dropped = json(&run_in(home, &show));
    for choice in dropped["kernel_report"]["choices"]
        .as_array()
        .expect("three")
    {
        assert_ne!(choice["path"], strongest, "{dropped}");
    }
    let words = text(&run_in(home, &["kernels"]).stdout);
    assert!(
        words.contains("failed its self-check: its product is off"),
        "{words}"
    );
    let asked = strongest.as_str().unwrap_or_default();
    let words = text(&run_in_with_kernels(home, asked, &["kernels"]).stdout);
    assert!(words.contains("Unset it unless you know why."), "{words}");
}

#[test]
fn kernels_are_shown_and_can_be_chosen() {
    let found = json(&run(&["kernels", "--json"]));
    assert!(
        found["kernels"]
            .as_str()
            .is_some_and(|name| !name.is_empty())
    );
    let portable = json(&run_with_kernels("portable", &["kernels", "--json"]));
    assert_eq!(portable["kernels"], "portable");
    for command in [
        &["kernels", "--json"][..],
        &["generate", "--prompt", "Hi", "--json"],
    ] {
        let refused = run_with_kernels("abacus", command);
        assert_eq!(refused.status.code(), Some(1));
        let error = &json(&refused)["error"];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.contains("abacus")),
            "{error}"
        );
        assert!(
            error["remedy"]
                .as_str()
                .is_some_and(|text| text.contains("NEURALCHAT_KERNELS"))
        );
    }
}

#[test]
fn a_model_is_measured() {
    let starter = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../assets/starter");
    let arguments = [
        "bench",
        "infer",
        "--model",
        starter,
        "--prompt",
        "40",
        "--generate",
        "5",
        "--json",
    ];
    let figures = json(&run(&arguments));
    for name in [
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "prefill_fraction",
        "decode_fraction",
    ] {
        let value = figures[name].as_f64().unwrap_or_default();
        assert!(value.is_finite() && value > 0.0, "{name}: {figures}");
    }
    // Its matrices in bf16, but the embedding is also its output.
    let bytes = figures["bytes_per_token"].as_u64().expect("bytes");
    assert!((4_000_000..6_000_000).contains(&bytes), "{bytes}");
    assert!(figures["peak_pss_bytes"].as_u64() > Some(bytes) || !cfg!(target_os = "linux"));
    let unknown = run(&["bench", "infer", "--weights", "q0", "--json"]);
    assert!(
        json(&unknown)["error"]["remedy"]
            .as_str()
            .is_some_and(|text| text.contains("q4_0"))
    );
}
