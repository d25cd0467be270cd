//! Files and folders that get their names when they are whole, and the head of a safetensors file.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use nc_quant::WeightType;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::AdapterError;

/// A tensor of a file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) weight_type: WeightType,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: u64,
}

/// All that comes before the tensors of a safetensors file, which lie in this order without gaps.
pub(super) fn header<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<u8> {
    let mut all = Map::new();
    // transformers refuses files that do not say it.
    all.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut end = 0;
    for entry in entries {
        let begin = end;
        end += entry.bytes;
        all.insert(
            entry.name.clone(),
            json!({
                "dtype": entry.weight_type.name(),
                "shape": entry.shape,
                "data_offsets": [begin, end],
            }),
        );
    }
    let mut text = Value::Object(all).to_string();
    // Tensors begin at a multiple of eight.
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.into_bytes());
    bytes
}

/// A file under a name of its own until it is whole. Dropped before, it is gone.
#[derive(Debug)]
pub(super) struct NewFile {
    target: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
    published: bool,
}

impl NewFile {
    pub(super) fn create(target: &Path) -> Result<Self, AdapterError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = target.with_file_name(name);
        let file = File::create(&partial).map_err(AdapterError::write(target))?;
        Ok(Self {
            target: target.to_owned(),
            partial,
            writer: BufWriter::with_capacity(1 << 20, file),
            published: false,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), AdapterError> {
        let written = self.writer.write_all(bytes);
        written.map_err(AdapterError::write(&self.target))
    }

    /// Gives the file its name, with all its bytes on the disk.
    pub(super) fn publish(mut self) -> Result<(), AdapterError> {
        let flushed = self.writer.flush();
        flushed
            .and_then(|()| self.writer.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.partial, &self.target))
            .map_err(AdapterError::write(&self.target))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed was not created, or lies on a disk that is gone.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// A folder under a name of its own, beside the one it will have. Dropped before it is published, it is gone.
#[derive(Debug)]
pub(super) struct NewFolder {
    target: PathBuf,
    partial: TempDir,
}

impl NewFolder {
    /// # Errors
    /// [`AdapterError::OutputExists`] where something is at `target` that is not an empty folder.
    pub(super) fn create(target: &Path) -> Result<Self, AdapterError> {
        let taken = match fs::read_dir(target) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => fs::symlink_metadata(target).is_ok(),
        };
        // "..", and the root: nothing can be given such a name.
        let (false, Some(name)) = (taken, target.file_name()) else {
            return Err(AdapterError::OutputExists {
                path: target.to_owned(),
            });
        };
        let absolute = std::path::absolute(target).map_err(AdapterError::write(target))?;
        let parent = absolute.parent().unwrap_or(&absolute);
        fs::create_dir_all(parent).map_err(AdapterError::write(parent))?;
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{}-", name.to_string_lossy());
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any other folder: the person's mask takes away what they do not want.
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let partial = builder.tempdir_in(parent);
        Ok(Self {
            partial: partial.map_err(AdapterError::write(target))?,
            target: absolute,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives the folder its name.
    pub(super) fn publish(self) -> Result<(), AdapterError> {
        let failed = || AdapterError::write(&self.target);
        sync_folder(self.path()).map_err(failed())?;
        if self.target.is_dir() {
            // Only an empty one lets itself be removed.
            fs::remove_dir(&self.target).map_err(failed())?;
        }
        fs::rename(self.path(), &self.target).map_err(failed())?;
        let _ = self.partial.keep();
        if let Some(parent) = self.target.parent() {
            sync_folder(parent).map_err(AdapterError::write(&self.target))?;
        }
        Ok(())
    }
}

/// Puts a folder's names on the disk, where the system can.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    let _ = folder;
    Ok(())
}
