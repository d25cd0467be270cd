//! The folder the library lives in, and who may look into it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::{LibraryError, Result};

/// Name of the database inside the folder.
pub(crate) const DATABASE: &str = "library.sqlite";
/// Held while a library is opened: two programs that start together must not both lay out the tables.
const OPENING: &str = "library.lock";

/// Where the library lives: `NEURALCHAT_HOME` if it is set and not empty, else the platform's folder for a program's
/// data. The folder need not exist yet.
///
/// # Errors
/// [`LibraryError::NoDataFolder`] when the platform names none (no home folder).
pub fn default_folder() -> Result<PathBuf> {
    let platform = directories::ProjectDirs::from("", "", "NeuralChat")
        .map(|folders| folders.data_local_dir().to_path_buf());
    choose(std::env::var_os("NEURALCHAT_HOME"), platform)
}

pub(crate) fn choose(home: Option<OsString>, platform: Option<PathBuf>) -> Result<PathBuf> {
    match home {
        Some(home) if !home.is_empty() => Ok(PathBuf::from(home)),
        _ => platform.ok_or(LibraryError::NoDataFolder),
    }
}

/// Makes the folder where it is missing, for its owner only. A folder that was already there keeps its mode unless it
/// is empty: `NEURALCHAT_HOME` may name a folder that others are meant to use; the files inside are private either way.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => {
            return Err(LibraryError::NotAFolder {
                folder: folder.to_path_buf(),
            });
        }
        Ok(_) => {
            let mut entries =
                fs::read_dir(folder).map_err(|error| LibraryError::from_io(error, folder))?;
            if entries.next().is_none() {
                // Not ours to change where someone else owns the empty folder; whether it can be used shows next.
                let _ = private(folder, 0o700);
            }
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_make(error, folder)),
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| cannot_make(error, folder))
}

fn cannot_make(error: io::Error, folder: &Path) -> LibraryError {
    match error.kind() {
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => LibraryError::NotAFolder {
            folder: folder.to_path_buf(),
        },
        _ => match LibraryError::from_io(error, folder) {
            LibraryError::File { path, source } => LibraryError::Folder {
                folder: path,
                source,
            },
            other => other,
        },
    }
}

/// Makes the database's file if it is missing and takes it away from everybody but its owner. SQLite gives its two
/// side files the mode of this one.
pub(crate) fn prepare_database(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(DATABASE);
    open_private(&path)?;
    for side in ["-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(side);
        match private(Path::new(&name), 0o600) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LibraryError::from_io(error, Path::new(&name)));
            }
            _ => {}
        }
    }
    Ok(path)
}

/// The file whose lock is held while a library is opened.
pub(crate) fn opening_lock(folder: &Path) -> Result<(PathBuf, File)> {
    let path = folder.join(OPENING);
    let file = open_private(&path)?;
    Ok((path, file))
}

fn open_private(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| LibraryError::from_io(error, path))?;
    private(path, 0o600).map_err(|error| LibraryError::from_io(error, path))?;
    Ok(file)
}

/// Sets the mode where it differs.
#[cfg(unix)]
fn private(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = fs::metadata(path)?.permissions();
    if found.mode() & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Elsewhere than on Unix the folder of a user's data is private by its place.
#[cfg(not(unix))]
fn private(path: &Path, _mode: u32) -> io::Result<()> {
    fs::metadata(path).map(drop)
}
