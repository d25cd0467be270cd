//! Logits against transformers, and the decoder against itself: whole, in chunks, from a cut-back cache.

mod common;

use std::ops::ControlFlow;

use common::{load, shared_model, tiny};
use nc_model::{Decoder, KvCache, LoadedDecoder, Logits, ModelError, Sampler, Sampling};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|n| n.as_f64().expect("a number")).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|n| n as u32).collect()
}

fn largest_difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - b).abs())
        .fold(0.0, f64::max)
}

fn all_logits(decoder: &Decoder, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut cache = KvCache::new(decoder.spec(), tokens.len()).expect("a cache");
    let logits = decoder
        .forward(tokens, &mut cache, Logits::All)
        .expect("logits");
    logits.to_vec2().expect("rows of f32")
}

fn write_greedily(loaded: &LoadedDecoder, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut cache = KvCache::new(loaded.decoder.spec(), loaded.context_tokens).expect("a cache");
    let mut sampler = Sampler::new(Sampling::greedy(), prompt).expect("a sampler");
    let mut read = prompt.to_vec();
    let mut written = Vec::new();
    while written.len() < count {
        let mut logits = loaded
            .decoder
            .read(&read, &mut cache, &mut |_| ControlFlow::Continue(()))
            .expect("logits");
        let token = sampler.draw(&mut logits).expect("a token");
        written.push(token);
        read = vec![token];
    }
    written
}

/// Holds a model against its golden.json; `tolerance` bounds every logit's difference.
fn check_golden(path: &str, golden: &str, tolerance: f64, greedy: bool) {
    let loaded = load(tiny(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let text = std::fs::read_to_string(tiny(golden)).expect("golden numbers");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    for sequence in golden["sequences"].as_array().expect("sequences") {
        let tokens = ids(&sequence["ids"]);
        let found = all_logits(&loaded.decoder, &tokens);
        let mut cache = KvCache::new(loaded.decoder.spec(), tokens.len()).expect("a cache");
        let stepped: Vec<Vec<f32>> = tokens
            .iter()
            .map(|&token| {
                let logits = loaded.decoder.forward(&[token], &mut cache, Logits::Last);
                logits
                    .and_then(|l| Ok(l.flatten_all()?.to_vec1()?))
                    .expect("logits")
            })
            .collect();
        let expected = sequence["logits"].as_array().expect("logits");
        for (position, expected) in numbers(&sequence["positions"]).into_iter().zip(expected) {
            for (way, found) in [("at once", &found), ("token by token", &stepped)] {
                let difference = largest_difference(&found[position as usize], &numbers(expected));
                assert!(
                    difference < tolerance,
                    "{path}, {} tokens read {way}, position {position}: {difference}",
                    tokens.len()
                );
            }
        }
    }
    if greedy {
        let continuation = ids(&golden["greedy"]["continuation"]);
        let written = write_greedily(&loaded, &ids(&golden["greedy"]["ids"]), continuation.len());
        assert_eq!(written, continuation, "{path}");
    }
}

#[test]
fn logits_agree_with_transformers() {
    for folder in [
        "base",
        "bf16",
        "bias",
        "head_dim",
        "rope_linear",
        "rope_llama3",
        "sharded",
        "tied",
    ] {
        check_golden(folder, &format!("{folder}/golden.json"), 1e-4, true);
    }
    check_golden("gguf/f32.gguf", "gguf/f32.golden.json", 1e-4, true);
    // The golden numbers multiply decoded weights in f32; ggml's way, which we follow, rounds the input to 8 bits as well.
    check_golden("gguf/q8_0.gguf", "gguf/q8_0.golden.json", 0.15, false);
    check_golden("gguf/q4_0.gguf", "gguf/q4_0.golden.json", 0.15, false);
}

/// Reads `tokens` in pieces of these lengths and compares the last logits with those of one piece.
fn check_pieces(lengths: &[usize]) {
    let loaded = load(tiny("base")).expect("a model");
    let tokens: Vec<u32> = (0..40).map(|i| i * 7 % 96).collect();
    let whole = all_logits(&loaded.decoder, &tokens);
    let mut cache = KvCache::new(loaded.decoder.spec(), 64).expect("a cache");
    let mut rest = tokens.as_slice();
    let mut last = Vec::new();
    for &length in lengths {
        let (piece, after) = rest.split_at(length);
        rest = after;
        let logits = loaded
            .decoder
            .forward(piece, &mut cache, Logits::Last)
            .expect("logits");
        last = logits
            .flatten_all()
            .and_then(|l| l.to_vec1::<f32>())
            .expect("a row");
    }
    let expected: Vec<f64> = whole[39].iter().map(|&l| f64::from(l)).collect();
    assert!(rest.is_empty());
    assert!(largest_difference(&last, &expected) < 1e-5, "{lengths:?}");
}

#[test]
fn pieces_give_what_the_whole_gives() {
    check_pieces(&[40]);
    check_pieces(&[1; 40]);
    check_pieces(&[39, 1]);
    check_pieces(&[1, 39]);
    check_pieces(&[16, 16, 8]);
}

#[test]
fn a_cache_cut_back_goes_on_as_if_new() {
    let loaded = load(tiny("base")).expect("a model");
    let decoder = &loaded.decoder;
    let mut cache = KvCache::new(decoder.spec(), 128).expect("a cache");
    decoder
        .forward(&[1, 2, 3, 4, 5, 6], &mut cache, Logits::Last)
        .expect("logits");
    cache.truncate(3);
    assert_eq!(cache.tokens(), 3);
    let again = decoder
        .forward(&[9, 8], &mut cache, Logits::All)
        .expect("logits");
    let again = again.to_vec2::<f32>().expect("rows");
    let fresh = all_logits(decoder, &[1, 2, 3, 9, 8]);
    for (row, fresh) in again.iter().zip(&fresh[3..]) {
        let fresh: Vec<f64> = fresh.iter().map(|&l| f64::from(l)).collect();
        assert!(largest_difference(row, &fresh) < 1e-5);
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_changes_nothing() {
    let loaded = load(tiny("base")).expect("a model");
    let decoder = &loaded.decoder;
    let mut cache = KvCache::new(decoder.spec(), 4).expect("a cache");
    decoder
        .forward(&[1, 2], &mut cache, Logits::Last)
        .expect("logits");
    let mut check = |tokens: &[u32], fits: fn(&ModelError) -> bool| {
        let error = decoder
            .forward(tokens, &mut cache, Logits::Last)
            .expect_err("an error");
        assert!(fits(&error), "{tokens:?}: {error:?}");
        assert_eq!(cache.tokens(), 2);
    };
    check(&[], |e| matches!(e, ModelError::EmptyInput));
    check(&[96], |e| {
        matches!(
            e,
            ModelError::TokenOutOfRange {
                token: 96,
                vocabulary: 96
            }
        )
    });
    check(&[1, u32::MAX], |e| {
        matches!(e, ModelError::TokenOutOfRange { .. })
    });
    check(&[1, 2, 3], |e| {
        matches!(
            e,
            ModelError::ContextExceeded {
                wanted_tokens: 5,
                limit_tokens: 4
            }
        )
    });
    decoder
        .forward(&[1, 2], &mut cache, Logits::Last)
        .expect("exactly full is fine");
}

#[test]
fn reading_a_prompt_can_be_stopped_between_chunks() {
    let Some(folder) = shared_model("stories260k") else {
        return;
    };
    let loaded = load(folder).expect("a model");
    let prompt: Vec<u32> = (0..400).map(|i| i % 512).collect();
    let mut cache = KvCache::new(loaded.decoder.spec(), 512).expect("a cache");
    let mut told = Vec::new();
    let stopped = loaded.decoder.read(&prompt, &mut cache, &mut |done| {
        told.push(done);
        if told.len() == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(ModelError::Cancelled)));
    assert_eq!(told, [128, 256]);
    assert_eq!(cache.tokens(), 256);
    let rest = loaded
        .decoder
        .read(&prompt[256..], &mut cache, &mut |_| {
            ControlFlow::Continue(())
        })
        .expect("the rest");
    let whole = all_logits(&loaded.decoder, &prompt);
    let whole: Vec<f64> = whole[399].iter().map(|&l| f64::from(l)).collect();
    assert!(largest_difference(&rest, &whole) < 1e-4);
}

#[test]
fn a_trained_model_writes_what_it_should() {
    let Some(folder) = shared_model("stories260k") else {
        return;
    };
    let loaded = load(folder).expect("a model");
    let written = write_greedily(&loaded, &[1], 30);
    // "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
    let begins = [
        403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426,
    ];
    assert_eq!(written[..15], begins);
}
