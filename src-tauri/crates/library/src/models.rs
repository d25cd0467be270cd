//! Models seen: what was opened or tried, and how that went.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rows::optional_json;
use crate::{Library, Result};

/// A model that was opened or tried. Its path is its name here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// The folder or file.
    pub path: String,
    /// What it is called on the screen.
    pub name: String,
    /// When it was last opened, RFC 3339.
    pub last_opened: Option<String>,
    /// What looking into it showed.
    pub inspection: Option<Value>,
    /// Why it could not be opened the last time.
    pub last_error: Option<Value>,
}

impl Library {
    /// All models seen: the last opened first, those never opened at the end by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn models(&self) -> Result<Vec<ModelRow>> {
        self.read(|db| {
            let mut statement = db.prepare_cached(
                "SELECT path, name, last_opened, inspection, last_error FROM models
                 ORDER BY last_opened DESC NULLS LAST, name, path",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ModelRow {
                    path: row.get(0)?,
                    name: row.get(1)?,
                    last_opened: row.get(2)?,
                    inspection: optional_json(row, 3)?,
                    last_error: optional_json(row, 4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Keeps a model, in place of what was known of the same path.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_model(&self, model: &ModelRow) -> Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO models (path, name, last_opened, inspection, last_error) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (path) DO UPDATE SET name = excluded.name, last_opened = excluded.last_opened,
                     inspection = excluded.inspection, last_error = excluded.last_error",
            )?
            .execute((
                &model.path,
                &model.name,
                &model.last_opened,
                model.inspection.as_ref().map(Value::to_string),
                model.last_error.as_ref().map(Value::to_string),
            ))?;
            Ok(())
        })
    }

    /// Forgets a model; its files are not touched. A path that was never seen is forgotten already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_model(&self, path: &str) -> Result<()> {
        self.write(|db| {
            db.prepare_cached("DELETE FROM models WHERE path = ?1")?
                .execute([path])?;
            Ok(())
        })
    }
}
