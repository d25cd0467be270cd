//! Settings: one JSON value for each key.

use rusqlite::OptionalExtension;
use serde_json::Value;

use crate::{Library, Result};

impl Library {
    /// The value kept under a key, if there is one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<Value>> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            let found = statement
                .query_row([key], |row| crate::rows::json(row, 0))
                .optional()?;
            Ok(found)
        })
    }

    /// Keeps a value under a key, in place of the one before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn set_setting(&self, key: &str, value: &Value) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO settings (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?
            .execute((key, value.to_string()))?;
            Ok(())
        })
    }
}
