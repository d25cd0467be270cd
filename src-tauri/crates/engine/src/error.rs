//! What can go wrong between opening a model and the end of an answer.

use nc_model::{AdapterError, FileErrorKind, ModelError};
use nc_text::TextError;

/// Why a model cannot be opened, or an answer not be written.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model's files, or the decoder.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer, or the chat template.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The files hold no tokenizer.
    #[error("{model} has no tokenizer that can be read")]
    TokenizerMissing {
        /// The model's name.
        model: String,
    },
    /// A conversation for a model without a chat template.
    #[error("this model has no chat template")]
    NoTemplate,
    /// The prompt leaves no room for an answer.
    #[error(
        "the prompt has {prompt_tokens} tokens; the context of {context_tokens} leaves no room for an answer"
    )]
    ContextFull {
        /// Tokens of the shortest form of the prompt.
        prompt_tokens: usize,
        /// Tokens the context holds.
        context_tokens: usize,
    },
    /// There is nothing to answer or to continue.
    #[error("there is nothing to continue from")]
    EmptyPrompt,
    /// The independent decoder cannot run this model.
    #[error("the independent decoder does not know {feature}")]
    NotCheckable {
        /// What it does not know.
        feature: String,
    },
    /// The independent decoder failed.
    #[error("the independent decoder failed: {0}")]
    Independent(#[source] candle_core::Error),
    /// No thread could be started.
    #[error("no thread could be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The thread that owned the model is gone.
    #[error("the model is no longer loaded")]
    Ended,
    /// A fault in this program while it wrote the answer.
    #[error("the engine hit a fault: {message}")]
    Fault {
        /// What the panic said.
        message: String,
    },
}

/// Classes of [`EngineError`]: what a caller may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineErrorKind {
    /// The files are not there.
    NotFound,
    /// The system does not let us read them.
    PermissionDenied,
    /// The files contradict themselves.
    Damaged,
    /// Sound, but of a kind this program does not run.
    Unsupported,
    /// There is not enough memory.
    TooLarge,
    /// No tokenizer can be read.
    TokenizerMissing,
    /// The chat template does not render this conversation.
    Template,
    /// The model has no chat template.
    NoTemplate,
    /// The prompt does not fit the context.
    ContextFull,
    /// The person stopped it.
    Cancelled,
    /// The request names something that cannot be.
    Request,
    /// The model broke off.
    Generation,
}

impl EngineError {
    /// The class a caller may act on.
    pub fn kind(&self) -> EngineErrorKind {
        use EngineErrorKind as Kind;
        match self {
            Self::Model(error) => kind_of_model(error),
            Self::Text(error) => kind_of_text(error),
            Self::TokenizerMissing { .. } => Kind::TokenizerMissing,
            Self::NoTemplate => Kind::NoTemplate,
            Self::ContextFull { .. } => Kind::ContextFull,
            Self::EmptyPrompt => Kind::Request,
            Self::NotCheckable { .. } => Kind::Unsupported,
            Self::Independent(_) | Self::Thread(_) | Self::Ended | Self::Fault { .. } => {
                Kind::Generation
            }
        }
    }

    /// What the person can do about it, one sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Model(error) => error.remedy(),
            Self::Text(error) => error.remedy(),
            Self::TokenizerMissing { .. } => {
                "Put the model's tokenizer.json into its folder, or open a GGUF file of it."
            }
            Self::NoTemplate => "Continue a text with it, or choose one of the built-in templates.",
            Self::ContextFull { .. } => {
                "Shorten the message or the system prompt, or choose a model with a longer context."
            }
            Self::EmptyPrompt => "Type something for the model to go on from.",
            Self::NotCheckable { .. } => {
                "Nothing is wrong: this model can be used, but not compared."
            }
            Self::Independent(_) => {
                "The model may still be fine; report this with the model's name."
            }
            Self::Thread(_) => "Close other programs and try again.",
            Self::Ended => "Open the model again.",
            Self::Fault { .. } => {
                "Try again; if it happens again, report it with the model's name."
            }
        }
    }
}

fn kind_of_model(error: &ModelError) -> EngineErrorKind {
    use EngineErrorKind as Kind;
    match error {
        ModelError::NotFound { .. } => Kind::NotFound,
        ModelError::PermissionDenied { .. } => Kind::PermissionDenied,
        ModelError::Read { .. }
        | ModelError::Json { .. }
        | ModelError::Config { .. }
        | ModelError::MissingTensors { .. }
        | ModelError::Shape { .. }
        | ModelError::NotFinite { .. }
        | ModelError::TokenOutOfRange { .. } => Kind::Damaged,
        ModelError::NotAModel { .. }
        | ModelError::UnsupportedFamily { .. }
        | ModelError::UnsupportedFeature { .. } => Kind::Unsupported,
        ModelError::TooLarge { .. } => Kind::TooLarge,
        ModelError::Cancelled => Kind::Cancelled,
        ModelError::File(error) => match error.kind() {
            FileErrorKind::NotFound => Kind::NotFound,
            FileErrorKind::PermissionDenied => Kind::PermissionDenied,
            FileErrorKind::Unsupported => Kind::Unsupported,
            FileErrorKind::OutOfMemory => Kind::TooLarge,
            FileErrorKind::Damaged | FileErrorKind::Changed | FileErrorKind::Io => Kind::Damaged,
        },
        ModelError::ContextExceeded { .. } => Kind::ContextFull,
        ModelError::Adapter(error) => match error {
            AdapterError::NotAnAdapter { .. } => Kind::NotFound,
            AdapterError::Config { .. } | AdapterError::MissingTensor { .. } => Kind::Damaged,
            AdapterError::Pickled { .. }
            | AdapterError::Unsupported { .. }
            | AdapterError::UnknownTensor { .. }
            | AdapterError::Shape { .. }
            | AdapterError::WeightType { .. } => Kind::Unsupported,
            AdapterError::OutOfMemory { .. } => Kind::TooLarge,
            AdapterError::NeedsOriginalWeights { .. }
            | AdapterError::OutputExists { .. }
            | AdapterError::Write { .. } => Kind::Request,
        },
        ModelError::EmptyInput
        | ModelError::Sampling { .. }
        | ModelError::Kernels(_)
        | ModelError::Lora(_)
        | ModelError::QuantizedTraining { .. } => Kind::Request,
        ModelError::LogitsNotFinite | ModelError::Entropy | ModelError::Compute(_) => {
            Kind::Generation
        }
    }
}

fn kind_of_text(error: &TextError) -> EngineErrorKind {
    use EngineErrorKind as Kind;
    match error {
        TextError::TokenizerUnsupported { .. } => Kind::Unsupported,
        TextError::TokenizerInvalid { .. }
        | TextError::TooLarge { .. }
        | TextError::VocabularyInconsistent { .. }
        | TextError::RuleUnsafe { .. } => Kind::Damaged,
        TextError::EncodeFailed { .. } => Kind::Request,
        TextError::DecodeFailed { .. } => Kind::Generation,
        // Everything else is about templates.
        _ => Kind::Template,
    }
}
