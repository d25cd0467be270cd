//! A file as a stream of bytes: decompressed, without a byte order mark; and its hash.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};

const BUFFER_BYTES: usize = 64 << 10;

/// The SHA-256 of a file's bytes, as they lie on the disk, in hexadecimal digits.
///
/// # Errors
/// What the system says.
pub fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let digest = hash.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Opens a training file as plain bytes. A path that is no regular file (a folder, a pipe that never ends) is refused.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let failed = |source| DataError::File {
        path: path.to_path_buf(),
        source,
    };
    let refused = |cause: &str| DataError::NotRows {
        path: path.to_path_buf(),
        cause: cause.to_owned(),
    };
    // Asked before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(refused("it is not a file"));
    }
    let file = File::open(path).map_err(failed)?;
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut plain: Box<dyn BufRead> = match raw.fill_buf().map_err(failed)? {
        [0x1f, 0x8b, ..] => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            MultiGzDecoder::new(raw),
        )),
        _ => Box::new(raw),
    };
    match plain.fill_buf().map_err(failed)? {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(refused("it is written in UTF-16")),
        [0xef, 0xbb, 0xbf, ..] => plain.consume(3),
        _ => {}
    }
    Ok(plain)
}
