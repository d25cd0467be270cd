//! Micro-batches: nothing lost, nothing twice, pairs together, and the same again after a resume.

use std::collections::BTreeSet;

use nc_train::batch::{BatchOptions, Batches, DataPosition, MicroBatch, Unit};
use nc_train::recipe::Packing;
use nc_train::sample::{PairSample, Sample};
use proptest::prelude::*;

/// Samples of these lengths. Every token of all samples is another number; every third is not trained.
fn samples(lengths: &[usize]) -> Vec<Sample> {
    let mut next = 0;
    let sample = |(row, &length): (usize, &usize)| {
        let tokens: Vec<u32> = (next..next + length as u32).collect();
        next += length as u32;
        Sample {
            row: row as u64 + 1,
            trained: tokens
                .iter()
                .enumerate()
                .map(|(at, token)| at > 0 && token % 3 != 0)
                .collect(),
            tokens,
            cut: false,
        }
    };
    lengths.iter().enumerate().map(sample).collect()
}

fn pairs(lengths: &[usize]) -> Vec<PairSample> {
    let both: Vec<usize> = lengths
        .iter()
        .flat_map(|&length| [length, length / 2 + 1])
        .collect();
    let mut samples = samples(&both).into_iter();
    let mut pairs = Vec::new();
    while let (Some(chosen), Some(rejected)) = (samples.next(), samples.next()) {
        pairs.push(PairSample { chosen, rejected });
    }
    pairs
}

fn options() -> impl Strategy<Value = BatchOptions> {
    let packing = prop_oneof![
        Just(Packing::None),
        Just(Packing::Isolated),
        Just(Packing::Flat)
    ];
    (packing, 1..5usize, 8..20usize, any::<bool>(), any::<u64>()).prop_map(
        |(packing, micro_batch, max_tokens, shuffle, seed)| BatchOptions {
            packing,
            micro_batch,
            max_tokens,
            shuffle,
            seed,
        },
    )
}

fn epoch<U: Unit>(units: &[U], options: BatchOptions, epoch: u64) -> Vec<MicroBatch> {
    let epoch = Batches::new(units, options).epoch(epoch);
    let batches: Vec<_> = (0..)
        .map_while(|number| epoch.micro_batch(number))
        .collect();
    assert_eq!(batches.len() as u64, epoch.len());
    batches
}

/// What must hold in every micro-batch: the parts fit together, and a target is the token that follows.
fn well_formed(batch: &MicroBatch) {
    let count = batch.tokens.len();
    assert_eq!((batch.starts.len(), batch.targets.len()), (count, count));
    assert_eq!(batch.units.len(), batch.sequences.len());
    let mut end = 0;
    for sequence in &batch.sequences {
        assert_eq!(sequence.start, end);
        assert!(sequence.end > sequence.start);
        end = sequence.end;
        for at in sequence.clone() {
            assert_eq!(batch.starts[at], sequence.start);
            if let Some(target) = batch.targets[at] {
                assert!(at + 1 < sequence.end, "a target in another sequence");
                assert_eq!(target, batch.tokens[at + 1]);
            }
        }
    }
    assert_eq!(end, count);
}

fn trained<'s>(samples: impl Iterator<Item = &'s Sample>) -> BTreeSet<u32> {
    let both = samples.flat_map(|sample| sample.tokens.iter().zip(&sample.trained));
    both.filter(|(_, trained)| **trained)
        .map(|(token, _)| *token)
        .collect()
}

proptest! {
    #[test]
    fn every_trained_token_is_a_target_once_an_epoch(
        lengths in prop::collection::vec(1..9usize, 0..30), options in options(), number in 0..3u64
    ) {
        let samples = samples(&lengths);
        let batches = epoch(&samples, options, number);
        batches.iter().for_each(well_formed);
        let tokens: Vec<u32> = batches.iter().flat_map(|batch| batch.tokens.clone()).collect();
        let all: BTreeSet<u32> = tokens.iter().copied().collect();
        prop_assert_eq!(tokens.len(), lengths.iter().sum::<usize>());
        prop_assert_eq!(all.len(), tokens.len());
        let targets: Vec<u32> = batches.iter().flat_map(|batch| batch.targets.iter().flatten().copied()).collect();
        let mut expected = trained(samples.iter());
        if options.packing == Packing::Flat {
            // A block's first token has nothing before it.
            for batch in &batches {
                for sequence in &batch.sequences {
                    prop_assert!(sequence.len() <= options.max_tokens);
                    expected.remove(&batch.tokens[sequence.start]);
                }
            }
        }
        prop_assert_eq!(targets.len(), expected.len());
        prop_assert_eq!(targets.into_iter().collect::<BTreeSet<_>>(), expected);
        let room = options.micro_batch * options.max_tokens;
        prop_assert!(batches.iter().all(|batch| batch.tokens.len() <= room && !batch.tokens.is_empty()));
        if !options.shuffle && options.packing != Packing::Flat {
            prop_assert!(tokens.is_sorted());
        }
    }

    #[test]
    fn pairs_are_never_split(
        lengths in prop::collection::vec(1..9usize, 0..30), options in options(), number in 0..3u64
    ) {
        let pairs = pairs(&lengths);
        let batches = epoch(&pairs, options, number);
        let mut seen = BTreeSet::new();
        for batch in &batches {
            well_formed(batch);
            prop_assert_eq!(batch.sequences.len() % 2, 0);
            for (both, units) in batch.sequences.chunks(2).zip(batch.units.chunks(2)) {
                let pair = &pairs[units[0]];
                prop_assert_eq!(units[0], units[1]);
                prop_assert!(seen.insert(units[0]));
                prop_assert_eq!(&batch.tokens[both[0].clone()], &pair.chosen.tokens);
                prop_assert_eq!(&batch.tokens[both[1].clone()], &pair.rejected.tokens);
            }
        }
        prop_assert_eq!(seen.len(), pairs.len());
        let samples = pairs.iter().flat_map(Unit::sequences);
        let targets: u64 = batches.iter().map(MicroBatch::trained_tokens).sum();
        prop_assert_eq!(targets, trained(samples).len() as u64);
    }

    #[test]
    fn a_run_goes_on_where_it_stopped(
        lengths in prop::collection::vec(1..9usize, 1..20), options in options(), stop in 0..20usize
    ) {
        let pairs = pairs(&lengths);
        let run = |mut position: DataPosition, count: usize| {
            let mut found = Vec::new();
            for _ in 0..count {
                let epoch = Batches::new(&pairs, options).epoch(position.epoch);
                found.push(epoch.micro_batch(position.micro_batch).expect("a micro-batch"));
                position = position.next(epoch.len());
            }
            (found, position)
        };
        let (undisturbed, end) = run(DataPosition::default(), 25);
        let (mut before, position) = run(DataPosition::default(), stop);
        let written = serde_json::to_string(&position).expect("json");
        let read = serde_json::from_str(&written).expect("the same");
        let (after, end_again) = run(read, 25 - stop);
        before.extend(after);
        prop_assert_eq!(before, undisturbed);
        prop_assert_eq!(end, end_again);
    }
}

#[test]
fn rows_worked_out_by_hand() {
    let samples = samples(&[3, 2, 4]);
    let check = |packing, micro_batch, expected: &[&[&[u32]]]| {
        let options = BatchOptions {
            packing,
            micro_batch,
            max_tokens: 5,
            shuffle: false,
            seed: 0,
        };
        let batches = epoch(&samples, options, 0);
        let sequences = |batch: &MicroBatch| -> Vec<Vec<u32>> {
            let ranges = batch.sequences.iter().cloned();
            ranges.map(|range| batch.tokens[range].to_vec()).collect()
        };
        let found: Vec<_> = batches.iter().map(sequences).collect();
        assert_eq!(found, expected, "{packing:?}");
    };
    check(
        Packing::None,
        2,
        &[&[&[0, 1, 2], &[3, 4]], &[&[5, 6, 7, 8]]],
    );
    check(
        Packing::Isolated,
        1,
        &[&[&[0, 1, 2], &[3, 4]], &[&[5, 6, 7, 8]]],
    );
    check(
        Packing::Isolated,
        2,
        &[&[&[0, 1, 2], &[3, 4], &[5, 6, 7, 8]]],
    );
    check(Packing::Flat, 1, &[&[&[0, 1, 2, 3, 4]], &[&[5, 6, 7, 8]]]);
    let options = BatchOptions {
        packing: Packing::None,
        micro_batch: 2,
        max_tokens: 5,
        shuffle: false,
        seed: 0,
    };
    let first = &epoch(&samples, options, 0)[0];
    assert_eq!(first.starts, [0, 0, 0, 3, 3]);
    assert_eq!(first.targets, [Some(1), Some(2), None, Some(4), None]);
    assert_eq!(
        (first.trained_tokens(), first.units.as_slice()),
        (3, &[0, 1][..])
    );
}
