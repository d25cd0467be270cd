//! Parsing a GGUF header: magic, version, metadata, tensor infos. The layout is described in ggml's docs/gguf.md.

use super::{
    cursor::{Cursor, HEADER_LIMIT},
    metadata::{Array, Metadata, StringList, Value},
};
use crate::{FileError, Source, TensorInfo, WeightType, error::shown, tensor_info::size_in_bytes};
use std::collections::BTreeMap;

const DEFAULT_ALIGNMENT: u64 = 32;
const ALIGNMENT_LIMIT: u64 = 1 << 20;
/// A model has some dozens of keys and some hundreds or thousands of tensors.
const KEY_LIMIT: u64 = 1 << 16;
const TENSOR_LIMIT: u64 = 1 << 20;
/// The longest name GGUF allows.
const NAME_LIMIT: u64 = (1 << 16) - 1;
const DIMENSION_LIMIT: u32 = 4;
/// A key of no letters, a type and a value of one byte.
const LEAST_KEY_BYTES: u64 = 8 + 4 + 1;
/// A name of no letters, no dimensions, a type and an offset.
const LEAST_TENSOR_BYTES: u64 = 8 + 4 + 4 + 8;

pub(super) struct Header {
    pub(super) version: u32,
    pub(super) metadata: Metadata,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
}

pub(super) fn read(source: &Source) -> Result<Header, FileError> {
    let mut cursor = Cursor::new(source);
    let version = read_version(&mut cursor)?;
    let tensor_count = cursor.u64("the number of tensors")?;
    let key_count = cursor.u64("the number of metadata keys")?;
    at_most(
        &cursor,
        "metadata keys",
        key_count,
        KEY_LIMIT,
        LEAST_KEY_BYTES,
    )?;
    at_most(
        &cursor,
        "tensors",
        tensor_count,
        TENSOR_LIMIT,
        LEAST_TENSOR_BYTES,
    )?;

    let mut values = BTreeMap::new();
    for _ in 0..key_count {
        let key = read_name(&mut cursor, "a metadata key")?;
        let value = read_value(&mut cursor, &key)?;
        if values.contains_key(&key) {
            return Err(FileError::DuplicateKey {
                file: cursor.file(),
                key: shown(&key),
            });
        }
        values.insert(key, value);
    }
    let metadata = Metadata::new(values);
    refuse_part(&cursor, &metadata)?;
    let alignment = alignment(&cursor, &metadata)?;

    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let tensor = read_tensor_info(&mut cursor, alignment)?;
        if tensors.contains_key(&tensor.name) {
            return Err(FileError::DuplicateTensor {
                file: cursor.file(),
                tensor: shown(&tensor.name),
            });
        }
        tensors.insert(tensor.name.clone(), tensor);
    }
    // At most HEADER_LIMIT + ALIGNMENT_LIMIT.
    place(
        source,
        cursor.position().next_multiple_of(alignment),
        &mut tensors,
    )?;
    Ok(Header {
        version,
        metadata,
        tensors,
    })
}

fn read_version(cursor: &mut Cursor<'_>) -> Result<u32, FileError> {
    let found = cursor.array("the magic number")?;
    if &found != b"GGUF" {
        return Err(FileError::WrongMagic {
            file: cursor.file(),
            format: "GGUF",
            found,
        });
    }
    match cursor.u32("the version")? {
        version @ (2 | 3) => Ok(version),
        // Small numbers whose bytes are the other way round.
        version if version.swap_bytes() <= 0xffff && version > 0xffff => {
            Err(FileError::BigEndian {
                file: cursor.file(),
            })
        }
        version => Err(FileError::UnsupportedVersion {
            file: cursor.file(),
            version,
        }),
    }
}

fn at_most(
    cursor: &Cursor<'_>,
    what: &'static str,
    count: u64,
    limit: u64,
    least: u64,
) -> Result<(), FileError> {
    cursor.expect(what, count, least)?;
    if count > limit {
        return Err(FileError::TooMany {
            file: cursor.file(),
            what,
            count,
            limit,
        });
    }
    Ok(())
}

fn read_name(cursor: &mut Cursor<'_>, what: &'static str) -> Result<String, FileError> {
    let offset = cursor.position();
    String::from_utf8(cursor.string(what, NAME_LIMIT)?).map_err(|_| FileError::NotUtf8 {
        file: cursor.file(),
        what,
        offset,
    })
}

fn read_value(cursor: &mut Cursor<'_>, key: &str) -> Result<Value, FileError> {
    const WHAT: &str = "a metadata value";
    Ok(match cursor.u32("a value type")? {
        0 => Value::U8(u8::from_le_bytes(cursor.array(WHAT)?)),
        1 => Value::I8(i8::from_le_bytes(cursor.array(WHAT)?)),
        2 => Value::U16(u16::from_le_bytes(cursor.array(WHAT)?)),
        3 => Value::I16(i16::from_le_bytes(cursor.array(WHAT)?)),
        4 => Value::U32(u32::from_le_bytes(cursor.array(WHAT)?)),
        5 => Value::I32(i32::from_le_bytes(cursor.array(WHAT)?)),
        6 => Value::F32(f32::from_le_bytes(cursor.array(WHAT)?)),
        7 => {
            let [byte] = cursor.array(WHAT)?;
            Value::Bool(truth(cursor, key, byte)?)
        }
        8 => Value::String(text(cursor.string("a metadata string", HEADER_LIMIT)?)),
        9 => Value::Array(read_array(cursor, key)?),
        10 => Value::U64(u64::from_le_bytes(cursor.array(WHAT)?)),
        11 => Value::I64(i64::from_le_bytes(cursor.array(WHAT)?)),
        12 => Value::F64(f64::from_le_bytes(cursor.array(WHAT)?)),
        found => {
            return Err(FileError::UnknownValueType {
                file: cursor.file(),
                key: shown(key),
                found,
            });
        }
    })
}

fn read_array(cursor: &mut Cursor<'_>, key: &str) -> Result<Array, FileError> {
    const WHAT: &str = "values of a metadata array";
    let element = cursor.u32("the type of an array")?;
    let count = cursor.u64("the length of an array")?;
    Ok(match element {
        0 => Array::U8(cursor.numbers(WHAT, count)?),
        1 => Array::I8(cursor.numbers(WHAT, count)?),
        2 => Array::U16(cursor.numbers(WHAT, count)?),
        3 => Array::I16(cursor.numbers(WHAT, count)?),
        4 => Array::U32(cursor.numbers(WHAT, count)?),
        5 => Array::I32(cursor.numbers(WHAT, count)?),
        6 => Array::F32(cursor.numbers(WHAT, count)?),
        7 => {
            let bytes: Vec<u8> = cursor.numbers(WHAT, count)?;
            // Checked first, so that what is collected has a known length and never grows past it.
            if let Some(&byte) = bytes.iter().find(|&&byte| byte > 1) {
                truth(cursor, key, byte)?;
            }
            Array::Bool(bytes.into_iter().map(|byte| byte == 1).collect())
        }
        8 => Array::String(read_strings(cursor, count)?),
        9 => {
            return Err(FileError::NestedArray {
                file: cursor.file(),
                key: shown(key),
            });
        }
        10 => Array::U64(cursor.numbers(WHAT, count)?),
        11 => Array::I64(cursor.numbers(WHAT, count)?),
        12 => Array::F64(cursor.numbers(WHAT, count)?),
        found => {
            return Err(FileError::UnknownValueType {
                file: cursor.file(),
                key: shown(key),
                found,
            });
        }
    })
}

fn read_strings(cursor: &mut Cursor<'_>, count: u64) -> Result<StringList, FileError> {
    let count = cursor.expect("strings", count, 8)?;
    let mut ends = Vec::with_capacity(count);
    let mut bytes = Vec::new();
    for _ in 0..count {
        cursor.append_string("a string of an array", &mut bytes)?;
        ends.push(bytes.len() as u32); // below HEADER_LIMIT
    }
    Ok(StringList::new(bytes, ends))
}

fn truth(cursor: &Cursor<'_>, key: &str, byte: u8) -> Result<bool, FileError> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(FileError::NotABoolean {
            file: cursor.file(),
            key: shown(key),
            found,
        }),
    }
}

/// A model that was cut into several files has its metadata in the first and its tensors in all.
fn refuse_part(cursor: &Cursor<'_>, metadata: &Metadata) -> Result<(), FileError> {
    match metadata.u64("split.count") {
        Some(parts) if parts > 1 => Err(FileError::SplitFile {
            file: cursor.file(),
            part: metadata.u64("split.no").unwrap_or(0).saturating_add(1),
            parts,
        }),
        _ => Ok(()),
    }
}

/// Real files end strings with zero bytes, and cut UTF-8 in two; neither is a reason to refuse a model. The replacement is one
/// byte long, so that the text never grows.
fn text(mut bytes: Vec<u8>) -> String {
    bytes.truncate(
        bytes
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last + 1),
    );
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.into_bytes();
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push('?');
            }
        }
        text
    })
}

fn alignment(cursor: &Cursor<'_>, metadata: &Metadata) -> Result<u64, FileError> {
    const KEY: &str = "general.alignment";
    let Some(value) = metadata.get(KEY) else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    match metadata.u64(KEY) {
        Some(alignment) if alignment.is_power_of_two() && alignment <= ALIGNMENT_LIMIT => {
            Ok(alignment)
        }
        _ => Err(FileError::BadAlignment {
            file: cursor.file(),
            found: shown(&value.to_string()),
            limit: ALIGNMENT_LIMIT,
        }),
    }
}

/// The offset it gives is still relative to the data section.
fn read_tensor_info(cursor: &mut Cursor<'_>, alignment: u64) -> Result<TensorInfo, FileError> {
    let name = read_name(cursor, "a tensor name")?;
    let (file, tensor) = (cursor.file(), || shown(&name));
    let dimensions = cursor.u32("the number of dimensions")?;
    if dimensions > DIMENSION_LIMIT {
        return Err(FileError::TooManyDimensions {
            file,
            tensor: tensor(),
            found: dimensions.into(),
            limit: DIMENSION_LIMIT.into(),
        });
    }
    let mut shape: Vec<u64> = cursor.numbers("the shape of a tensor", dimensions.into())?;
    shape.reverse();
    let type_id = cursor.u32("a weight type")?;
    let Some(weight_type) = WeightType::from_ggml_id(type_id) else {
        return Err(FileError::UnknownWeightType {
            file,
            tensor: tensor(),
            found: format!("number {type_id}"),
        });
    };
    let offset = cursor.u64("the offset of a tensor")?;
    if shape.contains(&0) {
        return Err(FileError::ZeroDimension {
            file,
            tensor: tensor(),
        });
    }
    let (row, block) = (
        shape.last().copied().unwrap_or(1),
        weight_type.block_weights() as u64,
    );
    if !row.is_multiple_of(block) {
        return Err(FileError::PartialBlock {
            file,
            tensor: tensor(),
            weight_type,
            row,
            block,
        });
    }
    let bytes = size_in_bytes(&file, &name, &shape, weight_type)?;
    if !offset.is_multiple_of(alignment) {
        return Err(FileError::Misaligned {
            file,
            tensor: tensor(),
            offset,
            alignment,
        });
    }
    // Each fits: their product does.
    let shape = shape.into_iter().map(|n| n as usize).collect();
    Ok(TensorInfo {
        name,
        shape,
        weight_type,
        offset,
        bytes,
    })
}

/// Turns offsets into absolute ones and checks that every tensor has a place of its own in the file.
fn place(
    source: &Source,
    data_start: u64,
    tensors: &mut BTreeMap<String, TensorInfo>,
) -> Result<(), FileError> {
    let file = || source.name().to_owned();
    for info in tensors.values_mut() {
        let end = data_start
            .checked_add(info.offset)
            .and_then(|offset| offset.checked_add(info.bytes));
        if end.is_none_or(|end| end > source.len()) {
            return Err(FileError::OutOfRange {
                file: file(),
                tensor: shown(&info.name),
                offset: data_start.saturating_add(info.offset),
                bytes: info.bytes,
                file_bytes: source.len(),
            });
        }
        info.offset += data_start;
    }
    let mut in_order: Vec<&TensorInfo> = tensors.values().collect();
    in_order.sort_unstable_by_key(|info| info.offset);
    match in_order
        .windows(2)
        .find(|pair| pair[0].end() > pair[1].offset)
    {
        Some(pair) => Err(FileError::Overlap {
            file: file(),
            first: shown(&pair[0].name),
            second: shown(&pair[1].name),
        }),
        None => Ok(()),
    }
}
