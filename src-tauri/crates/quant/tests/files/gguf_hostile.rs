//! GGUF files that lie.

use crate::{
    allocation::within_bounds,
    builders::{GgufBuilder, gguf_array, gguf_string},
    check_error, embedded,
};
use nc_quant::Gguf;

fn check(case: &str, bytes: &[u8], expected: &str) {
    let source = embedded(bytes);
    match within_bounds(bytes.len(), || Gguf::open(source)) {
        Ok(_) => panic!("{case}: was accepted, not {expected}"),
        Err(error) => check_error(case, &error, expected),
    }
}

fn sample() -> GgufBuilder {
    GgufBuilder::sample()
}

fn key(type_id: u32, value: &[u8]) -> Vec<u8> {
    sample().key("k", type_id, value).build()
}

fn tensor(dimensions: &[u64], type_id: u32, bytes: usize) -> Vec<u8> {
    GgufBuilder::default()
        .tensor("w", dimensions, type_id, &vec![0; bytes])
        .build()
}

fn at(offset: u64) -> Vec<u8> {
    let mut builder = GgufBuilder::default()
        .tensor("w", &[8], 0, &[0; 32])
        .tensor("x", &[8], 0, &[0; 32]);
    builder.tensors[1].offset = Some(offset);
    builder.build()
}

#[test]
fn not_gguf_at_all() {
    check("empty", b"", "Truncated");
    check("three bytes", b"GGU", "Truncated");
    check(
        "magic",
        &GgufBuilder {
            magic: *b"GGML",
            ..sample()
        }
        .build(),
        "WrongMagic",
    );
    check(
        "safetensors",
        &crate::builders::safetensors_sample(),
        "WrongMagic",
    );
    for version in [0, 1, 4, 1000, u32::MAX] {
        check(
            "version",
            &GgufBuilder {
                version,
                ..sample()
            }
            .build(),
            "UnsupportedVersion",
        );
    }
    check(
        "big-endian",
        &GgufBuilder {
            version: 3 << 24,
            ..sample()
        }
        .build(),
        "BigEndian",
    );
}

#[test]
fn counts_that_cannot_be() {
    for count in [1 << 60, u64::MAX, u64::MAX / 24 + 1, 1000] {
        check(
            "tensors",
            &GgufBuilder {
                tensor_count: Some(count),
                ..sample()
            }
            .build(),
            "ImpossibleCount",
        );
        check(
            "keys",
            &GgufBuilder {
                key_count: Some(count),
                ..sample()
            }
            .build(),
            "ImpossibleCount",
        );
        check("string", &key(8, &count.to_le_bytes()), "ImpossibleCount");
        for element in [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12] {
            check(
                "array",
                &key(9, &gguf_array(element, count, &[])),
                "ImpossibleCount",
            );
        }
        let strings = gguf_array(8, 1, &count.to_le_bytes());
        check("string in an array", &key(9, &strings), "ImpossibleCount");
        let mut name = sample().build();
        name[24..32].copy_from_slice(&count.to_le_bytes());
        check("name of the first key", &name, "ImpossibleCount");
    }
    // Possible by its bytes, and still more than any model has.
    let many = [
        GgufBuilder {
            key_count: Some(1 << 17),
            ..GgufBuilder::default()
        }
        .build(),
        vec![0; 13 << 17],
    ]
    .concat();
    check("131072 keys", &many, "TooMany");
    check(
        "a name of 70000 letters",
        &GgufBuilder::default()
            .key(&"k".repeat(70_000), 0, &[0])
            .build(),
        "TooMany",
    );
}

#[test]
fn metadata_that_lies() {
    check("value type", &key(13, &[0; 8]), "UnknownValueType");
    check(
        "array type",
        &key(9, &gguf_array(13, 1, &[0; 8])),
        "UnknownValueType",
    );
    check("truth", &key(7, &[2]), "NotABoolean");
    check(
        "truths",
        &key(9, &gguf_array(7, 3, &[0, 1, 2])),
        "NotABoolean",
    );
    // Each level is twelve bytes: a type and a count.
    let levels = gguf_array(9, 1, &[]).repeat(5000);
    check("arrays in arrays", &key(9, &levels), "NestedArray");
    check(
        "twice",
        &sample().key("general.architecture", 0, &[0]).build(),
        "DuplicateKey",
    );
    let mut latin = sample().build();
    latin[32] = 0xff;
    check("name of a key", &latin, "NotUtf8");
    for alignment in [0u32, 3, 48, 1 << 21, u32::MAX] {
        check(
            "alignment",
            &sample()
                .key("general.alignment", 4, &alignment.to_le_bytes())
                .build(),
            "BadAlignment",
        );
    }
    check(
        "alignment",
        &sample()
            .key("general.alignment", 8, &gguf_string(b"32"))
            .build(),
        "BadAlignment",
    );
    check(
        "alignment",
        &sample()
            .key("general.alignment", 5, &(-32i32).to_le_bytes())
            .build(),
        "BadAlignment",
    );
}

/// A file of a split model, as gguf-split writes it: 16 bits, counted from 0.
fn part(number: u16, count: u16) -> GgufBuilder {
    sample()
        .key("split.no", 2, &number.to_le_bytes())
        .key("split.count", 2, &count.to_le_bytes())
}

#[test]
fn a_part_of_a_model_is_told_as_such() {
    check("first", &part(0, 3).build(), "SplitFile");
    let largest = u64::MAX.to_le_bytes();
    let lie = sample()
        .key("split.no", 10, &largest)
        .key("split.count", 10, &largest);
    check("many", &lie.build(), "SplitFile");
    // Parts after the first lack the keys of the model.
    let last = GgufBuilder {
        keys: part(2, 3).keys.split_off(8),
        ..sample()
    };
    let error = Gguf::open(embedded(&last.build())).expect_err("the last part");
    check_error("last", &error, "SplitFile");
    assert!(error.to_string().contains("part 3 of 3"), "{error}");
    assert!(error.remedy().contains("gguf-split --merge"));
    // Joined again, or never split.
    for count in [0, 1] {
        Gguf::open(embedded(&part(0, count).build())).expect("a whole model");
    }
}

#[test]
fn shapes_that_cannot_be() {
    check(
        "five dimensions",
        &tensor(&[1, 1, 1, 1, 1], 0, 4),
        "TooManyDimensions",
    );
    check("zero", &tensor(&[4, 0], 0, 0), "ZeroDimension");
    check(
        "overflow",
        &tensor(&[1 << 32, 1 << 32], 0, 4),
        "ShapeOverflow",
    );
    check(
        "overflow to a little",
        &tensor(&[1 << 32, 1 << 32, 1 << 32], 0, 4),
        "ShapeOverflow",
    );
    check(
        "overflow in bytes",
        &tensor(&[1 << 62], 28, 8),
        "ShapeOverflow",
    );
    check(
        "overflow as f32",
        &tensor(&[1 << 61], 24, 8),
        "ShapeOverflow",
    );
    check(
        "largest",
        &tensor(&[u64::MAX, u64::MAX, u64::MAX, u64::MAX], 0, 4),
        "ShapeOverflow",
    );
    check(
        "rows of half a block",
        &tensor(&[16, 2], 2, 18),
        "PartialBlock",
    );
    check(
        "one weight in blocks",
        &tensor(&[], 12, 144),
        "PartialBlock",
    );
    for type_id in [4, 5, 31, 36, 1000, u32::MAX] {
        check(
            "weight type",
            &tensor(&[32], type_id, 64),
            "UnknownWeightType",
        );
    }
    let dimensions = [
        &GgufBuilder {
            tensor_count: Some(1),
            ..GgufBuilder::default()
        }
        .build()[..],
        &gguf_string(b"w"),
    ]
    .concat();
    check(
        "dimensions",
        &[&dimensions[..], &u32::MAX.to_le_bytes(), &[0; 64]].concat(),
        "TooManyDimensions",
    );
}

#[test]
fn places_that_cannot_be() {
    check("unaligned", &at(33), "Misaligned");
    check("overlap", &at(0), "Overlap");
    check("behind the end", &at(64), "OutOfRange");
    check("far behind the end", &at(1 << 60), "OutOfRange");
    check("around the world", &at(u64::MAX - 31), "OutOfRange");
    check(
        "larger than the file",
        &tensor(&[1 << 40], 0, 64),
        "OutOfRange",
    );
    check(
        "twice",
        &sample().tensor("output.weight", &[1], 0, &[0; 4]).build(),
        "DuplicateTensor",
    );
    let mut latin = GgufBuilder::default().tensor("w", &[1], 0, &[0; 4]).build();
    latin[32] = 0xff;
    check("name of a tensor", &latin, "NotUtf8");
}

#[test]
fn cut_off_anywhere() {
    let whole = sample().build();
    for length in 0..whole.len() {
        let source = embedded(&whole[..length]);
        let error = within_bounds(length, || Gguf::open(source)).expect_err("a part of a file");
        assert!(
            ["Truncated", "ImpossibleCount", "OutOfRange"]
                .contains(&crate::variant(&error).as_str()),
            "{error}"
        );
    }
}

#[test]
fn a_header_without_end_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse.gguf");
    let count = 300u64 << 20;
    let header = GgufBuilder::default()
        .key("k", 9, &gguf_array(0, count, &[]))
        .build();
    std::fs::write(&path, &header).expect("written");
    // Sparse: it takes no room on the disk, and has the bytes that the count asks for.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("open");
    file.set_len(header.len() as u64 + count).expect("sparse");
    let source = nc_quant::Source::open(&path).expect("a file");
    let error = within_bounds(0, || Gguf::open(source)).expect_err("300 MiB of header");
    check_error("300 MiB", &error, "HeaderTooLarge");
}
