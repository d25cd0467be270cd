//! Safetensors files, alone or as the parts of a checkpoint.

mod header;
mod json;
mod sharded;

pub use sharded::ShardedSafetensors;

use crate::{FileError, Source, TensorInfo, decode, error::shown};
use candle_core::Tensor;
use std::collections::BTreeMap;

/// An open safetensors file whose header has been read and checked. Weights are read when they are asked for.
#[derive(Debug)]
pub struct Safetensors {
    source: Source,
    tensors: BTreeMap<String, TensorInfo>,
    metadata: BTreeMap<String, String>,
}

impl Safetensors {
    /// Reads and checks the header: each tensor has the size of its shape, and together they cover the file exactly.
    ///
    /// # Errors
    /// Any [`FileError`] of a safetensors header. Types that cannot be decoded are no error here, only when they are read.
    pub fn open(source: Source) -> Result<Self, FileError> {
        let header::Header { tensors, metadata } = header::read(&source)?;
        Ok(Self {
            source,
            tensors,
            metadata,
        })
    }

    /// The file it was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// The strings under `__metadata__`; empty where there are none.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// A tensor of any float type (F64, F32, F16, BF16, F8_E4M3, F8_E5M2) as f32. Memory: the result, and about 2 MiB.
    ///
    /// # Errors
    /// `NoSuchTensor`, `Undecodable`, `OutOfMemory`, `Changed`, `Io`.
    pub fn read_f32(&self, name: &str) -> Result<Tensor, FileError> {
        decode::read_f32(&self.source, self.info(name)?)
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
