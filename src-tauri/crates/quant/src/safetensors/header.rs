//! Parsing a safetensors header: eight bytes of length, JSON, then nothing but tensors. The `safetensors` crate wants the whole
//! file in memory or mapped, and takes the last of two tensors with one name; hence this reader.

use super::json::{self, Entry};
use crate::{FileError, Source, TensorInfo, WeightType, error::shown, tensor_info::size_in_bytes};
use std::collections::BTreeMap;

/// The limit of the reference implementation.
pub(super) const HEADER_LIMIT: u64 = 100_000_000;
const LENGTH_BYTES: u64 = 8;

pub(super) struct Header {
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    pub(super) metadata: BTreeMap<String, String>,
}

pub(super) fn read(source: &Source) -> Result<Header, FileError> {
    let file = || source.name().to_owned();
    let truncated = |what, offset, needed| FileError::Truncated {
        file: file(),
        what,
        offset,
        needed,
        available: source.len().saturating_sub(offset),
    };
    if source.len() < LENGTH_BYTES {
        return Err(truncated("the length of the header", 0, LENGTH_BYTES));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    source.read_at(0, &mut length)?;
    let needed = u64::from_le_bytes(length);
    if needed > source.len() - LENGTH_BYTES {
        return Err(truncated("the header", LENGTH_BYTES, needed));
    }
    if needed > HEADER_LIMIT {
        return Err(FileError::HeaderTooLarge {
            file: file(),
            needed,
            limit: HEADER_LIMIT,
        });
    }
    let mut text = vec![0; needed as usize];
    source.read_at(LENGTH_BYTES, &mut text)?;
    let text = std::str::from_utf8(&text).map_err(|error| FileError::NotUtf8 {
        file: file(),
        what: "the header",
        offset: LENGTH_BYTES + error.valid_up_to() as u64,
    })?;
    let parsed = json::header(&file(), text)?;
    let data_start = LENGTH_BYTES + needed;
    let mut tensors = BTreeMap::new();
    for (name, entry) in parsed.entries {
        let info = place(source, data_start, &name, &entry)?;
        tensors.insert(name, info);
    }
    covered(source, data_start, &tensors)?;
    Ok(Header {
        tensors,
        metadata: parsed.metadata,
    })
}

fn place(
    source: &Source,
    data_start: u64,
    name: &str,
    entry: &Entry,
) -> Result<TensorInfo, FileError> {
    let (file, tensor) = (|| source.name().to_owned(), || shown(name));
    let Some(weight_type) = WeightType::from_safetensors_name(&entry.dtype) else {
        return Err(FileError::UnknownWeightType {
            file: file(),
            tensor: tensor(),
            found: shown(&entry.dtype),
        });
    };
    let (begin, end) = entry.data_offsets;
    let Some(found) = end.checked_sub(begin) else {
        return Err(FileError::ReversedOffsets {
            file: file(),
            tensor: tensor(),
            begin,
            end,
        });
    };
    let expected = size_in_bytes(source.name(), name, &entry.shape.0, weight_type)?;
    if found != expected {
        return Err(FileError::SizeMismatch {
            file: file(),
            tensor: tensor(),
            expected,
            found,
        });
    }
    if data_start
        .checked_add(end)
        .is_none_or(|end| end > source.len())
    {
        return Err(FileError::OutOfRange {
            file: file(),
            tensor: tensor(),
            offset: data_start.saturating_add(begin),
            bytes: found,
            file_bytes: source.len(),
        });
    }
    let shape = entry.shape.0.iter().map(|&n| n as usize).collect(); // their product fits
    Ok(TensorInfo {
        name: name.to_owned(),
        shape,
        weight_type,
        offset: data_start + begin,
        bytes: found,
    })
}

/// That the tensors cover the data section without overlaps, and without holes in which something could hide.
fn covered(
    source: &Source,
    data_start: u64,
    tensors: &BTreeMap<String, TensorInfo>,
) -> Result<(), FileError> {
    let mut in_order: Vec<&TensorInfo> = tensors.values().collect();
    in_order.sort_unstable_by_key(|info| (info.offset, info.bytes));
    let unused = |offset, next: u64| FileError::UnusedBytes {
        file: source.name().to_owned(),
        offset,
        bytes: next - offset,
    };
    let mut end = data_start;
    let mut before: Option<&TensorInfo> = None;
    for info in in_order {
        if info.offset < end {
            return Err(FileError::Overlap {
                file: source.name().to_owned(),
                first: shown(before.map_or("", |info| &info.name)),
                second: shown(&info.name),
            });
        }
        if info.offset > end {
            return Err(unused(end, info.offset));
        }
        end = info.end();
        before = Some(info);
    }
    if end < source.len() {
        return Err(unused(end, source.len()));
    }
    Ok(())
}
