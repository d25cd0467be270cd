//! A bounded, buffered reader of GGUF headers: it never asks for memory that the bytes left could not fill.

use crate::{FileError, Source};

/// No known header comes near it: the largest vocabularies take some 20 MB.
pub(super) const HEADER_LIMIT: u64 = 256 << 20;
const BUFFER_BYTES: usize = 64 << 10;

pub(super) struct Cursor<'a> {
    source: &'a Source,
    position: u64,
    buffer: Vec<u8>,
    buffer_start: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self {
            source,
            position: 0,
            buffer: Vec::new(),
            buffer_start: 0,
        }
    }

    pub(super) fn file(&self) -> String {
        self.source.name().to_owned()
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes from here to the end of the file.
    pub(super) fn left(&self) -> u64 {
        self.source.len().saturating_sub(self.position)
    }

    /// That `count` things of at least `least_bytes` each can still follow.
    pub(super) fn expect(
        &self,
        what: &'static str,
        count: u64,
        least_bytes: u64,
    ) -> Result<usize, FileError> {
        let needed = count
            .checked_mul(least_bytes)
            .filter(|&needed| needed <= self.left());
        let Some(needed) = needed else {
            return Err(FileError::ImpossibleCount {
                file: self.file(),
                what,
                count,
                offset: self.position,
                available: self.left(),
            });
        };
        self.within_limit(needed)?;
        Ok(count as usize) // at most HEADER_LIMIT
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, FileError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, FileError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        self.fill(what, &mut bytes)?;
        Ok(bytes)
    }

    /// `count` plain numbers.
    pub(super) fn numbers<T: bytemuck::Pod>(
        &mut self,
        what: &'static str,
        count: u64,
    ) -> Result<Vec<T>, FileError> {
        let count = self.expect(what, count, size_of::<T>() as u64)?;
        let mut numbers = vec![T::zeroed(); count];
        self.fill(what, bytemuck::cast_slice_mut(&mut numbers))?;
        Ok(numbers)
    }

    /// The bytes of a string: a length of eight bytes, then as many bytes.
    pub(super) fn string(&mut self, what: &'static str, limit: u64) -> Result<Vec<u8>, FileError> {
        let length = self.string_length(what, limit)?;
        let mut bytes = vec![0; length];
        self.fill(what, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a string onto the end of `bytes`, whose capacity at no time exceeds what the file can fill.
    pub(super) fn append_string(
        &mut self,
        what: &'static str,
        bytes: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        let length = self.string_length(what, HEADER_LIMIT)?;
        let start = bytes.len();
        if bytes.capacity() - start < length {
            // Doubles like `Vec` does, but not past the end of the file.
            bytes.reserve_exact(length.max(start.min(self.left() as usize)));
        }
        bytes.resize(start + length, 0);
        self.fill(what, &mut bytes[start..])
    }

    fn string_length(&mut self, what: &'static str, limit: u64) -> Result<usize, FileError> {
        let count = self.u64(what)?;
        if count > limit && count <= self.left() {
            return Err(FileError::TooMany {
                file: self.file(),
                what,
                count,
                limit,
            });
        }
        self.expect(what, count, 1)
    }

    fn within_limit(&self, needed: u64) -> Result<(), FileError> {
        match self.position.checked_add(needed) {
            Some(end) if end <= HEADER_LIMIT => Ok(()),
            _ => Err(FileError::HeaderTooLarge {
                file: self.file(),
                needed,
                limit: HEADER_LIMIT,
            }),
        }
    }

    fn fill(&mut self, what: &'static str, target: &mut [u8]) -> Result<(), FileError> {
        let needed = target.len() as u64;
        if needed > self.left() {
            return Err(FileError::Truncated {
                file: self.file(),
                what,
                offset: self.position,
                needed,
                available: self.left(),
            });
        }
        self.within_limit(needed)?;
        if target.len() >= BUFFER_BYTES {
            self.source.read_at(self.position, target)?;
        } else if !target.is_empty() {
            let mut start = (self.position - self.buffer_start) as usize;
            if start + target.len() > self.buffer.len() {
                self.buffer
                    .resize(BUFFER_BYTES.min(self.left() as usize), 0);
                self.source.read_at(self.position, &mut self.buffer)?;
                self.buffer_start = self.position;
                start = 0;
            }
            target.copy_from_slice(&self.buffer[start..start + target.len()]);
        }
        self.position += needed;
        Ok(())
    }
}
