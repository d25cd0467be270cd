//! Predicted against measured: time and memory of training steps on random weights.
//!
//! `cargo run --release -p nc-model --example training_plan -- NAME`; each configuration in a process of its own, since memory
//! that was once taken is not given back. Prints one line of a table.

use std::error::Error;
use std::time::Instant;

use nc_kernels::{AdamW, AdamWSlices, Compute, gradient_norm};
use nc_model::{
    Decoder, DecoderSpec, Lora, MemoryRequest, Method, MicroBatch, Objective, ProbeRequest,
    RandomWeights, Site, StepOptions, TrainingDecoder, WeightFacts, WeightFormat,
};

/// A configuration.
struct Case {
    name: &'static str,
    hidden: usize,
    layers: usize,
    format: WeightFormat,
    full: bool,
    recompute: bool,
    preference: bool,
    /// Sequences of a micro-batch, and tokens of each.
    batch: (usize, usize),
}

const fn case(name: &'static str, format: WeightFormat, batch: (usize, usize)) -> Case {
    Case {
        name,
        hidden: 1024,
        layers: 12,
        format,
        full: false,
        recompute: false,
        preference: false,
        batch,
    }
}

const CASES: [Case; 7] = [
    case("lora-bf16", WeightFormat::Bf16, (1, 256)),
    case("lora-q4_0", WeightFormat::Q4_0, (4, 128)),
    Case {
        recompute: true,
        ..case("recompute", WeightFormat::Bf16, (2, 512))
    },
    Case {
        full: true,
        hidden: 768,
        ..case("full", WeightFormat::Bf16, (1, 256))
    },
    Case {
        preference: true,
        ..case("dpo", WeightFormat::Bf16, (4, 128))
    },
    Case {
        layers: 6,
        ..case("long", WeightFormat::Q4_0, (1, 2048))
    },
    Case {
        hidden: 256,
        layers: 6,
        ..case("small", WeightFormat::F32, (8, 60))
    },
];

/// Steps measured, after one that is not.
const STEPS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some(case) = CASES.iter().find(|case| case.name == wanted) else {
        let names = CASES.map(|case| case.name).join(", ");
        return Err(format!("no configuration is called '{wanted}'; there are {names}").into());
    };
    let spec = spec(case);
    let method = match case.full {
        true => Method::Full,
        false => Method::Lora(Lora {
            rank: 16,
            alpha: 32.0,
            rank_stabilized: false,
            dropout: 0.0,
            sites: Site::ALL.to_vec(),
        }),
    };
    let compute = Compute::of_process()?;
    let (sequences, length) = case.batch;
    let row = Row::new(sequences, length);
    let batch = row.batch();

    // Memory is what comes on top of an idle program.
    let idle_bytes = pss_bytes();
    let begun = Instant::now();
    let mut weights = WeightFacts {
        main: case.format,
        output: case.format,
        bytes: 0,
    };
    let probe = ProbeRequest {
        spec: &spec,
        weights,
        method: &method,
        recompute: case.recompute,
        typical: batch.shape(),
        compute: &compute,
    };
    let speed = probe.measure()?;
    let probed = begun.elapsed().as_secs_f64();
    let forward = match case.preference {
        true => speed.log_probabilities(batch.shape()),
        false => 0.0,
    };
    let step = speed.gradients(batch.shape(), case.preference) + speed.optimizer + forward;
    let predicted = speed.with_band(step);

    let formats = RandomWeights::Uniform(case.format);
    let decoder = Decoder::random(spec.clone(), formats, compute.clone());
    weights.bytes = decoder.weight_bytes();
    let request = MemoryRequest {
        spec: &spec,
        weights,
        method: &method,
        path: compute.training().0,
        threads: compute.pool.threads(),
        recompute: case.recompute,
        longest: batch.shape(),
    };
    let memory = request.memory();
    let mut state = State::new(TrainingDecoder::new(decoder, method.clone())?);
    let (mut seconds, mut peak_bytes) = (Vec::new(), 0);
    for number in 0..=STEPS {
        let begun = Instant::now();
        state.step(&batch, case, number as u64 + 1)?;
        if number > 0 {
            seconds.push(begun.elapsed().as_secs_f64());
        }
        peak_bytes = peak_bytes.max(pss_bytes());
    }
    seconds.sort_by(f64::total_cmp);
    let actual = seconds[STEPS / 2];
    let taken = peak_bytes.saturating_sub(idle_bytes);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "| {} | {:.3} ({:.3} to {:.3}) | {actual:.3} | {:.2} | {:.0} | {:.0} | {:.2} | {probed:.1} |",
        case.name,
        predicted.expected,
        predicted.low,
        predicted.high,
        predicted.expected / actual,
        megabytes(memory.total()),
        megabytes(taken),
        memory.total() as f64 / taken as f64,
    );
    Ok(())
}

fn spec(case: &Case) -> DecoderSpec {
    let mut spec =
        DecoderSpec::preset("llama-1.1b").unwrap_or_else(|| unreachable!("it is built in"));
    spec.hidden_size = case.hidden;
    spec.layers = case.layers;
    spec.mlp.intermediate_size = case.hidden * 11 / 4;
    spec.attention.heads = case.hidden / 64;
    spec.attention.kv_heads = spec.attention.heads / 4;
    spec.attention.head_dim = 64;
    spec
}

struct State {
    training: TrainingDecoder,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
    moments: [Vec<f32>; 2],
}

impl State {
    fn new(training: TrainingDecoder) -> Self {
        let parameters = training.initial_parameters(1);
        Self {
            gradients: vec![0.0; parameters.len()],
            moments: [vec![0.0; parameters.len()], vec![0.0; parameters.len()]],
            parameters,
            training,
        }
    }

    fn step(&mut self, batch: &MicroBatch, case: &Case, number: u64) -> Result<(), Box<dyn Error>> {
        self.gradients.fill(0.0);
        let counted = batch.counted();
        let weights = vec![-1.0 / counted as f32; counted];
        let mut derivatives = |_: &[f32]| weights.clone();
        let objective = match case.preference {
            true => {
                self.training.log_probabilities(None, batch)?;
                Objective::Function(&mut derivatives)
            }
            false => Objective::Weighted(&weights),
        };
        let options = StepOptions {
            recompute: case.recompute,
            dropout_seed: None,
        };
        let gradients = &mut self.gradients;
        self.training
            .gradients(&self.parameters, batch, objective, options, gradients)?;
        let compute = self.training.decoder().compute().clone();
        let (path, pool) = compute.training();
        let norm = gradient_norm(path, pool, &[&self.gradients]);
        let optimizer = AdamW {
            learning_rate: 1e-4,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        };
        let [first_moments, second_moments] = &mut self.moments;
        let slices = AdamWSlices {
            parameters: &mut self.parameters,
            first_moments,
            second_moments,
            gradients: &self.gradients,
            gradient_scale: (1.0 / norm.max(1.0)) as f32,
        };
        optimizer.step(path, pool, number, slices);
        self.training.update(&self.parameters);
        Ok(())
    }
}

struct Row {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    targets: Vec<Option<u32>>,
}

impl Row {
    fn new(sequences: usize, length: usize) -> Self {
        let places = 0..sequences * length;
        let last = |at: usize| at % length == length - 1;
        Self {
            tokens: places
                .clone()
                .map(|at| (at * 7919 % 32_000) as u32)
                .collect(),
            starts: places.clone().map(|at| at / length * length).collect(),
            targets: places.map(|at| (!last(at)).then_some(at as u32)).collect(),
        }
    }

    fn batch(&self) -> MicroBatch<'_> {
        MicroBatch {
            tokens: &self.tokens,
            starts: &self.starts,
            targets: &self.targets,
        }
    }
}

/// Proportional set size; 0 where the system does not tell.
fn pss_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let number = kilobytes.and_then(|number| number.trim().parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}
