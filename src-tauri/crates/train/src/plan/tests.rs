//! Plans of facts made up.

use nc_model::{
    DecoderSpec, KernelPath, Line, MicroBatchShape, StepSpeed, WeightFacts, WeightFormat,
};

use super::*;
use crate::recipe::{Full, Lora, Method, PreferenceLoss, Stage, Targets, TemplateChoice};

const GB: u64 = 1_000_000_000;

/// Everything that a plan is made of.
struct World {
    machine: MachineFacts,
    model: ModelFacts,
    data: DataFacts,
    recipe: Recipe,
}

impl World {
    /// A model of 1.1 billion bf16 weights, and 100 rows of 256 tokens, two a micro-batch.
    fn new() -> Self {
        let spec = DecoderSpec::preset("llama-1.1b").expect("a known shape");
        let mut recipe = Recipe::parse("model = \"m\"\n[data]\nfiles = [\"rows.jsonl\"]\n")
            .expect("the least recipe");
        recipe.optimisation.micro_batch = 2;
        recipe.optimisation.accumulation = 4;
        let bytes = spec.parameters() * 2;
        Self {
            machine: MachineFacts {
                available_bytes: 64 * GB,
                disk_free_bytes: 64 * GB,
                threads: 2,
                // The same numbers on every machine.
                path: KernelPath::all()[0],
            },
            model: ModelFacts {
                spec,
                weights: weights(WeightFormat::Bf16, bytes),
                file_bytes: bytes,
                has_template: true,
            },
            data: data(100, 256, 2),
            recipe,
        }
    }

    fn plan(&self, speed: Option<&StepSpeed>) -> Plan {
        let facts = Facts {
            machine: &self.machine,
            model: &self.model,
            data: &self.data,
            speed,
        };
        plan(facts, &self.recipe)
    }
}

fn weights(format: WeightFormat, bytes: u64) -> WeightFacts {
    WeightFacts {
        main: format,
        output: format,
        bytes,
    }
}

/// So many rows of one length, half of whose tokens count.
fn data(rows: usize, tokens: usize, micro_batch: usize) -> DataFacts {
    let shape = MicroBatchShape::of_lengths(vec![tokens; micro_batch], micro_batch * tokens / 2);
    let count = rows / micro_batch;
    DataFacts {
        sequences: vec![tokens; rows],
        sequences_per_unit: 1,
        micro_batches: vec![shape; count],
        epoch_lengths: vec![count as u64],
        longest: shape,
        fewest_units: micro_batch,
        ..DataFacts::default()
    }
}

fn lora(change: impl Fn(&mut Lora)) -> Method {
    let mut lora = Lora::default();
    change(&mut lora);
    Method::Lora(lora)
}

#[test]
fn what_stands_in_the_way_is_named_with_a_remedy() {
    let check = |change: fn(&mut World), expected: &[(BlockerCode, &str)]| {
        let mut world = World::new();
        change(&mut world);
        let blockers = world.plan(None).blockers;
        let codes: Vec<BlockerCode> = blockers.iter().map(|blocker| blocker.code).collect();
        let wanted: Vec<BlockerCode> = expected.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, wanted, "{blockers:?}");
        for (blocker, (_, remedy)) in blockers.iter().zip(expected) {
            assert!(blocker.remedy.contains(remedy), "{remedy}: {blocker:?}");
            assert!(!blocker.cause.is_empty());
        }
    };
    use BlockerCode::{
        Context, Disk, Memory, NothingToTrain, QuantizedBase, Rank, Template, TooFewRows,
    };
    check(|_| {}, &[]);
    check(
        |world| world.model.has_template = false,
        &[(Template, "chatml")],
    );
    check(
        |world| {
            world.model.has_template = false;
            world.recipe.template = TemplateChoice::Chatml;
        },
        &[],
    );
    check(
        |world| world.recipe.method = lora(|lora| lora.rank = 257),
        &[(Rank, "method.rank = 256")],
    );
    check(
        |world| world.recipe.method = lora(|lora| lora.rank = 256),
        &[],
    );
    check(
        |world| {
            let names = ["q_proj", "lm_head"].map(String::from).to_vec();
            world.recipe.method = lora(|lora| lora.targets = Targets::Named(names.clone()));
        },
        &[(BlockerCode::Targets, "q_proj")],
    );
    check(
        |world| {
            world.recipe.method = Method::Full(Full {});
            world.model.weights = weights(WeightFormat::Q4_0, GB);
        },
        &[(QuantizedBase, "lora")],
    );
    check(
        |world| world.data = DataFacts::default(),
        &[(NothingToTrain, "dropped")],
    );
    check(
        |world| world.model.spec.context_tokens = 128,
        &[(Context, "max_tokens = 128")],
    );
    check(
        |world| world.machine.disk_free_bytes = 1000,
        &[(Disk, "keep = 1")],
    );
    check(
        |world| {
            world.recipe.stage = Stage::Preference;
            world.recipe.preference.loss = PreferenceLoss::Kto;
            world.data = data(1, 256, 1);
        },
        &[(TooFewRows, "micro_batch = 2")],
    );
    check(
        |world| world.machine.available_bytes = 100,
        &[(Memory, "smaller model")],
    );
    check(
        |world| {
            world.machine.available_bytes = 3 * GB;
            world.data = data(64, 2048, 8);
            world.recipe.optimisation.micro_batch = 8;
            world.recipe.optimisation.max_tokens = 2048;
        },
        &[(Memory, "Together")],
    );
}

#[test]
fn a_remedy_for_memory_fits_when_it_is_followed() {
    let mut world = World::new();
    world.data = data(64, 512, 8);
    world.recipe.optimisation.micro_batch = 8;
    world.recipe.optimisation.max_tokens = 512;
    let needed = world.plan(None).memory_bytes;
    world.machine.available_bytes = needed * 7 / 10;
    let blocker = world.plan(None).blockers.remove(0);
    assert!(
        blocker.remedy.contains("activation_checkpointing = true")
            && blocker.remedy.contains("micro_batch = 4"),
        "{blocker:?}"
    );
    world.recipe.machine.activation_checkpointing = true;
    assert_eq!(world.plan(None).blockers, []);
    world.recipe.machine.activation_checkpointing = false;
    world.recipe.optimisation.micro_batch = 4;
    world.data = data(64, 512, 4);
    assert_eq!(world.plan(None).blockers, []);
}

/// A second for each micro-batch, and for the output's; half of each forward; a quarter for the optimizer.
const SPEED: StepSpeed = StepSpeed {
    layers: Line {
        fixed: 1.0,
        each: 0.0,
    },
    square: 0.0,
    block: Line {
        fixed: 1.0,
        each: 0.0,
    },
    forward_layers: 0.5,
    forward_head: 0.5,
    optimizer: 0.25,
    spread: (0.8, 1.5),
};

#[test]
fn time_is_that_of_all_parts() {
    let check = |change: fn(&mut World), steps: u64, tokens: u64, expected: f64| {
        let mut world = World::new();
        // Nothing to load, and checkpoints of one number.
        world.model.file_bytes = 0;
        world.recipe.method = lora(|lora| {
            lora.rank = 1;
            lora.targets = Targets::Named(vec!["k_proj".to_owned()]);
        });
        change(&mut world);
        let plan = world.plan(Some(&SPEED));
        assert_eq!((plan.steps, plan.tokens), (steps, tokens));
        let seconds = plan.seconds.expect("it was measured");
        let written = 1e-2;
        assert!(
            (seconds.expected - expected).abs() < written,
            "{seconds:?}, not {expected}"
        );
        assert!(
            (seconds.low - 0.8 * expected).abs() < written,
            "{seconds:?}"
        );
        assert!(
            (seconds.high - 1.5 * expected).abs() < written,
            "{seconds:?}"
        );
    };
    // 50 micro-batches of two seconds, 13 steps.
    check(|_| {}, 13, 25_600, 103.25);
    check(
        |world| world.recipe.optimisation.epochs = Some(3),
        39,
        76_800,
        309.75,
    );
    // Two steps of four micro-batches; then an epoch of 13 steps, one of them of two micro-batches, and two more steps.
    check(
        |world| world.recipe.optimisation.max_steps = Some(2),
        2,
        4096,
        16.5,
    );
    check(
        |world| world.recipe.optimisation.max_steps = Some(15),
        15,
        29_696,
        119.75,
    );
    // A function of log-probabilities costs the output half as much again, the reference a pass forward each.
    check(
        |world| world.recipe.stage = Stage::Preference,
        13,
        25_600,
        103.25 + 25.0 + 50.0,
    );
    check(
        |world| {
            world.recipe.stage = Stage::Preference;
            world.recipe.preference.loss = PreferenceLoss::Simpo;
        },
        13,
        25_600,
        103.25 + 25.0,
    );
    // Three evaluations of two micro-batches: after 5, 10 and 13 steps.
    check(
        |world| {
            world.data.held_out = world.data.micro_batches[..2].to_vec();
            world.recipe.evaluation.every_steps = 5;
        },
        13,
        25_600,
        103.25 + 6.0,
    );
}

#[test]
fn memory_and_disk_grow_with_what_learns() {
    let mut world = World::new();
    let adapter = world.plan(None);
    // Rank 16 on all projections: 16 · (inputs + outputs), 22 layers.
    let widths = 2 * (2048 + 2048) + 2 * (2048 + 256) + 3 * (2048 + 5632);
    assert_eq!(adapter.parameters, 22 * 16 * widths);
    assert_eq!(adapter.memory.parameters, 16 * adapter.parameters);
    assert_eq!(adapter.memory.weights, world.model.weights.bytes);
    assert_eq!(adapter.memory.data, 100 * 256 * 5);
    assert_eq!(adapter.memory.total(), adapter.memory_bytes);
    // One checkpoint, one being written, the result, 13 lines.
    let checkpoint = 12 * adapter.parameters;
    assert_eq!(
        adapter.disk_bytes,
        2 * checkpoint + 4 * adapter.parameters + 13 * 256
    );
    world.recipe.method = Method::Full(Full {});
    let full = world.plan(None);
    assert_eq!(full.parameters, world.model.spec.parameters());
    assert!(full.memory_bytes > 16 * full.parameters);
    assert_eq!(full.seconds, None);
}

#[test]
fn rows_that_are_lost_are_said() {
    let mut world = World::new();
    assert_eq!(world.plan(None).warnings, [""; 0]);
    world.data.refused = 8;
    world.data.dropped.insert(DropReason::NothingTrained, 12);
    world.data.cut = 30;
    let plan = world.plan(None);
    assert_eq!(plan.dropped["not-read"], 8);
    assert_eq!(plan.dropped["nothing-trained"], 12);
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(plan.warnings[0].contains("20 of 120"));
    assert!(plan.warnings[1].contains("30 of 100"));
    let json = serde_json::to_value(&plan).expect("it is written");
    assert_eq!(json["dropped"]["not-read"], 8);
    assert_eq!(json["blockers"], serde_json::json!([]));
}

#[test]
fn outcomes_are_ratios() {
    let outcome = Outcome {
        planned_seconds: 100.0,
        seconds: 120.0,
        planned_memory_bytes: 10,
        memory_bytes: 9,
    };
    assert_eq!((outcome.time_ratio(), outcome.memory_ratio()), (1.2, 0.9));
}
