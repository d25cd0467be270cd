//! Files that are broken or meant to break something.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use nc_data::{DataError, Options, Refusal, read_examples};
use proptest::prelude::*;

use crate::{examples, file};

const ROW: &str = r#"{"instruction": "I", "output": "O"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Good rows around something bad: all good ones are read, the bad one is counted.
#[test]
fn a_bad_row_costs_itself() {
    let check = |bad: &[u8], array: bool, refusal: Refusal| {
        let mut bytes = Vec::new();
        let (open, between, close) = match array {
            true => ("[", ",", "]"),
            false => ("", "\n", "\n"),
        };
        for piece in [open.as_bytes(), ROW.as_bytes(), between.as_bytes(), bad] {
            bytes.extend_from_slice(piece);
        }
        for piece in [between, ROW, close] {
            bytes.extend_from_slice(piece.as_bytes());
        }
        let (found, reading) = examples(&bytes, Options::default()).expect("good rows");
        assert_eq!(found.len(), 2, "{refusal}");
        assert_eq!(reading.refused.count(refusal), 1, "{:?}", reading.refused);
        assert_eq!(reading.rows, 3);
        // Compressed it is the same.
        let (again, _) = examples(&gzip(&bytes), Options::default()).expect("good rows");
        assert_eq!(again, found);
    };
    let long = format!(r#"{{"instruction": "{}"}}"#, "x".repeat(17 << 20));
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for array in [false, true] {
        check(b"{\"instruction\": 'I'}", array, Refusal::Malformed);
        check(
            b"{\"instruction\": \"\xff\xfe\", \"output\": \"O\"}",
            array,
            Refusal::Malformed,
        );
        check(b"{\"a\": \"\0\"}", array, Refusal::Malformed);
        check(b"3", array, Refusal::NotAnObject);
        check(b"[1, 2]", array, Refusal::NotAnObject);
        check(deep.as_bytes(), array, Refusal::Malformed);
        check(long.as_bytes(), array, Refusal::TooLong);
    }
    // A line that was cut in the middle of a text does not swallow the next.
    check(b"{\"instruction\": \"I", false, Refusal::Malformed);
    // The last of two equal columns counts, as JSON parsers have it.
    check(
        br#"{"instruction": "I", "output": "O", "output": ""}"#,
        false,
        Refusal::Empty("output"),
    );
}

#[test]
fn a_file_cut_short_says_so() {
    let (found, reading) =
        examples(format!("[{ROW},\n{{\"instr").as_bytes(), Options::default()).expect("one row");
    assert_eq!(
        (found.len(), reading.refused.count(Refusal::CutOff)),
        (1, 1)
    );
    // Between two rows, too.
    let (_, reading) = examples(format!("[{ROW},").as_bytes(), Options::default()).expect("one");
    assert_eq!(reading.refused.count(Refusal::CutOff), 1);
    let whole = gzip(ROW.repeat(50_000).as_bytes());
    let error = examples(&whole[..whole.len() / 2], Options::default()).expect_err("cut off");
    assert!(matches!(error, DataError::File { .. }), "{error}");
}

#[test]
fn objects_over_several_lines_need_no_array() {
    let spread = "{\n  \"instruction\": \"I}\",\n  \"output\": \"O\\\"{\"\n}\n";
    let (found, _) = examples(spread.repeat(3).as_bytes(), Options::default()).expect("three");
    assert_eq!(found.len(), 3);
    let (found, reading) =
        examples(format!("{spread}]{spread}").as_bytes(), Options::default()).expect("two");
    assert_eq!(
        (found.len(), reading.refused.count(Refusal::Malformed)),
        (2, 1)
    );
}

#[test]
fn what_is_no_text_file_is_refused() {
    for bytes in [
        &b"\xff\xfe{\0"[..],
        b"PK\x03\x04",
        b"PAR1\0\0",
        b"\x89PNG\r\n",
    ] {
        let error = examples(bytes, Options::default()).expect_err("not rows");
        assert!(matches!(error, DataError::NotRows { .. }), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let error = read_examples(folder.path(), Options::default(), |_| ()).expect_err("a folder");
    assert!(error.to_string().contains("not a file"), "{error}");
    let missing = folder.path().join("no.json");
    let error = read_examples(&missing, Options::default(), |_| ()).expect_err("nothing");
    assert!(error.to_string().contains("no.json"), "{error}");
    // An open quotation mark must not read the whole file into memory.
    let open = format!("instruction,output\n\"{}", "x\n".repeat(10 << 20));
    let error = examples(open.as_bytes(), Options::default()).expect_err("a quotation mark");
    assert!(error.to_string().contains("quotation mark"), "{error}");
}

proptest! {
    /// Whatever the bytes, reading comes to an end, and every row is used or counted.
    #[test]
    fn any_bytes_are_read_to_their_end(
        pieces in prop::collection::vec(prop_oneof![
            Just(ROW.as_bytes().to_vec()),
            "[\\[\\]{},:\"\\\\\n ab]{0,6}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..4),
        ], 0..12)
    ) {
        let file = file(&pieces.concat());
        let mut taken = 0;
        if let Ok(reading) = read_examples(file.path(), Options::default(), |_| taken += 1) {
            prop_assert_eq!(reading.used, taken);
            prop_assert_eq!(reading.used + reading.refused.total(), reading.rows);
        }
    }
}
