//! Measuring this machine's speed, for the command line.

mod train;

use std::ops::ControlFlow;
use std::time::Instant;

pub use train::{TrainFigures, TrainLoss, TrainMethod, TrainRequest, train};

use nc_kernels::{Arithmetic, Compute, FEW_ROWS, WeightFormat, rounds_to_bf16};
use nc_model::{
    Decoder, DecoderSpec, Logits, ModelFiles, ModelLocation, OpenOptions, RandomWeights,
};
use serde::Serialize;

use crate::kernels::compute_alone;
use crate::{ApiError, ErrorCode};

/// Measurements of which the median is taken.
const REPEATS: usize = 5;

/// One product, measured beside the machine's limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductFigure {
    /// `matmul_q4_0` …, with one row `gemv_q4_0` ….
    pub op: String,
    /// Rows.
    pub m: usize,
    /// Outputs.
    pub n: usize,
    /// Inputs.
    pub k: usize,
    /// The kernels that computed it.
    pub path: String,
    /// The median rate.
    pub value: f64,
    /// `GB/s` of weights for one row, `GFLOP/s` for more.
    pub unit: String,
    /// What the machine reaches at most in this unit, measured in the same run.
    pub limit: f64,
    /// `value / limit`
    pub fraction: f64,
}

/// Measures the products a model is made of.
///
/// # Errors
/// `Unsupported` when `NEURALCHAT_KERNELS` names kernels that are not there.
pub fn kernels() -> Result<Vec<ProductFigure>, ApiError> {
    let compute = compute_alone()?;
    let formats = ["bf16", "f32", "q4_0", "q4_k", "q6_k", "q8_0", "int4-g128"];
    let formats: Vec<WeightFormat> = formats
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    let figures = nc_kernels::measure_products(&compute, &formats).into_iter();
    Ok(figures
        .map(|figure| ProductFigure {
            op: figure.op,
            m: figure.m,
            n: figure.n,
            k: figure.k,
            path: figure.path.to_string(),
            value: figure.value,
            unit: figure.unit.to_owned(),
            limit: figure.limit,
            fraction: figure.value / figure.limit,
        })
        .collect())
}

/// What is to be measured of a whole model.
#[derive(Debug, Clone)]
pub struct InferRequest {
    /// A shape by name.
    pub preset: String,
    /// Weights by name.
    pub weights: String,
    /// A model's files, instead of shape and weights.
    pub model: Option<String>,
    /// Tokens to read.
    pub prompt_tokens: usize,
    /// Tokens to write after them.
    pub generate_tokens: usize,
}

/// How fast a model reads and writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InferFigures {
    /// Tokens of the prompt read a second, median.
    pub prefill_tokens_per_second: f64,
    /// Tokens written a second, median.
    pub decode_tokens_per_second: f64,
    /// Bytes of weights a step of decoding reads.
    pub bytes_per_token: u64,
    /// Of the arithmetic's limit.
    pub prefill_fraction: f64,
    /// Of what the memory's bandwidth allows.
    pub decode_fraction: f64,
    /// Largest proportional set size seen, bytes; 0 where the system does not tell.
    pub peak_pss_bytes: u64,
    /// Seconds until the weights were in place.
    pub load_seconds: f64,
    /// The kernels of prefill and decoding.
    pub paths: [String; 2],
}

/// Measures a model: random weights of a shape, or a model's files.
///
/// # Errors
/// `Request` for names that are not known, and those of opening a model.
pub fn infer(request: &InferRequest) -> Result<InferFigures, ApiError> {
    let begun = Instant::now();
    let decoder = decoder(request)?;
    let load_seconds = begun.elapsed().as_secs_f64();
    let mut peak_pss_bytes = pss_bytes();
    let spec = decoder.spec();
    let limit = request.prompt_tokens + request.generate_tokens;
    let tokens: Vec<u32> = (0..request.prompt_tokens.max(1))
        .map(|index| (index * 7919 % spec.vocabulary) as u32)
        .collect();
    let (mut prefill, mut decode) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let mut cache = decoder.new_cache(limit.max(1));
        let begun = Instant::now();
        decoder
            .read(&tokens, &mut cache, &mut |_| ControlFlow::Continue(()))
            .map_err(failed)?;
        prefill.push(tokens.len() as f64 / begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for index in 0..request.generate_tokens {
            let token = (index * 31 % spec.vocabulary) as u32;
            decoder
                .forward(&[token], &mut cache, Logits::Last)
                .map_err(failed)?;
        }
        decode.push(request.generate_tokens as f64 / begun.elapsed().as_secs_f64());
        peak_pss_bytes = peak_pss_bytes.max(pss_bytes());
    }
    let (prefill, decode) = (median(prefill), median(decode));
    let Compute { paths, pool } = decoder.compute();
    let prefill_path = decoder.compute().path_for(tokens.len());
    let format = decoder.main_format();
    let arithmetic = match (rounds_to_bf16(prefill_path, format), format.is_quantized()) {
        (true, _) => Arithmetic::Bf16,
        (false, true) => Arithmetic::Int8,
        (false, false) => Arithmetic::F32,
    };
    let peak = nc_kernels::peak(prefill_path, pool, arithmetic)
        .or_else(|| nc_kernels::peak(prefill_path, pool, Arithmetic::F32));
    let per_token = decoder.bytes_per_token() as f64;
    let operations = 2.0 * spec.parameters() as f64;
    Ok(InferFigures {
        prefill_tokens_per_second: prefill,
        decode_tokens_per_second: decode,
        bytes_per_token: decoder.bytes_per_token(),
        prefill_fraction: prefill * operations / peak.unwrap_or(f64::INFINITY),
        decode_fraction: decode * per_token / 1e9 / nc_kernels::memory_read_gb_per_s(),
        peak_pss_bytes,
        load_seconds,
        paths: [
            match request.prompt_tokens > FEW_ROWS && rounds_to_bf16(prefill_path, format) {
                true => format!("{prefill_path}, bf16 tiles"),
                false => prefill_path.to_string(),
            },
            paths.decode.to_string(),
        ],
    })
}

fn decoder(request: &InferRequest) -> Result<Decoder, ApiError> {
    if let Some(path) = &request.model {
        let files = ModelFiles::open(&ModelLocation::from_path(path)).map_err(failed)?;
        let options = OpenOptions {
            compute: Some(compute_alone()?),
            ..OpenOptions::default()
        };
        let loaded = files
            .load(&options, &mut |_| ControlFlow::Continue(()))
            .map_err(failed)?;
        return Ok(loaded.decoder);
    }
    let weights = match request.weights.as_str() {
        "q4_k_m" => RandomWeights::Q4KM,
        name => {
            RandomWeights::Uniform(name.parse().map_err(|error: nc_kernels::UnknownFormat| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    format!("{error}."),
                    "Choose q4_0, q4_k_m, q8_0, bf16 or int4-g128.",
                )
            })?)
        }
    };
    random_decoder(&request.preset, weights)
}

/// Random weights of a shape by name.
fn random_decoder(preset: &str, weights: RandomWeights) -> Result<Decoder, ApiError> {
    let spec = DecoderSpec::preset(preset).ok_or_else(|| {
        let message = format!("There is no preset called '{preset}'.");
        ApiError::new(
            ErrorCode::BadRequest,
            message,
            "Choose llama-1.1b or llama-7b.",
        )
    })?;
    Ok(Decoder::random(spec, weights, compute_alone()?))
}

fn failed(error: nc_model::ModelError) -> ApiError {
    nc_engine::EngineError::from(error).into()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The proportional set size of this process, bytes.
fn pss_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|number| number.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
