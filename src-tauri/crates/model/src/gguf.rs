//! The metadata of a GGUF file, read key by key with errors that name the key.

use nc_quant::{Gguf, Value};

use crate::ModelError;

/// The keys under a file's architecture (`llama.block_count` …), and its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    file: &'a Gguf,
    architecture: &'a str,
}

impl<'a> Header<'a> {
    pub(crate) fn new(file: &'a Gguf, architecture: &'a str) -> Self {
        Self { file, architecture }
    }

    /// Whether the file has a tensor of that name.
    pub(crate) fn has(&self, tensor: &str) -> bool {
        self.file.tensors().contains_key(tensor)
    }

    /// The outermost dimension of a tensor.
    pub(crate) fn rows(&self, tensor: &str) -> Option<usize> {
        self.file.tensors().get(tensor)?.shape.first().copied()
    }

    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>, ModelError> {
        self.typed(key, "one whole number", |file, key| {
            file.metadata()
                .u64(key)
                .and_then(|n| usize::try_from(n).ok())
        })
    }

    pub(crate) fn needed_count(&self, key: &str) -> Result<usize, ModelError> {
        self.count(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f32>, ModelError> {
        self.typed(key, "one number", |file, key| {
            file.metadata().f64(key).map(|n| n as f32)
        })
    }

    pub(crate) fn needed_number(&self, key: &str) -> Result<f32, ModelError> {
        self.number(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn word(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.typed(key, "a word", |file, key| file.metadata().str(key))
    }

    fn typed<T>(
        &self,
        key: &str,
        kind: &str,
        read: impl Fn(&'a Gguf, &str) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        let full = self.full(key);
        let Some(value) = self.file.metadata().get(&full) else {
            return Ok(None);
        };
        match read(self.file, &full) {
            Some(read) => Ok(Some(read)),
            None => Err(ModelError::config(
                full,
                format!("{} is not {kind}", shown(value)),
            )),
        }
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn missing(&self, key: &str) -> ModelError {
        ModelError::config(self.full(key), "it is missing")
    }
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}
