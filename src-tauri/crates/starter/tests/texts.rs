//! The texts: what is held out is never trained, answers are right, rows fit.

use std::collections::BTreeSet;
use std::path::Path;

use nc_data::{Content, Example};
use nc_starter::conversation::Turn;
use nc_starter::corpus::{
    Chat, Pair, Sizes, Text, answers, pairs, practice, pretraining, questions,
};
use nc_starter::exchange::{Exchange, Kind};
use nc_starter::held_out::is_held_out;
use nc_starter::pattern::{as_typed, expand, normal};
use nc_starter::pipeline::STARTER;
use nc_starter::random::{Purpose, Random};
use nc_starter::topics::{Written, question};
use nc_starter::{samples, vocabulary};
use nc_text::{Message, Tokenizer};
use nc_train::Recipe;
use nc_train::sample::{Encoder, EncoderOptions};

const SIZES: Sizes = Sizes {
    pretraining_chats: 1500,
    worksheets: 600,
    practice: 1500,
    answers: 1500,
    more_answers: 1500,
    pairs: 400,
    questions: 40,
    held_out_pairs: 100,
    vocabulary_texts: 500,
};
const SEED: u64 = 3;

/// Everything a model sees before it is asked.
struct Trained {
    chats: Vec<Chat>,
    texts: Vec<Text>,
    pairs: Vec<Pair>,
}

fn trained(written: &Written) -> Trained {
    let (mut chats, texts) = pretraining(written, SEED, SIZES);
    chats.extend(practice(written, SEED, SIZES));
    chats.extend(answers(written, SEED, SIZES));
    Trained {
        chats,
        texts,
        pairs: pairs(written, SEED, (SIZES.pairs, false)),
    }
}

fn said<'a>(chats: &'a [Chat], role: &'a str) -> impl Iterator<Item = &'a Turn> {
    let turns = chats.iter().flat_map(|chat| &chat.messages);
    turns.filter(move |turn| turn.role == role)
}

#[test]
fn held_out_questions_are_in_no_training_row() {
    let written = Written::default();
    let trained = trained(&written);
    let mut lines: BTreeSet<String> = said(&trained.chats, "user")
        .map(|turn| normal(&turn.content))
        .collect();
    lines.extend(trained.pairs.iter().map(|pair| normal(&pair.prompt)));
    assert!(
        lines.len() > 5000,
        "only {} lines: the test looks at nothing",
        lines.len()
    );
    let held_out = questions(&written, SEED, SIZES.questions);
    assert_eq!(held_out.len(), SIZES.questions * Kind::ALL.len());
    for (kind, asked) in &held_out {
        let line = normal(&asked.turns.last().expect("a question").content);
        // What is asked for from memory is asked in the same words; there the value is held out.
        assert!(*kind == Kind::Memory || !lines.contains(&line), "{line}");
    }
    for pair in pairs(&written, SEED, (SIZES.held_out_pairs, true)) {
        assert!(!lines.contains(&normal(&pair.prompt)), "{}", pair.prompt);
    }
}

/// The sums of a text, `34 + 28 =`, whichever number comes first.
fn sums(text: &str) -> BTreeSet<(u32, u32)> {
    let words: Vec<&str> = text.split([' ', '\n']).collect();
    let found = words
        .windows(4)
        .filter(|words| words[1] == "+" && words[3] == "=");
    let numbers = found.filter_map(|words| Some((words[0].parse().ok()?, words[2].parse().ok()?)));
    numbers
        .map(|(a, b): (u32, u32)| (a.min(b), a.max(b)))
        .collect()
}

#[test]
fn held_out_sums_and_names_are_in_no_training_row() {
    let written = Written::default();
    let trained = trained(&written);
    let mut all = String::new();
    for turn in said(&trained.chats, "assistant") {
        all += &turn.content;
        all.push('\n');
    }
    let names = all.clone();
    for text in &trained.texts {
        all += &text.text;
        all.push('\n');
    }
    let learnt = sums(&all);
    assert!(learnt.len() > 1000, "only {} sums", learnt.len());
    let held_out = questions(&written, SEED, SIZES.questions);
    let (mut asked_sums, mut asked_names) = (0, 0);
    for (kind, asked) in &held_out {
        let answer = &asked.answers[0];
        if *kind == Kind::Addition {
            let own = answer.split(" = ").next().unwrap_or_default();
            let sum = sums(&format!("{own} ="));
            assert!(sum.is_disjoint(&learnt), "{answer}");
            asked_sums += sum.len();
        }
        if *kind == Kind::Memory && answer.starts_with("Your name is") {
            assert!(
                !names.lines().any(|line| line.eq_ignore_ascii_case(answer)),
                "{answer}"
            );
            asked_names += 1;
        }
    }
    assert!(
        asked_sums > 20 && asked_names > 5,
        "{asked_sums} sums, {asked_names} names"
    );
}

/// `50 + 12`, `22 - 8` or `14`.
fn value(expression: &str) -> i64 {
    let number = |text: &str| -> i64 {
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("no number: {expression}"))
    };
    for (sign, value) in [
        (" + ", (|a, b| a + b) as fn(i64, i64) -> i64),
        (" - ", |a, b| a - b),
        (" × ", |a, b| a * b),
        (" ÷ ", |a, b| a / b),
    ] {
        if let Some((a, b)) = expression.split_once(sign) {
            return value(number(a), number(b));
        }
    }
    number(expression)
}

fn numbers(text: &str) -> Vec<i64> {
    let pieces = text.split(|sign: char| !sign.is_ascii_digit());
    pieces.filter_map(|piece| piece.parse().ok()).collect()
}

/// How many of the smallest of its kind a unit has, by its first letters.
fn size(unit: &str) -> i64 {
    let sizes: [(&str, i64); 18] = [
        ("second", 1),
        ("minute", 60),
        ("hour", 3600),
        ("day", 86_400),
        ("week", 604_800),
        ("month", 1),
        ("year", 12),
        ("millimetre", 1),
        ("centimetre", 10),
        ("metre", 1000),
        ("kilometre", 1_000_000),
        ("gram", 1),
        ("kilogram", 1000),
        ("tonne", 1_000_000),
        ("millilitre", 1),
        ("litre", 1000),
        ("cent", 1),
        ("euro", 100),
    ];
    let name = unit.trim_end_matches('s');
    let found = sizes.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("{unit} is no unit")).1
}

fn check_answer(exchange: &Exchange) {
    let Exchange {
        kind,
        question,
        answers,
        ..
    } = exchange;
    let answer = answers[0].trim_end_matches('.');
    let case = format!("{question} -> {answer}");
    match kind {
        Kind::Addition | Kind::Subtraction | Kind::Multiplication => {
            let parts: Vec<&str> = answer.split(" = ").collect();
            assert!(
                parts.len() >= 2 && parts.iter().all(|part| value(part) == value(parts[0])),
                "{case}"
            );
            let mut asked = numbers(question);
            let mut said = numbers(parts[0]);
            asked.sort_unstable();
            said.sort_unstable();
            assert_eq!(asked, said, "{case}");
        }
        Kind::Sorting if !answer.contains(|sign: char| sign.is_alphabetic()) => {
            let mut asked = numbers(question);
            asked.sort_unstable();
            let mut said = numbers(answer);
            if said.len() == 1 {
                assert!(
                    [asked.first(), asked.last()].contains(&said.first()),
                    "{case}"
                );
                let largest = ["largest", "biggest", "highest"]
                    .iter()
                    .any(|word| question.contains(word));
                assert_eq!(said.first() == asked.last(), largest, "{case}");
                return;
            }
            if question.contains("large to small")
                || question.contains("high to low")
                || question.contains("descending")
            {
                said.reverse();
            }
            assert_eq!(asked, said, "{case}");
        }
        Kind::Sorting => {
            let said: Vec<&str> = answer.split(", ").collect();
            assert!(said.is_sorted() && said.len() >= 3, "{case}");
            assert!(said.iter().all(|word| question.contains(word)), "{case}");
        }
        Kind::Units => {
            let words: Vec<&str> = answer.split(' ').collect();
            let [count, unit, _, total, small] = words[..] else {
                panic!("{case}");
            };
            let total_of = |count: &str, unit| numbers(count)[0] * size(unit);
            assert_eq!(total_of(count, unit), total_of(total, small), "{case}");
        }
        Kind::Counting => {
            let said = numbers(answer);
            if let [winner, loser] = said[..] {
                let [larger, smaller] = ["larger", "smaller"].map(|word| answer.contains(word));
                let next = answer.contains("after") && winner == loser + 1
                    || answer.contains("before") && winner == loser - 1;
                assert!(
                    larger && winner > loser || smaller && winner < loser || next,
                    "{case}"
                );
            } else if let [number] = said[..] {
                assert_eq!(answer.ends_with("even"), number % 2 == 0, "{case}");
            } else {
                let steps: BTreeSet<i64> = said.windows(2).map(|pair| pair[1] - pair[0]).collect();
                assert!(
                    steps == BTreeSet::from([1]) || steps == BTreeSet::from([-1]),
                    "{case}"
                );
                let asked = numbers(question);
                assert_eq!(said.last(), asked.last(), "{case}");
            }
        }
        Kind::Words => {
            let word = question.split(['«', '»']).nth(1).expect("a marked word");
            let spelt: String = answer
                .rsplit(": ")
                .next()
                .unwrap_or_default()
                .replace('-', "");
            assert!(answer == word || spelt == word, "{case}");
            if let Some(count) = numbers(answer).first() {
                assert_eq!(*count, word.len() as i64, "{case}");
            }
        }
        Kind::SmallTalk | Kind::Program | Kind::Facts | Kind::Memory | Kind::Refusal => {
            assert!(
                !answer.is_empty() && !question.contains('|') && !question.contains('{'),
                "{case}"
            );
        }
    }
}

#[test]
fn answers_are_right() {
    let written = Written::default();
    let mut random = Random::new(SEED, Purpose::Questions);
    for kind in Kind::ALL {
        for _ in 0..800 {
            check_answer(&question(&written, &mut random, kind));
        }
    }
}

#[test]
fn what_was_told_is_what_is_remembered() {
    let written = Written::default();
    for (kind, asked) in questions(&written, SEED, SIZES.questions) {
        if kind != Kind::Memory {
            continue;
        }
        let told = asked.turns[0].content.to_lowercase();
        let answer = asked.answers[0].trim_end_matches('.');
        let value = answer
            .rsplit(' ')
            .find(|word| told.contains(&word.to_lowercase()));
        assert!(value.is_some(), "{told} -> {answer}");
        assert!(asked.turns.len() % 2 == 1 && asked.turns.len() >= 3);
    }
}

#[test]
fn every_row_fits_the_context() {
    let written = Written::default();
    let trained = trained(&written);
    let folder = tempfile::tempdir().expect("a folder");
    let texts = nc_starter::corpus::vocabulary_texts(&written, SEED, SIZES.vocabulary_texts);
    vocabulary::write_tokenizer(&texts, folder.path()).expect("a tokenizer");
    let read = |name| std::fs::read(folder.path().join(name)).expect("just written");
    let config = read("tokenizer_config.json");
    let tokenizer =
        Tokenizer::from_bytes(&read("tokenizer.json"), Some(&config)).expect("a tokenizer");
    assert_eq!(tokenizer.vocabulary(), vocabulary::TOKENS);
    let source = nc_text::find_chat_template(Some(&config), None, None).expect("a template");
    let template = nc_text::ChatTemplate::new(&source, None, None).expect("it parses");
    let options = EncoderOptions {
        answers_only: true,
        max_tokens: usize::MAX,
        writes_input: false,
    };
    let encoder = Encoder::new(tokenizer, template, options);
    let check = |content: Content| {
        let sample = encoder
            .encode(&Example { row: 1, content })
            .expect("it encodes");
        assert!(
            sample.tokens.len() <= vocabulary::CONTEXT_TOKENS,
            "{} tokens",
            sample.tokens.len()
        );
        assert!(sample.trained_tokens() > 0);
    };
    for chat in &trained.chats {
        let messages = chat.messages.iter();
        check(Content::Conversation {
            messages: messages
                .map(|turn| Message::new(turn.role.as_str(), turn.content.as_str()))
                .collect(),
            tools: None,
        });
    }
    for text in &trained.texts {
        check(Content::Text(text.text.clone()));
    }
}

#[test]
fn the_same_seed_gives_the_same_rows() {
    let written = Written::default();
    let rows = |seed| {
        answers(
            &written,
            seed,
            Sizes {
                answers: 50,
                ..SIZES
            },
        )
    };
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
}

#[test]
fn patterns_are_read() {
    let mut random = Random::new(SEED, Purpose::Questions);
    let readings = |random: &mut Random, pattern: &str| -> BTreeSet<String> {
        (0..200).map(|_| expand(random, pattern)).collect()
    };
    let all = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| line.to_string())
            .collect::<BTreeSet<_>>()
    };
    let found = readings(&mut random, "(hi|hello( there|))!");
    assert_eq!(found, all(&["hi!", "hello!", "hello there!"]));
    assert_eq!(
        readings(&mut random, "f(x) (a|b)"),
        all(&["f(x) a", "f(x) b"])
    );
    for _ in 0..200 {
        let line = as_typed(&mut random, "my name is «Zoltan». remember it please.");
        assert!(line.contains("Zoltan") && !line.contains('«'), "{line}");
    }
    assert_eq!(normal("What's  7 + 5?"), "whats 7 + 5");
    assert!(
        !is_held_out(&normal("Hello!")) && !is_held_out(&normal("What are the days of the week?"))
    );
}

#[test]
fn sample_rows_are_as_many_as_the_first_fine_tune_needs() {
    let rows = samples::messages(SEED);
    let lines: BTreeSet<String> = rows.iter().map(|row| normal(&row.prompt)).collect();
    assert_eq!(lines.len(), rows.len(), "no message twice");
    let labels: BTreeSet<&str> = rows.iter().map(|row| row.response.as_str()).collect();
    assert_eq!(labels.len(), 6);
    for label in labels {
        assert_eq!(
            rows.iter().filter(|row| row.response == label).count(),
            rows.len() / 6
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/samples");
    let recipe = Recipe::read(&folder.join("support-messages.toml")).expect("its recipe");
    let held_out = nc_train::batch::held_out(rows.len(), recipe.data.held_out, recipe.data.seed);
    assert!(held_out.iter().filter(|&&held| held).count() >= 50);
    for pair in samples::preferences(SEED) {
        assert!(
            pair.chosen != pair.rejected && pair.chosen.len() < 90,
            "{pair:?}"
        );
    }
}

#[test]
fn the_samples_that_are_there_are_those_that_are_made() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/samples");
    let made = tempfile::tempdir().expect("a folder");
    samples::write(made.path(), STARTER.seed).expect("room");
    for name in ["support-messages.jsonl", "support-preferences.jsonl"] {
        let read = |folder: &Path| std::fs::read_to_string(folder.join(name)).expect(name);
        let text = read(made.path());
        assert!(
            text == read(&committed),
            "{name} is another: run make starter"
        );
        assert!(text.len() < 300_000, "{name} has {} bytes", text.len());
    }
}
