//! A `config.json`, read field by field with errors that name the field.

use serde_json::Value;

use crate::ModelError;

/// A JSON object of a config, and where it stands in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config<'a> {
    object: &'a Value,
}

impl<'a> Config<'a> {
    pub(crate) fn new(object: &'a Value) -> Self {
        Self { object }
    }

    /// A field that is there and not null.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// An object within.
    pub(crate) fn section(&self, field: &str) -> Option<Config<'a>> {
        self.get(field).map(Config::new)
    }

    pub(crate) fn count(&self, field: &str) -> Result<Option<usize>, ModelError> {
        self.typed(field, "a whole number", |value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok())
        })
    }

    pub(crate) fn needed_count(&self, field: &str) -> Result<usize, ModelError> {
        self.count(field)?
            .ok_or_else(|| ModelError::config(field, "it is missing"))
    }

    pub(crate) fn number(&self, field: &str) -> Result<Option<f32>, ModelError> {
        self.typed(field, "a number", |value| value.as_f64().map(|n| n as f32))
    }

    pub(crate) fn needed_number(&self, field: &str) -> Result<f32, ModelError> {
        self.number(field)?
            .ok_or_else(|| ModelError::config(field, "it is missing"))
    }

    pub(crate) fn flag(&self, field: &str) -> Result<bool, ModelError> {
        Ok(self
            .typed(field, "true or false", Value::as_bool)?
            .unwrap_or(false))
    }

    pub(crate) fn word(&self, field: &str) -> Result<Option<&'a str>, ModelError> {
        self.typed(field, "a word", Value::as_str)
    }

    fn typed<T>(
        &self,
        field: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => {
                let shown: String = value.to_string().chars().take(40).collect();
                Err(ModelError::config(field, format!("{shown} is not {kind}")))
            }
        }
    }
}
