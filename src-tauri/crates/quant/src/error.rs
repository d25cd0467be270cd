//! What can be wrong with a weight file, precisely.

use crate::WeightType;

/// Coarse classes of [`FileError`]: what a caller may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileErrorKind {
    /// There is no such file, or a folder lacks the weights.
    NotFound,
    /// The system does not let us read it.
    PermissionDenied,
    /// The bytes contradict themselves or the format.
    Damaged,
    /// Sound as far as one can see, but of a kind this program does not read.
    Unsupported,
    /// The file shrank while it was in use.
    Changed,
    /// The tensor does not fit in memory.
    OutOfMemory,
    /// The system failed to read.
    Io,
}

/// Why a weight file, or one tensor of it, cannot be read. `file` is the name of the [`crate::Source`]; offsets and sizes are
/// in bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages document the variants, the fields are what the messages name
pub enum FileError {
    #[error("{file} does not exist")]
    NotFound { file: String },
    #[error("{file} may not be read by this user")]
    PermissionDenied { file: String },
    #[error("{file} is not a file")]
    NotAFile { file: String },
    #[error("{file} is not a folder")]
    NotAFolder { file: String },
    #[error("{file} could not be read: {source}")]
    Io {
        file: String,
        source: std::io::Error,
    },
    #[error(
        "{file} shrank while it was in use: it had {opened_bytes} bytes when it was opened, and {length} bytes at offset {offset} are gone"
    )]
    Changed {
        file: String,
        opened_bytes: u64,
        offset: u64,
        length: u64,
    },
    #[error("{file}: no memory for {bytes} bytes of {what}")]
    OutOfMemory {
        file: String,
        what: String,
        bytes: u64,
    },

    #[error(
        "{file} ends too early: {what} at offset {offset} needs {needed} bytes, {available} are left"
    )]
    Truncated {
        file: String,
        what: &'static str,
        offset: u64,
        needed: u64,
        available: u64,
    },
    #[error("{file} is not a {format} file: it begins with {found:02x?}")]
    WrongMagic {
        file: String,
        format: &'static str,
        found: [u8; 4],
    },
    #[error("{file} is GGUF version {version}; versions 2 and 3 are read")]
    UnsupportedVersion { file: String, version: u32 },
    #[error("{file} is a big-endian GGUF file; only little-endian ones are read")]
    BigEndian { file: String },
    #[error("{file} is part {part} of {parts} of a model; only models in one file are read")]
    SplitFile {
        file: String,
        /// Counted from 1.
        part: u64,
        parts: u64,
    },
    #[error("{file} has a header of more than {limit} bytes ({needed} wanted)")]
    HeaderTooLarge {
        file: String,
        needed: u64,
        limit: u64,
    },
    #[error("{file} claims {count} {what}; at most {limit} are read")]
    TooMany {
        file: String,
        what: &'static str,
        count: u64,
        limit: u64,
    },
    #[error(
        "{file} claims {count} {what} at offset {offset}, more than the {available} bytes left could hold"
    )]
    ImpossibleCount {
        file: String,
        what: &'static str,
        count: u64,
        offset: u64,
        available: u64,
    },
    #[error("{file}: {what} at offset {offset} is not valid UTF-8")]
    NotUtf8 {
        file: String,
        what: &'static str,
        offset: u64,
    },

    #[error(
        "{file}: the metadata key \"{key}\" has value type {found}, which GGUF does not define"
    )]
    UnknownValueType {
        file: String,
        key: String,
        found: u32,
    },
    #[error("{file}: the metadata key \"{key}\" holds an array of arrays, which is not read")]
    NestedArray { file: String, key: String },
    #[error("{file}: the metadata key \"{key}\" holds {found} where a truth value (0 or 1) is due")]
    NotABoolean {
        file: String,
        key: String,
        found: u8,
    },
    #[error("{file}: the metadata key \"{key}\" appears twice")]
    DuplicateKey { file: String, key: String },
    #[error("{file}: general.alignment is {found}; it must be a power of two of at most {limit}")]
    BadAlignment {
        file: String,
        found: String,
        limit: u64,
    },

    #[error("{file}: the header is not the JSON that safetensors prescribes: {source}")]
    BadHeader {
        file: String,
        source: serde_json::Error,
    },
    #[error("{file}: the index is not the JSON that sharded checkpoints have: {source}")]
    BadIndex {
        file: String,
        source: serde_json::Error,
    },
    #[error("{file}: {bytes} bytes at offset {offset} belong to no tensor")]
    UnusedBytes {
        file: String,
        offset: u64,
        bytes: u64,
    },

    #[error("{file}: the tensor \"{tensor}\" appears twice")]
    DuplicateTensor { file: String, tensor: String },
    #[error("{file}: the tensor \"{tensor}\" has {found} dimensions; at most {limit} are read")]
    TooManyDimensions {
        file: String,
        tensor: String,
        found: u64,
        limit: u64,
    },
    #[error("{file}: the tensor \"{tensor}\" has a dimension of zero")]
    ZeroDimension { file: String, tensor: String },
    #[error("{file}: the shape {shape:?} of the tensor \"{tensor}\" overflows")]
    ShapeOverflow {
        file: String,
        tensor: String,
        shape: Vec<u64>,
    },
    #[error("{file}: the tensor \"{tensor}\" has the unknown weight type {found}")]
    UnknownWeightType {
        file: String,
        tensor: String,
        found: String,
    },
    #[error(
        "{file}: the tensor \"{tensor}\" has rows of {row} weights, which blocks of {block} ({weight_type}) do not divide"
    )]
    PartialBlock {
        file: String,
        tensor: String,
        weight_type: WeightType,
        row: u64,
        block: u64,
    },
    #[error(
        "{file}: the tensor \"{tensor}\" starts at {offset}, which is not a multiple of the alignment {alignment}"
    )]
    Misaligned {
        file: String,
        tensor: String,
        offset: u64,
        alignment: u64,
    },
    #[error("{file}: the tensor \"{tensor}\" ends ({end}) before it begins ({begin})")]
    ReversedOffsets {
        file: String,
        tensor: String,
        begin: u64,
        end: u64,
    },
    #[error(
        "{file}: the tensor \"{tensor}\" takes {expected} bytes by its shape and type, {found} by its offsets"
    )]
    SizeMismatch {
        file: String,
        tensor: String,
        expected: u64,
        found: u64,
    },
    #[error(
        "{file}: the tensor \"{tensor}\" ({bytes} bytes at offset {offset}) lies outside the file of {file_bytes} bytes"
    )]
    OutOfRange {
        file: String,
        tensor: String,
        offset: u64,
        bytes: u64,
        file_bytes: u64,
    },
    #[error("{file}: the tensors \"{first}\" and \"{second}\" overlap")]
    Overlap {
        file: String,
        first: String,
        second: String,
    },

    #[error("{file} has no tensor \"{tensor}\"")]
    NoSuchTensor { file: String, tensor: String },
    #[error("{file}: the tensor \"{tensor}\" is {weight_type}, which cannot be decoded here")]
    Undecodable {
        file: String,
        tensor: String,
        weight_type: WeightType,
    },
    #[error("{file}: candle refused the tensor \"{tensor}\": {source}")]
    Candle {
        file: String,
        tensor: String,
        source: Box<candle_core::Error>,
    },

    #[error("{file} has neither model.safetensors nor model.safetensors.index.json")]
    NoWeights { file: String },
    #[error("{file} names the part \"{shard}\", which is not a plain file name")]
    BadShardName { file: String, shard: String },
    #[error("{file} names the part \"{shard}\", which is missing")]
    MissingShard { file: String, shard: String },
    #[error("{file} says that the tensor \"{tensor}\" is in \"{shard}\", and it is not")]
    MissingFromShard {
        file: String,
        tensor: String,
        shard: String,
    },
}

impl FileError {
    /// The class a caller may act on.
    pub fn kind(&self) -> FileErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoWeights { .. } | Self::MissingShard { .. } => {
                FileErrorKind::NotFound
            }
            Self::PermissionDenied { .. } => FileErrorKind::PermissionDenied,
            Self::Io { .. } => FileErrorKind::Io,
            Self::Changed { .. } => FileErrorKind::Changed,
            Self::OutOfMemory { .. } => FileErrorKind::OutOfMemory,
            Self::NotAFile { .. }
            | Self::NotAFolder { .. }
            | Self::UnsupportedVersion { .. }
            | Self::BigEndian { .. }
            | Self::SplitFile { .. }
            | Self::HeaderTooLarge { .. }
            | Self::TooMany { .. }
            | Self::NestedArray { .. }
            | Self::TooManyDimensions { .. }
            | Self::UnknownWeightType { .. }
            | Self::Undecodable { .. } => FileErrorKind::Unsupported,
            Self::Truncated { .. }
            | Self::WrongMagic { .. }
            | Self::ImpossibleCount { .. }
            | Self::NotUtf8 { .. }
            | Self::UnknownValueType { .. }
            | Self::NotABoolean { .. }
            | Self::DuplicateKey { .. }
            | Self::BadAlignment { .. }
            | Self::BadHeader { .. }
            | Self::BadIndex { .. }
            | Self::UnusedBytes { .. }
            | Self::DuplicateTensor { .. }
            | Self::ZeroDimension { .. }
            | Self::ShapeOverflow { .. }
            | Self::PartialBlock { .. }
            | Self::Misaligned { .. }
            | Self::ReversedOffsets { .. }
            | Self::SizeMismatch { .. }
            | Self::OutOfRange { .. }
            | Self::Overlap { .. }
            | Self::NoSuchTensor { .. }
            | Self::Candle { .. }
            | Self::BadShardName { .. }
            | Self::MissingFromShard { .. } => FileErrorKind::Damaged,
        }
    }

    /// What the person can do about it, one sentence.
    pub fn remedy(&self) -> &'static str {
        match self.kind() {
            FileErrorKind::NotFound => match self {
                Self::MissingShard { .. } => "Download the missing part into the same folder.",
                Self::NoWeights { .. } => {
                    "Choose a folder that holds model.safetensors, or a GGUF file."
                }
                _ => "Check the path, and that the drive is connected.",
            },
            FileErrorKind::PermissionDenied => {
                "Give your user the right to read the file, or copy it into a folder of your own."
            }
            FileErrorKind::Damaged => match self {
                Self::WrongMagic { .. } => {
                    "Choose a .gguf file or a folder with safetensors weights."
                }
                _ => "Download or export the file again; this copy is damaged.",
            },
            FileErrorKind::Unsupported => match self {
                Self::UnsupportedVersion { .. } => {
                    "Convert the model again with a current llama.cpp."
                }
                Self::BigEndian { .. } => "Convert the model for little-endian machines.",
                Self::SplitFile { .. } => {
                    "Join the parts with llama.cpp's gguf-split --merge, then open the file that it writes."
                }
                Self::NotAFile { .. } => "Choose an ordinary file.",
                Self::NotAFolder { .. } => "Choose the folder that the weights are in.",
                Self::Undecodable { .. } | Self::UnknownWeightType { .. } => {
                    "Get the model in another format: F16, BF16, Q8_0 or Q4_K_M are all read."
                }
                _ => {
                    "Get the model from another source; this file goes beyond what any known model needs."
                }
            },
            FileErrorKind::Changed => {
                "Wait until the file is whole again, then open the model anew."
            }
            FileErrorKind::OutOfMemory => "Close other programs, or choose a smaller model.",
            FileErrorKind::Io => "Check the drive, then try again.",
        }
    }
}

/// A name from a hostile file, fit to be shown: at most 100 characters, control characters replaced.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = name
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
