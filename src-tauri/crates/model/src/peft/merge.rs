//! Writing what was learnt as a model of its own: `W + scale · B A`, or trained weights.
//!
//! Weights pass through in pieces, so that memory is a few buffers whatever the model's size. Each keeps the type it is
//! stored in: a sum is computed in f32 and rounded once.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use nc_kernels::{Compute, DenseProduct, Operand, Precision, Scratch, Sums, multiply_dense};
use nc_quant::WeightType;
use serde_json::{Map, Value, json};

use super::AdapterError;
use super::output::{Entry, NewFile, NewFolder, header};
use crate::{
    LoadProgress, Lora, ModelError, ModelFiles, ParameterRole, ParameterTensor, Site, TensorRole,
};

/// What transformers gives a file unless asked otherwise.
const SHARD_BYTES: u64 = 5_000_000_000;
/// Weights worked on at a time: 16 MB in f32.
const PIECE_WEIGHTS: usize = 1 << 22;
/// What lies beside the weights of a model and belongs to the merged one too.
const COMPANIONS: [&str; 15] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "NOTICE",
];

/// How a merged model is made.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// What to compute with; none takes what the process uses.
    pub compute: Option<Compute>,
    /// Most bytes of tensors in one file; a tensor that is larger has one of its own.
    pub shard_bytes: u64,
}

impl Default for MergeOptions {
    /// What the process uses, and files of at most 5 GB.
    fn default() -> Self {
        Self {
            compute: None,
            shard_bytes: SHARD_BYTES,
        }
    }
}

/// Writes the model in `files` with an adapter added to its weights, as a Hugging Face folder at `out`: configuration,
/// tokenizer and template are copied, each weight keeps its type. The folder gets its name when it is whole; on an error
/// nothing is left. `on_progress` is told of the weights done, and may stop.
///
/// # Errors
/// [`AdapterError::NeedsOriginalWeights`] for a GGUF file, [`AdapterError::OutputExists`] where `out` is anything but an
/// empty folder, [`AdapterError::WeightType`] for weights that are no F32, BF16 or F16, [`AdapterError::Write`] for a full
/// disk, [`ModelError::NotFinite`] where a sum does not fit its type, [`ModelError::Lora`], [`ModelError::File`] and
/// [`ModelError::Cancelled`].
///
/// # Panics
/// When there are fewer or more parameters than the adapter has.
pub fn merge(
    files: &ModelFiles,
    (lora, parameters): (&Lora, &[f32]),
    options: &MergeOptions,
    out: &Path,
    on_progress: &mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
) -> Result<(), ModelError> {
    lora.check(files.spec())?;
    let changes = low_rank(files, lora, parameters)?;
    write(files, changes, options, out, on_progress)
}

/// Writes the model in `files` with trained weights in place of its own: what full training gives, as a folder like
/// [`merge`]'s. `tensors` say what lies where in `parameters`.
///
/// # Errors
/// As [`merge`].
///
/// # Panics
/// When a tensor lies outside `parameters`.
pub fn write_trained(
    files: &ModelFiles,
    (tensors, parameters): (&[ParameterTensor], &[f32]),
    options: &MergeOptions,
    out: &Path,
    on_progress: &mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
) -> Result<(), ModelError> {
    let trained = tensors.iter().filter_map(|tensor| match tensor.role {
        ParameterRole::Weight(role) => {
            let values = &parameters[tensor.range.clone()];
            Some((files.tensor_name(role), Change::Replace(values)))
        }
        _ => None,
    });
    write(files, trained.collect(), options, out, on_progress)
}

fn write(
    files: &ModelFiles,
    changes: HashMap<String, Change>,
    options: &MergeOptions,
    out: &Path,
    on_progress: &mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
) -> Result<(), ModelError> {
    if files.gguf().is_some() {
        return Err(AdapterError::NeedsOriginalWeights {
            model: files.name().to_owned(),
        }
        .into());
    }
    for name in changes.keys() {
        let found = files.tensors().get(name).map(|info| info.weight_type);
        if let Some(found) = found
            && !matches!(found, WeightType::F32 | WeightType::BF16 | WeightType::F16)
        {
            let tensor = name.clone();
            return Err(AdapterError::WeightType { tensor, found }.into());
        }
    }
    let compute = match &options.compute {
        Some(compute) => compute.clone(),
        None => Compute::of_process()?,
    };
    let entries = files.tensors().values().map(|info| Entry {
        name: info.name.clone(),
        weight_type: info.weight_type,
        shape: info.shape.clone(),
        bytes: info.bytes,
    });
    let shards = shards(entries.collect(), options.shard_bytes);

    let folder = NewFolder::create(out)?;
    for name in COMPANIONS {
        if let Some(bytes) = files.bytes(name)? {
            write_whole(&folder.path().join(name), &bytes)?;
        }
    }
    let mut merging = Merging {
        files,
        changes,
        compute,
        scratch: Scratch::default(),
        values: Vec::new(),
        raw: Vec::new(),
        progress: LoadProgress {
            done_bytes: 0,
            total_bytes: shards.iter().flatten().map(|entry| entry.bytes).sum(),
        },
        on_progress,
    };
    for (number, shard) in shards.iter().enumerate() {
        let path = folder.path().join(shard_name(number, shards.len()));
        let mut file = NewFile::create(&path)?;
        file.write(&header(shard))?;
        for entry in shard {
            merging.tensor(entry, &mut file)?;
        }
        file.publish()?;
    }
    merging.report()?;
    if shards.len() > 1 {
        let index = format!("{:#}\n", index(&shards));
        write_whole(
            &folder.path().join("model.safetensors.index.json"),
            index.as_bytes(),
        )?;
    }
    folder.publish()?;
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), AdapterError> {
    let mut file = NewFile::create(path)?;
    file.write(bytes)?;
    file.publish()
}

/// What becomes of a weight.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// An adapter's product is added.
    Add(Factors<'a>),
    /// Other values take its place.
    Replace(&'a [f32]),
}

/// An adapter's factors for one weight.
#[derive(Clone, Copy)]
struct Factors<'a> {
    /// A, `(rank, inputs)`.
    first: &'a [f32],
    /// B, `(outputs, rank)`.
    second: &'a [f32],
    rank: usize,
    inputs: usize,
    scale: f32,
}

/// By the name of the weight that they are added to.
fn low_rank<'a>(
    files: &ModelFiles,
    lora: &Lora,
    parameters: &'a [f32],
) -> Result<HashMap<String, Change<'a>>, ModelError> {
    let tensors = lora.tensors(files.spec());
    let length = tensors.last().map_or(0, |tensor| tensor.range.end);
    assert_eq!(parameters.len(), length, "all parameters of the adapter");
    let mut places: HashMap<(usize, Site), [Range<usize>; 2]> = HashMap::new();
    for tensor in tensors {
        match tensor.role {
            ParameterRole::LoraA(layer, site) => {
                places.entry((layer, site)).or_default()[0] = tensor.range;
            }
            ParameterRole::LoraB(layer, site) => {
                places.entry((layer, site)).or_default()[1] = tensor.range;
            }
            ParameterRole::Weight(_) => {}
        }
    }
    let mut factors = HashMap::new();
    for ((layer, site), [first, second]) in places {
        let name = files.tensor_name(TensorRole::Layer(layer, site.weight()));
        let adapter = Factors {
            rank: lora.rank,
            scale: lora.scale(),
            first: &parameters[first],
            second: &parameters[second],
            inputs: site.shape(files.spec()).1,
        };
        factors.insert(name, Change::Add(adapter));
    }
    Ok(factors)
}

/// Tensors in files of at most so many bytes. Within a file wide types come first, so that each tensor begins at a multiple
/// of its type's size.
fn shards(entries: Vec<Entry>, limit_bytes: u64) -> Vec<Vec<Entry>> {
    let mut shards: Vec<Vec<Entry>> = Vec::new();
    let mut filled = 0;
    for entry in entries {
        match shards.last_mut() {
            Some(shard) if filled + entry.bytes <= limit_bytes => {
                filled += entry.bytes;
                shard.push(entry);
            }
            _ => {
                filled = entry.bytes;
                shards.push(vec![entry]);
            }
        }
    }
    for shard in &mut shards {
        shard.sort_by_key(|entry| std::cmp::Reverse(entry.weight_type.block_bytes()));
    }
    shards
}

fn shard_name(number: usize, count: usize) -> String {
    match count {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
    }
}

fn index(shards: &[Vec<Entry>]) -> Value {
    let total_size: u64 = shards.iter().flatten().map(|entry| entry.bytes).sum();
    let mut weight_map = Map::new();
    for (number, shard) in shards.iter().enumerate() {
        for entry in shard {
            let file = shard_name(number, shards.len());
            weight_map.insert(entry.name.clone(), Value::String(file));
        }
    }
    json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map })
}

struct Merging<'a> {
    files: &'a ModelFiles,
    changes: HashMap<String, Change<'a>>,
    compute: Compute,
    scratch: Scratch,
    values: Vec<f32>,
    raw: Vec<u16>,
    progress: LoadProgress,
    on_progress: &'a mut dyn FnMut(LoadProgress) -> ControlFlow<()>,
}

impl Merging<'_> {
    fn tensor(&mut self, entry: &Entry, file: &mut NewFile) -> Result<(), ModelError> {
        match self.changes.get(&entry.name).copied() {
            Some(Change::Add(factors)) => self.merged(entry, factors, file),
            Some(Change::Replace(values)) => self.replaced(entry, values, file),
            None => self.copied(entry, file),
        }
    }

    fn copied(&mut self, entry: &Entry, file: &mut NewFile) -> Result<(), ModelError> {
        let mut first = 0;
        while first < entry.bytes {
            self.report()?;
            let count = (entry.bytes - first).min((2 * PIECE_WEIGHTS) as u64) as usize;
            self.raw.resize(PIECE_WEIGHTS, 0);
            let bytes = &mut bytemuck::cast_slice_mut(&mut self.raw)[..count];
            self.files.read_part(&entry.name, first, bytes)?;
            file.write(bytes)?;
            first += count as u64;
            self.progress.done_bytes += count as u64;
        }
        Ok(())
    }

    fn merged(
        &mut self,
        entry: &Entry,
        factors: Factors,
        file: &mut NewFile,
    ) -> Result<(), ModelError> {
        let (inputs, rank) = (factors.inputs, factors.rank);
        let rows_at_once = (PIECE_WEIGHTS / inputs).max(1);
        let element_bytes = entry.weight_type.block_bytes();
        let mut first = 0;
        for second in factors.second.chunks(rows_at_once * rank) {
            self.report()?;
            let rows = second.len() / rank;
            let count = rows * inputs;
            self.values.resize(count, 0.0);
            self.raw.resize(count, 0);
            match entry.weight_type {
                WeightType::F32 => {
                    let bytes = bytemuck::cast_slice_mut(&mut self.values);
                    self.files.read_part(&entry.name, first, bytes)?;
                }
                narrow => {
                    let bytes = bytemuck::cast_slice_mut(&mut self.raw);
                    self.files.read_part(&entry.name, first, bytes)?;
                    widen(narrow, &self.raw, &mut self.values);
                }
            }
            let product = DenseProduct {
                left: Operand::new(second, (rows, rank)),
                right: Operand::new(factors.first, (rank, inputs)),
                scale: factors.scale,
                sums: Sums::Add,
                precision: Precision::F32,
            };
            let (path, pool) = self.compute.training();
            multiply_dense(path, pool, &mut self.scratch, &product, &mut self.values);
            self.put(entry, file)?;
            first += (count * element_bytes) as u64;
        }
        Ok(())
    }

    fn replaced(
        &mut self,
        entry: &Entry,
        values: &[f32],
        file: &mut NewFile,
    ) -> Result<(), ModelError> {
        for values in values.chunks(PIECE_WEIGHTS) {
            self.report()?;
            self.values.clear();
            self.values.extend_from_slice(values);
            self.raw.resize(values.len(), 0);
            self.put(entry, file)?;
        }
        Ok(())
    }

    /// Writes the values in the tensor's type.
    fn put(&mut self, entry: &Entry, file: &mut NewFile) -> Result<(), ModelError> {
        // What was no number, and what is too large for its type.
        let largest = match entry.weight_type {
            WeightType::F16 => f16::MAX.to_f32(),
            WeightType::BF16 => bf16::MAX.to_f32(),
            _ => f32::MAX,
        };
        if !self.values.iter().all(|value| value.abs() <= largest) {
            return Err(ModelError::NotFinite {
                tensor: entry.name.clone(),
            });
        }
        match entry.weight_type {
            WeightType::F32 => file.write(bytemuck::cast_slice(&self.values))?,
            narrow => {
                round(narrow, &self.values, &mut self.raw);
                file.write(bytemuck::cast_slice(&self.raw))?;
            }
        }
        self.progress.done_bytes += (self.values.len() * entry.weight_type.block_bytes()) as u64;
        Ok(())
    }

    fn report(&mut self) -> Result<(), ModelError> {
        match (self.on_progress)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ModelError::Cancelled),
        }
    }
}

/// F16 or BF16 to f32.
fn widen(from: WeightType, bits: &[u16], values: &mut [f32]) {
    match from {
        WeightType::F16 => bits.reinterpret_cast::<f16>().convert_to_f32_slice(values),
        _ => bits.reinterpret_cast::<bf16>().convert_to_f32_slice(values),
    }
}

/// f32 to the nearest F16 or BF16, to even where two are as near.
fn round(to: WeightType, values: &[f32], bits: &mut [u16]) {
    match to {
        WeightType::F16 => bits
            .reinterpret_cast_mut::<f16>()
            .convert_from_f32_slice(values),
        _ => bits
            .reinterpret_cast_mut::<bf16>()
            .convert_from_f32_slice(values),
    }
}
