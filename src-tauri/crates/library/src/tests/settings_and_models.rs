//! Settings and models seen.

use serde_json::{Value, json};

use super::in_memory;
use crate::ModelRow;

#[test]
fn a_setting_is_the_value_last_set() {
    let library = in_memory();
    assert_eq!(library.setting("theme").unwrap(), None);
    let values = [
        json!("dark"),
        json!(null),
        json!(0.1),
        json!(u64::MAX),
        json!(["a", 1, {"b": [true, false]}]),
        json!({"z": 1, "a": "quote \" back \\ zero \u{0} line\n", "深": "层"}),
    ];
    for value in values {
        library.set_setting("theme", &value).unwrap();
        assert_eq!(library.setting("theme").unwrap(), Some(value));
    }
    assert_eq!(library.setting("Theme").unwrap(), None, "keys are exact");
    library.set_setting("", &json!(1)).unwrap();
    assert_eq!(library.setting("").unwrap(), Some(json!(1)));
}

fn model(path: &str, name: &str, last_opened: Option<&str>) -> ModelRow {
    let last_opened = last_opened.map(str::to_owned);
    ModelRow {
        path: path.into(),
        name: name.into(),
        last_opened,
        inspection: None,
        last_error: None,
    }
}

#[test]
fn models_are_listed_by_last_use() {
    let library = in_memory();
    for row in [
        model("/m/never-b", "b", None),
        model("/m/old", "x", Some("2026-01-01T00:00:00.000Z")),
        model("/m/never-a", "a", None),
        model("/m/new", "y", Some("2026-01-02T00:00:00.000Z")),
    ] {
        library.put_model(&row).unwrap();
    }
    let paths: Vec<String> = library
        .models()
        .unwrap()
        .into_iter()
        .map(|row| row.path)
        .collect();
    assert_eq!(paths, ["/m/new", "/m/old", "/m/never-a", "/m/never-b"]);
}

#[test]
fn a_model_is_replaced_whole_and_forgotten() {
    let library = in_memory();
    let mut row = model("/m/模型 é", "First", Some("2026-01-01T00:00:00.000Z"));
    row.inspection = Some(json!({"layers": 5}));
    row.last_error = Some(Value::from("gone"));
    library.put_model(&row).unwrap();
    assert_eq!(library.models().unwrap(), [row.clone()]);

    let replaced = model(&row.path, "Second", None);
    library.put_model(&replaced).unwrap();
    assert_eq!(library.models().unwrap(), [replaced]);

    library.forget_model("/m/other").unwrap();
    assert_eq!(library.models().unwrap().len(), 1);
    library.forget_model(&row.path).unwrap();
    assert_eq!(library.models().unwrap(), []);
}
