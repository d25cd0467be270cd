//! Other people's files.

use nc_data::{Content, Format, Options, Reading, Refusal, read_examples, read_pairs};

use crate::shared;

fn check(reading: &Reading, format: Format, rows: u64, refused: &[(Refusal, u64)]) {
    let found: Vec<_> = reading
        .refused
        .reasons()
        .map(|(why, count, _)| (why, count))
        .collect();
    assert_eq!(
        (reading.format, reading.rows, found.as_slice()),
        (format, rows, refused)
    );
    assert_eq!(reading.sha256.len(), 64);
}

#[test]
fn files_to_learn_from() {
    let read = |name: &str, format, rows, refused: &[(Refusal, u64)]| {
        let Some(path) = shared(&format!("sft/{name}")) else {
            return;
        };
        let reading = read_examples(&path, Options::default(), |_| ()).expect(name);
        check(&reading, format, rows, refused);
    };
    read(
        "alpaca_5000.json",
        Format::Alpaca,
        5000,
        &[(Refusal::Empty("output"), 2)],
    );
    read("alpaca_zh_demo.json", Format::Alpaca, 1000, &[]);
    read("instruction-data.json", Format::Alpaca, 1100, &[]);
    read(
        "dolly_hhrlhf_train_small.jsonl",
        Format::PromptResponse,
        1000,
        &[],
    );
    read(
        "sharegpt_dummy_conversation.json",
        Format::Sharegpt,
        500,
        &[],
    );
    read("torchtune_chat_tiny.json", Format::Sharegpt, 1, &[]);
    read("glaive_toolcall_en_demo.json", Format::Sharegpt, 300, &[]);
}

#[test]
fn tools_come_along() {
    let Some(path) = shared("sft/glaive_toolcall_en_demo.json") else {
        return;
    };
    let mut with_tools = 0;
    let count = |example: nc_data::Example| {
        if let Content::Conversation { tools: Some(_), .. } = example.content {
            with_tools += 1;
        }
    };
    read_examples(&path, Options::default(), count).expect("rows");
    assert!(with_tools > 100, "{with_tools}");
}

#[test]
fn files_of_pairs() {
    let read = |name: &str, format, rows, refused: &[(Refusal, u64)]| {
        let Some(path) = shared(&format!("preference/{name}")) else {
            return;
        };
        let reading = read_pairs(&path, Options::default(), |_| ()).expect(name);
        check(&reading, format, rows, refused);
    };
    read("dpo_en_demo.json", Format::SharegptPairs, 300, &[]);
    read(
        "instruction-data-with-preference.json",
        Format::AlpacaPairs,
        1100,
        &[(Refusal::EqualAnswers, 6)],
    );
    read(
        "hh-rlhf-harmless-base-test.jsonl.gz",
        Format::TranscriptPairs,
        2312,
        &[
            (Refusal::Empty("chosen"), 4),
            (Refusal::DifferentPrompts, 5),
        ],
    );
}
