//! The library: one connection behind a lock.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use time::OffsetDateTime;

use crate::clock::{Clock, rfc3339};
use crate::{Result, database, folder};

/// Everything kept on disk. Calls are short and may come from any thread; each is one transaction.
pub struct Library {
    connection: Mutex<Connection>,
    folder: PathBuf,
    /// Named in errors.
    database: PathBuf,
    clock: Clock,
}

impl Library {
    /// Opens the library of a folder, making both where they are missing: the folder for its owner only (mode 0700),
    /// the files inside likewise (0600).
    ///
    /// # Errors
    /// A folder that cannot be made or written, a file in its place, a database that is damaged, newer than this
    /// program or locked, a full disk. Nothing that was there is deleted or changed then.
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_with_clock(folder, OffsetDateTime::now_utc)
    }

    /// [`Library::open`], with the time taken from `clock`.
    ///
    /// # Errors
    /// As for [`Library::open`].
    pub fn open_with_clock(
        folder: &Path,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::open_with(folder, Box::new(clock), database::PATIENCE)
    }

    pub(crate) fn open_with(folder: &Path, clock: Clock, patience: Duration) -> Result<Self> {
        let connection = Mutex::new(database::open(folder, patience)?);
        Ok(Self {
            connection,
            folder: folder.to_path_buf(),
            database: folder.join(folder::DATABASE),
            clock,
        })
    }

    /// A library that is gone when it is dropped; its folder is called `:memory:`.
    ///
    /// # Errors
    /// When SQLite itself does not work here.
    pub fn open_in_memory() -> Result<Self> {
        Self::open_in_memory_with(Box::new(OffsetDateTime::now_utc))
    }

    pub(crate) fn open_in_memory_with(clock: Clock) -> Result<Self> {
        let connection = Mutex::new(database::open_in_memory()?);
        Ok(Self {
            connection,
            folder: PathBuf::from(":memory:"),
            database: PathBuf::from(":memory:"),
            clock,
        })
    }

    /// The folder it lives in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The time now.
    pub fn time(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// The time now, as it is stored.
    pub fn now(&self) -> String {
        rfc3339(self.time())
    }

    /// Runs statements that only read, all on the same state of the database.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transact(TransactionBehavior::Deferred, work)
    }

    /// Runs statements that write: all of them happen or none. The write lock is taken at the start, where SQLite can
    /// still wait for another program; a reader that becomes a writer halfway could only give up.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transact(TransactionBehavior::Immediate, work)
    }

    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let run = || -> Result<T> {
            let mut connection = self.connection();
            let transaction = connection.transaction_with_behavior(behavior)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| error.at(&self.database))
    }

    /// A panic while the lock was held rolled its transaction back, so the connection is as good as before.
    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
