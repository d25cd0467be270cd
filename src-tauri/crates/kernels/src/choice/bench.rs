//! The work that paths are tried with.

use std::time::{Duration, Instant};

use super::PathTrial;
use super::trial::{Runner, Size, Trial, try_each};
use crate::{
    Attention, AttentionBackward, AttentionGradients, AttentionScratch, ElementType, Floats,
    KeyValueShape, KeyValueStore, Matrix, Path, PathName, Pool, Product, Scoring, Scratch,
    WeightFormat, multiply,
};

/// The time that all trials have together, each its share; after that nothing is measured a second time.
const TIME: Duration = Duration::from_millis(600);
/// A measurement repeats its work until it takes about so long.
const SAMPLE_SECONDS: f64 = 1e-3;
const MOST_REPEATS: f64 = 32.0;

/// Rows of a prompt that is neither long nor short; inputs of their matrices.
const MANY_ROWS: usize = 256;
const MANY_INPUTS: usize = 1024;
/// Rows whose results are compared: whole tiles, and a part of one.
const CHECK_ROWS: usize = 35;
/// The matrices of one row, `(outputs, inputs)`: 4.7 MB each.
const ONE_Q4_0: (usize, usize) = (4104, 2048);
const ONE_BF16: (usize, usize) = (1160, 2048);
/// Attention of a token with so many before it.
const CACHED_TOKENS: usize = 512;
const CACHE: KeyValueShape = KeyValueShape {
    kv_heads: 4,
    head_dim: 64,
};
const HEADS: usize = 32;
/// Gradients of attention over so many tokens.
const TRAINED_TOKENS: usize = 64;
const TRAINED: KeyValueShape = KeyValueShape {
    kv_heads: 2,
    head_dim: 64,
};
const TRAINED_HEADS: usize = 8;

/// Tries every path of this machine, weakest first: whether it computes what plain code does, and how fast it is. Takes about
/// a quarter of a second on two processors; where even plain code takes long (an emulated processor), hardly longer than that
/// code once.
pub fn try_paths(pool: &Pool) -> Vec<PathTrial> {
    let begun = Instant::now();
    let paths: Vec<PathName> = Path::all().into_iter().map(Path::name).collect();
    try_each(&paths, &mut Bench::new(pool, begun))
}

/// Numbers, matrices and buffers of all trials.
pub(super) struct Bench<'a> {
    pool: &'a Pool,
    begun: Instant,
    /// Random numbers, as many as any trial takes.
    numbers: Vec<f32>,
    many: [Matrix; 2],
    one: [Matrix; 2],
    cache: KeyValueStore,
    log_sum_exp: Vec<f32>,
    scratch: Scratch,
    attention: AttentionScratch,
}

impl<'a> Bench<'a> {
    pub(super) fn new(pool: &'a Pool, begun: Instant) -> Self {
        let matrix = |format, shape| Matrix::random(format, shape, pool, 1);
        // Enough for all threads; the last panel is not full.
        let many = ((256 * pool.threads()).clamp(512, 4096) + 8, MANY_INPUTS);
        // Of a size of about one.
        let spread = (MANY_INPUTS as f32).sqrt();
        let rows = matrix(WeightFormat::F32, (MANY_ROWS, MANY_INPUTS));
        let mut numbers = vec![0.0; MANY_ROWS * MANY_INPUTS];
        for (index, row) in numbers.chunks_exact_mut(MANY_INPUTS).enumerate() {
            rows.row(index, row);
            row.iter_mut().for_each(|number| *number *= spread);
        }
        let positions = (1..=TRAINED_TOKENS).map(|seen| (seen as f32).ln());
        Self {
            pool,
            begun,
            many: [
                matrix(WeightFormat::Q4_0, many),
                matrix(WeightFormat::Bf16, many),
            ],
            one: [
                matrix(WeightFormat::Q4_0, ONE_Q4_0),
                matrix(WeightFormat::Bf16, ONE_BF16),
            ],
            cache: KeyValueStore::new(CACHE, ElementType::F16, CACHED_TOKENS),
            log_sum_exp: positions.flat_map(|sum| [sum; TRAINED_HEADS]).collect(),
            numbers,
            scratch: Scratch::default(),
            attention: AttentionScratch::new(),
        }
    }

    /// Runs a trial once.
    pub(super) fn once(&mut self, path: Path, trial: Trial, size: Size, output: &mut Vec<f32>) {
        match trial {
            Trial::ManyQ4_0 => self.product(path, &|bench| &bench.many[0], rows(size), output),
            Trial::ManyBf16 => self.product(path, &|bench| &bench.many[1], rows(size), output),
            Trial::OneQ4_0 => self.product(path, &|bench| &bench.one[0], 1, output),
            Trial::OneBf16 => self.product(path, &|bench| &bench.one[1], 1, output),
            Trial::Attention => self.attend(path, output),
            Trial::AttentionBackward => self.gradients(path, output),
        }
    }

    fn product(
        &mut self,
        path: Path,
        matrix: &dyn Fn(&Self) -> &Matrix,
        rows: usize,
        output: &mut Vec<f32>,
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let matrix = matrix(self);
        output.resize(rows * matrix.outputs(), 0.0);
        let x = &self.numbers[..rows * matrix.inputs()];
        multiply(
            path,
            self.pool,
            &mut scratch,
            x,
            &mut [Product { matrix, output }],
        );
        self.scratch = scratch;
    }

    /// A step of decoding: the last token is appended and attends to all.
    fn attend(&mut self, path: Path, output: &mut Vec<f32>) {
        let row = CACHE.kv_heads * CACHE.head_dim;
        let held = self.cache.tokens().min(CACHED_TOKENS - 1);
        self.cache.truncate(held);
        let tokens = held * row..CACHED_TOKENS * row;
        let values = &self.numbers[CACHED_TOKENS * row..][tokens.clone()];
        // The store was made for so many.
        let appended = self.cache.append(path, held, &self.numbers[tokens], values);
        if appended.is_err() {
            return;
        }
        output.resize(HEADS * CACHE.head_dim, 0.0);
        let attention = Attention {
            queries: &self.numbers[..output.len()],
            position: CACHED_TOKENS - 1,
            scoring: Scoring::causal(HEADS, 1.0 / (CACHE.head_dim as f32).sqrt()),
        };
        self.cache
            .attend((path, self.pool, &self.attention), &attention, output, None);
    }

    fn gradients(&mut self, path: Path, output: &mut Vec<f32>) {
        let of_queries = TRAINED_TOKENS * TRAINED_HEADS * TRAINED.head_dim;
        let of_keys = TRAINED_TOKENS * TRAINED.kv_heads * TRAINED.head_dim;
        let numbers = |first: usize, count: usize| Floats::F32(&self.numbers[first..][..count]);
        output.resize(of_queries + 2 * of_keys, 0.0);
        let (queries, rest) = output.split_at_mut(of_queries);
        let (keys, values) = rest.split_at_mut(of_keys);
        let backward = AttentionBackward {
            shape: TRAINED,
            scoring: Scoring::causal(TRAINED_HEADS, 1.0 / TRAINED.head_dim as f32),
            queries: numbers(0, of_queries),
            keys: numbers(of_queries, of_keys),
            values: numbers(of_queries + of_keys, of_keys),
            output: numbers(2 * of_queries, of_queries),
            log_sum_exp: &self.log_sum_exp,
            output_gradient: &self.numbers[3 * of_queries..][..of_queries],
        };
        backward.run(
            (path, self.pool, &self.attention),
            AttentionGradients {
                queries,
                keys,
                values,
            },
        );
    }
}

fn rows(size: Size) -> usize {
    match size {
        Size::Check => CHECK_ROWS,
        Size::Full => MANY_ROWS,
    }
}

impl Runner for Bench<'_> {
    fn run(&mut self, path: PathName, trial: Trial, size: Size, output: &mut Vec<f32>) -> f64 {
        let Some(path) = Path::find(path) else {
            return f64::INFINITY;
        };
        let mut timed = |repeats: f64| {
            let begun = Instant::now();
            for _ in 0..repeats as usize {
                self.once(path, trial, size, output);
            }
            begun.elapsed().as_secs_f64() / repeats
        };
        let first = timed(1.0);
        match (size, trial) {
            (Size::Check, Trial::ManyQ4_0 | Trial::ManyBf16) => {
                first * MANY_ROWS as f64 / CHECK_ROWS as f64
            }
            (Size::Check, _) => first,
            (Size::Full, _) => timed((SAMPLE_SECONDS / first).clamp(1.0, MOST_REPEATS)),
        }
    }

    fn amount(&self, trial: Trial) -> f64 {
        let product =
            |matrix: &Matrix| 2.0 * (MANY_ROWS * matrix.outputs() * matrix.inputs()) as f64;
        let amount = match trial {
            Trial::ManyQ4_0 => product(&self.many[0]),
            Trial::ManyBf16 => product(&self.many[1]),
            Trial::OneQ4_0 => self.one[0].bytes() as f64,
            Trial::OneBf16 => self.one[1].bytes() as f64,
            // Keys and values in 16 bits.
            Trial::Attention => (CACHED_TOKENS * CACHE.kv_heads * CACHE.head_dim * 4) as f64,
            // Five products of which the mask leaves half.
            Trial::AttentionBackward => {
                (5 * TRAINED_TOKENS * TRAINED_TOKENS * TRAINED_HEADS * TRAINED.head_dim) as f64
            }
        };
        amount / 1e9
    }

    fn has_time(&self, trial: Trial) -> bool {
        let shares = trial as u32 + 1;
        self.begun.elapsed() < TIME * shares / Trial::ALL.len() as u32
    }
}
