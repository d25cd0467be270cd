//! Files that lie, and rules that would never end.

use std::time::{Duration, Instant};

use nc_text::{GgufVocab, Special, TextError, Tokenizer};
use serde_json::{Value, json};

use crate::small::{byte_level, json_file, sentence_piece};

/// Which error is expected.
#[derive(Debug, PartialEq)]
enum Kind {
    Invalid,
    Inconsistent,
    Unsafe,
    Unsupported,
}

fn kind(error: &TextError) -> Option<Kind> {
    assert!(!error.remedy().is_empty());
    Some(match error {
        TextError::TokenizerInvalid { .. } => Kind::Invalid,
        TextError::VocabularyInconsistent { .. } => Kind::Inconsistent,
        TextError::RuleUnsafe { .. } => Kind::Unsafe,
        TextError::TokenizerUnsupported { .. } => Kind::Unsupported,
        _ => return None,
    })
}

/// Puts a value into the small valid file and expects this error.
fn check(pointer: &str, value: Value, expected: Kind) {
    let mut file = json_file();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = file.pointer_mut(parent).expect("a place in the file");
    parent[key] = value.clone();
    let bytes = serde_json::to_vec(&file).expect("json");
    let error = Tokenizer::from_bytes(&bytes, None).expect_err(&format!("{pointer} = {value}"));
    assert_eq!(kind(&error), Some(expected), "{pointer} = {value}: {error}");
}

#[test]
fn broken_json() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"model": 3}"#,
        &"[".repeat(100_000),
    ] {
        let error = Tokenizer::from_bytes(text.as_bytes(), None).expect_err("no tokenizer");
        assert_eq!(kind(&error), Some(Kind::Invalid), "{error}");
    }
    let file = serde_json::to_vec(&json_file()).expect("json");
    let error = Tokenizer::from_bytes(&file, Some(b"[1")).expect_err("no configuration");
    assert_eq!(kind(&error), Some(Kind::Invalid));
    assert!(Tokenizer::from_bytes(&file[..file.len() / 2], None).is_err());
}

#[test]
fn inconsistent_vocabularies() {
    check("/model/merges", json!(["a c"]), Kind::Inconsistent);
    check("/model/merges", json!(["b a"]), Kind::Inconsistent);
    check("/model/merges", json!(["ab"]), Kind::Inconsistent);
    check(
        "/model/merges",
        json!([["a", "b", "a"]]),
        Kind::Inconsistent,
    );
    check("/model/merges", json!([3]), Kind::Inconsistent);
    check("/model/merges", json!(null), Kind::Invalid);
    check(
        "/model/continuing_subword_prefix",
        json!("####"),
        Kind::Inconsistent,
    );
    check(
        "/model/continuing_subword_prefix",
        json!("é"),
        Kind::Inconsistent,
    );
    check("/model/unk_token", json!("<unk>"), Kind::Inconsistent);
    check(
        "/model/vocab/a",
        json!(2_147_483_648u32),
        Kind::Inconsistent,
    );
    check("/model/vocab/a", json!(-1), Kind::Inconsistent);
    check("/model/vocab/a", json!("one"), Kind::Inconsistent);
    check("/model/vocab/a", json!(2), Kind::Inconsistent);
    check("/model/vocab/x", json!(9), Kind::Inconsistent);
    let added = |id: u64, content: &str| json!([{"id": id, "content": content, "special": true}]);
    check(
        "/added_tokens",
        added(4_294_967_295, "<x>"),
        Kind::Inconsistent,
    );
    check("/added_tokens", added(1 << 60, "<x>"), Kind::Inconsistent);
    check("/added_tokens", added(7, "<s>"), Kind::Inconsistent);
    check("/added_tokens", added(1, "<x>"), Kind::Inconsistent);
    let twice = json!([{"id": 7, "content": "<x>"}, {"id": 8, "content": "<x>"}]);
    check("/added_tokens", twice, Kind::Inconsistent);
    check(
        "/post_processor/special_tokens/<s>/ids",
        json!([4_000_000_000u32]),
        Kind::Inconsistent,
    );
    check("/model/type", json!("Telepathy"), Kind::Unsupported);
    check("/version", json!("2.0"), Kind::Unsupported);
    check(
        "/normalizer",
        json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        Kind::Invalid,
    );
    check("/pre_tokenizer", json!({"type": "Nothing"}), Kind::Invalid);
}

#[test]
fn rules_that_never_end() {
    let split = |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
    check("/pre_tokenizer", split("(a+)+$"), Kind::Unsafe);
    check("/pre_tokenizer", split("(a|a)*b"), Kind::Unsafe);
    check("/pre_tokenizer", split("a{60000}"), Kind::Unsafe);
    check("/pre_tokenizer", split("("), Kind::Unsafe);
    check(
        "/pre_tokenizer",
        json!({"type": "FixedLength", "length": 0}),
        Kind::Unsafe,
    );
    let replace = |content: String| json!({"type": "Replace", "pattern": {"String": "a"}, "content": content});
    check("/normalizer", replace("a".repeat(1_000_000)), Kind::Unsafe);
    let doubling: Vec<Value> = (0..40).map(|_| replace("aa".to_owned())).collect();
    check(
        "/normalizer",
        json!({"type": "Sequence", "normalizers": doubling}),
        Kind::Unsafe,
    );
    let many: Vec<Value> = (0..1000).map(|_| replace("a".to_owned())).collect();
    check(
        "/normalizer",
        json!({"type": "Sequence", "normalizers": many}),
        Kind::Unsafe,
    );
    check(
        "/normalizer",
        json!({"type": "Prepend", "prepend": "a".repeat(100)}),
        Kind::Unsafe,
    );
    let regex = json!({"type": "Replace", "pattern": {"Regex": "(x*)*y"}, "content": ""});
    check("/normalizer", regex.clone(), Kind::Unsafe);
    check("/decoder", regex, Kind::Unsafe);
}

/// What passes the check may still be slow: the engine's own limit must end it as an error.
#[test]
fn a_slow_pattern_ends_in_an_error() {
    let mut file = json_file();
    let slow = "a*a*a*a*a*a*a*a*[x-z]";
    file["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": slow}, "behavior": "Isolated", "invert": false});
    let bytes = serde_json::to_vec(&file).expect("json");
    let tokenizer = Tokenizer::from_bytes(&bytes, None).expect("a tokenizer");
    let begun = Instant::now();
    let done = tokenizer.encode(&format!("{}bx", "a".repeat(2000)), Special::Plain);
    assert!(
        matches!(done, Err(TextError::EncodeFailed { .. })),
        "{done:?}"
    );
    // Not a measurement: without the limit this would take longer than the machine lasts.
    assert!(begun.elapsed() < Duration::from_secs(600));
    // And it is still of use afterwards.
    assert_eq!(tokenizer.encode("b", Special::Plain), Ok(vec![2]));
}

fn check_gguf(vocab: GgufVocab, expected: Kind) {
    let error = Tokenizer::from_gguf(&vocab).expect_err("no tokenizer");
    assert_eq!(kind(&error), Some(expected), "{error}");
}

#[test]
fn gguf_vocabularies_that_lie() {
    let bytes = byte_level;
    check_gguf(GgufVocab::default(), Kind::Inconsistent);
    check_gguf(
        GgufVocab {
            model: "t5".to_owned(),
            ..bytes()
        },
        Kind::Unsupported,
    );
    check_gguf(
        GgufVocab {
            pre: Some("unheard-of".to_owned()),
            ..bytes()
        },
        Kind::Unsupported,
    );
    check_gguf(
        GgufVocab {
            bos: Some(100_000),
            ..bytes()
        },
        Kind::Inconsistent,
    );
    check_gguf(
        GgufVocab {
            types: vec![1],
            ..bytes()
        },
        Kind::Inconsistent,
    );
    check_gguf(
        GgufVocab {
            merges: vec!["h z".to_owned()],
            ..bytes()
        },
        Kind::Inconsistent,
    );
    check_gguf(
        GgufVocab {
            merges: vec!["he".to_owned()],
            ..bytes()
        },
        Kind::Inconsistent,
    );
    check_gguf(
        GgufVocab {
            merges: vec![String::new()],
            ..bytes()
        },
        Kind::Inconsistent,
    );
    check_gguf(
        GgufVocab {
            tokens: vec!["a".to_owned()],
            types: vec![],
            bos: None,
            eos: None,
            ..bytes()
        },
        Kind::Inconsistent,
    );
    let pieces = sentence_piece;
    check_gguf(
        GgufVocab {
            scores: vec![],
            ..pieces()
        },
        Kind::Inconsistent,
    );
    let mut broken = pieces();
    broken.scores[5] = f32::NAN;
    check_gguf(broken, Kind::Inconsistent);
}

/// Without byte pieces and without an unknown piece a character has no token: an error, not silence.
#[test]
fn a_character_without_a_token() {
    let vocab = GgufVocab {
        model: "llama".to_owned(),
        tokens: ["▁", "a"].map(String::from).to_vec(),
        scores: vec![0.0, 0.0],
        ..GgufVocab::default()
    };
    let tokenizer = Tokenizer::from_gguf(&vocab).expect("a tokenizer");
    assert_eq!(tokenizer.encode("a", Special::Plain), Ok(vec![0, 1]));
    let done = tokenizer.encode("b", Special::Plain);
    assert!(
        matches!(done, Err(TextError::EncodeFailed { .. })),
        "{done:?}"
    );
}
