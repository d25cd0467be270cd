//! Checkpoints in one or many safetensors files.

use super::{
    Safetensors,
    json::{INDEX_LIMIT, weight_map},
};
use crate::{FileError, FileErrorKind, Source, TensorInfo, error::shown, source::open_failed};
use candle_core::Tensor;
use std::{collections::BTreeMap, path::Path};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Each part stays open; the largest checkpoints known have some 200.
const SHARD_LIMIT: usize = 1000;

/// A checkpoint in one file or in parts, behind one interface.
#[derive(Debug)]
pub struct ShardedSafetensors {
    name: String,
    shards: Vec<Safetensors>,
    tensors: BTreeMap<String, TensorInfo>,
    /// Which of `shards` a tensor is in; one for each of `tensors`.
    places: BTreeMap<String, usize>,
}

impl ShardedSafetensors {
    /// Opens `model.safetensors` of a folder or, where there is none, all the parts that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// `NoWeights` where the folder has neither, the errors of [`Safetensors::open`] for each file, and `BadIndex`,
    /// `BadShardName`, `MissingShard`, `MissingFromShard` where the index does not fit its parts.
    pub fn open(folder: &Path) -> Result<Self, FileError> {
        let file = folder.display().to_string();
        if let Err(error) = std::fs::read_dir(folder) {
            return Err(match error.kind() {
                std::io::ErrorKind::NotADirectory => FileError::NotAFolder { file },
                _ => open_failed(&file, error),
            });
        }
        Self::find(&file, |name| match Source::open(&folder.join(name)) {
            Ok(source) => Ok(Some(source)),
            Err(error) if error.kind() == FileErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// The same from files that are part of the program: pairs of file name and bytes. Other files may be among them.
    ///
    /// # Errors
    /// As [`ShardedSafetensors::open`].
    pub fn embedded(name: &str, files: &[(&str, &'static [u8])]) -> Result<Self, FileError> {
        Self::find(name, |wanted| {
            let found = files.iter().find(|(file, _)| *file == wanted);
            Ok(found.map(|(file, bytes)| Source::embedded(&format!("{name}/{file}"), bytes)))
        })
    }

    fn find(
        name: &str,
        find: impl Fn(&str) -> Result<Option<Source>, FileError>,
    ) -> Result<Self, FileError> {
        if let Some(source) = find(SINGLE)? {
            return Safetensors::open(source).map(Self::from);
        }
        let Some(index) = find(INDEX)? else {
            return Err(FileError::NoWeights {
                file: name.to_owned(),
            });
        };
        let file = || index.name().to_owned();

        let mut sharded = Self {
            name: name.to_owned(),
            shards: Vec::new(),
            tensors: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        let mut opened: BTreeMap<String, usize> = BTreeMap::new();
        for (tensor, shard) in read_index(&index)? {
            let place = match opened.get(&shard) {
                Some(&place) => place,
                None => {
                    if !is_plain(&shard) {
                        return Err(FileError::BadShardName {
                            file: file(),
                            shard: shown(&shard),
                        });
                    }
                    if opened.len() == SHARD_LIMIT {
                        let (count, limit) = (SHARD_LIMIT as u64 + 1, SHARD_LIMIT as u64);
                        return Err(FileError::TooMany {
                            file: file(),
                            what: "parts",
                            count,
                            limit,
                        });
                    }
                    let source = find(&shard)?.ok_or_else(|| FileError::MissingShard {
                        file: file(),
                        shard: shown(&shard),
                    })?;
                    sharded.shards.push(Safetensors::open(source)?);
                    opened.insert(shard.clone(), sharded.shards.len() - 1);
                    sharded.shards.len() - 1
                }
            };
            let Some(info) = sharded.shards[place].tensors().get(&tensor) else {
                return Err(FileError::MissingFromShard {
                    file: file(),
                    tensor: shown(&tensor),
                    shard: shown(&shard),
                });
            };
            sharded.tensors.insert(tensor.clone(), info.clone());
            sharded.places.insert(tensor, place);
        }
        Ok(sharded)
    }

    /// The folder, or the name given to embedded files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The files the checkpoint is in.
    pub fn shards(&self) -> &[Safetensors] {
        &self.shards
    }

    /// All tensors by name; offsets are within the file each lies in.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// The `__metadata__` of the first file, usually `format: pt`.
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.shards.first().map(Safetensors::metadata)
    }

    /// A tensor decoded to f32; see [`Safetensors::read_f32`].
    ///
    /// # Errors
    /// As [`Safetensors::read_f32`].
    pub fn read_f32(&self, name: &str) -> Result<Tensor, FileError> {
        self.shard_of(name)?.read_f32(name)
    }

    /// The bytes of a tensor as they are stored; see [`Safetensors::read_bytes`].
    ///
    /// # Errors
    /// As [`Safetensors::read_bytes`].
    pub fn read_bytes(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.shard_of(name)?.read_bytes(name)
    }

    /// Fills `target` with the bytes of a tensor from `first` on; see [`Safetensors::read_part`].
    ///
    /// # Errors
    /// As [`Safetensors::read_part`].
    pub fn read_part(&self, name: &str, first: u64, target: &mut [u8]) -> Result<(), FileError> {
        self.shard_of(name)?.read_part(name, first, target)
    }

    fn shard_of(&self, name: &str) -> Result<&Safetensors, FileError> {
        let place = self.places.get(name);
        place
            .map(|&place| &self.shards[place])
            .ok_or_else(|| FileError::NoSuchTensor {
                file: self.name.clone(),
                tensor: shown(name),
            })
    }
}

impl From<Safetensors> for ShardedSafetensors {
    fn from(file: Safetensors) -> Self {
        let places = file
            .tensors()
            .keys()
            .map(|name| (name.clone(), 0))
            .collect();
        Self {
            name: file.source().name().to_owned(),
            tensors: file.tensors().clone(),
            shards: vec![file],
            places,
        }
    }
}

fn read_index(index: &Source) -> Result<BTreeMap<String, String>, FileError> {
    if index.len() > INDEX_LIMIT {
        return Err(FileError::HeaderTooLarge {
            file: index.name().to_owned(),
            needed: index.len(),
            limit: INDEX_LIMIT,
        });
    }
    let mut text = vec![0; index.len() as usize];
    index.read_at(0, &mut text)?;
    let text = std::str::from_utf8(&text).map_err(|error| FileError::NotUtf8 {
        file: index.name().to_owned(),
        what: "the index",
        offset: error.valid_up_to() as u64,
    })?;
    weight_map(index.name(), text)
}

/// A name that stays inside the folder, on any system: `:` leads to drives and streams on Windows.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}
