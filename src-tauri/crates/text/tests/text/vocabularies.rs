//! Token ids of real vocabularies equal those their publishers' program gives, and text comes back whole.

use std::path::Path;

use nc_quant::{Gguf, Source};
use nc_text::{GgufVocab, Special, Tokenizer};

use crate::shared;

/// The vocabulary of a GGUF file.
fn vocabulary(path: &Path) -> GgufVocab {
    let file = Gguf::open(Source::open(path).expect("the file opens")).expect("a GGUF file");
    let metadata = file.metadata();
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let id = |name: &str| {
        let id = metadata.u64(&key(name));
        id.map(|id| u32::try_from(id).expect("a token id"))
    };
    GgufVocab {
        model: metadata.str(&key("model")).expect("a model").to_owned(),
        pre: metadata.str(&key("pre")).map(str::to_owned),
        tokens: metadata.strings(&key("tokens")).expect("tokens"),
        scores: metadata.f32s(&key("scores")).unwrap_or_default(),
        types: metadata.i32s(&key("token_type")).unwrap_or_default(),
        merges: metadata.strings(&key("merges")).unwrap_or_default(),
        bos: id("bos_token_id"),
        eos: id("eos_token_id"),
        unk: id("unknown_token_id"),
        add_bos: metadata.bool(&key("add_bos_token")),
        add_eos: metadata.bool(&key("add_eos_token")),
        add_space_prefix: metadata.bool(&key("add_space_prefix")),
    }
}

/// The texts of an `.inp` file and the ids of the `.out` file beside it.
fn texts_and_ids(path: &Path) -> Vec<(String, Vec<u32>)> {
    let read = |ending: &str| {
        let path = path.with_extension(format!("gguf.{ending}"));
        std::fs::read_to_string(path).expect("the file is there")
    };
    let input = read("inp");
    let output = read("out");
    let texts: Vec<&str> = input.split("\n__ggml_vocab_test__\n").collect();
    let mut ids: Vec<Vec<u32>> = output
        .lines()
        .map(|line| {
            let ids = line.split_whitespace();
            ids.map(|id| id.parse().expect("a token id")).collect()
        })
        .collect();
    // Behind the last separator stands an empty text, for which the other file has no line.
    assert_eq!(texts.last(), Some(&""));
    ids.push(Vec::new());
    assert_eq!(texts.len(), ids.len(), "{}", path.display());
    let texts = texts.into_iter().map(str::to_owned);
    texts.zip(ids).collect()
}

/// Text comes back, all at once and token by token.
fn check_round_trip(tokenizer: &Tokenizer, text: &str, ids: &[u32]) {
    let decoded = tokenizer.decode(ids).expect("decodes");
    assert_eq!(decoded, text);
    let mut stream = tokenizer.stream();
    let mut streamed = String::new();
    for &id in ids {
        streamed.push_str(&stream.push(id).expect("decodes"));
        assert!(text.starts_with(&streamed), "{streamed:?} is no beginning");
    }
    streamed.push_str(&stream.finish().expect("decodes"));
    assert_eq!(streamed, text);
}

/// Going on after some tokens gives what decoding everything adds.
fn check_continuation(tokenizer: &Tokenizer, text: &str, ids: &[u32]) {
    for cut in 1..ids.len() {
        let mut stream = tokenizer.stream_after(&ids[..cut]).expect("decodes");
        let mut rest = String::new();
        for &id in &ids[cut..] {
            rest.push_str(&stream.push(id).expect("decodes"));
        }
        rest.push_str(&stream.finish().expect("decodes"));
        assert!(text.ends_with(&rest), "{rest:?} is no end of {text:?}");
        let mut before = tokenizer.stream();
        let mut begun = String::new();
        for &id in &ids[..cut] {
            begun.push_str(&before.push(id).expect("decodes"));
        }
        assert_eq!(format!("{begun}{rest}"), text);
    }
}

fn check_vocabulary(name: &str, texts: usize) {
    let Some(folder) = shared("tokenizers") else {
        return;
    };
    let path = folder.join(format!("ggml-vocab-{name}.gguf"));
    let vocab = vocabulary(&path);
    let tokenizer = Tokenizer::from_gguf(&vocab).expect("a tokenizer");
    assert_eq!(tokenizer.vocabulary(), vocab.tokens.len());
    let cases = texts_and_ids(&path);
    assert_eq!(cases.len(), texts, "{name}");
    for (text, ids) in &cases {
        for special in [Special::Parse, Special::Plain] {
            let given = tokenizer.encode(text, special).expect("encodes");
            assert_eq!(&given, ids, "{name}: {text:?}, {special:?}");
        }
        check_round_trip(&tokenizer, text, ids);
        check_continuation(&tokenizer, text, ids);
    }
}

#[test]
fn mpt() {
    check_vocabulary("mpt", 47);
}

#[test]
fn falcon() {
    check_vocabulary("falcon", 47);
}

#[test]
fn llama_sentence_piece() {
    check_vocabulary("llama-spm", 47);
}

#[test]
fn gpt_2() {
    check_vocabulary("gpt-2", 47);
}

#[test]
fn special_tokens_of_llama() {
    let Some(folder) = shared("tokenizers") else {
        return;
    };
    let vocab = vocabulary(&folder.join("ggml-vocab-llama-spm.gguf"));
    let tokenizer = Tokenizer::from_gguf(&vocab).expect("a tokenizer");
    let check = |text: &str, special, ids: &[u32]| {
        assert_eq!(
            tokenizer.encode(text, special).expect("encodes"),
            ids,
            "{text:?}"
        );
    };
    check("Hello", Special::AddAndParse, &[1, 15043]);
    check("<s>Hello", Special::AddAndParse, &[1, 15043]);
    check("", Special::AddAndParse, &[1]);
    check("<s>Hello</s>", Special::Parse, &[1, 15043, 2]);
    let plain = tokenizer
        .encode("<s>Hello</s>", Special::Plain)
        .expect("encodes");
    assert!(!plain.contains(&1) && !plain.contains(&2), "{plain:?}");
    assert_eq!(tokenizer.decode(&plain).expect("decodes"), "<s>Hello</s>");
    assert_eq!(tokenizer.decode(&[1, 15043, 2]).expect("decodes"), "Hello");
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(1), Some(2)));
    assert!(tokenizer.adds_bos() && tokenizer.is_special(0));
}

/// The same vocabulary as a GGUF file and as `tokenizer.json`.
#[test]
fn gpt_neox_json_agrees_with_the_mpt_file() {
    let Some(folder) = shared("tokenizers") else {
        return;
    };
    let json = std::fs::read(folder.join("gpt-neox-tokenizer.json")).expect("the file is there");
    let tokenizer = Tokenizer::from_bytes(&json, None).expect("a tokenizer");
    assert_eq!(tokenizer.vocabulary(), 50277);
    assert_eq!(tokenizer.eos(), tokenizer.token_id("<|endoftext|>"));
    for (text, ids) in texts_and_ids(&folder.join("ggml-vocab-mpt.gguf")) {
        let given = tokenizer.encode(&text, Special::Parse).expect("encodes");
        assert_eq!(tokenizer.decode(&given).expect("decodes"), text);
        // The JSON file composes characters (NFC) before cutting; the texts here are composed already.
        assert_eq!(given, ids, "{text:?}");
        check_round_trip(&tokenizer, &text, &ids);
    }
}

#[test]
fn a_model_folder_with_its_configuration() {
    let Some(folder) = shared("models/stories260k") else {
        return;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).expect("the file is there");
    let tokenizer = Tokenizer::from_bytes(
        &read("tokenizer.json"),
        Some(&read("tokenizer_config.json")),
    )
    .expect("a tokenizer");
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(1), Some(2)));
    assert_eq!(tokenizer.vocabulary(), 512);
    assert_eq!(tokenizer.encode("", Special::AddAndParse), Ok(vec![1]));
    let text = String::from_utf8(read("expected_greedy.txt")).expect("text");
    let ids = tokenizer
        .encode(&text, Special::AddAndParse)
        .expect("encodes");
    assert_eq!(ids[0], 1);
    check_round_trip(&tokenizer, &text, &ids[1..]);
    // Bytes for what the small vocabulary does not have.
    let text = "naïve 世界 🦙";
    let ids = tokenizer.encode(text, Special::Plain).expect("encodes");
    check_round_trip(&tokenizer, text, &ids);
    check_continuation(&tokenizer, text, &ids);
}
