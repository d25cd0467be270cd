//! Opening the database: refuse what must not be touched, then lay out the tables.

use std::fs::TryLockError;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use crate::{LibraryError, Result, folder};

/// How long a call waits for another program that is writing before it says [`LibraryError::Locked`].
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Numbered by their place, which SQLite's `user_version` remembers. Only ever append.
const STEPS: &[M<'static>] = &[M::up(include_str!("schema/0001.sql"))];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The version this program writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// A larger database is not read through when it is opened, since that would delay the start; damage in it is then
/// found when the damaged page is used.
const CHECKED_BYTES: u64 = 64 << 20;

/// Opens the database of a folder, laying it out where it is new.
pub(crate) fn open(folder: &Path, patience: Duration) -> Result<Connection> {
    folder::prepare(folder)?;
    let (lock_path, lock) = folder::opening_lock(folder)?;
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(LibraryError::Locked {
                    path: folder.join(folder::DATABASE),
                });
            }
            // Some network file systems have no locks at all; SQLite's own are all there is then.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                break;
            }
            Err(TryLockError::Error(error)) => {
                return Err(LibraryError::from_io(error, &lock_path));
            }
        }
    }
    let path = folder::prepare_database(folder)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(&path, flags)
        .map_err(LibraryError::from)
        .and_then(|connection| prepare(connection, &path, patience));
    // The lock ends here, with the file.
    drop(lock);
    opened.map_err(|error| error.at(&path))
}

/// A database in memory.
pub(crate) fn open_in_memory() -> Result<Connection> {
    let path = Path::new(":memory:");
    Connection::open_in_memory()
        .map_err(LibraryError::from)
        .and_then(|connection| prepare(connection, path, PATIENCE))
        .map_err(|error| error.at(path))
}

fn prepare(mut connection: Connection, path: &Path, patience: Duration) -> Result<Connection> {
    connection.busy_timeout(patience)?;

    // Nothing is written before it is certain that the database is ours to write.
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(LibraryError::NewerVersion {
            path: path.to_path_buf(),
            found,
            known: VERSION,
        });
    }
    if std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES) {
        let finding: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if finding != "ok" {
            return Err(LibraryError::Damaged {
                path: path.to_path_buf(),
                finding,
            });
        }
    }

    // WAL: readers never wait for a writer, and a commit is one write at the end of a file. A commit is in the
    // system's hands once it returns, so `kill -9` loses nothing whatever `synchronous` says; FULL adds one sync a
    // commit, so that a power cut loses nothing either. At one append a second that costs nothing worth having.
    // (Where WAL is impossible SQLite keeps its rollback journal, which is as safe and only slower.)
    connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a person deletes is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    // A tampered file cannot make its own schema call functions with side effects.
    connection.pragma_update(None, "trusted_schema", false)?;

    MIGRATIONS
        .to_latest(&mut connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => LibraryError::from(err),
            other => LibraryError::Damaged {
                path: path.to_path_buf(),
                finding: other.to_string(),
            },
        })?;
    Ok(connection)
}
