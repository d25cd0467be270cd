//! Adapters that cannot be used, merges that cannot be made: said precisely, and nothing unfinished is left.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::{Tensors, adapter, base_as, load, open, tensors_of, tiny};
use nc_model::{
    AdapterError, Lora, LoraError, MergeOptions, ModelError, OpenOptions, Site, merge,
    read_adapter, write_adapter,
};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

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
