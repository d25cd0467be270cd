//! Properties that hold for any bytes: no panic, no greed, and nothing accepted that other readers would see differently.

use crate::{
    allocation::within_bounds,
    builders::{GgufBuilder, gguf_array, gguf_string, safetensors, safetensors_sample},
    embedded,
};
use candle_core::quantized::gguf_file;
use nc_quant::{Gguf, Safetensors, WeightType};
use proptest::{collection::vec, prelude::*, sample::Index};
use std::{collections::BTreeMap, io::Cursor};

/// Opens it and, if it is sound, reads all of it.
fn exhaust_gguf(bytes: &[u8]) -> Option<Gguf> {
    let source = embedded(bytes);
    let file = within_bounds(bytes.len(), || Gguf::open(source)).ok()?;
    for (name, info) in file.tensors() {
        assert!(info.offset + info.bytes <= bytes.len() as u64);
        assert_eq!(
            file.read_bytes(name).expect("bytes").len() as u64,
            info.bytes
        );
        assert_eq!(file.read_f32(name).is_ok(), info.weight_type.is_decodable());
    }
    Some(file)
}

/// The same; what we accept, the reference implementation must accept and describe alike.
fn exhaust_safetensors(bytes: &[u8]) -> Option<Safetensors> {
    let source = embedded(bytes);
    let file = within_bounds(bytes.len(), || Safetensors::open(source)).ok()?;
    let reference = safetensors::SafeTensors::deserialize(bytes).expect("accepted by us");
    assert_eq!(reference.len(), file.tensors().len());
    for (name, info) in file.tensors() {
        let view = reference.tensor(name).expect("accepted by us");
        assert_eq!(view.shape(), info.shape);
        assert_eq!(view.data(), file.read_bytes(name).expect("bytes"));
        assert_eq!(file.read_f32(name).is_ok(), info.weight_type.is_decodable());
    }
    Some(file)
}

/// A change to some bytes of a file: another value at a place, a piece cut out, or a piece put in.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Truncate(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff), Just(0x7f)])
            .prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (any::<Index>(), 1..40usize).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => any::<Index>().prop_map(Change::Truncate),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        match change {
            Change::Set(at, byte) => *at.get_mut(&mut bytes) = *byte,
            Change::Remove(at, count) => {
                let start = at.index(bytes.len());
                bytes.drain(start..(start + count).min(bytes.len()));
            }
            Change::Insert(at, piece) => {
                let start = at.index(bytes.len());
                bytes.splice(start..start, piece.iter().copied());
            }
            Change::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// A sound GGUF file: some keys, some tensors of any type ggml has.
fn sound_gguf() -> impl Strategy<Value = GgufBuilder> {
    let value = prop_oneof![
        any::<u32>().prop_map(|value| (4, value.to_le_bytes().to_vec())),
        any::<f32>().prop_map(|value| (6, value.to_le_bytes().to_vec())),
        any::<bool>().prop_map(|value| (7, vec![value.into()])),
        "[a-z]{0,20}".prop_map(|text| (8, gguf_string(text.as_bytes()))),
        vec("[a-z]{0,5}", 0..20).prop_map(|texts| {
            let strings: Vec<u8> = texts
                .iter()
                .flat_map(|text| gguf_string(text.as_bytes()))
                .collect();
            (9, gguf_array(8, texts.len() as u64, &strings))
        }),
        vec(any::<i32>(), 0..20).prop_map(|values| {
            let bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (9, gguf_array(5, values.len() as u64, &bytes))
        }),
    ];
    let types: Vec<WeightType> = WeightType::ALL
        .iter()
        .copied()
        .filter(|t| t.ggml_id().is_some())
        .collect();
    let tensor = (
        proptest::sample::select(types),
        1..3u64,
        vec(1..3u64, 0..3),
        any::<u8>(),
    );
    let keys = proptest::collection::btree_map("[a-z.]{1,12}", value, 0..8);
    let tensors = proptest::collection::btree_map("[a-z.]{1,12}", tensor, 0..5);
    (2..=3u32, keys, tensors).prop_map(|(version, keys, tensors)| {
        let mut builder = GgufBuilder {
            version,
            ..GgufBuilder::default()
        };
        for (key, (type_id, value)) in keys {
            builder = builder.key(&key, type_id, &value);
        }
        for (name, (weight_type, blocks, outer, byte)) in tensors {
            let mut dimensions = vec![blocks * weight_type.block_weights() as u64];
            dimensions.extend(&outer);
            let count = blocks * outer.iter().product::<u64>();
            let data = vec![byte; count as usize * weight_type.block_bytes()];
            builder = builder.tensor(
                &name,
                &dimensions,
                weight_type.ggml_id().expect("filtered"),
                &data,
            );
        }
        builder
    })
}

/// A sound safetensors file.
fn sound_safetensors() -> impl Strategy<Value = Vec<u8>> {
    let types = proptest::sample::select(vec![
        ("F32", 4),
        ("F16", 2),
        ("BF16", 2),
        ("F64", 8),
        ("I64", 8),
        ("F8_E4M3", 1),
    ]);
    let tensor = (types, vec(0..4usize, 0..4), any::<u8>());
    let tensors = proptest::collection::btree_map("[a-z.\\PC]{1,8}", tensor, 0..6);
    tensors.prop_map(|tensors: BTreeMap<String, _>| {
        let mut data: Vec<u8> = Vec::new();
        let mut header = serde_json::Map::new();
        for (name, ((dtype, bytes), shape, byte)) in tensors {
            let begin = data.len();
            data.resize(begin + shape.iter().product::<usize>() * bytes, byte);
            let place = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, data.len()]});
            header.insert(name, place);
        }
        safetensors(&serde_json::Value::Object(header).to_string(), &data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..400)) {
        exhaust_gguf(&bytes);
        exhaust_gguf(&[b"GGUF\x03\0\0\0", &bytes[..]].concat());
        exhaust_safetensors(&bytes);
        exhaust_safetensors(&safetensors(&String::from_utf8_lossy(&bytes), &bytes));
    }

    #[test]
    fn any_gguf_counts(counts in vec(prop_oneof![0..40u64, any::<u64>()], 4..20)) {
        let words: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
        exhaust_gguf(&[b"GGUF\x03\0\0\0", &words[..]].concat());
    }

    #[test]
    fn sound_gguf_files_are_read_as_candle_reads_them(builder in sound_gguf()) {
        let bytes = builder.build();
        let file = exhaust_gguf(&bytes).expect("sound");
        prop_assert_eq!(file.tensors().len(), builder.tensors.len());
        for tensor in &builder.tensors {
            prop_assert_eq!(&file.read_bytes(&tensor.name).expect("bytes"), &tensor.data);
        }
        for (key, type_id, value) in &builder.keys {
            if *type_id == 4 {
                let expected = u32::from_le_bytes(value[..].try_into().expect("four bytes"));
                prop_assert_eq!(file.metadata().u64(key), Some(expected.into()));
            }
        }
        // Candle does not know all types; where it does, it must agree.
        if let Ok(content) = gguf_file::Content::read(&mut Cursor::new(&bytes)) {
            for (name, info) in file.tensors() {
                prop_assert_eq!(&info.shape, content.tensor_infos[name].shape.dims());
            }
        }
    }

    #[test]
    fn changed_gguf_files(builder in sound_gguf(), changes in vec(change(), 1..6)) {
        exhaust_gguf(&changed(builder.build(), &changes));
    }

    #[test]
    fn changed_gguf_sample(changes in vec(change(), 1..3)) {
        exhaust_gguf(&changed(GgufBuilder::sample().build(), &changes));
    }

    #[test]
    fn sound_safetensors_files(bytes in sound_safetensors()) {
        prop_assert!(exhaust_safetensors(&bytes).is_some());
    }

    #[test]
    fn changed_safetensors_files(bytes in sound_safetensors(), changes in vec(change(), 1..6)) {
        exhaust_safetensors(&changed(bytes, &changes));
    }

    #[test]
    fn changed_safetensors_sample(changes in vec(change(), 1..3)) {
        exhaust_safetensors(&changed(safetensors_sample(), &changes));
    }
}
