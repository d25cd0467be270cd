//! Measuring how fast this machine trains.

use std::time::Instant;

use nc_kernels::{AdamW, AdamWSlices, Arithmetic, Path, WeightFormat, rounds_to_bf16};
use nc_model::{
    Lora, Method, MicroBatch, Objective, RandomWeights, Site, StepOptions, TrainingDecoder,
};
use serde::Serialize;

use super::{failed, median, pss_bytes, random_decoder};
use crate::{ApiError, ErrorCode};

/// What is to be measured of training.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// A shape by name.
    pub preset: String,
    /// What learns, beside which weights.
    pub method: TrainMethod,
    /// What it is trained for.
    pub loss: TrainLoss,
    /// Sequences a step; for preferences, pairs.
    pub batch: usize,
    /// Tokens of a sequence.
    pub sequence: usize,
    /// Steps measured, after one that is not.
    pub steps: usize,
}

/// What learns, beside which weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainMethod {
    /// Adapters of rank 16 on all projections, beside bfloat16 weights.
    Lora,
    /// The same beside weights of 4 bits.
    Lora4Bit,
    /// All weights.
    Full,
}

/// What it is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainLoss {
    /// Every token.
    Sft,
    /// Sigmoid DPO, β 0.1; the reference's pass is part of a step.
    Dpo,
}

/// How fast it trains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainFigures {
    /// Tokens trained a second, median of the steps.
    pub tokens_per_second: f64,
    /// Of the machine's peak in bfloat16 (f32 where it has none), counting two operations a weight and token forward, two
    /// back to the activations, and two back to the weights where these learn.
    pub fraction: f64,
    /// Largest proportional set size seen, bytes; 0 where the system does not tell.
    pub peak_pss_bytes: u64,
    /// The kernels.
    pub paths: Vec<String>,
}

const RANK: usize = 16;
const BETA: f64 = 0.1;

/// Trains a model of random weights on random tokens.
///
/// # Errors
/// `Request` for a preset that is not known.
pub fn train(request: &TrainRequest) -> Result<TrainFigures, ApiError> {
    let format = match request.method {
        TrainMethod::Lora | TrainMethod::Full => WeightFormat::Bf16,
        TrainMethod::Lora4Bit => WeightFormat::Q4_0,
    };
    if request.batch == 0 || request.sequence < 2 || request.steps == 0 {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "There is nothing to train.",
            "Ask for at least one sequence of two tokens, and one step.",
        ));
    }
    let decoder = random_decoder(&request.preset, RandomWeights::Uniform(format))?;
    let compute = decoder.compute().clone();
    let spec = decoder.spec().clone();
    let method = match request.method {
        TrainMethod::Full => Method::Full,
        TrainMethod::Lora | TrainMethod::Lora4Bit => Method::Lora(Lora {
            rank: RANK,
            alpha: 2.0 * RANK as f32,
            rank_stabilized: false,
            dropout: 0.0,
            sites: Site::ALL.to_vec(),
        }),
    };
    let mut training = TrainingDecoder::new(decoder, method).map_err(failed)?;
    let mut state = State::new(&training);
    let sequences = match request.loss {
        TrainLoss::Sft => request.batch,
        TrainLoss::Dpo => 2 * request.batch,
    };
    let (mut rates, mut peak_pss_bytes) = (Vec::new(), 0);
    for step in 0..=request.steps {
        let row = Row::random(sequences, request.sequence, spec.vocabulary, step);
        let begun = Instant::now();
        state.step(&mut training, &row.batch(), (request.loss, sequences), step)?;
        let seconds = begun.elapsed().as_secs_f64();
        if step > 0 {
            rates.push((sequences * request.sequence) as f64 / seconds);
        }
        peak_pss_bytes = peak_pss_bytes.max(pss_bytes());
    }
    let tokens_per_second = median(rates);
    let (path, pool) = compute.training();
    let peak = nc_kernels::peak(path, pool, Arithmetic::Bf16)
        .or_else(|| nc_kernels::peak(path, pool, Arithmetic::F32))
        .unwrap_or(f64::INFINITY);
    let per_weight = match (request.method, request.loss) {
        (TrainMethod::Full, TrainLoss::Sft) => 6.0,
        (TrainMethod::Full, TrainLoss::Dpo) => 8.0,
        (_, TrainLoss::Sft) => 4.0,
        (_, TrainLoss::Dpo) => 6.0,
    };
    let embedding = (spec.vocabulary * spec.hidden_size) as f64;
    let operations = per_weight * (spec.parameters() as f64 - embedding);
    Ok(TrainFigures {
        tokens_per_second,
        fraction: tokens_per_second * operations / peak,
        peak_pss_bytes,
        paths: vec![path_name(path, format)],
    })
}

fn path_name(path: Path, format: WeightFormat) -> String {
    match rounds_to_bf16(path, WeightFormat::Bf16) {
        true => format!("{path}, bf16 tiles, {format} weights"),
        false => format!("{path}, {format} weights"),
    }
}

/// Parameters and the optimizer's memory.
struct State {
    parameters: Vec<f32>,
    gradients: Vec<f32>,
    first_moments: Vec<f32>,
    second_moments: Vec<f32>,
}

impl State {
    fn new(training: &TrainingDecoder) -> Self {
        let zeros = || vec![0.0; training.parameters()];
        Self {
            parameters: training.initial_parameters(1),
            gradients: zeros(),
            first_moments: zeros(),
            second_moments: zeros(),
        }
    }

    fn step(
        &mut self,
        training: &mut TrainingDecoder,
        batch: &MicroBatch,
        (loss, sequences): (TrainLoss, usize),
        step: usize,
    ) -> Result<(), ApiError> {
        self.gradients.fill(0.0);
        let counted = batch.counted();
        match loss {
            TrainLoss::Sft => {
                let weights = vec![-1.0 / counted as f32; counted];
                let objective = Objective::Weighted(&weights);
                self.add_gradients(training, batch, objective)?;
            }
            TrainLoss::Dpo => {
                let reference = training.log_probabilities(None, batch).map_err(failed)?;
                let mut derivatives = |policy: &[f32]| dpo(policy, &reference, sequences);
                self.add_gradients(training, batch, Objective::Function(&mut derivatives))?;
            }
        }
        let optimizer = AdamW {
            learning_rate: 1e-4,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        };
        let compute = training.decoder().compute().clone();
        let (path, pool) = compute.training();
        let slices = AdamWSlices {
            parameters: &mut self.parameters,
            first_moments: &mut self.first_moments,
            second_moments: &mut self.second_moments,
            gradients: &self.gradients,
            gradient_scale: 1.0,
        };
        optimizer.step(path, pool, step as u64 + 1, slices);
        training.update(&self.parameters);
        Ok(())
    }

    fn add_gradients(
        &mut self,
        training: &mut TrainingDecoder,
        batch: &MicroBatch,
        objective: Objective,
    ) -> Result<(), ApiError> {
        let options = StepOptions::default();
        let gradients = &mut self.gradients;
        training
            .gradients(&self.parameters, batch, objective, options, gradients)
            .map_err(failed)?;
        Ok(())
    }
}

/// The derivatives of the mean sigmoid loss; the first half of the sequences is chosen, the second rejected.
fn dpo(policy: &[f32], reference: &[f32], sequences: usize) -> Vec<f32> {
    let tokens = policy.len() / sequences;
    let sums: Vec<f64> = (policy.chunks(tokens).zip(reference.chunks(tokens)))
        .map(|(policy, reference)| {
            let differences = policy.iter().zip(reference);
            differences.map(|(p, r)| f64::from(p - r)).sum()
        })
        .collect();
    let pairs = sequences / 2;
    let mut derivatives = vec![0.0; policy.len()];
    for pair in 0..pairs {
        let difference = sums[pair] - sums[pairs + pair];
        let slope = -BETA / (1.0 + (BETA * difference).exp()) / pairs as f64;
        derivatives[pair * tokens..(pair + 1) * tokens].fill(slope as f32);
        derivatives[(pairs + pair) * tokens..][..tokens].fill(-slope as f32);
    }
    derivatives
}

/// Random sequences, one after another; each token but a sequence's last has a target.
struct Row {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    targets: Vec<Option<u32>>,
}

impl Row {
    fn random(sequences: usize, length: usize, vocabulary: usize, step: usize) -> Self {
        let count = sequences * length;
        let token = |index: usize| ((index + step * count) * 7919 % vocabulary) as u32;
        let last = |index: usize| index % length == length - 1;
        Self {
            tokens: (0..count).map(token).collect(),
            starts: (0..count).map(|index| index / length * length).collect(),
            targets: (0..count)
                .map(|index| (!last(index)).then(|| token(index + 1)))
                .collect(),
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
