//! Checkpoints in parts, in folders and inside the program.

use crate::{
    builders::{safetensors, safetensors_sample},
    check_error,
};
use nc_quant::ShardedSafetensors;
use std::path::Path;

const INDEX: &str = "model.safetensors.index.json";

fn part(name: &str, value: f32) -> Vec<u8> {
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
    safetensors(&header, &value.to_le_bytes())
}

/// Opens the files from a folder and as embedded bytes; both must come to the same.
fn open(files: &[(&str, Vec<u8>)]) -> Result<ShardedSafetensors, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    let leaked: Vec<(&str, &'static [u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, &*bytes.clone().leak()))
        .collect();
    let embedded = ShardedSafetensors::embedded("embedded", &leaked);
    let on_disk = ShardedSafetensors::open(folder.path());
    match (&embedded, &on_disk) {
        (Ok(embedded), Ok(on_disk)) => assert_eq!(embedded.tensors(), on_disk.tensors()),
        (Err(embedded), Err(on_disk)) => {
            assert_eq!(crate::variant(embedded), crate::variant(on_disk))
        }
        _ => panic!("{embedded:?} but {on_disk:?}"),
    }
    on_disk.map_err(|error| {
        check_error("sharded", &error, &crate::variant(&error));
        crate::variant(&error)
    })
}

fn read(checkpoint: &ShardedSafetensors, name: &str) -> f32 {
    checkpoint
        .read_f32(name)
        .expect(name)
        .to_vec1::<f32>()
        .expect("1-d")[0]
}

#[test]
fn one_file_or_many() {
    let index = br#"{"metadata":{"total_size":8},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}"#;
    let parts = [
        ("model-1.safetensors", part("a", 1.0)),
        ("model-2.safetensors", part("b", 2.0)),
        (INDEX, index.to_vec()),
        ("config.json", b"{}".to_vec()),
    ];
    let checkpoint = open(&parts).expect("two parts");
    assert_eq!((read(&checkpoint, "a"), read(&checkpoint, "b")), (1.0, 2.0));
    assert_eq!(checkpoint.shards().len(), 2);
    assert_eq!(checkpoint.tensors().len(), 2);
    check_error(
        "absent",
        &checkpoint.read_f32("c").expect_err("absent"),
        "NoSuchTensor",
    );

    let single = open(&[
        ("model.safetensors", safetensors_sample()),
        (INDEX, b"not read".to_vec()),
    ])
    .expect("one file");
    assert_eq!(single.tensors().len(), 3);
    assert_eq!(
        single
            .metadata()
            .and_then(|metadata| metadata.get("format"))
            .map(String::as_str),
        Some("pt")
    );
    assert_eq!(single.read_bytes("c").expect("bytes").len(), 2);
}

#[test]
fn an_index_that_lies() {
    let check = |index: &str, expected: &str| {
        let parts = [
            ("a.safetensors", part("a", 1.0)),
            ("b.safetensors", b"{}".to_vec()),
            (INDEX, index.into()),
        ];
        assert_eq!(
            open(&parts)
                .map(|_| String::new())
                .unwrap_or_else(|error| error),
            expected,
            "{index}"
        );
    };
    for name in [
        "../a.safetensors",
        "/etc/passwd",
        "x/a.safetensors",
        "..",
        ".",
        "",
        "C:a",
        "x\\\\a",
        "a\\u0000",
    ] {
        check(
            &format!(r#"{{"weight_map":{{"a":"{name}"}}}}"#),
            "BadShardName",
        );
    }
    check(r#"{"weight_map":{"a":"c.safetensors"}}"#, "MissingShard");
    check(
        r#"{"weight_map":{"x":"a.safetensors"}}"#,
        "MissingFromShard",
    );
    check(r#"{"weight_map":{"x":"b.safetensors"}}"#, "Truncated");
    check(
        r#"{"weight_map":{"a":"a.safetensors","a":"a.safetensors"}}"#,
        "DuplicateTensor",
    );
    for index in [
        "",
        "{}",
        "[]",
        r#"{"weight_map":{"a":1}}"#,
        r#"{"weight_map":{},"weight_map":{}}"#,
        "{\"weight_map\":{}}}",
    ] {
        check(index, "BadIndex");
    }
    check(&"[".repeat(100_000), "BadIndex");
    check(&format!("{{\"x\":{}", "[".repeat(100_000)), "BadIndex");
}

#[test]
fn folders_without_weights() {
    assert_eq!(
        open(&[("config.json", b"{}".to_vec())]).map(|_| ()),
        Err("NoWeights".to_owned())
    );
    let folder = tempfile::tempdir().expect("a folder");
    let check = |path: &Path, expected: &str| {
        check_error(
            expected,
            &ShardedSafetensors::open(path).expect_err(expected),
            expected,
        );
    };
    check(&folder.path().join("absent"), "NotFound");
    let file = folder.path().join("file");
    std::fs::write(&file, b"").expect("written");
    check(&file, "NotAFolder");
    std::fs::create_dir(folder.path().join("model.safetensors")).expect("created");
    check(folder.path(), "NotAFile");
}

#[test]
fn a_real_checkpoint_is_read_as_the_reference_reads_it() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/models/stories260k");
    let Ok(bytes) = std::fs::read(folder.join("model.safetensors")) else {
        eprintln!(
            "{} is not here: only our own files were read",
            folder.display()
        );
        return;
    };
    let checkpoint = ShardedSafetensors::open(&folder).expect("a sound checkpoint");
    let reference = ::safetensors::SafeTensors::deserialize(&bytes).expect("a sound file");
    assert_eq!(checkpoint.tensors().len(), reference.len());
    for (name, info) in checkpoint.tensors() {
        let view = reference.tensor(name).expect("the same tensors");
        assert_eq!(info.shape, view.shape(), "{name}");
        let expected: Vec<f32> = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let weights = checkpoint
            .read_f32(name)
            .expect(name)
            .flatten_all()
            .expect(name);
        assert_eq!(weights.to_vec1::<f32>().expect(name), expected, "{name}");
    }
}
