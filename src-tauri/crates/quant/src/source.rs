//! Where bytes come from: a file on disk, or bytes inside the program.

use crate::FileError;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An open weight file, or bytes that are part of the program. Cheap to clone; clones read the same file.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    name: String,
    bytes: u64,
    place: Place,
}

enum Place {
    File(PathBuf, File),
    Embedded(&'static [u8]),
}

impl Source {
    /// Opens a file for reading. Its length is taken now; what is read later must still lie within it.
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `NotAFile` (folders, pipes, devices) and `Io`.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let failed = |error| open_failed(&name, error);
        // Asked before opening: opening a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(FileError::NotAFile { file: name });
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile { file: name });
        }
        Ok(Self(Arc::new(Inner {
            name,
            bytes: metadata.len(),
            place: Place::File(path.to_owned(), file),
        })))
    }

    /// Bytes that are part of the program, under a name for messages.
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            place: Place::Embedded(bytes),
        }))
    }

    /// The path, or the name given to embedded bytes.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where the file is; none for embedded bytes.
    pub fn path(&self) -> Option<&Path> {
        match &self.0.place {
            Place::File(path, _) => Some(path),
            Place::Embedded(_) => None,
        }
    }

    /// Length in bytes when it was opened.
    pub fn len(&self) -> u64 {
        self.0.bytes
    }

    /// Whether there was not one byte in it when it was opened.
    pub fn is_empty(&self) -> bool {
        self.0.bytes == 0
    }

    /// Fills `buffer` with the bytes from `offset` on. Does not move any position, so several threads may read at once.
    ///
    /// # Errors
    /// `Truncated` where the bytes lie outside the file as it was opened, `Changed` where they no longer exist, `Io` otherwise.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FileError> {
        let needed = buffer.len() as u64;
        let available = self.0.bytes.saturating_sub(offset);
        if needed > available {
            return Err(FileError::Truncated {
                file: self.name().to_owned(),
                what: "data",
                offset,
                needed,
                available,
            });
        }
        match &self.0.place {
            Place::Embedded(bytes) => {
                // In range by the check above: both ends are at most `bytes.len()`.
                let start = offset.min(bytes.len() as u64) as usize;
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
            Place::File(_, file) => {
                read_exact_at(file, buffer, offset).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => FileError::Changed {
                        file: self.name().to_owned(),
                        opened_bytes: self.0.bytes,
                        offset,
                        length: needed,
                    },
                    _ => FileError::Io {
                        file: self.name().to_owned(),
                        source: error,
                    },
                })
            }
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({}, {} bytes)", self.0.name, self.0.bytes)
    }
}

/// Sorts what the system says when something cannot be opened.
pub(crate) fn open_failed(name: &str, error: io::Error) -> FileError {
    let file = name.to_owned();
    match error.kind() {
        // A path through something that is no folder leads nowhere either.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::NotFound { file },
        io::ErrorKind::PermissionDenied => FileError::PermissionDenied { file },
        _ => FileError::Io {
            file,
            source: error,
        },
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
