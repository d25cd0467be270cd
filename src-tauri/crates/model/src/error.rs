//! What can go wrong with a model.

use std::path::PathBuf;

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Nothing lies there.
    #[error("There is nothing at {}.", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The operating system refused access.
    #[error("The system does not allow reading {}.", path.display())]
    PermissionDenied {
        /// The file or folder.
        path: PathBuf,
    },
    /// Reading failed for another reason.
    #[error("{} could not be read: {source}.", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Neither a Hugging Face folder nor a GGUF file.
    #[error("{} is not a model: it is neither a folder with a config.json nor a GGUF file.", path.display())]
    NotAModel {
        /// What was opened.
        path: PathBuf,
    },
    /// A JSON file does not parse, or is far too large.
    #[error("{file} is damaged: {reason}.")]
    Json {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The config names a value that cannot be.
    #[error("The model's configuration is not usable: {field}: {reason}.")]
    Config {
        /// Which value.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A family this program does not know.
    #[error("The architecture \"{found}\" is not supported; supported: {}.", supported.join(", "))]
    UnsupportedFamily {
        /// What the files say.
        found: String,
        /// What would do.
        supported: Vec<&'static str>,
    },
    /// A known family with a trait this program does not compute.
    #[error("This model uses {feature}, which is not supported.")]
    UnsupportedFeature {
        /// What it uses.
        feature: String,
    },
    /// Tensors the decoder needs are not in the files.
    #[error("The weights are incomplete: {count} tensors are missing, first {}.", names.join(", "))]
    MissingTensors {
        /// The first few.
        names: Vec<String>,
        /// How many in all.
        count: usize,
    },
    /// A tensor does not fit the configuration.
    #[error("The tensor {tensor} has the shape {found:?}; the configuration needs {expected:?}.")]
    Shape {
        /// Its name in the file.
        tensor: String,
        /// What the configuration needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A weight is NaN or infinite.
    #[error("The tensor {tensor} holds values that are not numbers.")]
    NotFinite {
        /// Its name in the file.
        tensor: String,
    },
    /// The model does not fit into memory.
    #[error(
        "The model needs {} of memory; {} is free.",
        megabytes(*needed_bytes),
        megabytes(*available_bytes)
    )]
    TooLarge {
        /// For the weights and a short context.
        needed_bytes: u64,
        /// What is free.
        available_bytes: u64,
    },
    /// The person stopped it.
    #[error("Stopped.")]
    Cancelled,
    /// A weight file cannot be read.
    #[error(transparent)]
    File(#[from] nc_quant::FileError),
    /// Nothing to read was given.
    #[error("There is no token to read.")]
    EmptyInput,
    /// A token that the vocabulary does not have.
    #[error("The token {token} is outside the vocabulary of {vocabulary}.")]
    TokenOutOfRange {
        /// The token.
        token: u32,
        /// Tokens in the vocabulary.
        vocabulary: usize,
    },
    /// More tokens than the context holds.
    #[error("{wanted_tokens} tokens do not fit a context of {limit_tokens}.")]
    ContextExceeded {
        /// Tokens there would be.
        wanted_tokens: usize,
        /// Most there can be.
        limit_tokens: usize,
    },
    /// The decoder's output cannot be sampled.
    #[error("The model produced values that are not numbers.")]
    LogitsNotFinite,
    /// A sampling knob outside its range.
    #[error("{value} is not a possible {knob}.")]
    Sampling {
        /// Which knob.
        knob: &'static str,
        /// Its value.
        value: f32,
    },
    /// The operating system has no random numbers.
    #[error("The system gave no random numbers.")]
    Entropy,
    /// The kernels asked for are not those of this machine.
    #[error("{0}.")]
    Kernels(#[from] nc_kernels::PathError),
    /// Adapters that do not fit the model.
    #[error("The adapter is not possible: {0}.")]
    Lora(#[from] crate::LoraError),
    /// An adapter's files cannot be used, or a merge cannot be made.
    #[error(transparent)]
    Adapter(#[from] crate::AdapterError),
    /// Quantised weights cannot learn as a whole.
    #[error("Weights in {format} cannot be trained in full, only with an adapter beside them.")]
    QuantizedTraining {
        /// What they are stored as.
        format: String,
    },
    /// candle could not compute.
    #[error("The computation failed: {0}.")]
    Compute(#[from] candle_core::Error),
}

impl ModelError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "Check the path, and that the drive is connected.",
            Self::PermissionDenied { .. } => {
                "Give your user the right to read it, or copy it into a folder of your own."
            }
            Self::Read { .. } => "Check the drive, then try again.",
            Self::NotAModel { .. } => {
                "Choose a folder with config.json and safetensors weights, or a .gguf file."
            }
            Self::MissingTensors { .. } => "Download the model again; weights are missing.",
            Self::Json { .. }
            | Self::Config { .. }
            | Self::Shape { .. }
            | Self::NotFinite { .. }
            | Self::TokenOutOfRange { .. } => {
                "Download or export the model again; these files are damaged or do not belong together."
            }
            Self::UnsupportedFamily { .. } | Self::UnsupportedFeature { .. } => {
                "Choose a model of a supported kind."
            }
            Self::TooLarge { .. } => {
                "Close other programs, or choose a smaller or quantised model."
            }
            Self::Cancelled => "Nothing needs to be done.",
            Self::File(error) => error.remedy(),
            Self::ContextExceeded { .. } => "Shorten the prompt.",
            Self::EmptyInput => "Type something for the model to go on from.",
            Self::LogitsNotFinite => "The weights are probably damaged; download the model again.",
            Self::Sampling { .. } => "Set the sampler back to its defaults.",
            Self::Kernels(_) => {
                "Unset NEURALCHAT_KERNELS, or set it to a path that this machine has."
            }
            Self::Adapter(error) => error.remedy(),
            Self::Lora(_) => "Change the adapter's settings.",
            Self::QuantizedTraining { .. } => {
                "Choose LoRA, or a model whose weights are not quantised."
            }
            Self::Entropy => "Set a seed in the sampler settings.",
            Self::Compute(_) => "Try again; if it happens again, report it with the model's name.",
        }
    }

    pub(crate) fn config(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config {
            field: field.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn unsupported(feature: impl Into<String>) -> Self {
        Self::UnsupportedFeature {
            feature: feature.into(),
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
