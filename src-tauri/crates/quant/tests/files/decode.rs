//! Blocks, decoded by candle through our reader, against decoders written out here and against ggml's own bytes.

use crate::{builders::GgufBuilder, embedded};
use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QTensor},
};
use nc_quant::{Gguf, WeightType};
use std::path::Path;

fn gguf(weight_type: WeightType, rows: usize, columns: usize, bytes: &[u8]) -> Gguf {
    let id = weight_type.ggml_id().expect("a ggml type");
    let file = GgufBuilder::default()
        .tensor("w", &[columns as u64, rows as u64], id, bytes)
        .build();
    Gguf::open(embedded(&file)).expect("a sound file")
}

fn read(weight_type: WeightType, bytes: &[u8], columns: usize) -> Vec<f32> {
    let rows = bytes.len() / weight_type.block_bytes() * weight_type.block_weights() / columns;
    let file = gguf(weight_type, rows, columns, bytes);
    let decoded = file.read_f32("w").expect("decoded");
    assert_eq!(decoded.dims(), [rows, columns]);
    let quantized = file.read_quantized("w").expect("blocks");
    assert_eq!(
        quantized.data().expect("bytes").as_ref(),
        bytes,
        "{weight_type}: the blocks are those of the file"
    );
    let flat = |tensor: Tensor| {
        tensor
            .flatten_all()
            .and_then(|t| t.to_vec1::<f32>())
            .expect("weights")
    };
    let decoded = flat(decoded);
    assert_eq!(
        flat(quantized.dequantize(&Device::Cpu).expect("decoded")),
        decoded,
        "{weight_type}"
    );
    decoded
}

/// Bytes without a pattern, the same on every run.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn half(bytes: &[u8]) -> f32 {
    half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// d · (q - 8); the low nibbles come first.
fn q4_0(block: &[u8], weight: usize) -> f32 {
    let byte = block[2 + weight % 16];
    half(block) * (f32::from(if weight < 16 { byte & 15 } else { byte >> 4 }) - 8.0)
}

/// d · q
fn q8_0(block: &[u8], weight: usize) -> f32 {
    half(block) * f32::from(block[2 + weight] as i8)
}

/// d · scale · q - dmin · min, with a scale and a min of six bits for each 32 weights.
fn q4_k(block: &[u8], weight: usize) -> f32 {
    let (scales, quants, group) = (&block[4..16], &block[16..], weight / 32);
    let (scale, min) = if group < 4 {
        (scales[group] & 63, scales[group + 4] & 63)
    } else {
        let (high_scale, high_min) = (scales[group - 4] >> 6, scales[group] >> 6);
        (
            scales[group + 4] & 15 | high_scale << 4,
            scales[group + 4] >> 4 | high_min << 4,
        )
    };
    let byte = quants[group / 2 * 32 + weight % 32];
    let quant = if group % 2 == 0 { byte & 15 } else { byte >> 4 };
    (half(block) * f32::from(scale)) * f32::from(quant) - half(&block[2..]) * f32::from(min)
}

/// d · scale · (q - 32): four bits in `low`, two in `high`, a scale of eight bits for each 16 weights.
fn q6_k(block: &[u8], weight: usize) -> f32 {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let (half_block, place) = (weight / 128, weight % 128);
    let (quarter, column) = (place / 32, place % 32);
    let byte = low[half_block * 64 + quarter % 2 * 32 + column];
    let four = if quarter < 2 { byte & 15 } else { byte >> 4 };
    let two = high[half_block * 32 + column] >> (2 * quarter) & 3;
    let scale = scales[weight / 16] as i8;
    half(&block[208..]) * f32::from(scale) * (f32::from(four | two << 4) - 32.0)
}

#[test]
fn blocks_are_decoded_by_their_definition() {
    let check = |weight_type: WeightType, halves: &[usize], decoder: fn(&[u8], usize) -> f32| {
        let (block_weights, block_bytes) = (weight_type.block_weights(), weight_type.block_bytes());
        let mut bytes = noise(4 * block_bytes);
        for block in bytes.chunks_mut(block_bytes) {
            // Scales of a bearable size: noise would make some of them NaN.
            halves
                .iter()
                .for_each(|&at| block[at + 1] = 0x24 | block[at + 1] & 0x83);
        }
        let decoded = read(weight_type, &bytes, 2 * block_weights);
        for (number, block) in bytes.chunks(block_bytes).enumerate() {
            for weight in 0..block_weights {
                let (found, expected) = (
                    decoded[number * block_weights + weight],
                    decoder(block, weight),
                );
                let close = (found - expected).abs() <= 1e-6 * expected.abs().max(1e-3);
                assert!(
                    close,
                    "{weight_type} block {number} weight {weight}: {found} for {expected}"
                );
            }
        }
    };
    check(WeightType::Q4_0, &[0], q4_0);
    check(WeightType::Q8_0, &[0], q8_0);
    check(WeightType::Q4K, &[0, 2], q4_k);
    check(WeightType::Q6K, &[208], q6_k);
}

/// Ten cycles of a sine with a slow swell, within [-1, 1].
fn wave(count: usize) -> Vec<f32> {
    (0..count)
        .map(|n| (n as f32 * 0.1227).sin() * (0.2 + 0.8 * n as f32 / count as f32))
        .collect()
}

#[test]
fn every_type_candle_holds_is_read() {
    let types: Vec<WeightType> = WeightType::ALL
        .iter()
        .copied()
        .filter(|t| t.ggml_dtype().is_some())
        .collect();
    assert_eq!(types.len(), 15);
    // More than one chunk of the reader.
    let (rows, columns) = (3, 100 * 1024);
    let weights = wave(rows * columns);
    let tensor = Tensor::from_slice(&weights, (rows, columns), &Device::Cpu).expect("a tensor");
    for weight_type in types {
        let dtype = weight_type.ggml_dtype().expect("filtered");
        assert_eq!(
            dtype.block_size(),
            weight_type.block_weights(),
            "{weight_type}"
        );
        assert_eq!(
            dtype.type_size(),
            weight_type.block_bytes(),
            "{weight_type}"
        );
        let blocks = QTensor::quantize(&tensor, dtype).expect("quantized");
        let decoded = read(weight_type, &blocks.data().expect("bytes"), columns);
        let error = root_mean_square(&weights, &decoded);
        let bound = match dtype {
            GgmlDType::Q2K => 0.08,
            GgmlDType::Q3K => 0.05,
            _ => 0.03,
        };
        assert!(error < bound, "{weight_type}: {error}");
    }
}

fn root_mean_square(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / a.len() as f32).sqrt()
}

#[test]
fn bytes_written_by_ggml_are_decoded() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/quant/ggml-vectors");
    if !folder.is_dir() {
        eprintln!(
            "{} is not here: only blocks of our own were decoded",
            folder.display()
        );
        return;
    }
    // Root mean square errors for weights spread evenly over [-1, 1]: about a step over √12.
    let cases = [
        ("q4_0_64", WeightType::Q4_0, 0.045),
        ("q4_1_64", WeightType::Q4_1, 0.042),
        ("q5_0_64", WeightType::Q5_0, 0.022),
        ("q5_1_64", WeightType::Q5_1, 0.021),
        ("q8_0_64", WeightType::Q8_0, 0.003),
        ("q2_k_512", WeightType::Q2K, 0.18),
        ("q3_k_512", WeightType::Q3K, 0.09),
        ("q4_k_512", WeightType::Q4K, 0.042),
        ("q5_k_512", WeightType::Q5K, 0.021),
        ("q6_k_512", WeightType::Q6K, 0.012),
    ];
    for (name, weight_type, bound) in cases {
        for variant in ["noim", "im"] {
            let file = |part: &str| {
                std::fs::read(folder.join(format!("{name}_{variant}_{part}.bin"))).expect(name)
            };
            let floats = file("input");
            let input: Vec<f32> = floats
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect();
            let decoded = read(weight_type, &file("expected"), input.len() / 2);
            let error = root_mean_square(&input, &decoded);
            println!("{name} {variant}: {error}");
            assert!(error < bound, "{name} {variant}: {error}");
        }
    }
}
