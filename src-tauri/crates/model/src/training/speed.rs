//! How long steps of training take on this machine, from a probe of about two seconds.
//!
//! Measured are few layers of the model's shapes and format with random weights, its output with a part of the vocabulary,
//! attention at its width, and the optimizer. A micro-batch then takes
//! `layers · (a + b · tokens + c · Σ length²) + blocks · d + e · counted`, a step the optimizer's time beside its micro-batches.

use std::time::{Duration, Instant};

use nc_kernels::{AdamW, AdamWSlices, Compute, WeightFormat, gradient_norm, rounds_to_bf16};

use super::head::ROWS;
use super::memory::WeightFacts;
use super::{
    Lora, Method, MicroBatch, MicroBatchShape, Objective, Site, StepOptions, TrainingDecoder,
};
use crate::{Decoder, DecoderSpec, ModelError, RandomWeights};

/// What one measurement should take, several passes together, seconds.
const MEASURED_SECONDS: f64 = 0.2;
/// What a pass of the mean micro-batch may take, seconds: above, a shorter one stands for it.
const PASS_SECONDS: f64 = 0.4;
/// Tokens of the vocabulary that are probed: their weights do not fit into a second-level cache.
const VOCABULARY: usize = 8192;
/// Parameters that the optimizer is probed with.
const PARAMETERS: usize = 4 << 20;
/// Tokens of a sequence long enough to tell what attention adds.
const LONG_SEQUENCE: std::ops::RangeInclusive<usize> = 256..=1024;
/// Tokens of the short sequences it is compared with.
const SHORT_SEQUENCE: usize = 64;

/// What is to be probed.
#[derive(Debug, Clone, Copy)]
pub struct ProbeRequest<'a> {
    /// The model.
    pub spec: &'a DecoderSpec,
    /// Its weights.
    pub weights: WeightFacts,
    /// What learns.
    pub method: &'a Method,
    /// Whether only each layer's input is kept ([`StepOptions::recompute`]).
    pub recompute: bool,
    /// The mean micro-batch.
    pub typical: MicroBatchShape,
    /// What will compute.
    pub compute: &'a Compute,
}

/// A time and the band in which it is likely to lie, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seconds {
    /// Where all goes as well as in the probe's best passes.
    pub low: f64,
    /// The likeliest.
    pub expected: f64,
    /// Where all goes as in its worst.
    pub high: f64,
}

/// A time that grows with a number, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Line {
    /// However small the number.
    pub fixed: f64,
    /// For each one of it.
    pub each: f64,
}

impl Line {
    /// Through two points; never falling, never below zero.
    fn through((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Self {
        let most = y2 / x2;
        let each = ((y2 - y1) / (x2 - x1)).clamp(0.0, most);
        Self {
            fixed: y2 - each * x2,
            each,
        }
    }

    fn at(self, x: f64) -> f64 {
        self.fixed + self.each * x
    }

    fn times(self, factor: f64) -> Self {
        Self {
            fixed: self.fixed * factor,
            each: self.each * factor,
        }
    }
}

/// What steps cost on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepSpeed {
    /// All layers, by tokens, without what attention adds for long sequences.
    pub layers: Line,
    /// Of all layers, for each square of a sequence's length.
    pub square: f64,
    /// A block of the output's rows.
    pub block: Line,
    /// What a pass forward takes of the layers' time.
    pub forward_layers: f64,
    /// What a pass forward takes of the output's time.
    pub forward_head: f64,
    /// After the micro-batches of a step: the gradient's norm, AdamW, and packing weights where these learn.
    pub optimizer: f64,
    /// Fastest and slowest passes of the probe, of the median.
    pub spread: (f64, f64),
}

impl StepSpeed {
    /// Seconds for the gradients of a micro-batch; `of_function` where the loss is a function of the log-probabilities
    /// ([`Objective::Function`]), which costs the output's pass forward twice.
    pub fn gradients(&self, shape: MicroBatchShape, of_function: bool) -> f64 {
        let again = if of_function { self.forward_head } else { 0.0 };
        self.in_layers(shape) + (1.0 + again) * self.in_head(shape)
    }

    /// Seconds for its log-probabilities.
    pub fn log_probabilities(&self, shape: MicroBatchShape) -> f64 {
        self.forward_layers * self.in_layers(shape) + self.forward_head * self.in_head(shape)
    }

    /// A time with the band that the probe's own spread suggests, a tenth at least.
    pub fn with_band(&self, expected: f64) -> Seconds {
        let (fastest, slowest) = self.spread;
        Seconds {
            low: expected * fastest.min(0.9),
            expected,
            high: expected * slowest.max(1.15),
        }
    }

    fn in_layers(&self, shape: MicroBatchShape) -> f64 {
        match shape.tokens {
            0 => 0.0,
            tokens => self.layers.at(tokens as f64) + self.square * shape.squares as f64,
        }
    }

    fn in_head(&self, shape: MicroBatchShape) -> f64 {
        let blocks = shape.counted.div_ceil(ROWS) as f64;
        blocks * self.block.fixed + shape.counted as f64 * self.block.each
    }
}

impl ProbeRequest<'_> {
    /// Measures.
    ///
    /// # Errors
    /// As [`TrainingDecoder::new`].
    pub fn measure(&self) -> Result<StepSpeed, ModelError> {
        let mut spread = Spread::default();
        let square = self.square(&mut spread)?;
        let (layer, forward_layers, repacking) = self.layer(square, &mut spread)?;
        let (block, forward_head) = self.head(&mut spread)?;
        let parameters = self.method.parameters(self.spec) as f64;
        let layers = self.spec.layers as f64;
        Ok(StepSpeed {
            layers: layer.times(layers),
            square: square * layers,
            block,
            forward_layers,
            forward_head,
            optimizer: parameters * (self.optimizer(&mut spread) + repacking),
            spread: spread.bounds(),
        })
    }

    /// A layer by tokens, what of it a pass forward takes, and seconds for each parameter that is packed anew.
    fn layer(&self, square: f64, spread: &mut Spread) -> Result<(Line, f64, f64), ModelError> {
        let one: usize = Site::ALL.map(|site| area(site, self.spec)).iter().sum();
        // Small layers take so little time that a few are measured together.
        let layers = ((8 << 20) / one.max(1)).clamp(1, 4);
        let spec = DecoderSpec {
            layers,
            vocabulary: 64,
            tied_output: true,
            ..self.spec.clone()
        };
        let mut probe = self.probe(spec, self.weights.main, self.method.clone())?;
        let counted_layers = layers as f64 - self.spared_in_first_layer(one);
        let mean = (self.typical.squares as usize).checked_div(self.typical.tokens);
        let mean = mean.unwrap_or(0).max(1);

        let few = (self.typical.tokens / 4).clamp(17, 128);
        let first = spread.measure(|| probe.gradients(few, mean, 0));
        let affordable = (few as f64 * PASS_SECONDS / first) as usize;
        let many = self.typical.tokens.min(affordable).max(3 * few);
        let second = spread.measure(|| probe.gradients(many, mean, 0));
        let forward = spread.measure(|| probe.log_probabilities(many, mean, 0));

        let without_squares = |tokens: usize, seconds: f64| {
            let squares = row_shape(tokens, mean).squares as f64;
            let seconds = seconds / counted_layers;
            (
                tokens as f64,
                (seconds - square * squares).max(seconds / 10.0),
            )
        };
        let line = Line::through(without_squares(few, first), without_squares(many, second));
        let forward_share = forward / layers as f64 / (second / counted_layers);
        let repacking = match self.method {
            Method::Full => spread.measure(|| probe.update()) / probe.parameters.len() as f64,
            Method::Lora(_) => 0.0,
        };
        Ok((line, forward_share.min(1.0), repacking))
    }

    /// The share of a layer's work that the first is spared where nothing before it learns: what goes back from queries, keys
    /// and values to the stream.
    fn spared_in_first_layer(&self, one: usize) -> f64 {
        let spared: usize = [Site::Query, Site::Key, Site::Value]
            .map(|site| area(site, self.spec))
            .iter()
            .sum();
        // A product forward and one back; another forward where it is computed again.
        let products = if self.recompute { 3.0 } else { 2.0 };
        match self.method {
            Method::Full => 0.0,
            Method::Lora(_) => spared as f64 / (products * one as f64),
        }
    }

    /// Seconds that a layer's attention takes for each square of a sequence's length.
    fn square(&self, spread: &mut Spread) -> Result<f64, ModelError> {
        let layers = 1;
        let mut spec = DecoderSpec {
            layers,
            hidden_size: 32,
            vocabulary: 64,
            tied_output: true,
            ..self.spec.clone()
        };
        spec.mlp.intermediate_size = 32;
        let format = match self.keeps_f32() {
            true => WeightFormat::F32,
            false => WeightFormat::Bf16,
        };
        let least = Method::Lora(Lora {
            rank: 1,
            alpha: 1.0,
            rank_stabilized: false,
            dropout: 0.0,
            sites: vec![Site::Value],
        });
        let mut probe = self.probe(spec, format, least)?;
        let long = self
            .typical
            .longest
            .clamp(*LONG_SEQUENCE.start(), *LONG_SEQUENCE.end());
        let short = spread.measure(|| probe.gradients(long, SHORT_SEQUENCE, 0));
        let all = spread.measure(|| probe.gradients(long, long, 0));
        let squares = row_shape(long, long).squares - row_shape(long, SHORT_SEQUENCE).squares;
        Ok((all - short).max(0.0) / squares as f64)
    }

    fn keeps_f32(&self) -> bool {
        let formats = [self.weights.main, self.weights.output];
        let tiles = rounds_to_bf16(self.compute.training().0, WeightFormat::Bf16);
        formats == [WeightFormat::F32; 2] || (*self.method == Method::Full && !tiles)
    }

    /// A block of the output's rows, and what of it a pass forward takes.
    fn head(&self, spread: &mut Spread) -> Result<(Line, f64), ModelError> {
        const FEW: usize = 32;
        let spec = DecoderSpec {
            layers: 0,
            vocabulary: self.spec.vocabulary.min(VOCABULARY),
            tied_output: true,
            ..self.spec.clone()
        };
        let scale = self.spec.vocabulary as f64 / spec.vocabulary as f64;
        let mut probe = self.probe(spec, self.weights.output, self.method.clone())?;
        let few = spread.measure(|| probe.gradients(FEW, FEW, FEW));
        let many = spread.measure(|| probe.gradients(ROWS, FEW, ROWS));
        let forward = spread.measure(|| probe.log_probabilities(ROWS, FEW, ROWS));
        let line = Line::through((FEW as f64, few), (ROWS as f64, many));
        Ok((line.times(scale), (forward / many).min(1.0)))
    }

    /// Seconds for each parameter: gradients zeroed, their norm, AdamW.
    fn optimizer(&self, spread: &mut Spread) -> f64 {
        let count = self.method.parameters(self.spec).clamp(1, PARAMETERS);
        let mut values = vec![0.1_f32; count];
        let (mut first, mut second, mut gradients) =
            (values.clone(), values.clone(), values.clone());
        let (path, pool) = self.compute.training();
        let optimizer = AdamW {
            learning_rate: 1e-6,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        };
        let seconds = spread.measure(|| {
            let norm = gradient_norm(path, pool, &[&gradients]);
            let slices = AdamWSlices {
                parameters: &mut values,
                first_moments: &mut first,
                second_moments: &mut second,
                gradients: &gradients,
                gradient_scale: 1.0 / (1.0 + norm as f32),
            };
            optimizer.step(path, pool, 1, slices);
            gradients.fill(0.1);
        });
        seconds / count as f64
    }

    fn probe(
        &self,
        spec: DecoderSpec,
        format: WeightFormat,
        method: Method,
    ) -> Result<Probe, ModelError> {
        let weights = RandomWeights::Uniform(format);
        let decoder = Decoder::random(spec, weights, self.compute.clone());
        let training = TrainingDecoder::new(decoder, method)?;
        let parameters = training.initial_parameters(1);
        Ok(Probe {
            gradients: vec![0.0; parameters.len()],
            parameters,
            options: StepOptions {
                recompute: self.recompute,
                dropout_seed: Some(1),
            },
            training,
        })
    }
}

fn area(site: Site, spec: &DecoderSpec) -> usize {
    let (outputs, inputs) = site.shape(spec);
    outputs * inputs
}

/// So many tokens as sequences of `length`, the last one shorter.
fn row_shape(tokens: usize, length: usize) -> MicroBatchShape {
    let starts = (0..tokens).step_by(length);
    MicroBatchShape::of_lengths(starts.map(|start| length.min(tokens - start)), 0)
}

/// A small decoder that learns.
struct Probe {
    training: TrainingDecoder,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
    options: StepOptions,
}

impl Probe {
    /// Gradients of so many tokens in sequences of `length`, of which the first `counted` count.
    fn gradients(&mut self, tokens: usize, length: usize, counted: usize) {
        let row = Row::new(tokens, length, counted);
        let weights = vec![-1.0 / counted.max(1) as f32; counted];
        let objective = Objective::Weighted(&weights);
        // Tokens are within the vocabulary, and there are some: it cannot fail.
        let _ = self.training.gradients(
            &self.parameters,
            &row.batch(),
            objective,
            self.options,
            &mut self.gradients,
        );
    }

    fn log_probabilities(&mut self, tokens: usize, length: usize, counted: usize) {
        let row = Row::new(tokens, length, counted);
        let _ = self
            .training
            .log_probabilities(Some(&self.parameters), &row.batch());
    }

    fn update(&mut self) {
        self.training.update(&self.parameters);
    }
}

struct Row {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    targets: Vec<Option<u32>>,
}

impl Row {
    fn new(tokens: usize, length: usize, counted: usize) -> Self {
        Self {
            tokens: (0..tokens as u32).map(|at| at % 64).collect(),
            starts: (0..tokens).map(|at| at / length * length).collect(),
            targets: (0..tokens).map(|at| (at < counted).then_some(1)).collect(),
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

/// How far passes of the same work lie apart, over all that was measured.
#[derive(Debug, Default)]
struct Spread {
    fastest: f64,
    median: f64,
    slowest: f64,
}

impl Spread {
    /// The median of a few passes after one that warms up, seconds.
    fn measure(&mut self, mut work: impl FnMut()) -> f64 {
        const PASSES: std::ops::RangeInclusive<usize> = 4..=15;
        work();
        let begun = Instant::now();
        let mut seconds = Vec::new();
        let limit = Duration::from_secs_f64(MEASURED_SECONDS);
        while seconds.len() < *PASSES.start()
            || (seconds.len() < *PASSES.end() && begun.elapsed() < limit)
        {
            let pass = Instant::now();
            work();
            seconds.push(pass.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        self.fastest += seconds[0];
        self.median += median;
        self.slowest += seconds[seconds.len() - 1];
        median
    }

    /// Fastest and slowest, of the median.
    fn bounds(&self) -> (f64, f64) {
        (self.fastest / self.median, self.slowest / self.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_pass_through_points_and_never_fall() {
        let check = |first, second, fixed, each| {
            assert_eq!(Line::through(first, second), Line { fixed, each });
        };
        check((1.0, 3.0), (3.0, 7.0), 1.0, 2.0);
        // Slower with fewer: noise.
        check((1.0, 8.0), (3.0, 7.0), 7.0, 0.0);
        // Nothing takes less than no time with no tokens.
        check((1.0, 1.0), (2.0, 4.0), 0.0, 2.0);
    }

    #[test]
    fn a_micro_batch_costs_what_its_parts_cost() {
        let speed = StepSpeed {
            layers: Line {
                fixed: 1.0,
                each: 0.5,
            },
            square: 0.25,
            block: Line {
                fixed: 2.0,
                each: 0.125,
            },
            forward_layers: 0.5,
            forward_head: 0.25,
            optimizer: 3.0,
            spread: (0.95, 1.5),
        };
        let shape = MicroBatchShape::of_lengths([2, 4], 0);
        assert_eq!((shape.tokens, shape.longest, shape.squares), (6, 4, 20));
        let check = |counted, of_function, gradients: f64, forward: f64| {
            let shape = MicroBatchShape { counted, ..shape };
            assert_eq!(speed.gradients(shape, of_function), gradients);
            assert_eq!(speed.log_probabilities(shape), forward);
        };
        check(0, false, 9.0, 4.5);
        check(0, true, 9.0, 4.5);
        check(8, false, 12.0, 5.25);
        check(8, true, 12.75, 5.25);
        // Two blocks of 256 rows.
        check(264, false, 46.0, 13.75);
        assert_eq!(speed.gradients(MicroBatchShape::default(), false), 0.0);
        let band = speed.with_band(10.0);
        assert_eq!((band.low, band.expected, band.high), (9.0, 10.0, 15.0));
    }

    #[test]
    fn a_probe_finds_times() {
        let mut spec = DecoderSpec::preset("llama-1.1b").expect("a known shape");
        (spec.vocabulary, spec.hidden_size, spec.layers) = (300, 64, 3);
        spec.attention.heads = 4;
        spec.attention.kv_heads = 2;
        spec.attention.head_dim = 16;
        spec.mlp.intermediate_size = 96;
        let lora = Lora {
            rank: 4,
            alpha: 8.0,
            rank_stabilized: false,
            dropout: 0.1,
            sites: Site::ALL.to_vec(),
        };
        let compute = Compute::new(nc_kernels::Path::strongest(), 1);
        for (format, method) in [
            (WeightFormat::Q4_0, Method::Lora(lora)),
            (WeightFormat::F32, Method::Full),
        ] {
            let request = ProbeRequest {
                spec: &spec,
                weights: WeightFacts {
                    main: format,
                    output: format,
                    bytes: 0,
                },
                method: &method,
                recompute: true,
                typical: MicroBatchShape::of_lengths([40, 40], 20),
                compute: &compute,
            };
            let speed = request.measure().expect("it learns");
            let seconds = speed.gradients(request.typical, false);
            assert!(seconds.is_finite() && seconds > 0.0, "{speed:?}");
            let forward = speed.log_probabilities(request.typical);
            assert!(forward > 0.0 && forward <= seconds, "{speed:?}");
            assert!(speed.optimizer > 0.0, "{speed:?}");
        }
    }
}
