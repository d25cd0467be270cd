//! Logits against transformers, and the decoder against itself: whole, in chunks, from a cut-back cache.

mod common;

use std::ops::ControlFlow;

use common::{load, shared_model, tiny};
use nc_model::twin::TwinDecoder;
use nc_model::{
    Compute, Decoder, ElementType, KernelPath, LoadedDecoder, Logits, ModelError, ModelFiles,
    ModelLocation, OpenOptions, PathName, Sampler, Sampling,
};
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

fn rows(decoder: &Decoder, logits: &[f32]) -> Vec<Vec<f32>> {
    let rows = logits.chunks(decoder.spec().vocabulary);
    rows.map(<[f32]>::to_vec).collect()
}

fn all_logits(decoder: &Decoder, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut cache = decoder.new_cache(tokens.len());
    let logits = decoder
        .forward(tokens, &mut cache, Logits::All)
        .expect("logits");
    rows(decoder, &logits)
}

fn write_greedily(loaded: &LoadedDecoder, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut cache = loaded.decoder.new_cache(loaded.context_tokens);
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

fn load_on(path: &str, kernels: KernelPath, cache: Option<ElementType>) -> LoadedDecoder {
    let files = ModelFiles::open(&ModelLocation::Path(tiny(path))).expect("a model's files");
    let options = OpenOptions {
        compute: Some(Compute::new(kernels, 2)),
        cache_element: cache,
        ..OpenOptions::default()
    };
    let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()));
    loaded.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Holds a model against its golden.json; `tolerance` bounds every logit's difference.
fn check_golden(path: &str, golden: &str, tolerance: f64, greedy: bool) {
    for kernels in KernelPath::all() {
        // Tiles round activations too; how far that leads is the next test's.
        if path == "bf16" && kernels.name() >= PathName::Avx512Bf16 {
            continue;
        }
        check_golden_on(path, golden, (tolerance, greedy), kernels);
    }
}

fn check_golden_on(
    path: &str,
    golden: &str,
    (tolerance, greedy): (f64, bool),
    kernels: KernelPath,
) {
    let loaded = load_on(path, kernels, Some(ElementType::F32));
    let text = std::fs::read_to_string(tiny(golden)).expect("golden numbers");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    for sequence in golden["sequences"].as_array().expect("sequences") {
        let tokens = ids(&sequence["ids"]);
        let found = all_logits(&loaded.decoder, &tokens);
        let mut cache = loaded.decoder.new_cache(tokens.len());
        let stepped: Vec<Vec<f32>> = tokens
            .iter()
            .map(|&token| {
                let logits = loaded.decoder.forward(&[token], &mut cache, Logits::Last);
                logits.expect("logits")
            })
            .collect();
        let expected = sequence["logits"].as_array().expect("logits");
        for (position, expected) in numbers(&sequence["positions"]).into_iter().zip(expected) {
            for (way, found) in [("at once", &found), ("token by token", &stepped)] {
                let difference = largest_difference(&found[position as usize], &numbers(expected));
                assert!(
                    difference < tolerance,
                    "{path} on {kernels}, {} tokens read {way}, position {position}: {difference}",
                    tokens.len()
                );
            }
        }
    }
    if greedy {
        let continuation = ids(&golden["greedy"]["continuation"]);
        let written = write_greedily(&loaded, &ids(&golden["greedy"]["ids"]), continuation.len());
        assert_eq!(written, continuation, "{path} on {kernels}");
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

/// The largest difference from the twin, as a part of the twin's range of logits.
fn difference_from_twin(path: &str, loaded: &LoadedDecoder, tokens: &[u32]) -> f64 {
    let files = ModelFiles::open(&ModelLocation::Path(tiny(path))).expect("a model's files");
    let twin = TwinDecoder::new(&files).expect("a twin");
    let expected = twin
        .forward(tokens)
        .expect("logits")
        .to_vec2::<f32>()
        .expect("rows");
    let found = all_logits(&loaded.decoder, tokens);
    let mut largest: f64 = 0.0;
    let (mut low, mut high) = (f64::MAX, f64::MIN);
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        let expected = f64::from(*expected);
        (low, high) = (low.min(expected), high.max(expected));
        largest = largest.max((f64::from(*found) - expected).abs());
    }
    largest / (high - low)
}

#[test]
fn every_path_and_cache_stays_near_the_twin() {
    let tokens: Vec<u32> = (0..50).map(|i| i * 7 % 64).collect();
    for kernels in KernelPath::all() {
        // Measured, then doubled: f32 rounds only its sums; f16 keeps 11 bits of keys and values, bf16 and 8-bit 8; tiles
        // round activations to bf16; codes are multiplied with 8-bit activations.
        for (path, cache, bound) in [
            ("base", ElementType::F32, 2e-6),
            ("base", ElementType::F16, 1e-3),
            ("base", ElementType::Bf16, 8e-3),
            ("base", ElementType::Int8, 1e-2),
            (
                "bf16",
                ElementType::F32,
                if kernels.name() >= PathName::Avx512Bf16 {
                    8e-3
                } else {
                    2e-6
                },
            ),
            ("gguf/q8_0.gguf", ElementType::F32, 2e-2),
            ("gguf/q4_0.gguf", ElementType::F32, 2e-2),
        ] {
            let loaded = load_on(path, kernels, Some(cache));
            let difference = difference_from_twin(path, &loaded, &tokens);
            eprintln!("{path} on {kernels} with {cache:?}: {difference:.1e} of the range");
            assert!(
                difference < bound,
                "{path} on {kernels} with {cache:?}: {difference}"
            );
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let tokens: Vec<u32> = (0..50).map(|i| i * 7 % 64).collect();
    for path in ["base", "bf16", "gguf/q4_0.gguf"] {
        let files = ModelFiles::open(&ModelLocation::Path(tiny(path))).expect("a model's files");
        let logits = [1, 2, 5].map(|threads| {
            let options = OpenOptions {
                compute: Some(Compute::new(KernelPath::strongest(), threads)),
                ..OpenOptions::default()
            };
            let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()));
            all_logits(&loaded.expect("a model").decoder, &tokens)
        });
        assert_eq!(logits[0], logits[1], "{path}");
        assert_eq!(logits[0], logits[2], "{path}");
    }
}

/// Reads `tokens` in pieces of these lengths and compares the last logits with those of one piece.
fn check_pieces(lengths: &[usize]) {
    let loaded = load(tiny("base")).expect("a model");
    let tokens: Vec<u32> = (0..40).map(|i| i * 7 % 96).collect();
    let whole = all_logits(&loaded.decoder, &tokens);
    let mut cache = loaded.decoder.new_cache(64);
    let mut rest = tokens.as_slice();
    let mut last = Vec::new();
    for &length in lengths {
        let (piece, after) = rest.split_at(length);
        rest = after;
        let logits = loaded
            .decoder
            .forward(piece, &mut cache, Logits::Last)
            .expect("logits");
        last = logits;
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
    let mut cache = decoder.new_cache(128);
    decoder
        .forward(&[1, 2, 3, 4, 5, 6], &mut cache, Logits::Last)
        .expect("logits");
    cache.truncate(3);
    assert_eq!(cache.tokens(), 3);
    let again = decoder
        .forward(&[9, 8], &mut cache, Logits::All)
        .expect("logits");
    let again = rows(decoder, &again);
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
    let mut cache = decoder.new_cache(4);
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
fn reading_a_prompt_can_be_stopped_at_a_layer() {
    let Some(folder) = shared_model("stories260k") else {
        return;
    };
    let loaded = load(folder).expect("a model");
    let prompt: Vec<u32> = (0..600).map(|i| i % 512).collect();
    // Stopped within the first chunk, and within the second: only whole chunks are kept.
    for (stop_after, kept) in [(1, 0), (520, 512)] {
        let mut cache = loaded.decoder.new_cache(600);
        let mut told = Vec::new();
        let stopped = loaded.decoder.read(&prompt, &mut cache, &mut |done| {
            told.push(done);
            match done >= stop_after {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        assert!(matches!(stopped, Err(ModelError::Cancelled)));
        assert!(told.is_sorted() && told.len() > 1, "{told:?}");
        assert_eq!(cache.tokens(), kept);
        let rest = loaded
            .decoder
            .read(&prompt[kept..], &mut cache, &mut |_| {
                ControlFlow::Continue(())
            })
            .expect("the rest");
        let whole = all_logits(&loaded.decoder, &prompt);
        let whole: Vec<f64> = whole[599].iter().map(|&l| f64::from(l)).collect();
        assert!(largest_difference(&rest, &whole) < 1e-4);
    }
}

#[test]
fn a_trained_model_writes_the_same_on_every_path() {
    let Some(folder) = shared_model("stories260k") else {
        return;
    };
    // "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."
    let begins = [
        403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426,
    ];
    let files = ModelFiles::open(&ModelLocation::Path(folder)).expect("a model's files");
    let mut all = Vec::new();
    for kernels in KernelPath::all() {
        let options = OpenOptions {
            compute: Some(Compute::new(kernels, 2)),
            ..OpenOptions::default()
        };
        let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()));
        let written = write_greedily(&loaded.expect("a model"), &[1], 199);
        assert_eq!(written[..15], begins, "{kernels}");
        all.push(written);
    }
    assert!(
        all.iter().all(|written| *written == all[0]),
        "all paths write the same 199 tokens"
    );
}
