//! Facts of real samples.

use nc_model::MicroBatchShape;
use nc_train::batch::{BatchOptions, Batches};
use nc_train::plan::DataFacts;
use nc_train::recipe::Packing;
use nc_train::sample::{PairSample, Sample};
use nc_train::{Prepared, Recipe};

/// The first half of its tokens is the prompt.
fn sample(length: usize) -> Sample {
    Sample {
        row: 1,
        tokens: vec![7; length],
        trained: (0..length).map(|at| at >= length / 2).collect(),
        cut: false,
    }
}

fn recipe(micro_batch: usize, more: &str) -> Recipe {
    let text = format!(
        "model = \"m\"\n[data]\nfiles = [\"rows.jsonl\"]\nshuffle = false\n[optimisation]\nmicro_batch = {micro_batch}\n{more}"
    );
    Recipe::parse(&text).expect("a recipe")
}

#[test]
fn facts_are_those_of_the_micro_batches() {
    let prepared = Prepared {
        train: [4, 10, 6, 8, 2].map(sample).to_vec(),
        held_out: vec![sample(6), sample(4), sample(8)],
        files: Vec::new(),
    };
    let recipe = recipe(2, "epochs = 3\n");
    let facts = DataFacts::of(&prepared, &recipe);
    let shape = |lengths: &[usize], counted| MicroBatchShape::of_lengths(lengths.to_vec(), counted);
    assert_eq!(facts.sequences, [4, 10, 6, 8, 2]);
    assert_eq!(
        facts.micro_batches,
        [shape(&[4, 10], 7), shape(&[6, 8], 7), shape(&[2], 1)]
    );
    assert_eq!(facts.held_out, [shape(&[6, 4], 5), shape(&[8], 4)]);
    assert_eq!(facts.epoch_lengths, [3; 3]);
    assert_eq!((facts.longest.tokens, facts.longest.longest), (14, 10));
    assert_eq!((facts.fewest_units, facts.rows()), (1, 5));
    // What the trainer will see.
    let options = BatchOptions {
        packing: Packing::None,
        micro_batch: 2,
        max_tokens: recipe.optimisation.max_tokens,
        shuffle: false,
        seed: recipe.data.seed,
    };
    let first = Batches::new(&prepared.train, options)
        .epoch(0)
        .micro_batch(0);
    let first = first.expect("there are samples");
    assert_eq!(first.tokens.len(), facts.micro_batches[0].tokens);
    assert_eq!(first.trained_tokens(), 7);
}

#[test]
fn both_sequences_of_a_pair_are_counted() {
    let pair = |chosen, rejected| PairSample {
        chosen: sample(chosen),
        rejected: sample(rejected),
    };
    let prepared = Prepared {
        train: vec![pair(4, 6), pair(10, 2)],
        held_out: Vec::new(),
        files: Vec::new(),
    };
    let facts = DataFacts::of(&prepared, &recipe(1, ""));
    assert_eq!(facts.sequences, [4, 6, 10, 2]);
    assert_eq!((facts.sequences_per_unit, facts.rows()), (2, 2));
    assert_eq!(facts.micro_batches.len(), 2);
    assert_eq!(facts.longest.tokens, 12);
    assert!(facts.held_out.is_empty());
}
