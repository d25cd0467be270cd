//! What is wrong with a model's files is said precisely, before memory is asked for.

mod common;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::{copy_of_base, load, tiny};
use nc_model::{
    FileErrorKind, Format, ModelError, ModelFiles, ModelLocation, OpenOptions, inspect,
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

/// Changes config.json of a copy and expects an error.
fn check_config(field: &str, value: Value, fits: fn(&ModelError) -> bool) {
    let folder = copy_of_base();
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path).expect("the config");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    match value.is_null() {
        true => drop(config.as_object_mut().expect("an object").remove(field)),
        false => config[field] = value.clone(),
    }
    std::fs::write(&path, config.to_string()).expect("room");
    let error = inspect(&ModelLocation::from_path(folder.path())).expect_err("an error");
    assert!(fits(&error), "{field} = {value}: {error:?}");
}

fn names_field(error: &ModelError, name: &str) -> bool {
    matches!(error, ModelError::Config { field, .. } if field == name)
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    const HUGE: u64 = 1 << 40;
    check_config("hidden_size", json!(HUGE), |e| {
        names_field(e, "hidden size")
    });
    check_config("vocab_size", json!(HUGE), |e| {
        names_field(e, "vocabulary size")
    });
    check_config("num_hidden_layers", json!(HUGE), |e| {
        names_field(e, "layers")
    });
    check_config("intermediate_size", json!(HUGE), |e| {
        names_field(e, "intermediate size")
    });
    check_config("max_position_embeddings", json!(HUGE), |e| {
        names_field(e, "context length")
    });
    check_config("num_attention_heads", json!(HUGE), |e| {
        names_field(e, "attention heads")
    });
    check_config("head_dim", json!(HUGE), |e| names_field(e, "head width"));
    check_config("head_dim", json!(7), |e| names_field(e, "head width"));
    check_config("num_attention_heads", json!(0), |e| {
        names_field(e, "attention heads")
    });
    check_config("num_key_value_heads", json!(3), |e| {
        names_field(e, "key/value heads")
    });
    check_config("num_key_value_heads", json!(0), |e| {
        names_field(e, "key/value heads")
    });
    check_config("hidden_size", json!(-1), |e| names_field(e, "hidden_size"));
    check_config("hidden_size", json!("many"), |e| {
        names_field(e, "hidden_size")
    });
    check_config("hidden_size", json!(null), |e| {
        names_field(e, "hidden_size")
    });
    check_config("rms_norm_eps", json!(0.0), |e| {
        names_field(e, "norm epsilon")
    });
    check_config("rope_theta", json!(-1.0), |e| names_field(e, "rotary base"));
    check_config("rope_theta", json!(1e300), |e| {
        names_field(e, "rotary base")
    });
    check_config(
        "rope_scaling",
        json!({"type": "linear", "factor": 0.0}),
        |e| names_field(e, "rotary factor"),
    );
    check_config("rope_scaling", json!({"type": "linear"}), |e| {
        names_field(e, "factor")
    });
    check_config("model_type", json!(null), |e| names_field(e, "model_type"));

    check_config("model_type", json!("mamba"), |e| {
        matches!(e, ModelError::UnsupportedFamily { found, supported }
            if found == "mamba" && supported.contains(&"llama"))
    });
    let unsupported = |e: &ModelError| matches!(e, ModelError::UnsupportedFeature { .. });
    check_config("hidden_act", json!("gelu"), unsupported);
    check_config(
        "rope_scaling",
        json!({"rope_type": "yarn", "factor": 2.0}),
        unsupported,
    );
    check_config(
        "quantization_config",
        json!({"quant_method": "gptq"}),
        unsupported,
    );

    // Sound in themselves, but not what the weights are.
    let shape = |e: &ModelError| matches!(e, ModelError::Shape { .. });
    check_config("hidden_size", json!(32), shape);
    check_config("vocab_size", json!(97), shape);
    check_config("num_key_value_heads", json!(4), shape);
    check_config("num_hidden_layers", json!(3), |e| {
        matches!(e, ModelError::MissingTensors { names, count: 9 }
            if names[0] == "model.layers.2.input_layernorm.weight")
    });
    check_config("attention_bias", json!(true), |e| {
        matches!(e, ModelError::MissingTensors { count: 8, .. })
    });
}

type Tensors = HashMap<String, (Vec<usize>, Vec<u8>)>;

/// Rewrites the tensors of a copy, loads it, and expects an error.
fn check_tensors(change: fn(&mut Tensors), fits: fn(&ModelError) -> bool) {
    let folder = copy_of_base();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut tensors: Tensors = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
        .collect();
    change(&mut tensors);
    let views: HashMap<&str, TensorView<'_>> = tensors
        .iter()
        .map(|(name, (shape, data))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("a tensor");
            (name.as_str(), view)
        })
        .collect();
    safetensors::serialize_to_file(views, None, &path).expect("room");
    let error = load(folder.path()).expect_err("an error");
    assert!(fits(&error), "{error:?}");
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    check_tensors(
        |t| drop(t.remove("model.norm.weight")),
        |e| matches!(e, ModelError::MissingTensors { names, count: 1 } if names == &["model.norm.weight"]),
    );
    check_tensors(
        |t| {
            let wide = t.get_mut("model.norm.weight").expect("there");
            *wide = (vec![2, 32], wide.1.clone());
        },
        |e| {
            matches!(e, ModelError::Shape { tensor, expected, found }
                if tensor == "model.norm.weight" && expected == &[64] && found == &[2, 32])
        },
    );
    check_tensors(
        |t| {
            let query = t
                .get_mut("model.layers.1.self_attn.q_proj.weight")
                .expect("there");
            query.1[400..404].copy_from_slice(&f32::NAN.to_le_bytes());
        },
        |e| {
            matches!(e, ModelError::NotFinite { tensor }
                if tensor == "model.layers.1.self_attn.q_proj.weight")
        },
    );
    check_tensors(
        |t| {
            let norm = t
                .get_mut("model.layers.0.input_layernorm.weight")
                .expect("there");
            norm.1[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
        },
        |e| {
            matches!(e, ModelError::NotFinite { tensor }
                if tensor == "model.layers.0.input_layernorm.weight")
        },
    );
}

#[test]
fn quantised_blocks_are_searched_for_values_that_are_no_numbers() {
    let mut bytes = std::fs::read(tiny("gguf/q8_0.gguf")).expect("committed");
    let files = ModelFiles::open(&ModelLocation::Path(tiny("gguf/q8_0.gguf"))).expect("sound");
    let tensor = "blk.1.ffn_up.weight";
    // A Q8_0 block begins with its scale in f16; 0x7e00 is NaN.
    let at = files.tensors()[tensor].offset as usize;
    bytes[at..at + 2].copy_from_slice(&0x7e00u16.to_le_bytes());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nan.gguf");
    std::fs::write(&path, bytes).expect("room");
    let error = load(path).expect_err("an error");
    assert!(
        matches!(&error, ModelError::NotFinite { tensor: found } if found == tensor),
        "{error:?}"
    );
}

#[test]
fn places_without_a_model_are_told_apart() {
    let check = |path: &Path, fits: fn(&ModelError) -> bool| {
        let error = inspect(&ModelLocation::from_path(path)).expect_err("an error");
        assert!(fits(&error), "{}: {error:?}", path.display());
    };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(at(name), bytes).expect("room");
    check(&at("nowhere"), |e| matches!(e, ModelError::NotFound { .. }));
    check(folder.path(), |e| matches!(e, ModelError::NotAModel { .. }));
    write("notes.txt", b"hello");
    check(&at("notes.txt"), |e| {
        matches!(e, ModelError::NotAModel { .. })
    });
    check(&at("notes.txt/model"), |e| {
        matches!(e, ModelError::NotFound { .. })
    });
    write("short.gguf", b"GG");
    check(
        &at("short.gguf"),
        |e| matches!(e, ModelError::File(file) if file.kind() == FileErrorKind::Damaged),
    );
    write("config.json", b"{\"model_type\": \"llama\"");
    check(
        folder.path(),
        |e| matches!(e, ModelError::Json { file, .. } if file == "config.json"),
    );
    write("config.json", b"\xff\xfe");
    check(folder.path(), |e| matches!(e, ModelError::Json { .. }));
    std::fs::copy(tiny("base/config.json"), at("config.json")).expect("room");
    check(
        folder.path(),
        |e| matches!(e, ModelError::File(file) if file.kind() == FileErrorKind::NotFound),
    );
    let weights = std::fs::read(tiny("base/model.safetensors")).expect("committed");
    write("model.safetensors", &weights[..weights.len() / 2]);
    check(
        folder.path(),
        |e| matches!(e, ModelError::File(file) if file.kind() == FileErrorKind::Damaged),
    );
}

#[test]
fn a_file_picked_out_of_a_folder_means_the_folder() {
    let folder = copy_of_base();
    for file in ["", "config.json", "model.safetensors"] {
        let found = inspect(&ModelLocation::from_path(folder.path().join(file))).expect("a model");
        assert_eq!(
            (found.format, found.parameters),
            (Format::HuggingFace, 74_048)
        );
    }
    let gguf = tempfile::tempdir().expect("a folder");
    std::fs::copy(tiny("gguf/q4_0.gguf"), gguf.path().join("only.gguf")).expect("room");
    let found = inspect(&ModelLocation::from_path(gguf.path())).expect("a model");
    assert_eq!(
        (found.format, found.weight_type.as_str()),
        (Format::Gguf, "Q4_0")
    );
}

#[test]
fn weights_that_shrink_after_opening_are_an_error() {
    let folder = copy_of_base();
    let files = ModelFiles::open(&ModelLocation::from_path(folder.path())).expect("sound");
    let weights = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("model.safetensors"))
        .expect("the file");
    weights.set_len(5000).expect("a shorter file");
    let error = files
        .load(&OpenOptions::default(), &mut |_| ControlFlow::Continue(()))
        .expect_err("an error");
    assert!(
        matches!(&error, ModelError::File(file) if file.kind() == FileErrorKind::Changed),
        "{error:?}"
    );
}

#[test]
fn loading_stops_at_the_next_tensor() {
    let files = ModelFiles::open(&ModelLocation::Path(tiny("base"))).expect("sound");
    let mut calls = 0;
    let stopped = files.load(&OpenOptions::default(), &mut |progress| {
        calls += 1;
        assert!(progress.done_bytes < progress.total_bytes);
        if calls == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(ModelError::Cancelled)));
    assert_eq!(calls, 3);

    let mut last = None;
    files
        .load(&OpenOptions::default(), &mut |progress| {
            last = Some(progress);
            ControlFlow::Continue(())
        })
        .expect("a decoder");
    let last = last.expect("progress");
    assert_eq!(last.done_bytes, last.total_bytes);
}

#[test]
fn memory_decides_the_context_or_refuses() {
    let files = ModelFiles::open(&ModelLocation::Path(tiny("base"))).expect("sound");
    let weights = files.weight_memory_bytes();
    let cache = |tokens| files.spec().cache_bytes(files.cache_element(), tokens);
    let context = |context_tokens, available_bytes| {
        let options = OpenOptions {
            context_tokens,
            available_bytes,
            ..OpenOptions::default()
        };
        files
            .load(&options, &mut |_| ControlFlow::Continue(()))
            .map(|loaded| {
                assert_eq!(loaded.memory_bytes, weights + cache(loaded.context_tokens));
                assert_eq!(loaded.decoder.weight_bytes(), weights);
                loaded.context_tokens
            })
    };
    assert_eq!(context(None, None).expect("fits"), 128);
    assert_eq!(context(Some(50), None).expect("fits"), 50);
    assert_eq!(context(Some(500), None).expect("fits"), 128);
    assert_eq!(
        context(None, Some(weights + cache(128))).expect("fits"),
        128
    );
    // A context below 512 tokens is not shortened further.
    for available_bytes in [0, weights - 1, weights + cache(128) - 1] {
        let refused = context(None, Some(available_bytes)).expect_err("too large");
        assert!(
            matches!(refused, ModelError::TooLarge { needed_bytes, available_bytes: available }
                if needed_bytes == weights + cache(128) && available == available_bytes),
            "{refused:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_rights_is_told_as_such() {
    use std::os::unix::fs::PermissionsExt;
    let folder = copy_of_base();
    let rights = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path(), mode).expect("our own folder");
    };
    rights(0o000);
    let refused = inspect(&ModelLocation::from_path(folder.path()));
    let readable = std::fs::read_dir(folder.path()).is_ok();
    rights(0o700);
    if readable {
        eprintln!("SKIPPED: this user may read everything (root)");
        return;
    }
    let error = refused.expect_err("an error");
    assert!(
        matches!(error, ModelError::PermissionDenied { .. }),
        "{error:?}"
    );
}
