//! Memory of a recipe, and which changes to it would fit.

use nc_model::{DecoderSpec, MemoryRequest, MicroBatchShape, WeightFacts, WeightFormat};

use super::{DataFacts, Facts, MemoryParts};
use crate::method;
use crate::recipe::{Lora, Method, Recipe};

/// Bytes of a token of a sample: its number, and whether it is trained.
const TOKEN_BYTES: u64 = 5;
/// Fewest tokens of a sequence that are proposed.
const LEAST_TOKENS: usize = 128;
/// Smallest rank that is proposed.
const LEAST_RANK: usize = 4;

/// The memory of a recipe whose longest micro-batch is this.
pub(super) fn memory(facts: Facts, recipe: &Recipe, longest: MicroBatchShape) -> MemoryParts {
    of(facts, recipe, longest, facts.model.weights)
}

fn of(
    facts: Facts,
    recipe: &Recipe,
    longest: MicroBatchShape,
    weights: WeightFacts,
) -> MemoryParts {
    let Ok(method) = method::learning(&recipe.method) else {
        return MemoryParts::default();
    };
    let request = MemoryRequest {
        spec: &facts.model.spec,
        weights,
        method: &method,
        path: facts.machine.path,
        threads: facts.machine.threads,
        recompute: recipe.machine.activation_checkpointing,
        longest,
    };
    let memory = request.memory();
    MemoryParts {
        weights: memory.weights,
        parameters: memory.parameters,
        kept: memory.kept,
        buffers: memory.buffers + memory.scratch,
        data: facts.data.sequences.iter().sum::<usize>() as u64 * TOKEN_BYTES,
    }
}

/// A change to a recipe.
struct Change {
    /// As a person would make it.
    words: String,
    recipe: Recipe,
    longest: MicroBatchShape,
    weights: WeightFacts,
}

/// What would fit: changes one by one, or all together where none is enough.
pub(super) fn remedy(facts: Facts, recipe: &Recipe) -> String {
    let available = facts.machine.available_bytes;
    let bytes = |change: &Change| of(facts, &change.recipe, change.longest, change.weights).total();
    let changes = changes(facts, recipe);
    // Of several sizes of one change the largest that fits is named.
    let mut fitting: Vec<(&Change, u64)> = Vec::new();
    for kind in &changes {
        let fits = kind.iter().map(|change| (change, bytes(change)));
        fitting.extend(fits.into_iter().find(|(_, bytes)| *bytes <= available));
    }
    if !fitting.is_empty() {
        let words = fitting
            .iter()
            .map(|(change, bytes)| format!("{} ({})", change.words, gigabytes(*bytes)));
        return format!(
            "One of these would fit: {}.",
            words.collect::<Vec<_>>().join("; ")
        );
    }
    let together = together(facts, recipe);
    let least = bytes(&together);
    match least <= available {
        true => format!(
            "Together these would fit ({}): {}.",
            gigabytes(least),
            together.words
        ),
        false => format!(
            "Close other programs, or choose a smaller model: even with {} it takes {}.",
            together.words,
            gigabytes(least)
        ),
    }
}

/// Kinds of changes, each from the smallest change to the largest.
fn changes(facts: Facts, recipe: &Recipe) -> Vec<Vec<Change>> {
    let data = facts.data;
    let weights = facts.model.weights;
    let change = |words: String, recipe: Recipe, longest| Change {
        words,
        recipe,
        longest,
        weights,
    };
    let mut kinds = Vec::new();
    if !recipe.machine.activation_checkpointing {
        let mut changed = recipe.clone();
        changed.machine.activation_checkpointing = true;
        let words = "machine.activation_checkpointing = true".to_owned();
        kinds.push(vec![change(words, changed, data.longest)]);
    }
    let halves = |from: usize, least: usize| {
        std::iter::successors(Some(from / 2), |size| Some(size / 2))
            .take_while(move |size| *size >= least.max(1))
    };
    let micro_batches = halves(recipe.optimisation.micro_batch, 1).map(|size| {
        let mut changed = recipe.clone();
        changed.optimisation.micro_batch = size;
        let longest = longest(data, &changed);
        change(
            format!("optimisation.micro_batch = {size}"),
            changed,
            longest,
        )
    });
    kinds.push(micro_batches.collect());
    let max_tokens = halves(recipe.optimisation.max_tokens, LEAST_TOKENS).map(|size| {
        let mut changed = recipe.clone();
        changed.optimisation.max_tokens = size;
        let longest = longest(data, &changed);
        change(
            format!("optimisation.max_tokens = {size}"),
            changed,
            longest,
        )
    });
    kinds.push(max_tokens.collect());
    match &recipe.method {
        Method::Lora(lora) => {
            let ranks = halves(lora.rank, LEAST_RANK).map(|rank| {
                let mut changed = recipe.clone();
                changed.method = Method::Lora(Lora {
                    rank,
                    ..lora.clone()
                });
                change(format!("method.rank = {rank}"), changed, data.longest)
            });
            kinds.push(ranks.collect());
            let four_bits = four_bits(&facts.model.spec, weights).map(|weights| Change {
                words: "the same model in 4 bits".to_owned(),
                recipe: recipe.clone(),
                longest: data.longest,
                weights,
            });
            kinds.push(four_bits.into_iter().collect());
        }
        Method::Full(_) => {
            let mut changed = recipe.clone();
            changed.method = Method::default();
            let words = "method.kind = \"lora\"".to_owned();
            kinds.push(vec![change(words, changed, data.longest)]);
        }
    }
    kinds
}

/// The smallest that a run of this model can be made.
fn together(facts: Facts, recipe: &Recipe) -> Change {
    let mut changed = recipe.clone();
    changed.machine.activation_checkpointing = true;
    let least = match crate::plan::blockers::is_unpaired(recipe) {
        true => 2,
        false => 1,
    };
    let micro_batch = recipe.optimisation.micro_batch.min(least);
    changed.optimisation.micro_batch = micro_batch;
    let max_tokens = recipe.optimisation.max_tokens.min(2 * LEAST_TOKENS);
    changed.optimisation.max_tokens = max_tokens;
    let mut words = format!(
        "machine.activation_checkpointing = true, optimisation.micro_batch = {micro_batch}, \
         optimisation.max_tokens = {max_tokens}"
    );
    let mut weights = facts.model.weights;
    if matches!(recipe.method, Method::Full(_)) {
        changed.method = Method::default();
        words += ", method.kind = \"lora\"";
    }
    if let Some(fewer) = four_bits(&facts.model.spec, weights) {
        weights = fewer;
        words += ", the same model in 4 bits";
    }
    Change {
        words,
        longest: longest(facts.data, &changed),
        recipe: changed,
        weights,
    }
}

/// The longest micro-batch that a recipe can have: its longest rows together, each cut to `max_tokens`.
fn longest(data: &DataFacts, recipe: &Recipe) -> MicroBatchShape {
    let max_tokens = recipe.optimisation.max_tokens;
    let per_unit = data.sequences_per_unit.max(1);
    let cut = |unit: &[usize]| unit.iter().map(|length| (*length).min(max_tokens)).sum();
    let mut units: Vec<usize> = data.sequences.chunks(per_unit).map(cut).collect();
    units.sort_unstable_by(|a, b| b.cmp(a));
    let room = recipe.optimisation.micro_batch * per_unit;
    let tokens = match recipe.sft.packing {
        crate::recipe::Packing::None => units.iter().take(recipe.optimisation.micro_batch).sum(),
        _ => room.saturating_mul(max_tokens),
    };
    let longest = data.longest;
    MicroBatchShape {
        tokens: longest.tokens.min(tokens),
        counted: longest.counted.min(tokens),
        longest: longest.longest.min(max_tokens),
        squares: longest.squares,
    }
}

/// The weights as q4_0; none where they are as small already, or rows do not divide into blocks.
fn four_bits(spec: &DecoderSpec, weights: WeightFacts) -> Option<WeightFacts> {
    let format = WeightFormat::Q4_0;
    let divides = |inputs: &usize| inputs.is_multiple_of(format.block_weights());
    let mut bytes = 0;
    for (_, shape) in spec.tensors() {
        bytes += match *shape {
            [outputs, inputs] if divides(&inputs) => format.packed_bytes(outputs, inputs),
            [_, _] => return None,
            _ => shape.iter().product::<usize>() * size_of::<f32>(),
        } as u64;
    }
    (bytes < weights.bytes).then_some(WeightFacts {
        main: format,
        output: format,
        bytes,
    })
}

/// As a person reads it.
pub(super) fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
