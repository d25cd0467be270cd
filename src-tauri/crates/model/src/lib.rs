//! One decoder for all families: weights, forward pass, KV cache, sampler.
//!
//! A family file turns a checkpoint's configuration and tensor names into a [`DecoderSpec`]; everything after that is written
//! once. [`ModelFiles::open`] reads and checks headers, [`ModelFiles::load`] reads weights, [`Decoder::forward`] computes.

mod cache;
mod config;
mod decoder;
mod error;
mod families;
mod gguf;
mod inspect;
mod layer;
mod load;
mod location;
mod low_rank;
mod peft;
mod random;
mod rotary;
mod sampler;
mod spec;
mod training;
pub mod twin;
mod weights;
mod workspace;

pub use cache::KvCache;
pub use decoder::{Decoder, Logits};
pub use error::ModelError;
pub use families::supported_families;
pub use inspect::{Inspection, inspect};
pub use load::{LoadProgress, LoadedDecoder, OpenOptions};
pub use location::{Format, ModelFiles, ModelLocation};
/// What a decoder computes with, and what its cache keeps.
pub use nc_kernels::{
    AdamW, AdamWSlices, Compute, ElementType, Path as KernelPath, PathName, Pool, WeightFormat,
    available_memory_bytes, gradient_norm, lower_thread_priority,
};
/// What a GGUF file says beside its weights: crates above read vocabularies and templates from it.
pub use nc_quant::{FileError, FileErrorKind, Gguf, Metadata};
pub use peft::{AdapterError, MergeOptions, merge, read_adapter, write_adapter, write_trained};
pub use random::RandomWeights;
pub use sampler::{Sampler, Sampling};
pub use spec::{
    AttentionShape, DecoderSpec, LayerTensor, Mlp, MlpKind, Norm, Pairing, Positions, Rotary,
    RotaryScaling, TensorRole,
};
pub use training::{
    Line, Lora, LoraError, MemoryRequest, Method, MicroBatch, MicroBatchShape, Objective,
    ParameterRole, ParameterTensor, ProbeRequest, Seconds, Site, StepOptions, StepSpeed,
    TrainingDecoder, TrainingMemory, WeightFacts,
};
