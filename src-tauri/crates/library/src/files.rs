//! Files outside the database: written whole or not at all, and one window at a time.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;

use crate::{Library, LibraryError, Result};

const CLAIM: &str = "window.lock";

/// Writes a file so that at any moment, power cut included, either the old or the new one is there: to a temporary name
/// in the same folder, synced, then renamed. Its mode is what the user's umask makes of 0666, as for any new file.
///
/// # Errors
/// No permission, no room, or a folder that is not there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".neuralchat-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The new name is safe once the folder is; where a folder cannot be synced, the system does it in its own time.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    };
    write().map_err(|source| LibraryError::from_io(source, path))
}

/// The right to be the one window of a library; given back when it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Claim(#[allow(dead_code, reason = "held open for its lock")] File);

impl Library {
    /// Claims the library for this process's window.
    ///
    /// # Errors
    /// `Locked` while another process holds the claim.
    pub fn claim(&self) -> Result<Claim> {
        let path = self.folder().join(CLAIM);
        let file = File::create(&path).map_err(|source| LibraryError::from_io(source, &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Claim(file)),
            Err(TryLockError::WouldBlock) => Err(LibraryError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(LibraryError::from_io(source, &path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LibraryErrorKind;

    #[test]
    fn a_written_file_is_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("chat.md");
        for text in ["first", "a second, longer text", ""] {
            write_atomically(&path, text.as_bytes()).expect("the folder is writable");
            assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
        }
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("it lists")
            .collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error =
            write_atomically(&folder.path().join("no/chat.md"), b"text").expect_err("no folder");
        assert_eq!(error.kind(), LibraryErrorKind::Storage);
        assert!(error.to_string().contains("chat.md"), "{error}");
    }

    #[test]
    fn one_window_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = Library::open(folder.path()).expect("a new library");
        let second = Library::open(folder.path()).expect("the same library");
        let claim = first.claim().expect("nobody else is there");
        assert!(matches!(second.claim(), Err(LibraryError::Locked { .. })));
        drop(claim);
        second.claim().expect("it was given back");
    }
}
