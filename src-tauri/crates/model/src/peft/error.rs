//! What can go wrong with an adapter's files.

use std::path::{Path, PathBuf};

use nc_quant::WeightType;

/// Why an adapter cannot be read, written or merged.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The folder holds no adapter.
    #[error("{} is not an adapter: it has no {missing}.", folder.display())]
    NotAnAdapter {
        /// Where it was looked for.
        folder: PathBuf,
        /// The file there should be.
        missing: &'static str,
    },
    /// Weights in Python's own format, which can run programs when it is read.
    #[error(
        "The adapter in {} has its weights in adapter_model.bin, which is not read because such files can run programs.",
        folder.display()
    )]
    Pickled {
        /// The adapter's folder.
        folder: PathBuf,
    },
    /// A value of the configuration that cannot be.
    #[error("The adapter's configuration is not usable: {field}: {reason}.")]
    Config {
        /// Which value.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something this program does not compute.
    #[error("The adapter uses {feature}, which is not supported.")]
    Unsupported {
        /// What it uses.
        feature: String,
    },
    /// A tensor that belongs to no projection of this model.
    #[error(
        "The adapter's tensor {tensor} belongs to nothing in this model that can have an adapter."
    )]
    UnknownTensor {
        /// Its name in the file.
        tensor: String,
    },
    /// One of two tensors is not there.
    #[error("The adapter is incomplete: the tensor {tensor} is missing.")]
    MissingTensor {
        /// Its name.
        tensor: String,
    },
    /// A tensor does not fit the model.
    #[error(
        "The adapter's tensor {tensor} has the shape {found:?}; this model and the adapter's rank need {expected:?}."
    )]
    Shape {
        /// Its name in the file.
        tensor: String,
        /// What the model and the rank need.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A tensor of a type that adapters, or merges, do not come in.
    #[error("The tensor {tensor} is stored as {found}; F32, BF16 and F16 can be used here.")]
    WeightType {
        /// Its name in the file.
        tensor: String,
        /// How it is stored.
        found: WeightType,
    },
    /// The adapter does not fit into memory.
    #[error("There is no memory for the adapter's {bytes} bytes.")]
    OutOfMemory {
        /// What was asked for.
        bytes: u64,
    },
    /// Rounded weights would be rounded once more.
    #[error("Merging needs the original weights, and {model} is a GGUF file.")]
    NeedsOriginalWeights {
        /// The model's name.
        model: String,
    },
    /// Something is there already.
    #[error("{} exists already and is not an empty folder.", path.display())]
    OutputExists {
        /// Where it was to be written.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("{} could not be written: {source}.", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl AdapterError {
    /// What the person can do about it, one sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotAnAdapter { .. } => {
                "Choose a folder with adapter_config.json and adapter_model.safetensors."
            }
            Self::Pickled { .. } => "Save the adapter again with PEFT, as safetensors.",
            Self::Config { .. } | Self::MissingTensor { .. } => {
                "Download or export the adapter again; its files are damaged."
            }
            Self::Unsupported { .. } => {
                "Choose a LoRA or rsLoRA adapter of a causal language model, or merge this one with PEFT."
            }
            Self::UnknownTensor { .. } | Self::Shape { .. } => {
                "Choose the model that the adapter was made for."
            }
            Self::WeightType { .. } => "Save it again as F32, BF16 or F16.",
            Self::OutOfMemory { .. } => "Close other programs, or choose a smaller adapter.",
            Self::NeedsOriginalWeights { .. } => {
                "Merge into the Hugging Face folder the file was made from; for a chat, use the adapter beside the file."
            }
            Self::OutputExists { .. } => "Choose another place, or empty the folder.",
            Self::Write { .. } => {
                "Check that the disk has room and that your user may write there; nothing unfinished was left."
            }
        }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}
