//! What can go wrong with the library, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// A failure of the library.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// The platform names no folder for a program's data.
    #[error("this system names no folder for a program's data")]
    NoDataFolder,
    /// There is a file where the library's folder should be, or on the way to it.
    #[error("{} cannot be the library's folder: a file is in its place", folder.display())]
    NotAFolder {
        /// The folder that was asked for.
        folder: PathBuf,
    },
    /// The folder cannot be made.
    #[error("the library's folder {} cannot be made", folder.display())]
    Folder {
        /// The folder that was asked for.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not let this program read and write there.
    #[error("no permission to read and write {}", path.display())]
    Permission {
        /// The folder or file.
        path: PathBuf,
    },
    /// A file of the library cannot be opened, read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database is damaged. It is left as it is.
    #[error("the library {} is damaged: {finding}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        finding: String,
    },
    /// The database was written by a newer program. It is left as it is.
    #[error("the library {} has version {found}, this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// No room is left.
    #[error("no room is left on the disk for {}", path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Another program kept the database locked longer than this one was willing to wait.
    #[error("another program keeps the library {} locked", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// What was asked for is not there.
    #[error("there is no {0}")]
    NotFound(Item),
    /// The message belongs to another chat, or to none.
    #[error("message {message} is not in chat {chat}")]
    NotInChat {
        /// The message that was named.
        message: i64,
        /// The chat it should be in.
        chat: i64,
    },
    /// Text can be appended only to a message that is being written.
    #[error("message {message} is not being written")]
    NotWriting {
        /// The message that was named.
        message: i64,
    },
    /// The database refused for a reason of its own.
    #[error("the library's database refused")]
    Database(#[from] rusqlite::Error),
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A chat, by its number. A deleted chat counts as gone.
    Chat(i64),
    /// A message, by its number.
    Message(i64),
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Chat(id) => write!(formatter, "chat {id}"),
            Item::Message(id) => write!(formatter, "message {id}"),
        }
    }
}

/// The kinds of failure a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryErrorKind {
    /// What was named does not exist, or not there.
    NotFound,
    /// The system forbids it.
    PermissionDenied,
    /// The database is damaged.
    Damaged,
    /// Anything else about the place things are kept in.
    Storage,
}

impl LibraryError {
    /// Which kind of failure this is.
    pub fn kind(&self) -> LibraryErrorKind {
        match self {
            Self::NotFound(_) | Self::NotInChat { .. } | Self::NotWriting { .. } => {
                LibraryErrorKind::NotFound
            }
            Self::Permission { .. } => LibraryErrorKind::PermissionDenied,
            Self::Damaged { .. } => LibraryErrorKind::Damaged,
            Self::NoDataFolder
            | Self::NotAFolder { .. }
            | Self::Folder { .. }
            | Self::File { .. }
            | Self::NewerVersion { .. }
            | Self::DiskFull { .. }
            | Self::Locked { .. }
            | Self::Database(_) => LibraryErrorKind::Storage,
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoDataFolder => "Set NEURALCHAT_HOME to a folder of your choice.",
            Self::NotAFolder { .. } => {
                "Move that file away, or set NEURALCHAT_HOME to another folder."
            }
            Self::Folder { .. } => "Set NEURALCHAT_HOME to a folder that can be made.",
            Self::Permission { .. } => {
                "Give yourself the right to write there, or set NEURALCHAT_HOME to a folder of yours."
            }
            Self::File { .. } => "Check that the disk is connected and healthy, then try again.",
            Self::Damaged { .. } => {
                "Restore the folder from a backup, or move it away to begin a new library. Nothing was deleted."
            }
            Self::NewerVersion { .. } => {
                "Start the newer program that wrote it, or set NEURALCHAT_HOME to another folder."
            }
            Self::DiskFull { .. } => "Make room on the disk, then try again.",
            Self::Locked { .. } => {
                "Close the other program that uses this library, then try again."
            }
            Self::NotFound(_) | Self::NotInChat { .. } => {
                "It may have been deleted. Choose another."
            }
            Self::NotWriting { .. } => "The answer has already ended. Ask again.",
            Self::Database(_) => {
                "Try again. If it happens again, please report it with the details."
            }
        }
    }

    /// Turns what the database said into what it means for the library at `path`.
    pub(crate) fn at(self, path: &Path) -> Self {
        let Self::Database(error) = self else {
            return self;
        };
        let path = path.to_path_buf();
        match &error {
            rusqlite::Error::SqliteFailure(code, _) => match code.code {
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => Self::Locked { path },
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged {
                    path,
                    finding: error.to_string(),
                },
                ErrorCode::DiskFull => Self::DiskFull { path },
                ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::AuthorizationForStatementDenied => Self::Permission { path },
                ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => Self::File {
                    path,
                    source: io::Error::other(error),
                },
                _ => Self::Database(error),
            },
            // A value that our own schema and writers cannot have put there.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Damaged {
                path,
                finding: error.to_string(),
            },
            _ => Self::Database(error),
        }
    }

    /// What a failed call to the system means for the file at `path`.
    pub(crate) fn from_io(source: io::Error, path: &Path) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::File { path, source },
        }
    }
}
