//! Small tokenizers of our own, for machines without third-party data and for tests that need special ones.

use nc_text::{GgufVocab, Special, Tokenizer};
use serde_json::{Value, json};

/// The 256 characters that stand for bytes in byte-level vocabularies, in the order of the bytes.
pub fn byte_alphabet() -> Vec<String> {
    let mut next = 0x100u32;
    (0..=255u32)
        .map(|byte| {
            let printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
            let code = if printable {
                byte
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).expect("a character").to_string()
        })
        .collect()
}

/// Byte-level: all bytes, two merges, and control tokens of ChatML.
pub fn byte_level() -> GgufVocab {
    let mut tokens = byte_alphabet();
    tokens.extend(["he", "hel", "<|im_start|>", "<|im_end|>", "<|bos|>", "  "].map(String::from));
    let mut types = vec![1; 258];
    types.extend([3, 3, 3, 4]);
    GgufVocab {
        model: "gpt2".to_owned(),
        pre: Some("gpt-2".to_owned()),
        tokens,
        types,
        merges: vec!["h e".to_owned(), "he l".to_owned()],
        bos: Some(260),
        eos: Some(259),
        ..GgufVocab::default()
    }
}

/// SentencePiece: control tokens, all bytes, and a few pieces.
pub fn sentence_piece() -> GgufVocab {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    let mut types = vec![2, 3, 3];
    let mut scores = vec![0.0; 3];
    for byte in 0..=255u8 {
        tokens.push(format!("<0x{byte:02X}>"));
        types.push(6);
        scores.push(0.0);
    }
    for (at, piece) in [
        "▁", "a", "b", "ab", "▁a", "ba", "aa", "<", "s", ">", "<s", "s>",
    ]
    .into_iter()
    .enumerate()
    {
        tokens.push(piece.to_owned());
        types.push(1);
        scores.push(-(at as f32));
    }
    GgufVocab {
        model: "llama".to_owned(),
        tokens,
        types,
        scores,
        bos: Some(1),
        eos: Some(2),
        unk: Some(0),
        ..GgufVocab::default()
    }
}

/// A small valid `tokenizer.json`, to be spoiled by tests.
pub fn json_file() -> Value {
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 1_000_000_000_000u64}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "<s>"},
        "added_tokens": [
            {"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
            {"id": 9, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
        ],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": 0.5, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"<s>": 0, "a": 1, "b": 2, "▁": 3, "ab": 4}, "merges": ["a b"]}
    })
}

fn check(tokenizer: &Tokenizer, text: &str, special: Special, ids: &[u32]) {
    assert_eq!(
        tokenizer.encode(text, special),
        Ok(ids.to_vec()),
        "{text:?}"
    );
}

#[test]
fn byte_level_vocabulary() {
    let tokenizer = Tokenizer::from_gguf(&byte_level()).expect("a tokenizer");
    check(&tokenizer, "hello", Special::Plain, &[257, 108, 111]);
    check(
        &tokenizer,
        "he  <|im_end|>",
        Special::Parse,
        &[256, 261, 259],
    );
    let plain = tokenizer
        .encode("he<|im_end|>", Special::Plain)
        .expect("encodes");
    assert!(!plain.contains(&259), "{plain:?}");
    assert_eq!(tokenizer.decode(&plain).as_deref(), Ok("he<|im_end|>"));
    // No BOS unless the file asks for it.
    check(&tokenizer, "he", Special::AddAndParse, &[256]);
    let asked = GgufVocab {
        add_bos: Some(true),
        add_eos: Some(true),
        ..byte_level()
    };
    let asked = Tokenizer::from_gguf(&asked).expect("a tokenizer");
    check(&asked, "he", Special::AddAndParse, &[260, 256, 259]);
    // Broken bytes become one replacement character for each broken part, also at the end.
    let bytes = [0xe4, 0xbd, 0x41, 0xff, 0xf0, 0x9f];
    assert_eq!(
        tokenizer.decode(&bytes).as_deref(),
        Ok("\u{fffd}A\u{fffd}\u{fffd}")
    );
    assert_eq!(tokenizer.decode(&[4_000_000_000]).as_deref(), Ok(""));
}

#[test]
fn sentence_piece_vocabulary() {
    let vocab = sentence_piece();
    let id = |piece: &str| {
        vocab
            .tokens
            .iter()
            .position(|t| t == piece)
            .expect("a piece") as u32
    };
    let tokenizer = Tokenizer::from_gguf(&vocab).expect("a tokenizer");
    // "ab" has a better score than "▁a", "▁a" a better one than "ba".
    check(&tokenizer, "ab", Special::Plain, &[id("▁"), id("ab")]);
    check(
        &tokenizer,
        "aba",
        Special::Plain,
        &[id("▁"), id("ab"), id("a")],
    );
    // Of equal pairs the leftmost: (aa)a and not a(aa).
    check(
        &tokenizer,
        "baaa",
        Special::Plain,
        &[id("▁"), id("ba"), id("aa")],
    );
    check(
        &tokenizer,
        "é",
        Special::Plain,
        &[id("▁"), id("<0xC3>"), id("<0xA9>")],
    );
    // Joining "<s" and ">" would spell the control token: text never becomes one.
    check(
        &tokenizer,
        "<s>",
        Special::Plain,
        &[id("▁"), id("<s"), id(">")],
    );
    check(&tokenizer, "<s>a", Special::AddAndParse, &[1, id("▁a")]);
    let unprefixed = GgufVocab {
        add_space_prefix: Some(false),
        ..vocab.clone()
    };
    let unprefixed = Tokenizer::from_gguf(&unprefixed).expect("a tokenizer");
    check(&unprefixed, "ab", Special::Plain, &[id("ab")]);
    assert_eq!(unprefixed.decode(&[id("▁a")]).as_deref(), Ok(" a"));
    assert_eq!(tokenizer.decode(&[id("▁a")]).as_deref(), Ok("a"));
    let mut after = tokenizer.stream_after(&[id("▁a")]).expect("a stream");
    assert_eq!(after.push(id("▁a")).as_deref(), Ok(" a"));
    // A character of three bytes is held until it is whole.
    let mut stream = tokenizer.stream();
    let pieces: Vec<String> = ["<0xE4>", "<0xB8>", "<0x96>", "a"]
        .map(|piece| stream.push(id(piece)).expect("decodes"))
        .to_vec();
    assert_eq!(pieces, ["", "", "世", "a"]);
}

#[test]
fn json_with_its_own_ids() {
    let file = serde_json::to_vec(&json_file()).expect("json");
    let tokenizer = Tokenizer::from_bytes(&file, None).expect("a tokenizer");
    // Truncation, padding and dropout of the file are for training and are not applied; the added token keeps its id.
    check(
        &tokenizer,
        "ab ab</s>",
        Special::AddAndParse,
        &[0, 4, 3, 4, 9],
    );
    assert_eq!(tokenizer.vocabulary(), 10);
    assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(0), Some(9)));
    let config = br#"{"add_bos_token": false, "add_eos_token": true, "bos_token": {"content": "<s>"}, "eos_token": "</s>"}"#;
    let tokenizer = Tokenizer::from_bytes(&file, Some(config)).expect("a tokenizer");
    check(&tokenizer, "ab", Special::AddAndParse, &[4, 9]);
    assert_eq!(tokenizer.decode(&[0, 4, 3, 4, 9]).as_deref(), Ok("ab ab"));
}
