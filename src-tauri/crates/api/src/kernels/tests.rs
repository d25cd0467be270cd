use std::cell::Cell;
use std::path::Path as FilePath;

use nc_kernels::{Path, Rates};

use super::*;
use crate::dto::{KernelReason, KernelTrial};
use crate::{Api, Headless};

use PathName::{Amx, Avx2, Portable};

fn sound(path: PathName, rate: f64) -> PathTrial {
    let rates = Rates {
        prefill: rate,
        decode: rate,
        backward: rate,
    };
    PathTrial {
        path,
        outcome: Ok(rates),
    }
}

fn faulty(path: PathName) -> PathTrial {
    PathTrial {
        path,
        outcome: Err("its product is off".to_owned()),
    }
}

#[test]
fn the_variable_goes_before_the_setting_and_that_before_the_figures() {
    use Reason::{Fastest, Setting, Variable};
    let trials = [sound(Portable, 1.0), sound(Avx2, 9.0), faulty(Amx)];
    let check = |variable, setting, (path, reason), notice: &[&str]| {
        let asked = Asked { variable, setting };
        let decision = decide(asked, &trials);
        assert_eq!(decision.choices, Choice::all(path, reason), "{asked:?}");
        assert_eq!(decision.notice.is_some(), !notice.is_empty(), "{asked:?}");
        let said = decision.notice.clone().unwrap_or_default();
        for part in notice {
            assert!(said.contains(part), "{asked:?}: {said}");
        }
        let report = words::report(asked, &trials, &decision);
        assert_eq!(report.summary(), path.as_str());
        assert_eq!(report.variable.map(PathName::from), variable);
        assert_eq!(report.setting.map(PathName::from), setting);
        assert_eq!(report.notice, decision.notice);
        let reason = |expected| {
            report
                .choices
                .iter()
                .all(|choice| choice.reason == expected)
        };
        assert!(match decision.choices[0].reason {
            Variable => reason(KernelReason::Variable),
            Setting => reason(KernelReason::Setting),
            _ => reason(KernelReason::Fastest),
        });
    };
    check(None, None, (Avx2, Fastest), &[]);
    check(None, Some(Portable), (Portable, Setting), &[]);
    check(Some(Portable), Some(Avx2), (Portable, Variable), &[]);
    check(
        Some(Amx),
        None,
        (Amx, Variable),
        &["amx", "NEURALCHAT_KERNELS", "its product is off"],
    );
    check(
        None,
        Some(Amx),
        (Avx2, Fastest),
        &["amx", "self-check", "automatically"],
    );
    let absent = PathName::Avx512;
    check(
        None,
        Some(absent),
        (Avx2, Fastest),
        &["avx512", "does not offer", "automatically"],
    );
}

#[test]
fn a_report_says_once_what_is_the_same_of_all() {
    let rates = |prefill, decode| Rates {
        prefill,
        decode,
        backward: 1.0,
    };
    let trial = |path, rates| PathTrial {
        path,
        outcome: Ok(rates),
    };
    let trials = [
        trial(Portable, rates(1.0, 9.0)),
        trial(Amx, rates(9.0, 1.0)),
    ];
    let asked = Asked::default();
    let report = words::report(asked, &trials, &decide(asked, &trials));
    assert_eq!(
        report.summary(),
        "prefill: amx, decode: portable, backward: amx"
    );
    assert_eq!(report.reason(), "the fastest when measured here");
}

fn key() -> kept::Key {
    kept::Key {
        program: "1".to_owned(),
        processor: "A processor".to_owned(),
        logical_processors: 2,
        instruction_sets: vec!["avx2".to_owned()],
    }
}

/// Every path of this machine, the strongest faulty where there are two.
fn found_here(rate: f64) -> Vec<PathTrial> {
    let mut trials: Vec<PathTrial> = Path::all()
        .into_iter()
        .map(|path| sound(path.name(), rate))
        .collect();
    if trials.len() > 1 {
        trials.pop();
        trials.push(faulty(Path::strongest().name()));
    }
    trials
}

#[test]
fn figures_are_kept_and_anything_wrong_with_them_measures_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(kept::FILE);
    let measured = Cell::new(0);
    let take = |file: Option<&FilePath>, key: kept::Key, rate: f64| {
        kept::or_measured(file, key, || {
            measured.set(measured.get() + 1);
            found_here(rate)
        })
    };
    let check = |what: &str, key: kept::Key, rate: f64, expected: f64, anew: bool| {
        measured.set(0);
        assert_eq!(take(Some(&file), key, rate), found_here(expected), "{what}");
        assert_eq!(measured.get(), usize::from(anew), "{what}");
    };
    check("no file", key(), 1.5, 1.5, true);
    check("a file", key(), 2.0, 1.5, false);
    let others = [
        kept::Key {
            program: "2".to_owned(),
            ..key()
        },
        kept::Key {
            processor: "Another".to_owned(),
            ..key()
        },
        kept::Key {
            logical_processors: 3,
            ..key()
        },
        kept::Key {
            instruction_sets: Vec::new(),
            ..key()
        },
    ];
    for (index, other) in others.into_iter().enumerate() {
        let rate = 3.0 + index as f64;
        check(
            &format!("stale: {other:?}"),
            other.clone(),
            rate,
            rate,
            true,
        );
        check("and then kept", other, 99.0, rate, false);
    }
    check("stale again", key(), 7.0, 7.0, true);

    let whole = std::fs::read_to_string(&file).expect("it is there");
    let other_path = whole.replacen("\"portable\"", "\"abacus\"", 1);
    let endless = whole.replacen("7.0", "1e999", 1);
    let negative = whole.replacen("7.0", "-7.0", 1);
    let long = format!("{whole}{}", " ".repeat(1 << 20));
    for (what, text) in [
        ("torn", &whole[..whole.len() / 2]),
        ("empty", ""),
        ("no JSON", "kernels"),
        ("of another shape", "[1, 2]"),
        ("no path", "{\"trials\": []}"),
        ("an unknown path", &other_path),
        ("endless rates", &endless),
        ("negative rates", &negative),
        ("too long", &long),
    ] {
        std::fs::write(&file, text).expect("there is room");
        check(what, key(), 7.0, 7.0, true);
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), whole);
    }
    let mut kept: serde_json::Value = serde_json::from_str(&whole).expect("it is JSON");
    let trials = kept["trials"].as_array_mut().expect("a list");
    trials.pop();
    std::fs::write(&file, kept.to_string()).expect("there is room");
    check("a path is missing", key(), 7.0, 7.0, true);

    std::fs::remove_file(&file).expect("it is there");
    std::fs::create_dir(&file).expect("there is room");
    check("a folder in its place", key(), 8.0, 8.0, true);
    assert_eq!(
        take(None, key(), 9.0),
        found_here(9.0),
        "nowhere to keep it"
    );
}

/// The real commands; `NEURALCHAT_KERNELS` is for the tests of the command line, which have a process each.
#[tokio::test]
async fn the_setting_decides_the_next_model() {
    if std::env::var_os(nc_kernels::KERNELS_VARIABLE).is_some() {
        eprintln!("NEURALCHAT_KERNELS is set: it goes before the setting, which is not tested");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let api = Api::open(folder.path(), Box::new(Headless)).expect("a new library");
    let call = async |name: &str, request| {
        let response = nc_api_call(&api, name, request).await;
        response.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let automatic = compute(Some(&api.library)).expect("kernels");
    let info = call("machine_info", serde_json::json!({})).await;
    assert_eq!(info["kernel_report"]["setting"], serde_json::Value::Null);
    let names = |trials: &serde_json::Value| -> Vec<KernelTrial> {
        serde_json::from_value(trials.clone()).expect("trials")
    };
    let found = names(&info["kernel_report"]["trials"]);
    assert_eq!(found.len(), Path::all().len());

    let mut settings = call("settings_get", serde_json::json!({})).await;
    assert_eq!(settings["kernels"], serde_json::Value::Null);
    settings["kernels"] = "portable".into();
    call("settings_set", settings.clone()).await;
    let portable = Paths::all(Path::get(Portable).expect("it is everywhere"));
    let set = compute(Some(&api.library)).expect("kernels");
    assert_eq!(set.paths, portable);
    assert!(
        std::sync::Arc::ptr_eq(&set.pool, &automatic.pool),
        "one pool"
    );
    let info = call("machine_info", serde_json::json!({})).await;
    assert_eq!(info["kernels"], "portable");
    assert_eq!(info["kernels_reason"], "asked for in Settings");
    let loaded = crate::open_model::open(
        crate::dto::STARTER,
        set,
        &nc_engine::Cancel::default(),
        &mut |_, _, _| (),
    )
    .expect("the starter opens");
    let compute_of_model = &loaded.about.compute;
    assert!(compute_of_model.contains("portable"), "{compute_of_model}");

    let here = |name: &PathName| Path::find(*name).is_some();
    if let Some(absent) = PathName::ALL.into_iter().find(|name| !here(name)) {
        settings["kernels"] = absent.as_str().into();
        call("settings_set", settings.clone()).await;
        let fallen_back = compute(Some(&api.library)).expect("kernels all the same");
        assert_eq!(fallen_back.paths, automatic.paths);
        let info = call("machine_info", serde_json::json!({})).await;
        let notice = info["kernel_report"]["notice"].as_str().unwrap_or_default();
        assert!(notice.contains(absent.as_str()), "{notice}");
    } else {
        eprintln!("this machine offers every path: a setting it cannot follow is not tested");
    }

    settings["kernels"] = serde_json::Value::Null;
    call("settings_set", settings).await;
    let again = compute(Some(&api.library)).expect("kernels");
    assert_eq!(again.paths, automatic.paths);
    let refused = nc_api_call(
        &api,
        "settings_set",
        serde_json::json!({ "kernels": "abacus" }),
    );
    let error = refused.await.expect_err("there are no such kernels");
    assert_eq!(error.code, crate::ErrorCode::BadRequest);
}

async fn nc_api_call(
    api: &std::sync::Arc<Api>,
    name: &str,
    request: serde_json::Value,
) -> Result<serde_json::Value, ApiError> {
    crate::call(api, name, request).await
}
