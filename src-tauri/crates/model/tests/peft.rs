//! Adapters against PEFT (tests/golden/peft_adapter): read, used beside a model, merged, written; and what is refused.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::{load, root, tiny};
use half::{bf16, f16};
use nc_model::{
    AdapterError, Compute, Decoder, ElementType, KernelPath, LoadedDecoder, Logits, Lora,
    LoraError, MergeOptions, Method, MicroBatch, ModelError, ModelFiles, ModelLocation,
    OpenOptions, ParameterRole, Site, TrainingDecoder, merge, read_adapter, write_adapter,
};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

fn adapter(name: &str) -> PathBuf {
    root("tests/golden/peft_adapter").join(name)
}

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(adapter(name).join("golden.json"));
    serde_json::from_str(&text.expect("golden numbers")).expect("JSON")
}

fn open(path: &Path) -> ModelFiles {
    ModelFiles::open(&ModelLocation::from_path(path)).expect("a model")
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

/// Names, types, shapes and bytes.
fn tensors_of(path: &Path) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(path).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let all = tensors.tensors().into_iter();
    all.map(|(name, view)| {
        let tensor = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (name, tensor)
    })
    .collect()
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

/// A copy of the random Llama with all weights of a type.
fn base_as(dtype: Dtype) -> TempDir {
    let folder = common::copy_of_base();
    let path = folder.path().join("model.safetensors");
    let converted: Vec<_> = tensors_of(&path)
        .into_iter()
        .map(|(name, (_, shape, bytes))| {
            let (values, _) = bytes.as_chunks::<4>();
            let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let bytes: Vec<u8> = match dtype {
                Dtype::F16 => values
                    .flat_map(|x| f16::from_f32(x).to_le_bytes())
                    .collect(),
                Dtype::BF16 => values
                    .flat_map(|x| bf16::from_f32(x).to_le_bytes())
                    .collect(),
                Dtype::F64 => values.flat_map(|x| f64::from(x).to_le_bytes()).collect(),
                _ => bytes,
            };
            (name, shape, bytes)
        })
        .collect();
    let views = converted.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(dtype, shape.clone(), bytes).expect("a tensor"),
        )
    });
    let bytes = safetensors::serialize(views, None).expect("safetensors");
    std::fs::write(path, bytes).expect("room");
    folder
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
            let role = nc_model::TensorRole::Layer(layer, site.weight());
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

/// A copy of an adapter, with its configuration changed.
fn changed(name: &str, field: &str, value: Value) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(adapter(name).join(file), folder.path().join(file)).expect("room");
    }
    let path = folder.path().join("adapter_config.json");
    let text = std::fs::read_to_string(&path).expect("a config");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    match field {
        "" => {}
        field => config[field] = value,
    }
    std::fs::write(path, config.to_string()).expect("room");
    folder
}

fn check_refused(case: &str, folder: &Path, fits: impl Fn(&ModelError) -> bool) {
    let error = read_adapter(folder, &open(&tiny("base"))).expect_err(case);
    assert!(fits(&error), "{case}: {error:?}");
    let options = OpenOptions {
        adapter: Some(folder.to_owned()),
        ..OpenOptions::default()
    };
    let loaded = open(&tiny("base")).load(&options, &mut |_| panic!("{case}: weights are read"));
    assert!(loaded.is_err(), "{case}");
}

#[test]
fn what_adapters_here_cannot_do_is_named() {
    for (field, value, named) in [
        ("peft_type", json!("IA3"), "IA3"),
        ("task_type", json!("SEQ_CLS"), "SEQ_CLS"),
        ("bias", json!("lora_only"), "lora_only"),
        ("use_dora", json!(true), "DoRA"),
        ("modules_to_save", json!(["lm_head"]), "modules_to_save"),
        ("rank_pattern", json!({"q_proj": 8}), "rank_pattern"),
        ("alpha_pattern", json!({"q_proj": 8}), "alpha_pattern"),
        (
            "layer_replication",
            json!([[0, 2], [0, 2]]),
            "layer_replication",
        ),
        (
            "init_lora_weights",
            json!("pissa_niter_16"),
            "pissa_niter_16",
        ),
        ("lora_bias", json!(true), "lora_bias"),
    ] {
        let folder = changed("all_linear", field, value);
        check_refused(field, folder.path(), |error| match error {
            ModelError::Adapter(AdapterError::Unsupported { feature }) => feature.contains(named),
            _ => false,
        });
    }
    for (field, value) in [
        ("peft_type", Value::Null),
        ("r", Value::Null),
        ("r", json!(-4)),
        ("r", json!("four")),
        ("lora_alpha", json!([])),
        ("use_rslora", json!("yes")),
    ] {
        let folder = changed("all_linear", field, value);
        check_refused(field, folder.path(), |error| match error {
            ModelError::Adapter(AdapterError::Config { field: named, .. }) => named == field,
            _ => false,
        });
    }
    for (field, value) in [
        ("r", json!(0)),
        ("r", json!(1u64 << 50)),
        ("lora_alpha", json!(0)),
        ("lora_dropout", json!(1)),
    ] {
        let folder = changed("all_linear", field, value);
        check_refused(field, folder.path(), |error| {
            matches!(error, ModelError::Lora(_))
        });
    }
    // Settings that change nothing are fine, wherever the adapters are said to be.
    for (field, value) in [
        ("init_lora_weights", json!("gaussian")),
        ("target_modules", json!("all-linear")),
        ("task_type", Value::Null),
        ("lora_alpha", json!(8.0)),
    ] {
        let folder = changed("all_linear", field, value);
        read_adapter(folder.path(), &open(&tiny("base"))).expect(field);
    }
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Changes the tensors of a copy and expects an error.
fn check_tensors(case: &str, change: fn(&mut Tensors), fits: fn(&ModelError) -> bool) {
    let folder = changed("all_linear", "", Value::Null);
    let path = folder.path().join("adapter_model.safetensors");
    let mut tensors = tensors_of(&path);
    change(&mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (
            name,
            TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor"),
        )
    });
    std::fs::write(&path, safetensors::serialize(views, None).expect("a file")).expect("room");
    check_refused(case, folder.path(), fits);
}

const A: &str = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight";
const B: &str = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let unknown = |error: &ModelError| {
        matches!(
            error,
            ModelError::Adapter(AdapterError::UnknownTensor { .. })
        )
    };
    check_tensors(
        "B alone",
        |tensors| drop(tensors.remove(A)),
        |error| matches!(error, ModelError::Adapter(AdapterError::MissingTensor { tensor }) if tensor == A),
    );
    check_tensors(
        "A alone",
        |tensors| drop(tensors.remove(B)),
        |error| matches!(error, ModelError::Adapter(AdapterError::MissingTensor { tensor }) if tensor == B),
    );
    check_tensors(
        "another layer",
        |tensors| {
            let tensor = tensors.remove(A).expect("it is there");
            tensors.insert(A.replace("layers.1", "layers.2"), tensor);
        },
        unknown,
    );
    check_tensors(
        "DoRA's magnitudes",
        |tensors| {
            let tensor = tensors[A].clone();
            tensors.insert(A.replace("lora_A.weight", "lora_magnitude_vector"), tensor);
        },
        unknown,
    );
    check_tensors(
        "an output layer",
        |tensors| {
            let tensor = tensors[A].clone();
            tensors.insert("base_model.model.lm_head.lora_A.weight".to_owned(), tensor);
        },
        unknown,
    );
    check_tensors(
        "one factor twice",
        |tensors| {
            let tensor = tensors[A].clone();
            tensors.insert(A.replace("lora_A", "lora_A.default"), tensor);
        },
        |error| matches!(error, ModelError::Adapter(AdapterError::Unsupported { .. })),
    );
    check_tensors(
        "a shape the other way round",
        |tensors| tensors.get_mut(A).expect("it is there").1.reverse(),
        |error| {
            matches!(error, ModelError::Adapter(AdapterError::Shape { tensor, expected, found })
                if tensor == A && *expected == [4, 64] && *found == [64, 4])
        },
    );
    check_tensors(
        "whole numbers",
        |tensors| tensors.get_mut(A).expect("it is there").0 = Dtype::I32,
        |error| matches!(error, ModelError::Adapter(AdapterError::WeightType { .. })),
    );
    check_tensors(
        "no number",
        |tensors| {
            tensors.get_mut(B).expect("it is there").2[..4].copy_from_slice(&f32::NAN.to_le_bytes())
        },
        |error| matches!(error, ModelError::NotFinite { tensor } if tensor == B),
    );
    check_tensors("nothing", Tensors::clear, |error| {
        matches!(error, ModelError::Lora(LoraError::NoSites))
    });
}

#[test]
fn folders_without_an_adapter_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("adapter_config.json");
    let missing = |name: &'static str| move |error: &ModelError| matches!(error, ModelError::Adapter(AdapterError::NotAnAdapter { missing, .. }) if *missing == name);
    check_refused(
        "no folder",
        &folder.path().join("none"),
        missing("adapter_config.json"),
    );
    check_refused(
        "an empty folder",
        folder.path(),
        missing("adapter_config.json"),
    );
    std::fs::write(&config, "{").expect("room");
    check_refused("half a config", folder.path(), |error| {
        matches!(error, ModelError::Json { .. })
    });
    std::fs::write(&config, vec![b' '; 2 << 20]).expect("room");
    check_refused("a huge config", folder.path(), |error| {
        matches!(error, ModelError::Json { .. })
    });
    std::fs::copy(adapter("all_linear").join("adapter_config.json"), &config).expect("room");
    check_refused(
        "no weights",
        folder.path(),
        missing("adapter_model.safetensors"),
    );
    std::fs::write(folder.path().join("adapter_model.bin"), "").expect("room");
    check_refused("a pickle", folder.path(), |error| {
        matches!(error, ModelError::Adapter(AdapterError::Pickled { .. }))
    });
    std::fs::write(folder.path().join("adapter_model.safetensors"), "no").expect("room");
    check_refused("damaged weights", folder.path(), |error| {
        matches!(error, ModelError::File(_))
    });
}

#[test]
fn a_merge_that_cannot_be_leaves_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let check = |case: &str,
                 model: &Path,
                 adapter_name: &str,
                 out: &Path,
                 stop: u64,
                 fits: fn(&ModelError) -> bool| {
        let files = open(model);
        let (lora, mut parameters) =
            read_adapter(&adapter(adapter_name), &files).expect("an adapter");
        if case == "too large" {
            parameters.iter_mut().for_each(|value| *value *= 1e4);
        }
        let left = || std::fs::read_dir(place.path()).expect("a folder").count();
        let before = left();
        let error = merge(
            &files,
            (&lora, &parameters),
            &MergeOptions::default(),
            out,
            &mut |progress| match progress.done_bytes >= stop {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        )
        .expect_err(case);
        assert!(fits(&error), "{case}: {error:?}");
        assert_eq!(left(), before, "{case}");
    };
    let (base, free) = (tiny("base"), place.path().join("free"));
    let exists = |error: &ModelError| {
        matches!(
            error,
            ModelError::Adapter(AdapterError::OutputExists { .. })
        )
    };
    for stop in [0, 1, 100_000] {
        check("stopped", &base, "all_linear", &free, stop, |error| {
            matches!(error, ModelError::Cancelled)
        });
    }
    check(
        "a GGUF file",
        &tiny("gguf/f32.gguf"),
        "gguf",
        &free,
        u64::MAX,
        |error| {
            matches!(
                error,
                ModelError::Adapter(AdapterError::NeedsOriginalWeights { .. })
            )
        },
    );
    let half_precision = base_as(Dtype::F16);
    check(
        "too large",
        half_precision.path(),
        "all_linear",
        &free,
        u64::MAX,
        |error| matches!(error, ModelError::NotFinite { .. }),
    );
    let wide = base_as(Dtype::F64);
    check("F64", wide.path(), "all_linear", &free, u64::MAX, |error| {
        matches!(error, ModelError::Adapter(AdapterError::WeightType { .. }))
    });
    let taken = place.path().join("taken");
    std::fs::create_dir(&taken).expect("room");
    std::fs::write(taken.join("mine"), "").expect("room");
    check(
        "a folder with something",
        &base,
        "all_linear",
        &taken,
        u64::MAX,
        exists,
    );
    check(
        "a file",
        &base,
        "all_linear",
        &taken.join("mine"),
        u64::MAX,
        exists,
    );
    let within = taken.join("mine/deeper");
    check(
        "a folder in a file",
        &base,
        "all_linear",
        &within,
        u64::MAX,
        |error| matches!(error, ModelError::Adapter(AdapterError::Write { .. })),
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_adapter_there_was() {
    let files = open(&tiny("base"));
    let (lora, mut parameters) = read_adapter(&adapter("all_linear"), &files).expect("an adapter");
    let folder = tempfile::tempdir().expect("a folder");
    write_adapter(folder.path(), &files, "base", (&lora, &parameters)).expect("room");
    let before = read_adapter(folder.path(), &files).expect("an adapter");
    // A device that has no room.
    let partial = folder.path().join("adapter_model.safetensors.partial");
    std::os::unix::fs::symlink("/dev/full", &partial).expect("a link");
    parameters.fill(1.0);
    let error = write_adapter(folder.path(), &files, "base", (&lora, &parameters));
    let error = error.expect_err("no room");
    assert!(
        matches!(&error, ModelError::Adapter(AdapterError::Write { source, .. })
            if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert_eq!(
        read_adapter(folder.path(), &files).expect("the old one"),
        before
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        2
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_while_merging_leaves_nothing() {
    let files = open(&tiny("base"));
    let (lora, parameters) = read_adapter(&adapter("all_linear"), &files).expect("an adapter");
    let place = tempfile::tempdir().expect("a folder");
    let entries = || std::fs::read_dir(place.path()).expect("a folder");
    let options = MergeOptions {
        shard_bytes: 60_000,
        ..MergeOptions::default()
    };
    let out = place.path().join("merged");
    let mut begun = false;
    let error = merge(&files, (&lora, &parameters), &options, &out, &mut |_| {
        if !begun {
            // The second file goes to a device that has no room.
            begun = true;
            let partial = entries().next().expect("a folder").expect("one").path();
            let second = partial.join("model-00002-of-00006.safetensors.partial");
            std::os::unix::fs::symlink("/dev/full", second).expect("a link");
        }
        ControlFlow::Continue(())
    });
    let error = error.expect_err("no room");
    assert!(
        matches!(&error, ModelError::Adapter(AdapterError::Write { source, .. })
            if source.kind() == std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    assert_eq!(entries().count(), 0);
}

#[test]
fn an_adapter_that_does_not_fit_is_not_used() {
    let mut decoder = load(tiny("base")).expect("a model").decoder;
    let lora = Lora {
        rank: 33,
        alpha: 1.0,
        rank_stabilized: false,
        dropout: 0.0,
        sites: vec![Site::Key],
    };
    let error = decoder
        .set_adapter(Some((&lora, &[])))
        .expect_err("a rank above 32");
    assert!(matches!(
        error,
        ModelError::Lora(LoraError::Rank { largest: 32, .. })
    ));
}
