//! Each format in each kind of file.

use nc_data::{Content, Format, Options, Refusal, joined_input};
use serde_json::{Value, json};

use crate::{examples, pairs};

/// `role: words` of each turn; an `input` field in brackets.
fn turns(messages: &[nc_text::Message]) -> Vec<String> {
    let turn = |message: &nc_text::Message| {
        let input = message
            .extra
            .get("input")
            .map(|input| format!(" [{input}]"));
        format!(
            "{}: {}{}",
            message.role,
            message.content,
            input.unwrap_or_default()
        )
    };
    messages.iter().map(turn).collect()
}

#[test]
fn examples_of_every_format() {
    let check = |row: Value, format: Format, expected: &[&str]| {
        let row = row.to_string();
        for bytes in [
            row.clone(),
            format!("[{row}]"),
            format!("\u{feff} {row}\n\n"),
        ] {
            for forced in [None, Some(format)] {
                let options = Options {
                    format: forced,
                    ..Options::default()
                };
                let (found, reading) = examples(bytes.as_bytes(), options).expect(&bytes);
                assert_eq!((reading.format, reading.rows, reading.used), (format, 1, 1));
                match &found[0].content {
                    Content::Text(text) => assert_eq!([text.as_str()], expected),
                    Content::Conversation { messages, .. } => {
                        assert_eq!(turns(messages), expected, "{row}");
                    }
                }
            }
        }
    };
    let alpaca = &["user: I", "assistant: O"];
    check(
        json!({"instruction": "I", "output": "O"}),
        Format::Alpaca,
        alpaca,
    );
    check(
        json!({"instruction": "I", "input": "", "output": "O"}),
        Format::Alpaca,
        alpaca,
    );
    check(
        json!({"instruction": "I", "input": "C", "output": "O", "text": "all of it"}),
        Format::Alpaca,
        &["user: I [\"C\"]", "assistant: O"],
    );
    // Dolly's own names.
    check(
        json!({"instruction": "I", "context": "C", "response": "O", "category": "qa"}),
        Format::Alpaca,
        &["user: I [\"C\"]", "assistant: O"],
    );
    check(
        json!({"prompt": "P", "response": "R"}),
        Format::PromptResponse,
        &["user: P", "assistant: R"],
    );
    check(
        json!({"system": "S", "question": "P", "answer": "R"}),
        Format::PromptResponse,
        &["system: S", "user: P", "assistant: R"],
    );
    check(
        json!({"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "content": "A"}]}),
        Format::Messages,
        &["user: U", "assistant: A"],
    );
    check(
        json!({"system": "S", "conversations": [{"from": "human", "value": "U"}, {"from": "function_call", "value": "{}"},
            {"from": "observation", "value": "3"}, {"from": "gpt", "value": "A"}]}),
        Format::Sharegpt,
        &[
            "system: S",
            "user: U",
            "assistant: {}",
            "tool: 3",
            "assistant: A",
        ],
    );
    // A system turn inside wins over one beside it.
    check(
        json!({"system": "S", "conversations": [{"from": "system", "value": "T"}, {"from": "gpt", "value": "A"}]}),
        Format::Sharegpt,
        &["system: T", "assistant: A"],
    );
    check(json!({"text": "T"}), Format::Text, &["T"]);
    // The chosen answer is what a pair teaches.
    check(
        json!({"system": "S", "question": "Q", "chosen": "C", "rejected": "R"}),
        Format::PreferencePairs,
        &["system: S", "user: Q", "assistant: C"],
    );
}

#[test]
fn pairs_of_every_format() {
    let check = |row: Value, format: Format, prompt: &[&str]| {
        let (found, reading) =
            pairs(row.to_string().as_bytes(), Options::default()).expect("one pair");
        assert_eq!(reading.format, format, "{row}");
        assert_eq!(turns(&found[0].prompt), prompt, "{row}");
        assert_eq!(
            (found[0].chosen.as_str(), found[0].rejected.as_str()),
            ("C", "R")
        );
    };
    let plain = Format::PreferencePairs;
    check(
        json!({"prompt": "P", "chosen": "C", "rejected": "R"}),
        plain,
        &["user: P"],
    );
    check(
        json!({"system": "", "question": "P", "chosen": "C", "rejected": "R"}),
        plain,
        &["user: P"],
    );
    check(
        json!({"system": "S", "question": "P", "chatgpt": "C", "llama2-13b-chat": "R"}),
        plain,
        &["system: S", "user: P"],
    );
    let user = json!({"role": "user", "content": "P"});
    let says = |words: &str| json!({"role": "assistant", "content": words});
    // Lists that hold the prompt, beside a prompt or without.
    let chosen = json!([user, says("C")]);
    let rejected = json!([user, says("R")]);
    check(
        json!({"chosen": chosen, "rejected": rejected}),
        plain,
        &["user: P"],
    );
    check(
        json!({"prompt": "P", "chosen": chosen, "rejected": rejected}),
        plain,
        &["user: P"],
    );
    check(
        json!({"prompt": [user], "chosen": [says("C")], "rejected": [says("R")]}),
        plain,
        &["user: P"],
    );
    check(
        json!({"instruction": "I", "input": "N", "output": "C", "chosen": "C", "rejected": "R"}),
        Format::AlpacaPairs,
        &["user: I [\"N\"]"],
    );
    check(
        json!({"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "U"}],
            "chosen": {"from": "gpt", "value": "C"}, "rejected": {"from": "gpt", "value": "R"}}),
        Format::SharegptPairs,
        &["system: S", "user: U"],
    );
    check(
        json!({"chosen": "\n\nHuman: U\n\nAssistant: A\n\nHuman: V\n\nAssistant: C",
            "rejected": "\n\nHuman: U\n\nAssistant: A\n\nHuman: V\n\nAssistant: R"}),
        Format::TranscriptPairs,
        &["user: U", "assistant: A", "user: V"],
    );
}

#[test]
fn tables_are_read_by_their_header() {
    let check = |text: &str, format: Format, used: u64| {
        let (found, reading) = examples(text.as_bytes(), Options::default()).expect(text);
        assert_eq!((reading.format, reading.used), (format, used), "{text}");
        assert_eq!(found.len() as u64, used);
    };
    check(
        "instruction,output\nI,O\n\"a, b\",\"c\nd\"\n",
        Format::Alpaca,
        2,
    );
    check("prompt\tresponse\nI\tO\n", Format::PromptResponse, 1);
    check("text\none, two\nthree\n", Format::Text, 1);
    let (found, reading) = pairs(
        b"prompt,chosen,rejected\nP,C,R\nP,C,C\nP,C\n",
        Options::default(),
    )
    .expect("pairs");
    assert_eq!((found.len(), reading.rows), (1, 3));
    assert_eq!(reading.refused.count(Refusal::EqualAnswers), 1);
    assert_eq!(reading.refused.count(Refusal::Ragged), 1);
}

#[test]
fn the_first_rows_decide_and_the_rest_is_held_to_it() {
    let rows = [
        json!({"strange": 1}),
        json!({"instruction": "I", "output": "O"}),
        json!({"prompt": "P", "response": "R"}),
        json!({"instruction": "I", "output": 3}),
        json!({"instruction": "I", "output": "  "}),
        json!({"instruction": "J", "output": "O"}),
    ];
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let (found, reading) = examples(text.as_bytes(), Options::default()).expect("two rows");
    assert_eq!(
        found.iter().map(|example| example.row).collect::<Vec<_>>(),
        [2, 6]
    );
    let reasons: Vec<_> = reading.refused.reasons().collect();
    assert_eq!(
        reasons,
        [
            (Refusal::Unrecognised, 1, 1),
            (Refusal::MissingColumn("instruction"), 1, 3),
            (Refusal::WrongType("output"), 1, 4),
            (Refusal::Empty("output"), 1, 5),
        ]
    );
    assert_eq!(reading.refused.total() + reading.used, reading.rows);
    let few = Options {
        max_rows: Some(1),
        ..Options::default()
    };
    let (found, few) = examples(text.as_bytes(), few).expect("one row");
    assert_eq!((found.len(), few.rows), (1, 2));
    // The hash is of the whole file all the same.
    assert_eq!(few.sha256, reading.sha256);
}

#[test]
fn what_leaves_nothing_is_an_error_with_file_row_and_remedy() {
    let check = |text: &str, format: Option<Format>, said: &str| {
        let options = Options {
            format,
            ..Options::default()
        };
        let error = examples(text.as_bytes(), options).expect_err(text);
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.remedy().is_empty());
    };
    check("", None, "it is empty");
    check("[]", None, "it is empty");
    check("{\"a\": 1}", None, "row 1 has columns of no known format");
    check(
        "{\"instruction\": \"I\"}",
        Some(Format::Alpaca),
        "row 1 has no column \"output\"",
    );
    check(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"U\"}]}",
        None,
        "no answer",
    );
    check(
        "{\"conversations\": [{\"from\": \"pope\", \"value\": \"U\"}]}",
        None,
        "unknown speaker",
    );
    check("just words", None, "neither with JSON");
    let same = "{\"prompt\": \"P\", \"chosen\": \"C\", \"rejected\": \"C\"}";
    let error = pairs(same.as_bytes(), Options::default()).expect_err("equal");
    assert!(error.to_string().contains("the same"), "{error}");
    let different = json!({"chosen": "\n\nHuman: U\n\nAssistant: C", "rejected": "\n\nHuman: V\n\nAssistant: R"});
    let error = pairs(different.to_string().as_bytes(), Options::default()).expect_err("differ");
    assert!(error.to_string().contains("differ"), "{error}");
}

#[test]
fn an_input_can_be_joined_to_the_words() {
    let row = br#"{"instruction": "I", "input": "N", "output": "O"}"#;
    let (found, _) = examples(row, Options::default()).expect("a row");
    let Content::Conversation { messages, .. } = &found[0].content else {
        panic!("an instruction is a conversation");
    };
    assert_eq!(
        turns(&joined_input(messages)),
        ["user: I\n\nN", "assistant: O"]
    );
}
