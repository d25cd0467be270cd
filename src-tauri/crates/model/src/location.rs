//! Where a model lies: a Hugging Face folder, a GGUF file, or inside the program.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use nc_quant::{Gguf, ShardedSafetensors, Source, TensorInfo};
use serde_json::Value;

use crate::config::Config;
use crate::families::{Family, family};
use crate::gguf::Header;
use crate::{DecoderSpec, ModelError, TensorRole};

/// Configuration files are a few kilobytes; tokenizers, some tens of megabytes.
const TEXT_LIMIT_BYTES: u64 = 1 << 27;

/// Where a model lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelLocation {
    /// A Hugging Face folder (or a file within it), or a GGUF file.
    Path(PathBuf),
    /// The files of a Hugging Face folder, inside the program.
    Embedded {
        /// A name for people.
        name: &'static str,
        /// File names and contents.
        files: &'static [(&'static str, &'static [u8])],
    },
}

impl ModelLocation {
    /// A folder or a file on disk.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }

    /// Files inside the program.
    pub fn embedded(name: &'static str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self::Embedded { name, files }
    }
}

/// The form a model comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A folder with config.json and safetensors.
    HuggingFace,
    /// One file in the GGUF format.
    Gguf,
    /// A Hugging Face folder inside the program.
    BuiltIn,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::HuggingFace => "Hugging Face folder",
            Self::Gguf => "GGUF",
            Self::BuiltIn => "built in",
        })
    }
}

/// A model's files, opened: configuration and headers are read and checked, weights are not.
#[derive(Debug)]
pub struct ModelFiles {
    name: String,
    format: Format,
    texts: Texts,
    weights: Weights,
    family: &'static Family,
    spec: DecoderSpec,
}

/// Where small files beside the weights are found.
#[derive(Debug)]
enum Texts {
    Folder(PathBuf),
    Embedded(&'static [(&'static str, &'static [u8])]),
    /// A GGUF file has everything in its metadata.
    None,
}

#[derive(Debug)]
enum Weights {
    Safetensors(ShardedSafetensors),
    Gguf(Gguf),
}

impl ModelFiles {
    /// Opens the files at `location`, reads the configuration and the weight files' headers, and checks that every tensor
    /// the decoder needs is there in the right shape. Reads no weights.
    ///
    /// # Errors
    /// Every [`ModelError`] but those of running a model.
    pub fn open(location: &ModelLocation) -> Result<Self, ModelError> {
        let files = match location {
            ModelLocation::Embedded { name, files } => {
                let weights = ShardedSafetensors::embedded(name, files)?;
                let texts = Texts::Embedded(files);
                Self::of_checkpoint((*name).to_owned(), Format::BuiltIn, texts, weights)?
            }
            ModelLocation::Path(path) => Self::of_path(path)?,
        };
        files.check_tensors()?;
        Ok(files)
    }

    fn of_path(path: &Path) -> Result<Self, ModelError> {
        // The person may have picked one file out of a folder that is the model.
        let inside = |extension| path.extension() == Some(OsStr::new(extension));
        let folder = match path.parent() {
            Some(parent) if (inside("safetensors") || inside("json")) && path.is_file() => parent,
            _ => path,
        };
        let kind = std::fs::metadata(folder).map_err(|error| read_error(folder, error))?;
        if kind.is_dir() {
            return Self::of_folder(folder);
        }
        let source = Source::open(folder)?;
        let mut magic = [0; 4];
        let begins_as_gguf = source.read_at(0, &mut magic).is_ok() && &magic == b"GGUF";
        if begins_as_gguf || inside("gguf") {
            return Self::of_gguf(folder, source);
        }
        Err(ModelError::NotAModel {
            path: folder.to_owned(),
        })
    }

    fn of_folder(folder: &Path) -> Result<Self, ModelError> {
        let entries = std::fs::read_dir(folder).map_err(|error| read_error(folder, error))?;
        let config = folder.join("config.json");
        if let Err(error) = std::fs::metadata(&config) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(read_error(&config, error));
            }
            // A folder that a GGUF file was downloaded into.
            let ggufs: Vec<PathBuf> = entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(|path| path.extension() == Some(OsStr::new("gguf")))
                .collect();
            return match ggufs.as_slice() {
                [only] => Self::of_gguf(only, Source::open(only)?),
                _ => Err(ModelError::NotAModel {
                    path: folder.to_owned(),
                }),
            };
        }
        let texts = Texts::Folder(folder.to_owned());
        let name = name_of(folder);
        // The config first: a family that is not supported is the better answer than damaged weights.
        texts.config()?;
        Self::of_checkpoint(
            name,
            Format::HuggingFace,
            texts,
            ShardedSafetensors::open(folder)?,
        )
    }

    fn of_checkpoint(
        name: String,
        format: Format,
        texts: Texts,
        weights: ShardedSafetensors,
    ) -> Result<Self, ModelError> {
        let (family, spec) = texts.config()?;
        Ok(Self {
            name,
            format,
            texts,
            weights: Weights::Safetensors(weights),
            family,
            spec,
        })
    }

    fn of_gguf(path: &Path, source: Source) -> Result<Self, ModelError> {
        let file = Gguf::open(source)?;
        let architecture = file
            .metadata()
            .architecture()
            .ok_or_else(|| ModelError::config("general.architecture", "it is missing"))?;
        let family = family(architecture)?;
        let spec = (family.from_gguf)(&Header::new(&file, architecture))?;
        spec.check()?;
        let named = file
            .metadata()
            .str("general.name")
            .map(str::trim)
            .filter(|n| !n.is_empty());
        let name = match named {
            Some(name) => name.chars().take(100).collect(),
            None => name_of(path),
        };
        Ok(Self {
            name,
            format: Format::Gguf,
            texts: Texts::None,
            weights: Weights::Gguf(file),
            family,
            spec,
        })
    }

    /// A name for people: the one in the metadata, or the folder's or file's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The form it comes in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The decoder these files describe.
    pub fn spec(&self) -> &DecoderSpec {
        &self.spec
    }

    /// The GGUF file, for its vocabulary and template.
    pub fn gguf(&self) -> Option<&Gguf> {
        match &self.weights {
            Weights::Gguf(file) => Some(file),
            Weights::Safetensors(_) => None,
        }
    }

    /// The text of a file beside the weights (`tokenizer.json` …); none where there is no such file.
    ///
    /// # Errors
    /// [`ModelError::PermissionDenied`], [`ModelError::Read`], and [`ModelError::Json`] for a file too large or not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, ModelError> {
        self.texts.read(name)
    }

    /// The tensors of all weight files, by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        match &self.weights {
            Weights::Safetensors(files) => files.tensors(),
            Weights::Gguf(file) => file.tensors(),
        }
    }

    /// A tensor by its name in the files, decoded to f32.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn read_f32(&self, name: &str) -> Result<Tensor, ModelError> {
        Ok(match &self.weights {
            Weights::Safetensors(files) => files.read_f32(name)?,
            Weights::Gguf(file) => file.read_f32(name)?,
        })
    }

    /// Fills `target` with the bytes of a tensor from `first` on, as they are stored.
    pub(crate) fn read_part(
        &self,
        name: &str,
        first: u64,
        target: &mut [u8],
    ) -> Result<(), ModelError> {
        match &self.weights {
            Weights::Safetensors(files) => files.read_part(name, first, target)?,
            Weights::Gguf(file) => file.read_part(name, first, target)?,
        }
        Ok(())
    }

    /// What these files call a tensor.
    pub fn tensor_name(&self, role: TensorRole) -> String {
        match &self.weights {
            Weights::Safetensors(_) => (self.family.checkpoint_name)(role),
            Weights::Gguf(_) => (self.family.gguf_name)(role),
        }
    }

    /// The weight files; none for a model that is built in.
    pub fn weight_paths(&self) -> Vec<PathBuf> {
        let sources = match &self.weights {
            Weights::Safetensors(files) => {
                files.shards().iter().map(|file| file.source()).collect()
            }
            Weights::Gguf(file) => vec![file.source()],
        };
        sources
            .into_iter()
            .filter_map(|source| source.path().map(Path::to_owned))
            .collect()
    }

    /// What a Hugging Face checkpoint of this family calls a tensor, whatever these files are.
    pub(crate) fn checkpoint_name(&self, role: TensorRole) -> String {
        (self.family.checkpoint_name)(role)
    }

    /// The bytes of a file beside the weights; none where there is no such file.
    pub(crate) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, ModelError> {
        self.texts.bytes(name)
    }

    /// Bytes of the weight files.
    pub fn file_bytes(&self) -> u64 {
        match &self.weights {
            Weights::Safetensors(files) => {
                files.shards().iter().map(|file| file.source().len()).sum()
            }
            Weights::Gguf(file) => file.source().len(),
        }
    }

    fn check_tensors(&self) -> Result<(), ModelError> {
        /// Names shown of those missing.
        const SHOWN: usize = 3;
        let mut missing = Vec::new();
        let mut count = 0;
        for (role, expected) in self.spec.tensors() {
            let name = self.tensor_name(role);
            let Some(info) = self.tensors().get(&name) else {
                count += 1;
                if missing.len() < SHOWN {
                    missing.push(name);
                }
                continue;
            };
            if info.shape != expected {
                return Err(ModelError::Shape {
                    tensor: name,
                    expected,
                    found: info.shape.clone(),
                });
            }
            let row = info.shape.last().copied().unwrap_or(1);
            if !info.weight_type.is_decodable()
                || !row.is_multiple_of(info.weight_type.block_weights())
            {
                return Err(ModelError::unsupported(format!(
                    "{} weights",
                    info.weight_type
                )));
            }
        }
        if count > 0 {
            return Err(ModelError::MissingTensors {
                names: missing,
                count,
            });
        }
        Ok(())
    }
}

impl Texts {
    fn config(&self) -> Result<(&'static Family, DecoderSpec), ModelError> {
        const FILE: &str = "config.json";
        let damaged = |reason: String| ModelError::Json {
            file: FILE.to_owned(),
            reason,
        };
        let text = self
            .read(FILE)?
            .ok_or_else(|| damaged("it is missing".to_owned()))?;
        let json: Value =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let config = Config::new(&json);
        let model_type = config
            .word("model_type")?
            .ok_or_else(|| ModelError::config("model_type", "it is missing"))?;
        let family = family(model_type)?;
        let spec = (family.from_config)(config)?;
        spec.check()?;
        Ok((family, spec))
    }

    fn read(&self, name: &str) -> Result<Option<String>, ModelError> {
        let text = |bytes| {
            String::from_utf8(bytes).map_err(|error| ModelError::Json {
                file: name.to_owned(),
                reason: format!("it is not UTF-8 ({error})"),
            })
        };
        self.bytes(name)?.map(text).transpose()
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, ModelError> {
        match self {
            Self::None => Ok(None),
            Self::Embedded(files) => {
                let found = files.iter().find(|(file, _)| *file == name);
                Ok(found.map(|(_, bytes)| bytes.to_vec()))
            }
            Self::Folder(folder) => small_file(folder, name, TEXT_LIMIT_BYTES),
        }
    }
}

/// A file of a folder; none where there is no such file.
///
/// # Errors
/// [`ModelError::Json`] for more bytes than the limit, and those of reading.
pub(crate) fn small_file(
    folder: &Path,
    name: &str,
    limit_bytes: u64,
) -> Result<Option<Vec<u8>>, ModelError> {
    let path = folder.join(name);
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read_error(&path, error)),
        Ok(_) => {}
    }
    let source = Source::open(&path)?;
    if source.len() > limit_bytes {
        return Err(ModelError::Json {
            file: name.to_owned(),
            reason: format!("it has {} bytes", source.len()),
        });
    }
    let mut bytes = vec![0; source.len() as usize];
    source.read_at(0, &mut bytes)?;
    Ok(Some(bytes))
}

fn name_of(path: &Path) -> String {
    // `file_name` is none for "." and "..": the absolute path has a last part.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let absolute = absolute.canonicalize().unwrap_or(absolute);
    let name = match path.extension() == Some(OsStr::new("gguf")) {
        true => absolute.file_stem(),
        false => absolute.file_name(),
    };
    name.map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn read_error(path: &Path, error: io::Error) -> ModelError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ModelError::NotFound { path },
        io::ErrorKind::PermissionDenied => ModelError::PermissionDenied { path },
        _ => ModelError::Read {
            path,
            source: error,
        },
    }
}
