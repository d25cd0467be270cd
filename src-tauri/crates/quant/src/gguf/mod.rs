//! GGUF files, versions 2 and 3, little-endian.

mod cursor;
mod header;
mod metadata;

pub use metadata::{Array, Metadata, StringList, Value};

use crate::{FileError, Source, TensorInfo, decode, error::shown};
use candle_core::{Tensor, quantized::QTensor};
use std::collections::BTreeMap;

/// An open GGUF file whose header has been read and checked. Weights are read when they are asked for.
#[derive(Debug)]
pub struct Gguf {
    source: Source,
    version: u32,
    metadata: Metadata,
    tensors: BTreeMap<String, TensorInfo>,
}

impl Gguf {
    /// Reads and checks the header: all metadata, and that each tensor has a place of its own inside the file.
    ///
    /// # Errors
    /// Any [`FileError`] of a GGUF header. Weight types that cannot be decoded are no error here, only when they are read.
    pub fn open(source: Source) -> Result<Self, FileError> {
        let header::Header {
            version,
            metadata,
            tensors,
        } = header::read(&source)?;
        Ok(Self {
            source,
            version,
            metadata,
            tensors,
        })
    }

    /// The file it was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What the file says about its model and vocabulary.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// A tensor decoded to f32, in the shape of its [`TensorInfo`]. Memory: the result, and about 2 MiB.
    ///
    /// # Errors
    /// `NoSuchTensor`, `Undecodable`, `OutOfMemory`, `Changed`, `Io`.
    pub fn read_f32(&self, name: &str) -> Result<Tensor, FileError> {
        decode::read_f32(&self.source, self.info(name)?)
    }

    /// A tensor in the blocks it is stored in. Memory: the result, and while it is made the same again.
    ///
    /// # Errors
    /// As [`Gguf::read_f32`]; `Candle` for a single number, which candle does not hold in blocks.
    pub fn read_quantized(&self, name: &str) -> Result<QTensor, FileError> {
        decode::read_quantized(&self.source, self.info(name)?)
    }

    /// The bytes of a tensor as they are stored, of any type.
    ///
    /// # Errors
    /// `NoSuchTensor`, `OutOfMemory`, `Changed`, `Io`.
    pub fn read_bytes(&self, name: &str) -> Result<Vec<u8>, FileError> {
        decode::read_bytes(&self.source, self.info(name)?)
    }

    /// Fills `target` with the bytes of a tensor from `first` on, as they are stored.
    ///
    /// # Errors
    /// `NoSuchTensor`, `Changed`, `Io`.
    ///
    /// # Panics
    /// When the tensor ends before.
    pub fn read_part(&self, name: &str, first: u64, target: &mut [u8]) -> Result<(), FileError> {
        decode::read_part(&self.source, self.info(name)?, first, target)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, FileError> {
        self.tensors
            .get(name)
            .ok_or_else(|| FileError::NoSuchTensor {
                file: self.source.name().to_owned(),
                tensor: shown(name),
            })
    }
}
