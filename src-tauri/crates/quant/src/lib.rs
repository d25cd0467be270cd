//! Weight files, read as hostile input.
//!
//! [`Gguf`], [`Safetensors`] and [`ShardedSafetensors`] check a whole header before they give anything out: every count, length
//! and offset is held against the bytes that are really in the file before memory is asked for. Weights come as candle tensors,
//! read by position rather than through a memory map, so a file that shrinks while it is in use is [`FileErrorKind::Changed`]
//! and not a SIGBUS.

mod decode;
mod error;
mod gguf;
mod safetensors;
mod source;
mod tensor_info;
mod weight_type;

pub use error::{FileError, FileErrorKind};
pub use gguf::{Array, Gguf, Metadata, StringList, Value};
pub use safetensors::{Safetensors, ShardedSafetensors};
pub use source::Source;
pub use tensor_info::TensorInfo;
pub use weight_type::WeightType;

// Both formats are little-endian and candle reads blocks as they lie in memory.
const _: () = assert!(
    cfg!(target_endian = "little"),
    "weight files are read on little-endian machines only"
);
