//! Adapters against PEFT (tests/golden/peft_adapter): read, used beside a model, merged, written.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::{adapter, base_as, load, open, tensors_of, tiny};
use half::{bf16, f16};
use nc_model::{
    Compute, Decoder, ElementType, KernelPath, LoadedDecoder, Logits, MergeOptions, Method,
    MicroBatch, OpenOptions, ParameterRole, TensorRole, TrainingDecoder, merge, read_adapter,
    write_adapter,
};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(adapter(name).join("golden.json"));
    serde_json::from_str(&text.expect("golden numbers")).expect("JSON")
}

fn with_adapter(model: &Path, adapter: &Path, compute: Compute) -> LoadedDecoder {
    let options = OpenOptions {
        compute: Some(compute),
        cache_element: Some(ElementType::F32),
        adapter: Some(adapter.to_owned()),
        ..OpenOptions::default()
    };
    let loaded = open(model).load(&options, &mut |_| ControlFlow::Continue(()));
    loaded.expect("a decoder with an adapter")
}

fn logits(decoder: &Decoder, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut cache = decoder.new_cache(tokens.len());
    let all = decoder
        .forward(tokens, &mut cache, Logits::All)
        .expect("logits");
    let rows = all.chunks(decoder.spec().vocabulary);
    rows.map(<[f32]>::to_vec).collect()
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let all = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    all.fold(0.0, |most, d| {
        if d.is_nan() {
            f32::INFINITY
        } else {
            most.max(d)
        }
    })
}

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("numbers").iter();
    list.map(|n| n.as_f64().expect("a number") as f32).collect()
}

/// Tokens, and the logits that PEFT has at some of their positions.
struct Sequence {
    tokens: Vec<u32>,
    expected: Vec<(usize, Vec<f32>)>,
}

fn sequences(golden: &Value) -> Vec<Sequence> {
    let all = golden["sequences"].as_array().expect("sequences").iter();
    all.map(|sequence| {
        let positions = numbers(&sequence["positions"]).into_iter();
        let rows = sequence["logits"].as_array().expect("rows").iter();
        Sequence {
            tokens: numbers(&sequence["ids"])
                .into_iter()
                .map(|id| id as u32)
                .collect(),
            expected: positions
                .zip(rows)
                .map(|(position, row)| (position as usize, numbers(row)))
                .collect(),
        }
    })
    .collect()
}

fn check_logits(case: &str, decoder: &Decoder, golden: &Value) {
    for Sequence { tokens, expected } in sequences(golden) {
        let found = logits(decoder, &tokens);
        let mut cache = decoder.new_cache(tokens.len());
        for (position, token) in tokens.iter().enumerate() {
            let stepped = decoder
                .forward(&[*token], &mut cache, Logits::Last)
                .expect("logits");
            let expected = expected.iter().find(|(p, _)| *p == position);
            for (way, found) in [("at once", &found[position]), ("in steps", &stepped)] {
                if let Some((_, expected)) = expected {
                    let difference = difference(found, expected);
                    assert!(difference < 1e-4, "{case}, {way}, {position}: {difference}");
                }
            }
        }
    }
}

#[test]
fn a_model_with_an_adapter_and_the_merged_one_have_pefts_logits() {
    for name in ["all_linear", "rslora_qv", "one_layer", "gguf"] {
        let golden = golden(name);
        let model = tiny(golden["base"].as_str().expect("a base"));
        for kernels in KernelPath::all() {
            let loaded = with_adapter(&model, &adapter(name), Compute::new(kernels, 2));
            check_logits(&format!("{name} on {kernels}"), &loaded.decoder, &golden);
        }
        if name == "gguf" {
            continue;
        }
        let files = open(&model);
        let (lora, parameters) = read_adapter(&adapter(name), &files).expect("an adapter");
        let folder = tempfile::tempdir().expect("a folder");
        for (shard_bytes, count) in [(u64::MAX, 1), (60_000, 6)] {
            let out = folder.path().join(count.to_string());
            let options = MergeOptions {
                shard_bytes,
                ..MergeOptions::default()
            };
            let mut told = Vec::new();
            merge(
                &files,
                (&lora, &parameters),
                &options,
                &out,
                &mut |progress| {
                    told.push((progress.done_bytes, progress.total_bytes));
                    ControlFlow::Continue(())
                },
            )
            .expect("a merged model");
            assert!(told.is_sorted());
            assert!(told.last().is_some_and(|(done, total)| done == total));
            let entries = std::fs::read_dir(&out).expect("a folder");
            let shards = entries
                .map(|entry| entry.expect("an entry").path())
                .filter(|path| path.extension().is_some_and(|kind| kind == "safetensors"))
                .count();
            assert_eq!(shards, count, "{name}");
            let merged = load(&out).expect("the merged model");
            check_logits(&format!("{name} merged"), &merged.decoder, &golden);
        }
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 2, "nothing but the two models");
    }
}

#[test]
fn what_is_written_is_what_peft_wrote() {
    for name in ["all_linear", "rslora_qv", "gguf"] {
        let model = tiny(golden(name)["base"].as_str().expect("a base"));
        let files = open(&model);
        let (lora, parameters) = read_adapter(&adapter(name), &files).expect("an adapter");
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("deep/adapter");
        // Twice: the second replaces the first.
        for _ in 0..2 {
            write_adapter(&out, &files, "the/base", (&lora, &parameters)).expect("room");
        }
        let file = "adapter_model.safetensors";
        assert_eq!(
            tensors_of(&out.join(file)),
            tensors_of(&adapter(name).join(file)),
            "{name}"
        );
        let again = read_adapter(&out, &files).expect("an adapter");
        assert_eq!(again, (lora, parameters), "{name}");
        let entries = std::fs::read_dir(&out).expect("a folder").count();
        assert_eq!(entries, 2, "{name}: nothing partial is left");
        let text = std::fs::read_to_string(out.join("adapter_config.json")).expect("a config");
        let ours: Value = serde_json::from_str(&text).expect("JSON");
        let text = std::fs::read_to_string(adapter(name).join("adapter_config.json"));
        let theirs: Value = serde_json::from_str(&text.expect("a config")).expect("JSON");
        for (field, value) in ours.as_object().expect("an object") {
            match field.as_str() {
                "base_model_name_or_path" => assert_eq!(value, "the/base"),
                // PEFT holds a set, and the full names for all linear layers.
                "target_modules" if name == "rslora_qv" => {
                    assert_eq!(*value, json!(["q_proj", "v_proj"]));
                }
                "target_modules" => assert_eq!(value.as_array().map(Vec::len), Some(7)),
                _ => assert_eq!(*value, theirs[field], "{name}: {field}"),
            }
        }
    }
}

#[test]
fn adapters_keep_bits_whatever_the_threads_and_the_batch() {
    for (model, name) in [("base", "all_linear"), ("gguf/q4_0.gguf", "gguf")] {
        for kernels in KernelPath::all() {
            let tokens: Vec<u32> = (0..40).map(|index| index * 7 % 64).collect();
            let of_threads = [1, 2, 5].map(|threads| {
                let compute = Compute::new(kernels, threads);
                with_adapter(&tiny(model), &adapter(name), compute).decoder
            });
            let all = of_threads
                .each_ref()
                .map(|decoder| logits(decoder, &tokens));
            assert!(all[0] == all[1] && all[0] == all[2], "{model} on {kernels}");
            let decoder = &of_threads[1];
            // Up to sixteen rows: the same tokens alone, and together.
            let together = logits(decoder, &tokens[..16]);
            let mut cache = decoder.new_cache(16);
            for (token, together) in tokens.iter().zip(&together) {
                let alone = decoder
                    .forward(&[*token], &mut cache, Logits::Last)
                    .expect("logits");
                assert!(alone == *together, "{model} on {kernels}");
            }
        }
    }
}

#[test]
fn an_adapter_does_beside_quantised_weights_what_it_does_beside_plain_ones() {
    let tokens: Vec<u32> = (0..30).map(|index| index * 11 % 64).collect();
    let compute = || Compute::new(KernelPath::strongest(), 2);
    let with = |model| {
        logits(
            &with_adapter(&tiny(model), &adapter("gguf"), compute()).decoder,
            &tokens,
        )
    };
    let without = logits(
        &load(tiny("gguf/f32.gguf")).expect("a model").decoder,
        &tokens,
    );
    let (plain, quantised) = (
        with("gguf/f32.gguf").concat(),
        with("gguf/q8_0.gguf").concat(),
    );
    let effect = difference(&plain, &without.concat());
    let apart = difference(&plain, &quantised);
    eprintln!("the adapter changes logits by {effect}, rounding to 8 bits by {apart}");
    // Measured 0.24 of 6, then doubled: activations are rounded to 8 bits as well.
    assert!(effect > 2.0 && apart < 0.1 * effect, "{effect}, {apart}");
}

#[test]
fn training_sees_the_adapter_that_chats_use() {
    let model = tiny("base");
    let (lora, parameters) = read_adapter(&adapter("all_linear"), &open(&model)).expect("one");
    let loaded = with_adapter(
        &model,
        &adapter("all_linear"),
        Compute::new(KernelPath::strongest(), 2),
    );
    let bytes = loaded.decoder.weight_bytes();
    let tokens: Vec<u32> = (0..20).map(|index| index * 7 % 96).collect();
    let expected = logits(&loaded.decoder, &tokens);
    let mut training =
        TrainingDecoder::new(loaded.decoder, Method::Lora(lora.clone())).expect("it fits");
    assert_eq!(training.tensors(), lora.tensors(training.decoder().spec()));
    assert!(
        training.decoder().weight_bytes() < bytes,
        "the adapter is taken away"
    );

    let mut targets: Vec<Option<u32>> = tokens[1..].iter().copied().map(Some).collect();
    targets.push(None);
    let starts = vec![0; tokens.len()];
    let batch = MicroBatch {
        tokens: &tokens,
        starts: &starts,
        targets: &targets,
    };
    let check = |training: &mut TrainingDecoder| {
        let found = training
            .log_probabilities(Some(&parameters), &batch)
            .expect("log-probabilities");
        for ((row, target), found) in expected.iter().zip(targets.iter().flatten()).zip(found) {
            let sum: f32 = row.iter().map(|logit| logit.exp()).sum();
            let expected = row[*target as usize] - sum.ln();
            assert!(
                (found - expected).abs() < 1e-4,
                "{found} against {expected}"
            );
        }
    };
    check(&mut training);
    training.show_adapter(Some(&parameters)).expect("it fits");
    assert_eq!(logits(training.decoder(), &tokens), expected);
    check(&mut training);
    training.show_adapter(None).expect("it fits");
    let base = logits(&load(&model).expect("a model").decoder, &tokens);
    assert!(
        difference(
            &logits(training.decoder(), &tokens).concat(),
            &base.concat()
        ) < 1e-5
    );
}

fn values(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    match dtype {
        Dtype::F32 => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::F16 => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| f16::from_le_bytes(*b).to_f32())
            .collect(),
        _ => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| bf16::from_le_bytes(*b).to_f32())
            .collect(),
    }
}

#[test]
fn merged_weights_keep_their_type_and_are_rounded_once() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let base = base_as(dtype);
        let files = open(base.path());
        let (lora, parameters) = read_adapter(&adapter("rslora_qv"), &files).expect("an adapter");
        let out = base.path().join("merged");
        // An empty folder may be there.
        std::fs::create_dir(&out).expect("room");
        merge(
            &files,
            (&lora, &parameters),
            &MergeOptions::default(),
            &out,
            &mut |_| ControlFlow::Continue(()),
        )
        .expect("a merged model");
        let before = tensors_of(&base.path().join("model.safetensors"));
        let mut expected = before.clone();
        for pair in lora.tensors(files.spec()).chunks(2) {
            let ParameterRole::LoraA(layer, site) = pair[0].role else {
                panic!("A comes first");
            };
            let role = TensorRole::Layer(layer, site.weight());
            let entry = expected
                .get_mut(&files.tensor_name(role))
                .expect("a weight");
            let (first, second) = (
                &parameters[pair[0].range.clone()],
                &parameters[pair[1].range.clone()],
            );
            let inputs = pair[0].shape[1];
            let mut sums = values(dtype, &entry.2);
            for (place, sum) in sums.iter_mut().enumerate() {
                let (row, column) = (place / inputs, place % inputs);
                let product = |rank: usize| {
                    f64::from(second[row * lora.rank + rank])
                        * f64::from(first[rank * inputs + column])
                };
                let product: f64 = (0..lora.rank).map(product).sum();
                *sum = (f64::from(*sum) + f64::from(lora.scale()) * product) as f32;
            }
            entry.2 = match dtype {
                Dtype::F32 => sums.iter().flat_map(|x| x.to_le_bytes()).collect(),
                Dtype::F16 => sums
                    .iter()
                    .flat_map(|x| f16::from_f32(*x).to_le_bytes())
                    .collect(),
                _ => sums
                    .iter()
                    .flat_map(|x| bf16::from_f32(*x).to_le_bytes())
                    .collect(),
            };
        }
        let found = tensors_of(&out.join("model.safetensors"));
        assert_eq!(found.len(), expected.len());
        for (name, (found_type, shape, bytes)) in found {
            let (_, expected_shape, expected_bytes) = &expected[&name];
            assert_eq!((found_type, &shape), (dtype, expected_shape), "{name}");
            let expected = values(dtype, expected_bytes);
            let found = values(dtype, &bytes);
            // Half of the last bit at most where f32's own rounding falls to the other side.
            let bit = match dtype {
                Dtype::F32 => 4e-6,
                Dtype::F16 => 1e-3,
                _ => 8e-3,
            };
            let mut others = 0;
            for (found, expected) in found.iter().zip(&expected) {
                others += usize::from(found != expected);
                assert!(
                    (found - expected).abs() <= bit * expected.abs().max(0.1),
                    "{name}"
                );
            }
            if dtype != Dtype::F32 {
                assert!(others * 1000 <= expected.len(), "{name}: {others} differ");
            }
            if !name.contains("q_proj") && !name.contains("v_proj") {
                assert_eq!(bytes, before[&name].2, "{name}");
            }
        }
        let config = |folder: &Path| std::fs::read(folder.join("config.json")).expect("a config");
        assert_eq!(config(&out), config(base.path()));
    }
}
