//! Safetensors files that lie.

use crate::{allocation::within_bounds, builders::safetensors, check_error, embedded};
use nc_quant::Safetensors;

fn check(case: &str, bytes: &[u8], expected: &str) {
    let source = embedded(bytes);
    match within_bounds(bytes.len(), || Safetensors::open(source)) {
        Ok(_) => panic!("{case}: was accepted, not {expected}"),
        Err(error) => check_error(case, &error, expected),
    }
}

/// A file with these tensors and so many bytes of data.
fn file(tensors: &str, data: usize) -> Vec<u8> {
    safetensors(&format!("{{{tensors}}}"), &vec![0; data])
}

fn tensor(dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

#[test]
fn headers_that_cannot_be() {
    check("empty", b"", "Truncated");
    check("seven bytes", &[0; 7], "Truncated");
    check("no header", &[0; 8], "BadHeader");
    for length in [1 << 60, u64::MAX, 100_000_001, 9] {
        check(
            "length",
            &[&u64::to_le_bytes(length)[..], b"{}"].concat(),
            "Truncated",
        );
    }
    check(
        "no UTF-8",
        &[&4u64.to_le_bytes()[..], b"{\"\xff\""].concat(),
        "NotUtf8",
    );
    for text in [
        "",
        " ",
        "[]",
        "{",
        "{}x",
        "null",
        "{\"w\":1}",
        "{\"w\":{}}",
        "{\"w\":null}",
        "{\"__metadata__\":[]}",
    ] {
        check(text, &safetensors(text, &[]), "BadHeader");
    }
    check("deep", &safetensors(&"[".repeat(100_000), &[]), "BadHeader");
    check(
        "deep in a tensor",
        &safetensors(&format!("{{\"w\":{}", "{\"a\":".repeat(50_000)), &[]),
        "BadHeader",
    );
    let unknown = format!("{{\"w\":{{\"x\":{}", "[".repeat(100_000));
    check(
        "deep in an unknown part",
        &safetensors(&unknown, &[]),
        "BadHeader",
    );
    let numbers = r#"{"__metadata__":{"a":1}}"#;
    check(
        "metadata of numbers",
        &safetensors(numbers, &[]),
        "BadHeader",
    );
    check(
        "a long escaped string",
        &safetensors(&format!("{{\"{}", "\\n".repeat(50_000)), &[]),
        "BadHeader",
    );
}

#[test]
fn names_that_come_twice() {
    let (first, second) = (tensor("F32", "[1]", 0, 4), tensor("F32", "[1]", 4, 8));
    check(
        "tensor",
        &file(&format!("{first},{second}"), 8),
        "DuplicateTensor",
    );
    check(
        "metadata",
        &file(r#""__metadata__":{},"__metadata__":{}"#, 0),
        "DuplicateKey",
    );
    check(
        "metadata key",
        &file(r#""__metadata__":{"a":"1","a":"2"}"#, 0),
        "DuplicateKey",
    );
    check(
        "escaped",
        &file(&format!("{first},{}", second.replace('w', "\\u0077")), 8),
        "DuplicateTensor",
    );
    let twice = r#""w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    check("field", &file(twice, 4), "BadHeader");
}

#[test]
fn shapes_that_cannot_be() {
    check(
        "type",
        &file(&tensor("F33", "[1]", 0, 4), 4),
        "UnknownWeightType",
    );
    check(
        "a type of ggml",
        &file(&tensor("Q8_0", "[32]", 0, 34), 34),
        "UnknownWeightType",
    );
    check(
        "a type without end",
        &file(&tensor(&"F".repeat(5000), "[1]", 0, 4), 4),
        "UnknownWeightType",
    );
    for shape in [
        "[4294967296,4294967296]",
        "[18446744073709551615]",
        "[0,9223372036854775807,9]",
    ] {
        check(
            shape,
            &file(&tensor("F32", shape, 0, 4), 4),
            "ShapeOverflow",
        );
    }
    for shape in [
        "[-1]",
        "[1.0]",
        "[1e0]",
        "[18446744073709551616]",
        "1",
        "[[1]]",
        "[\"1\"]",
        "null",
    ] {
        check(shape, &file(&tensor("F32", shape, 0, 4), 4), "BadHeader");
    }
    check(
        "17 dimensions",
        &file(&tensor("F32", &format!("[{}1]", "1,".repeat(16)), 0, 4), 4),
        "BadHeader",
    );
    check(
        "a million dimensions",
        &file(
            &tensor("F32", &format!("[{}1]", "1,".repeat(1 << 20)), 0, 4),
            4,
        ),
        "BadHeader",
    );
    check(
        "half a byte",
        &file(&tensor("F4", "[3]", 0, 2), 2),
        "PartialBlock",
    );
    check(
        "too small",
        &file(&tensor("F32", "[2]", 0, 4), 4),
        "SizeMismatch",
    );
    check(
        "too large",
        &file(&tensor("F16", "[1]", 0, 4), 4),
        "SizeMismatch",
    );
}

#[test]
fn places_that_cannot_be() {
    let other = r#","x":{"dtype":"F32","shape":[1],"data_offsets""#;
    check(
        "reversed",
        &file(&tensor("F32", "[1]", 4, 0), 4),
        "ReversedOffsets",
    );
    check(
        "behind the end",
        &file(&tensor("F32", "[1]", 0, 4), 3),
        "OutOfRange",
    );
    check(
        "far behind the end",
        &file(&tensor("U8", "[1]", (1 << 60) - 1, 1 << 60), 1),
        "OutOfRange",
    );
    check(
        "around the world",
        &file(&tensor("U8", "[1]", u64::MAX - 1, u64::MAX), 1),
        "OutOfRange",
    );
    check(
        "overlap",
        &file(&format!("{}{other}:[2,6]}}", tensor("F32", "[1]", 0, 4)), 6),
        "Overlap",
    );
    check(
        "the same place",
        &file(&format!("{}{other}:[0,4]}}", tensor("F32", "[1]", 0, 4)), 4),
        "Overlap",
    );
    check(
        "a hole",
        &file(&format!("{}{other}:[5,9]}}", tensor("F32", "[1]", 0, 4)), 9),
        "UnusedBytes",
    );
    check(
        "a hole at the start",
        &file(&tensor("F32", "[1]", 4, 8), 8),
        "UnusedBytes",
    );
    check(
        "a rest",
        &file(&tensor("F32", "[1]", 0, 4), 5),
        "UnusedBytes",
    );
    check("only a rest", &file("", 1), "UnusedBytes");
    check(
        "offsets missing",
        &file(r#""w":{"dtype":"F32","shape":[1]}"#, 4),
        "BadHeader",
    );
    check(
        "three offsets",
        &file(
            r#""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}"#,
            4,
        ),
        "BadHeader",
    );
}

#[test]
fn cut_off_anywhere() {
    let whole = crate::builders::safetensors_sample();
    for length in 0..whole.len() {
        let source = embedded(&whole[..length]);
        let error =
            within_bounds(length, || Safetensors::open(source)).expect_err("a part of a file");
        assert!(
            ["Truncated", "OutOfRange"].contains(&crate::variant(&error).as_str()),
            "{error}"
        );
    }
}

#[test]
fn a_header_without_end_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse.safetensors");
    let header = 100_000_001u64;
    std::fs::write(&path, header.to_le_bytes()).expect("written");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("open");
    file.set_len(header + 8).expect("sparse");
    let source = nc_quant::Source::open(&path).expect("a file");
    let error =
        within_bounds(0, || Safetensors::open(source)).expect_err("more than 100 MB of header");
    check_error("100 MB", &error, "HeaderTooLarge");
}
