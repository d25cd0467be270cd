//! Texts as the transformers library writes them (tests/golden/templates/make.py).

use nc_text::{ChatTemplate, Message, TextError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::root;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    messages: Vec<Message>,
    tools: Option<Value>,
    bos_token: Option<String>,
    eos_token: Option<String>,
    add_generation_prompt: bool,
    expected: Option<String>,
    expected_error: Option<String>,
    assistant_spans: Option<Vec<(usize, usize)>>,
}

/// 2024-07-04 09:05 UTC, the moment that the reference saw.
const NOW: i64 = 1_720_083_900;

/// A byte offset as a count of code points.
fn code_points(text: &str, at: usize) -> usize {
    text[..at].chars().count()
}

fn check(case: &Case) -> Result<(), String> {
    let rendered = ChatTemplate::new(
        &case.template,
        case.bos_token.as_deref(),
        case.eos_token.as_deref(),
    )
    .and_then(|template| {
        let mut variables = Map::new();
        variables.insert("now_unix_seconds".to_owned(), json!(NOW));
        if let Some(tools) = &case.tools {
            variables.insert("tools".to_owned(), tools.clone());
        }
        template.render_with(&case.messages, case.add_generation_prompt, &variables)
    });
    let rendered = match (rendered, &case.expected, &case.expected_error) {
        (Ok(rendered), Some(_), _) => rendered,
        (Err(TextError::TemplateRaised { message }), None, Some(expected)) => {
            return expected.contains(&message).then_some(()).ok_or(message);
        }
        (Err(_), None, Some(_)) => return Ok(()),
        (other, _, expected) => return Err(format!("{other:?} instead of {expected:?}")),
    };
    let expected = case.expected.as_deref().unwrap_or("");
    if rendered.text != expected {
        return Err(format!("\n got {:?}\nwant {expected:?}", rendered.text));
    }
    if let Some(spans) = &case.assistant_spans {
        let given: Vec<(usize, usize)> = rendered
            .assistant_spans
            .iter()
            .map(|span| {
                let place = |at| code_points(&rendered.text, at);
                (place(span.start), place(span.end))
            })
            .collect();
        if &given != spans || !rendered.mask_exact {
            return Err(format!("spans {given:?} instead of {spans:?}"));
        }
    }
    Ok(())
}

#[test]
fn every_reference_text() {
    let path = root().join("tests/golden/templates/golden.json");
    let text = std::fs::read_to_string(path).expect("the reference texts are there");
    let golden: Golden = serde_json::from_str(&text).expect("reference texts");
    assert!(golden.cases.len() > 50);
    let failures: Vec<String> = golden
        .cases
        .iter()
        .filter_map(|case| check(case).err().map(|why| format!("{}: {why}", case.name)))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {}\n{}",
        failures.len(),
        golden.cases.len(),
        failures.join("\n")
    );
}
