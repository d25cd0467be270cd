//! How much memory training takes, before anything is loaded: counted from shapes as the arena takes it.
//!
//! Buffers grow to the longest micro-batch and stay, so what a run takes at most is what that micro-batch takes.

use nc_kernels::{ElementType, KeyValueShape, KeyValueStore, Path, WeightFormat, rounds_to_bf16};

use super::arena::lengths;
use super::head::ROWS;
use super::layout::Layout;
use super::{Method, MicroBatchShape, Site};
use crate::{Decoder, DecoderSpec, LayerTensor, ModelFiles, TensorRole};

/// Bytes that each thread prepares parts of a product in.
const TASK_BYTES: usize = 384 << 10;
/// Tokens of a block on the way back through attention.
const ATTENTION_BLOCK: usize = 64;

/// The weights that training begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightFacts {
    /// How most matrices are stored: the first layer's gate.
    pub main: WeightFormat,
    /// How the output is stored.
    pub output: WeightFormat,
    /// Memory of all weights as they are loaded, bytes.
    pub bytes: u64,
}

impl WeightFacts {
    /// Those of a decoder in memory.
    pub fn of(decoder: &Decoder) -> Self {
        Self {
            main: decoder.main_format(),
            output: decoder.output.format(),
            bytes: decoder.weight_bytes(),
        }
    }

    /// Those of files, before they are loaded.
    pub fn of_files(files: &ModelFiles) -> Self {
        let first_gate = TensorRole::Layer(0, LayerTensor::Gate);
        let output = match files.spec().tied_output {
            true => TensorRole::Embedding,
            false => TensorRole::Output,
        };
        Self {
            main: files.weight_format(first_gate),
            output: files.weight_format(output),
            bytes: files.weight_memory_bytes(),
        }
    }
}

/// What the memory of a run depends on.
#[derive(Debug, Clone, Copy)]
pub struct MemoryRequest<'a> {
    /// The model.
    pub spec: &'a DecoderSpec,
    /// Its weights.
    pub weights: WeightFacts,
    /// What learns.
    pub method: &'a Method,
    /// The path of training.
    pub path: Path,
    /// Threads that compute.
    pub threads: usize,
    /// Whether only each layer's input is kept ([`StepOptions::recompute`](super::StepOptions::recompute)).
    pub recompute: bool,
    /// The longest micro-batch.
    pub longest: MicroBatchShape,
}

/// Memory of a run, bytes. What the program takes beside it is not counted, nor a copy of the parameters that a trainer keeps
/// elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrainingMemory {
    /// Packed weights.
    pub weights: u64,
    /// Parameters, their gradients and AdamW's two moments, each f32.
    pub parameters: u64,
    /// What the way forward keeps for the way back.
    pub kept: u64,
    /// The arena's other buffers.
    pub buffers: u64,
    /// What kernels compute in.
    pub scratch: u64,
}

impl TrainingMemory {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.parameters + self.kept + self.buffers + self.scratch
    }
}

impl Method {
    /// How many parameters learn in such a decoder.
    pub fn parameters(&self, spec: &DecoderSpec) -> usize {
        Layout::new(spec, self).length()
    }
}

impl MemoryRequest<'_> {
    /// Counts.
    pub fn memory(&self) -> TrainingMemory {
        let parameters = self.method.parameters(self.spec);
        TrainingMemory {
            weights: self.weight_bytes(),
            parameters: 4 * bytes::<f32>(parameters),
            kept: self.kept(),
            buffers: self.buffers(),
            scratch: self.scratch(),
        }
    }

    /// What a format becomes where everything learns.
    fn format(&self, format: WeightFormat) -> WeightFormat {
        match (self.method, format) {
            (Method::Lora(_), format) => format,
            (Method::Full, WeightFormat::Bf16 | WeightFormat::F16) if self.has_tiles() => {
                WeightFormat::Bf16
            }
            (Method::Full, _) => WeightFormat::F32,
        }
    }

    fn has_tiles(&self) -> bool {
        rounds_to_bf16(self.path, WeightFormat::Bf16)
    }

    fn keeps_f32(&self) -> bool {
        let is_f32 = |format| self.format(format) == WeightFormat::F32;
        is_f32(self.weights.main) && is_f32(self.weights.output)
    }

    fn weight_bytes(&self) -> u64 {
        let WeightFacts { main, output, .. } = self.weights;
        if self.format(main) == main && self.format(output) == output {
            return self.weights.bytes;
        }
        let spec = self.spec;
        let of_tensor = |shape: &[usize], format: WeightFormat| match *shape {
            [outputs, inputs] => format.packed_bytes(outputs, inputs) as u64,
            _ => bytes::<f32>(shape.iter().product()),
        };
        let table = of_tensor(&[spec.vocabulary, spec.hidden_size], self.format(output));
        let layer: u64 = (spec.layer_tensors().iter())
            .map(|(_, shape)| of_tensor(shape, self.format(main)))
            .sum();
        let tables = if spec.tied_output { 1 } else { 2 };
        tables * table + spec.layers as u64 * layer + bytes::<f32>(spec.hidden_size)
    }

    fn kept(&self) -> u64 {
        let tokens = self.longest.tokens;
        let [hidden, queries, keys, inner] = lengths(self.spec, tokens);
        let of_number = |count: usize| match self.keeps_f32() {
            true => bytes::<f32>(count),
            false => bytes::<u16>(count),
        };
        let low = match self.method {
            Method::Lora(lora) => tokens * lora.rank * distinct(&lora.sites),
            Method::Full => 0,
        };
        let trace = of_number(2 * (hidden + queries + keys + inner))
            + bytes::<f32>(tokens * self.spec.attention.heads + low);
        let layers = self.spec.layers as u64;
        match self.recompute {
            true => trace + layers * of_number(hidden),
            false => layers * trace,
        }
    }

    fn buffers(&self) -> u64 {
        let MicroBatchShape {
            tokens, longest, ..
        } = self.longest;
        let [hidden, queries, keys, inner] = lengths(self.spec, tokens);
        let forward = 3 * hidden + 2 * queries + 2 * keys + 2 * inner;
        let backward = 2 * hidden + queries + 3 * inner;
        let turns = longest * (self.spec.attention.head_dim / 2) * 2 + tokens;
        let rows = self.head_rows();
        let head = rows * (4 * self.spec.hidden_size + self.spec.vocabulary + 1);
        let adapters = match self.method {
            Method::Lora(lora) => {
                let widest = lora.sites.iter().map(|site| site.shape(self.spec).1).max();
                let dropped = match lora.dropout > 0.0 {
                    true => tokens * widest.unwrap_or(0),
                    false => 0,
                };
                tokens * lora.rank + dropped
            }
            Method::Full => 0,
        };
        bytes::<f32>(forward + backward + turns + head + adapters) + self.store()
    }

    /// Keys and values of the layer that is computed.
    fn store(&self) -> u64 {
        let shape = KeyValueShape {
            kv_heads: self.spec.attention.kv_heads,
            head_dim: self.spec.attention.head_dim,
        };
        let element = match self.keeps_f32() {
            true => ElementType::F32,
            false => ElementType::Bf16,
        };
        KeyValueStore::bytes_for(shape, element, self.longest.tokens) as u64
    }

    fn head_rows(&self) -> usize {
        self.longest.counted.min(ROWS)
    }

    fn scratch(&self) -> u64 {
        let left = match self.has_tiles() && !self.keeps_f32() {
            true => self.tile_rows(),
            false => 0,
        };
        let tasks = (self.threads.max(1) * TASK_BYTES) as u64;
        left + tasks + self.codes() + self.attention()
    }

    /// The largest left side of a product as tiles of bfloat16: 16 rows, 32 deep.
    fn tile_rows(&self) -> u64 {
        let tiles = |rows: usize, depth: usize| {
            bytes::<u16>(rows.next_multiple_of(16) * depth.next_multiple_of(32))
        };
        let (tokens, rows, vocabulary) =
            (self.longest.tokens, self.head_rows(), self.spec.vocabulary);
        let learns = |site: &Site| match self.method {
            Method::Lora(lora) => lora.sites.contains(site),
            Method::Full => true,
        };
        let sites = Site::ALL.into_iter().flat_map(|site| {
            let (outputs, inputs) = site.shape(self.spec);
            // For the gradient of what learns, outputs are the rows.
            let turned = if learns(&site) {
                tiles(outputs, tokens)
            } else {
                0
            };
            [tiles(tokens, outputs), tiles(tokens, inputs), turned]
        });
        let head = match self.method {
            Method::Lora(_) => tiles(rows, vocabulary),
            Method::Full => tiles(rows, vocabulary).max(tiles(vocabulary, rows)),
        };
        sites.max().unwrap_or(0).max(head)
    }

    /// Activations rounded to 8 bits, with a scale for each 32 and a sum for each 16.
    fn codes(&self) -> u64 {
        let WeightFacts { main, .. } = self.weights;
        if !main.is_quantized() || rounds_to_bf16(self.path, main) {
            return 0;
        }
        let [hidden, queries, _, inner] = lengths(self.spec, self.longest.tokens);
        let widest = hidden.max(queries).max(inner) as u64;
        widest + widest / 32 * 4 + widest / 16 * 4
    }

    /// The way back through attention: gradients of keys and values for each query head of all tokens, and what each thread
    /// needs for a head of a sequence. Buffers are powers of two.
    fn attention(&self) -> u64 {
        let shape = self.spec.attention;
        let of_heads = 2 * shape.heads * self.longest.tokens * shape.head_dim;
        let width = shape.head_dim.next_multiple_of(16);
        let padded = self.longest.longest.next_multiple_of(ATTENTION_BLOCK);
        let of_sequence = padded * (6 * width + 1)
            + 2 * ATTENTION_BLOCK * width
            + 2 * ATTENTION_BLOCK * ATTENTION_BLOCK;
        let threads = self.threads.max(1);
        bytes::<f32>(of_heads.next_power_of_two() + threads * of_sequence.next_power_of_two())
    }
}

fn bytes<T>(count: usize) -> u64 {
    (count * size_of::<T>()) as u64
}

/// How many projections there are among these, each counted once.
fn distinct(sites: &[Site]) -> usize {
    let found = Site::ALL.iter().filter(|site| sites.contains(site));
    found.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RandomWeights;
    use crate::training::{Lora, MicroBatch, Objective, StepOptions, TrainingDecoder};
    use nc_kernels::Compute;

    fn spec() -> DecoderSpec {
        let mut spec = DecoderSpec::preset("llama-1.1b").expect("a known shape");
        (spec.vocabulary, spec.hidden_size, spec.layers) = (300, 64, 3);
        spec.attention.heads = 4;
        spec.attention.kv_heads = 2;
        spec.attention.head_dim = 16;
        spec.mlp.intermediate_size = 96;
        spec
    }

    fn check(format: WeightFormat, method: &Method, recompute: bool, sequences: &[usize]) {
        let compute = Compute::new(Path::strongest(), 2);
        let decoder = Decoder::random(spec(), RandomWeights::Uniform(format), compute);
        let weights = WeightFacts::of(&decoder);
        let mut training = TrainingDecoder::new(decoder, method.clone()).expect("it learns");
        let parameters = training.initial_parameters(1);
        let mut gradients = vec![0.0; parameters.len()];
        let (mut starts, mut targets) = (Vec::new(), Vec::new());
        for &length in sequences {
            let start = starts.len();
            starts.extend((0..length).map(|_| start));
            targets.extend((0..length).map(|at| (at + 1 < length).then_some(7)));
        }
        let tokens: Vec<u32> = (0..starts.len() as u32).map(|at| at % 300).collect();
        let batch = MicroBatch {
            tokens: &tokens,
            starts: &starts,
            targets: &targets,
        };
        let options = StepOptions {
            recompute,
            dropout_seed: None,
        };
        let derivatives = vec![-1.0; batch.counted()];
        let objective = Objective::Weighted(&derivatives);
        training
            .gradients(&parameters, &batch, objective, options, &mut gradients)
            .expect("a step");
        let request = MemoryRequest {
            spec: training.decoder().spec(),
            weights,
            method,
            path: Path::strongest(),
            threads: 2,
            recompute,
            longest: batch.shape(),
        };
        let memory = request.memory();
        let name = format!("{format}, {method:?}, recompute {recompute}, {sequences:?}");
        assert_eq!(memory.kept, training.arena.kept_bytes(), "kept: {name}");
        assert_eq!(memory.buffers, training.arena.buffer_bytes(), "{name}");
        assert_eq!(memory.weights, training.decoder().weight_bytes(), "{name}");
        let all = 4 * 4 * parameters.len() as u64;
        assert_eq!(memory.parameters, all, "{name}");
    }

    #[test]
    fn what_is_counted_is_what_is_taken() {
        let lora = |rank, sites: &[Site]| {
            Method::Lora(Lora {
                rank,
                alpha: 8.0,
                rank_stabilized: false,
                dropout: 0.0,
                sites: sites.to_vec(),
            })
        };
        for format in [WeightFormat::F32, WeightFormat::Bf16, WeightFormat::F16] {
            check(format, &Method::Full, false, &[40]);
            check(format, &Method::Full, true, &[40, 7]);
        }
        for format in [WeightFormat::F32, WeightFormat::Bf16, WeightFormat::Q4_0] {
            check(format, &lora(4, &Site::ALL), false, &[200, 20]);
            check(format, &lora(2, &[Site::Query, Site::Value]), true, &[33]);
        }
    }
}
