//! The data for a person's first fine-tune: messages to a shop to be sorted, and polite answers to be preferred.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::corpus::Pair;
use crate::error::Result;
use crate::files::write_rows;
use crate::pattern::{as_typed, expand, normal};
use crate::random::{Purpose, Random};
use crate::texts::{Topic, topics};

/// Messages to sort.
const MESSAGES: usize = 1050;
/// Pairs.
const PAIRS: usize = 360;

const THINGS: &[&str] = &[
    "lamp",
    "chair",
    "table",
    "book",
    "cup",
    "clock",
    "bag",
    "coat",
    "kite",
    "plant",
    "radio",
    "camera",
    "mirror",
    "vase",
    "phone",
    "desk",
    "bottle",
    "box of pens",
    "watch",
    "toy train",
];

/// A message and its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What is asked.
    pub prompt: String,
    /// The label.
    pub response: String,
}

/// Messages with their labels, all different, and of each label as many.
pub fn messages(seed: u64) -> Vec<Row> {
    let labels = topics(include_str!("texts/support_messages.txt"));
    let mut random = Random::new(seed, Purpose::Samples);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    while rows.len() < MESSAGES {
        let label = &labels[rows.len() % labels.len()];
        let message = message(&mut random, label);
        if seen.insert(normal(&message)) {
            rows.push(Row {
                prompt: format!("Sort this message: {message}"),
                response: label.answers[0].clone(),
            });
        }
    }
    random.shuffle(&mut rows);
    rows
}

/// Messages with a polite, short answer and one that rambles or is rude.
pub fn preferences(seed: u64) -> Vec<Pair> {
    let labels = topics(include_str!("texts/support_messages.txt"));
    let answers = topics(include_str!("texts/support_answers.txt"));
    let mut random = Random::new(seed + 1, Purpose::Samples);
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::new();
    while pairs.len() < PAIRS {
        let number = pairs.len() % labels.len();
        let message = message(&mut random, &labels[number]);
        if !seen.insert(normal(&message)) {
            continue;
        }
        let (polite, others) = answers[number].answers.split_at(answers[number].preferred);
        pairs.push(Pair {
            prompt: format!("Answer this message: {message}"),
            chosen: polite[random.below(polite.len())].clone(),
            rejected: others[random.below(others.len())].clone(),
        });
    }
    random.shuffle(&mut pairs);
    pairs
}

fn message(random: &mut Random, label: &Topic) -> String {
    let pattern = &label.asks[random.below(label.asks.len())];
    let thing = random.choose(THINGS);
    let message = expand(random, &pattern.replace("{thing}", thing));
    as_typed(random, &message)
}

/// Writes both files.
///
/// # Errors
/// [`StarterError::File`](crate::StarterError::File) and [`StarterError::Write`](crate::StarterError::Write).
pub fn write(folder: &Path, seed: u64) -> Result<()> {
    write_rows(&folder.join("support-messages.jsonl"), &messages(seed))?;
    write_rows(
        &folder.join("support-preferences.jsonl"),
        &preferences(seed),
    )
}
