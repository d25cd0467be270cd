//! Sound safetensors files.

use crate::{
    builders::{safetensors, safetensors_sample},
    embedded,
};
use nc_quant::{Safetensors, WeightType};

/// A file with one tensor.
fn one(dtype: &str, shape: &str, data: &[u8]) -> Safetensors {
    let header = format!(
        r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#,
        data.len()
    );
    Safetensors::open(embedded(&safetensors(&header, data))).expect("a sound file")
}

#[test]
fn a_sound_file_gives_its_metadata_and_tensors() {
    let bytes = safetensors_sample();
    let file = Safetensors::open(embedded(&bytes)).expect("a sound file");
    assert_eq!(
        file.metadata().get("format").map(String::as_str),
        Some("pt")
    );
    assert_eq!(
        file.tensors().keys().collect::<Vec<_>>(),
        ["a.weight", "b.weight", "c"]
    );
    let info = &file.tensors()["b.weight"];
    assert_eq!(
        (info.shape.as_slice(), info.weight_type, info.bytes),
        (&[4][..], WeightType::BF16, 8)
    );
    assert_eq!(info.offset, bytes.len() as u64 - 10);
    let weights = file.read_f32("a.weight").expect("F32");
    assert_eq!(
        weights.to_vec2::<f32>().expect("2-d"),
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    );
    let weights = file.read_f32("b.weight").expect("BF16");
    assert_eq!(
        weights.to_vec1::<f32>().expect("1-d"),
        [1.0, -1.0, 2.0, f32::INFINITY]
    );
    assert_eq!(
        file.read_f32("c")
            .expect("F16")
            .to_scalar::<f32>()
            .expect("a number"),
        1.5
    );
    assert_eq!(file.read_bytes("c").expect("bytes"), [0x00, 0x3e]);
    crate::check_error(
        "absent",
        &file.read_f32("absent").expect_err("absent"),
        "NoSuchTensor",
    );
}

#[test]
fn every_float_type_is_decoded() {
    let check = |dtype: &str, data: &[u8], expected: &[f32]| {
        let weights = one(dtype, &format!("[{}]", expected.len()), data)
            .read_f32("w")
            .expect(dtype);
        assert_eq!(weights.to_vec1::<f32>().expect("1-d"), expected, "{dtype}");
    };
    check(
        "F64",
        &[1.5f64, -1e-3, 1e300].map(f64::to_le_bytes).concat(),
        &[1.5, -1e-3, f32::INFINITY],
    );
    check(
        "F32",
        &[f32::MIN_POSITIVE, -0.1].map(f32::to_le_bytes).concat(),
        &[f32::MIN_POSITIVE, -0.1],
    );
    // The smallest subnormal, the largest number, infinity.
    check(
        "F16",
        &[0x0001u16, 0x7bff, 0xfc00].map(u16::to_le_bytes).concat(),
        &[2f32.powi(-24), 65504.0, f32::NEG_INFINITY],
    );
    check(
        "BF16",
        &[0x0001u16, 0xc0a0].map(u16::to_le_bytes).concat(),
        &[f32::from_bits(0x1_0000), -5.0],
    );
    check(
        "F8_E4M3",
        &[0x01, 0x07, 0x08, 0x38, 0x7e, 0xfe, 0x80],
        &[
            2f32.powi(-9),
            7.0 * 2f32.powi(-9),
            2f32.powi(-6),
            1.0,
            448.0,
            -448.0,
            -0.0,
        ],
    );
    check(
        "F8_E5M2",
        &[0x01, 0x3c, 0x7b, 0xfc],
        &[2f32.powi(-16), 1.0, 57344.0, f32::NEG_INFINITY],
    );
    let nan = one("F8_E4M3", "[2]", &[0x7f, 0xff])
        .read_f32("w")
        .expect("F8_E4M3");
    assert!(
        nan.to_vec1::<f32>()
            .expect("1-d")
            .iter()
            .all(|weight| weight.is_nan())
    );
}

#[test]
fn other_types_are_refused_only_when_read() {
    for (dtype, bytes) in [
        ("I64", 32),
        ("BOOL", 4),
        ("U8", 4),
        ("F4", 2),
        ("F6_E2M3", 3),
        ("F8_E8M0", 4),
        ("C64", 32),
    ] {
        let file = one(dtype, "[4]", &vec![1; bytes]);
        crate::check_error(dtype, &file.read_f32("w").expect_err(dtype), "Undecodable");
        assert_eq!(file.read_bytes("w").expect("bytes").len(), bytes);
    }
}

#[test]
fn tensors_without_weights_are_sound() {
    let file = one("F32", "[0,3]", &[]);
    assert_eq!(file.read_f32("w").expect("nothing").dims(), [0, 3]);
    let file = Safetensors::open(embedded(&safetensors("{}", &[]))).expect("no tensors");
    assert!(file.tensors().is_empty() && file.metadata().is_empty());
}

#[test]
fn large_tensors_are_decoded_whole() {
    // More than one chunk, and not a whole number of them.
    let weights: Vec<f32> = (0..600_001).map(|n| n as f32 - 300_000.0).collect();
    let data: Vec<u8> = weights
        .iter()
        .flat_map(|weight| weight.to_le_bytes())
        .collect();
    assert_eq!(
        one("F32", "[600001]", &data)
            .read_f32("w")
            .expect("F32")
            .to_vec1::<f32>()
            .expect("1-d"),
        weights
    );
    let data: Vec<u8> = weights
        .iter()
        .flat_map(|weight| f64::from(*weight).to_le_bytes())
        .collect();
    assert_eq!(
        one("F64", "[600001]", &data)
            .read_f32("w")
            .expect("F64")
            .to_vec1::<f32>()
            .expect("1-d"),
        weights
    );
}
