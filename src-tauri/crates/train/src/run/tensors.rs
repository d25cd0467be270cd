//! Named f32 tensors in a safetensors file, written and read one by one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};

/// Longest header read, in bytes; safetensors' own limit.
const HEADER_BYTES: u64 = 100_000_000;
/// Numbers converted at once.
const PIECE: usize = 16 << 10;

/// A tensor to be written.
#[derive(Debug, Clone, Copy)]
pub struct NamedTensor<'t> {
    /// Its name, once in a file.
    pub name: &'t str,
    /// Its shape.
    pub shape: &'t [usize],
    /// Its numbers, the last dimension fastest.
    pub values: &'t [f32],
}

/// Writes a file's bytes.
///
/// # Errors
/// What the writer says; `InvalidInput` where a shape does not hold its values.
pub(super) fn write(tensors: &[NamedTensor<'_>], writer: &mut dyn Write) -> io::Result<()> {
    let invalid = |error: SafeTensorError| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut offset = 0;
    let infos = tensors.iter().map(|tensor| {
        let start = offset;
        offset += size_of_val(tensor.values);
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape: tensor.shape.to_vec(),
            data_offsets: (start, offset),
        };
        (tensor.name.to_owned(), info)
    });
    let metadata = Metadata::new(None, infos.collect()).map_err(invalid)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    writer.write_all(&(header.len() as u64).to_le_bytes())?;
    writer.write_all(&header)?;
    let mut bytes = Vec::with_capacity(PIECE * 4);
    for piece in tensors
        .iter()
        .flat_map(|tensor| tensor.values.chunks(PIECE))
    {
        bytes.clear();
        bytes.extend(piece.iter().flat_map(|value| value.to_le_bytes()));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

/// A file of tensors, read by position.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Where the numbers begin.
    start: u64,
}

impl TensorFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let damaged = |cause: String| io::Error::new(io::ErrorKind::InvalidData, cause);
        let mut file = File::open(path)?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        let size = file.metadata()?.len();
        if length > HEADER_BYTES || length > size - 8 {
            return Err(damaged(format!("a header of {length} bytes")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)?;
        if size != 8 + length + metadata.data_len() as u64 {
            return Err(damaged(format!(
                "its size, {size}, does not fit its header"
            )));
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            metadata,
            start: 8 + length,
        })
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The shape and numbers of a tensor.
    ///
    /// # Errors
    /// `NotFound` for a name that is not there, `InvalidData` for numbers that are not f32, or what the system says.
    pub fn read(&mut self, name: &str) -> io::Result<(Vec<usize>, Vec<f32>)> {
        let failed = |kind, what: &str| {
            let path = self.path.display();
            io::Error::new(kind, format!("{path}: {name} {what}"))
        };
        let info = self.metadata.info(name);
        let info = info.ok_or_else(|| failed(io::ErrorKind::NotFound, "is not there"))?;
        if info.dtype != Dtype::F32 {
            return Err(failed(io::ErrorKind::InvalidData, "is not f32"));
        }
        let (start, end) = info.data_offsets;
        let mut values = Vec::with_capacity((end - start) / 4);
        self.file.seek(SeekFrom::Start(self.start + start as u64))?;
        let mut bytes = vec![0; PIECE * 4];
        let mut left = end - start;
        while left > 0 {
            let piece = &mut bytes[..left.min(PIECE * 4)];
            self.file.read_exact(piece)?;
            left -= piece.len();
            let numbers = piece.as_chunks::<4>().0.iter();
            values.extend(numbers.map(|number| f32::from_le_bytes(*number)));
        }
        Ok((info.shape.clone(), values))
    }
}
