//! From bytes in a file to candle tensors.

use crate::{FileError, Source, TensorInfo, WeightType, error::shown};
use candle_core::{CpuStorage, Device, Tensor, quantized};
use half::{
    f16,
    slice::{HalfBitsSliceExt, HalfFloatSliceExt},
};
use std::borrow::Cow;

/// Weights decoded at a time: a whole number of every block, 1 MiB as f32, so that the intermediate stays in cache.
const CHUNK_WEIGHTS: usize = 256 * 1024;

/// The raw bytes of a tensor.
pub(crate) fn read_bytes(source: &Source, info: &TensorInfo) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    reserve(&mut bytes, info.bytes as usize, source, info)?;
    bytes.resize(info.bytes as usize, 0);
    source.read_at(info.offset, &mut bytes)?;
    Ok(bytes)
}

/// Some of a tensor's raw bytes, from `first` on.
pub(crate) fn read_part(
    source: &Source,
    info: &TensorInfo,
    first: u64,
    target: &mut [u8],
) -> Result<(), FileError> {
    let end = first.saturating_add(target.len() as u64);
    assert!(end <= info.bytes, "a part lies within its tensor");
    source.read_at(info.offset + first, target)
}

/// A tensor of any decodable type as f32, on the processor.
pub(crate) fn read_f32(source: &Source, info: &TensorInfo) -> Result<Tensor, FileError> {
    if !info.weight_type.is_decodable() {
        return Err(undecodable(source, info));
    }
    let weights = info.weights();
    let mut decoded: Vec<f32> = Vec::new();
    reserve(&mut decoded, weights, source, info)?;
    let mut raw = Aligned::default();
    let mut offset = info.offset;
    while decoded.len() < weights {
        let start = decoded.len();
        let count = CHUNK_WEIGHTS.min(weights - start);
        decoded.resize(start + count, 0.0);
        let target = &mut decoded[start..];
        let bytes = count / info.weight_type.block_weights() * info.weight_type.block_bytes();
        if info.weight_type == WeightType::F32 {
            source.read_at(offset, bytemuck::cast_slice_mut(target))?;
        } else {
            source.read_at(offset, raw.first(bytes))?;
            decode(info.weight_type, raw.first(bytes), target)
                .map_err(|error| refused(source, info, error))?;
        }
        offset += bytes as u64;
    }
    Tensor::from_vec(decoded, info.shape.as_slice(), &Device::Cpu)
        .map_err(|error| refused(source, info, error))
}

/// A tensor in its blocks as they lie in the file.
pub(crate) fn read_quantized(
    source: &Source,
    info: &TensorInfo,
) -> Result<quantized::QTensor, FileError> {
    let dtype = info
        .weight_type
        .ggml_dtype()
        .ok_or_else(|| undecodable(source, info))?;
    let bytes = info.bytes as usize;
    let mut raw = Aligned::default();
    reserve(&mut raw.words, bytes.div_ceil(8), source, info)?;
    source.read_at(info.offset, raw.first(bytes))?;
    quantized::QStorage::from_data(Cow::Borrowed(raw.first(bytes)), &Device::Cpu, dtype)
        .and_then(|storage| quantized::QTensor::new(storage, info.shape.as_slice()))
        .map_err(|error| refused(source, info, error))
}

/// Bytes that start where a `u64` may start, which candle's views of blocks insist on.
#[derive(Default)]
struct Aligned {
    words: Vec<u64>,
}

impl Aligned {
    fn first(&mut self, bytes: usize) -> &mut [u8] {
        let words = bytes.div_ceil(8);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        &mut bytemuck::cast_slice_mut(&mut self.words)[..bytes]
    }
}

fn decode(weight_type: WeightType, bytes: &[u8], target: &mut [f32]) -> candle_core::Result<()> {
    match weight_type {
        // By slices: one at a time, `half` asks for the processor's abilities each time.
        WeightType::F16 => bytemuck::cast_slice::<u8, u16>(bytes)
            .reinterpret_cast::<f16>()
            .convert_to_f32_slice(target),
        WeightType::BF16 => bytemuck::cast_slice::<u8, u16>(bytes)
            .iter()
            .zip(target)
            .for_each(|(&bits, weight)| *weight = f32::from_bits(u32::from(bits) << 16)),
        WeightType::F64 => bytemuck::cast_slice::<u8, f64>(bytes)
            .iter()
            .zip(target)
            .for_each(|(&wide, weight)| *weight = wide as f32),
        WeightType::F8E4M3 => bytes
            .iter()
            .zip(target)
            .for_each(|(&bits, weight)| *weight = f8e4m3(bits)),
        // The upper half of an f16, by design.
        WeightType::F8E5M2 => bytes
            .iter()
            .zip(target)
            .for_each(|(&bits, weight)| *weight = f16::from_bits(u16::from(bits) << 8).to_f32()),
        _ => {
            let Some(dtype) = weight_type.ggml_dtype() else {
                candle_core::bail!("no decoder for {weight_type}");
            };
            match dtype
                .from_data(Cow::Borrowed(bytes))
                .dequantize(target.len())?
            {
                CpuStorage::F32(decoded) => target.copy_from_slice(&decoded),
                _ => candle_core::bail!("{weight_type} was not decoded to f32"),
            }
        }
    }
    Ok(())
}

/// Four bits of exponent (bias 7), three of mantissa, no infinities, NaN where all seven are set.
fn f8e4m3(bits: u8) -> f32 {
    let sign = if bits & 0x80 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 3 & 0x0f), f32::from(bits & 0x07));
    match (exponent, bits & 0x07) {
        (15, 7) => f32::NAN,
        (0, _) => sign * mantissa * 2f32.powi(-9),
        _ => sign * (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
    }
}

fn reserve<T>(
    vector: &mut Vec<T>,
    count: usize,
    source: &Source,
    info: &TensorInfo,
) -> Result<(), FileError> {
    vector
        .try_reserve_exact(count)
        .map_err(|_| FileError::OutOfMemory {
            file: source.name().to_owned(),
            what: shown(&info.name),
            bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
        })
}

fn undecodable(source: &Source, info: &TensorInfo) -> FileError {
    FileError::Undecodable {
        file: source.name().to_owned(),
        tensor: shown(&info.name),
        weight_type: info.weight_type,
    }
}

fn refused(source: &Source, info: &TensorInfo, error: candle_core::Error) -> FileError {
    FileError::Candle {
        file: source.name().to_owned(),
        tensor: shown(&info.name),
        source: Box::new(error),
    }
}
