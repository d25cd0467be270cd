//! Sound GGUF files.

use crate::{
    builders::{GgufBuilder, gguf_array, gguf_string},
    embedded,
};
use candle_core::quantized::gguf_file;
use nc_quant::{Gguf, Source, Value, WeightType};
use std::{io::Cursor, path::Path};

fn open(builder: &GgufBuilder) -> Gguf {
    Gguf::open(embedded(&builder.build())).expect("a sound file")
}

#[test]
fn a_sound_file_gives_its_metadata_and_tensors() {
    for version in [2, 3] {
        let file = open(&GgufBuilder {
            version,
            ..GgufBuilder::sample()
        });
        assert_eq!(file.version(), version);
        let metadata = file.metadata();
        assert_eq!(metadata.architecture(), Some("llama"));
        assert_eq!(metadata.u64("llama.block_count"), Some(2));
        assert_eq!(metadata.i64("negative"), Some(-3));
        assert_eq!(metadata.u64("negative"), None);
        assert_eq!(metadata.f64("llama.rope.freq_base"), Some(10000.0));
        assert_eq!(metadata.f64("wide"), Some(0.5));
        assert_eq!(metadata.f64("llama.block_count"), Some(2.0));
        assert_eq!(metadata.bool("tokenizer.ggml.add_bos_token"), Some(true));
        assert_eq!(metadata.bool("llama.block_count"), None);
        let tokens = metadata.strings("tokenizer.ggml.tokens").expect("strings");
        assert_eq!(tokens, ["<s>", "", "ab"]);
        assert_eq!(
            metadata.f32s("tokenizer.ggml.scores").as_deref(),
            Some(&[0.0, -1.0, -2.5][..])
        );
        assert_eq!(metadata.i32s("tokenizer.ggml.scores"), None);
        assert_eq!(metadata.str("no.such.key"), None);
        assert_eq!(metadata.len(), 8);

        let embedding = &file.tensors()["token_embd.weight"];
        assert_eq!(embedding.shape, [3, 2]);
        assert_eq!(embedding.weight_type, WeightType::F32);
        let weights = file.read_f32("token_embd.weight").expect("f32");
        assert_eq!(
            weights.to_vec2::<f32>().expect("2-d"),
            [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        );
        let output = file.read_f32("output.weight").expect("Q8_0");
        assert_eq!(output.to_vec1::<f32>().expect("1-d"), [1.0; 32]);
    }
}

#[test]
fn every_kind_of_value_is_read() {
    let cases: [(u32, &[u8], &str); 12] = [
        (0, &[200], "200"),
        (1, &[0xff], "-1"),
        (2, &[1, 2], "513"),
        (3, &[0xfe, 0xff], "-2"),
        (4, &[0, 0, 0, 0x80], "2147483648"),
        (5, &[0, 0, 0, 0x80], "-2147483648"),
        (6, &[0, 0, 0, 0x3f], "0.5"),
        (7, &[0], "false"),
        (8, b"\x03\0\0\0\0\0\0\0a\xffb", "a?b"),
        (10, &[0xff; 8], "18446744073709551615"),
        (11, &[0xff; 8], "-1"),
        (12, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f], "0.5"),
    ];
    for (type_id, bytes, shown) in cases {
        let file = open(&GgufBuilder::default().key("k", type_id, bytes));
        assert_eq!(
            file.metadata().get("k").map(Value::to_string).as_deref(),
            Some(shown),
            "type {type_id}"
        );
    }
    let names = [
        "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "", "u64", "i64", "f64",
    ];
    for (type_id, bytes) in [1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8]
        .into_iter()
        .enumerate()
    {
        if bytes == 0 {
            continue; // arrays of arrays are refused
        }
        let value = gguf_array(type_id as u32, 3, &vec![0; 3 * bytes]);
        let file = open(&GgufBuilder::default().key("k", 9, &value));
        let array = file.metadata().array("k").expect("an array");
        assert_eq!((array.type_name(), array.len()), (names[type_id], 3));
    }
}

#[test]
fn strings_are_taken_as_real_files_have_them() {
    let pieces: Vec<u8> = [&b"\xc3"[..], b"\0", "é".as_bytes()]
        .iter()
        .flat_map(|piece| gguf_string(piece))
        .collect();
    let file = open(
        &GgufBuilder::default()
            .key("chat", 8, &gguf_string(b"hello\0\0"))
            .key("pieces", 9, &gguf_array(8, 3, &pieces)),
    );
    assert_eq!(file.metadata().str("chat"), Some("hello"));
    let list = file.metadata().string_list("pieces").expect("strings");
    assert_eq!(
        (list.bytes(0), list.bytes(1), list.bytes(3)),
        (Some(&b"\xc3"[..]), Some(&b"\0"[..]), None)
    );
    assert_eq!(list.iter().collect::<Vec<_>>(), ["\u{fffd}", "\0", "é"]);
}

#[test]
fn any_sound_alignment_is_followed() {
    for alignment in [1u64, 8, 64, 4096] {
        let key = (alignment as u32).to_le_bytes();
        let file = open(
            &GgufBuilder {
                alignment,
                ..GgufBuilder::sample()
            }
            .key("general.alignment", 4, &key),
        );
        assert_eq!(
            file.read_f32("output.weight")
                .expect("Q8_0")
                .to_vec1::<f32>()
                .expect("1-d"),
            [1.0; 32]
        );
        assert!(
            file.tensors()
                .values()
                .all(|info| info.offset % alignment == 0)
        );
    }
}

#[test]
fn types_without_a_decoder_are_refused_only_when_read() {
    for weight_type in [
        WeightType::IQ4_NL,
        WeightType::TQ2_0,
        WeightType::MXFP4,
        WeightType::I32,
    ] {
        let id = weight_type.ggml_id().expect("a ggml type");
        let (weights, bytes) = (
            weight_type.block_weights() as u64,
            vec![7; weight_type.block_bytes()],
        );
        let file = open(&GgufBuilder::default().tensor("w", &[weights], id, &bytes));
        crate::check_error(
            "f32",
            &file.read_f32("w").expect_err("no decoder"),
            "Undecodable",
        );
        crate::check_error(
            "blocks",
            &file.read_quantized("w").expect_err("no decoder"),
            "Undecodable",
        );
        assert_eq!(file.read_bytes("w").expect("bytes"), bytes);
    }
    let file = open(&GgufBuilder::sample());
    crate::check_error(
        "absent",
        &file.read_f32("absent").expect_err("absent"),
        "NoSuchTensor",
    );
}

/// Candle has a reader of its own; it must see what we see.
fn same_as_candle(name: &str, bytes: &'static [u8]) {
    let ours = Gguf::open(Source::embedded(name, bytes)).expect("ours");
    let theirs = gguf_file::Content::read(&mut Cursor::new(bytes)).expect("candle's");
    assert_eq!(ours.tensors().len(), theirs.tensor_infos.len(), "{name}");
    for (tensor, info) in ours.tensors() {
        let other = &theirs.tensor_infos[tensor];
        assert_eq!(info.shape, other.shape.dims(), "{name} {tensor}");
        assert_eq!(
            info.offset,
            theirs.tensor_data_offset + other.offset,
            "{name} {tensor}"
        );
        assert_eq!(
            info.weight_type.ggml_dtype(),
            Some(other.ggml_dtype),
            "{name} {tensor}"
        );
    }
    assert_eq!(ours.metadata().len(), theirs.metadata.len(), "{name}");
    for (key, value) in ours.metadata().iter() {
        let other = &theirs.metadata[key];
        match value {
            Value::String(text) => {
                assert_eq!(text, other.to_string().expect("string"), "{name} {key}")
            }
            Value::Array(array) => {
                let other = other.to_vec().expect("array");
                assert_eq!(array.len(), other.len(), "{name} {key}");
                if let Some(list) = ours.metadata().string_list(key) {
                    // Candle drops zero bytes at the end of tokens; we keep them, a token may be one.
                    let pairs = list.iter().zip(other);
                    pairs.for_each(|(a, b)| {
                        assert_eq!(a.trim_end_matches('\0'), b.to_string().expect("string"))
                    });
                }
                if let Some(scores) = ours.metadata().f32s(key) {
                    let pairs = scores.iter().zip(other);
                    pairs.for_each(|(a, b)| {
                        assert_eq!(
                            a.to_bits(),
                            b.to_f32().expect("f32").to_bits(),
                            "{name} {key}"
                        )
                    });
                }
            }
            Value::F32(value) => assert_eq!(*value, other.to_f32().expect("f32"), "{name} {key}"),
            Value::F64(value) => assert_eq!(*value, other.to_f64().expect("f64"), "{name} {key}"),
            // `U32(7)` for 7.
            _ => assert!(
                format!("{other:?}").contains(&format!("({value})")),
                "{name} {key}: {value} and {other:?}"
            ),
        }
    }
}

#[test]
fn candle_reads_the_same() {
    same_as_candle(
        "sample",
        Box::leak(GgufBuilder::sample().build().into_boxed_slice()),
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/tokenizers");
    for name in ["falcon", "gpt-2", "llama-spm", "mpt"] {
        let path = folder.join(format!("ggml-vocab-{name}.gguf"));
        match std::fs::read(&path) {
            Ok(bytes) => same_as_candle(name, Box::leak(bytes.into_boxed_slice())),
            Err(_) => eprintln!(
                "{} is not here: only our own sample was compared",
                path.display()
            ),
        }
    }
}
