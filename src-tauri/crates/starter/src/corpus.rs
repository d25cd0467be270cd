//! What is trained on, and what is asked afterwards: all rows of all stages, decided by one seed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::conversation::{Asked, Mix, Turn, conversation, held_out_question, preference};
use crate::exchange::Kind;
use crate::random::{Purpose, Random};
use crate::topics::Written;
use crate::worksheets::worksheet;

/// How many rows each stage has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Chats of the first stage.
    pub pretraining_chats: usize,
    /// Worksheets of the first stage.
    pub worksheets: usize,
    /// Chats that supervised fine-tuning begins with: mostly of what has to be copied.
    pub practice: usize,
    /// Chats of supervised fine-tuning.
    pub answers: usize,
    /// Chats of its second round.
    pub more_answers: usize,
    /// Pairs of the preference stage.
    pub pairs: usize,
    /// Held-out questions of each kind.
    pub questions: usize,
    /// Held-out pairs.
    pub held_out_pairs: usize,
    /// Texts for the tokenizer.
    pub vocabulary_texts: usize,
}

/// A chat, as training files have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Its turns.
    pub messages: Vec<Turn>,
}

/// A text without turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// A question with a better and a plainer answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The question.
    pub prompt: String,
    /// The better answer.
    pub chosen: String,
    /// The plainer one.
    pub rejected: String,
}

/// In the first stage, of all kinds; [`Kind::ALL`] is the order.
const PRETRAINING: Mix = [12, 18, 9, 10, 10, 4, 7, 8, 6, 8, 14, 10];
/// Before the second, mostly what has to be copied from the question or from an earlier turn: met now and then among other
/// things it is hardly learnt, met often it is learnt in a few hundred steps.
const PRACTICE: Mix = [1, 1, 1, 2, 2, 2, 4, 7, 2, 12, 12, 1];
/// In its second round, more of what is learnt late.
const MORE_ANSWERS: Mix = [12, 13, 8, 7, 7, 6, 11, 15, 7, 10, 18, 7];
/// In the second, of all kinds again.
const ANSWERS: Mix = [11, 15, 9, 8, 9, 6, 8, 11, 6, 11, 15, 9];

/// Texts for the tokenizer, without any marks of turns.
pub fn vocabulary_texts(written: &Written, seed: u64, count: usize) -> Vec<String> {
    let mut random = Random::new(seed, Purpose::Vocabulary);
    let text = |turns: Vec<Turn>| -> String {
        let lines: Vec<String> = turns
            .into_iter()
            .map(|turn| format!("{}\n{}", turn.role, turn.content))
            .collect();
        lines.join("\n")
    };
    let chats = (0..count).map(|_| text(conversation(written, &mut random, (&PRETRAINING, 3))));
    chats.collect()
}

/// Chats and worksheets of the first stage.
pub fn pretraining(written: &Written, seed: u64, sizes: Sizes) -> (Vec<Chat>, Vec<Text>) {
    let mut random = Random::new(seed, Purpose::Pretraining);
    let chats = chats(
        written,
        &mut random,
        (&PRETRAINING, sizes.pretraining_chats),
    );
    let texts = (0..sizes.worksheets).map(|_| Text {
        text: worksheet(written, &mut random),
    });
    (chats, texts.collect())
}

/// Chats that supervised fine-tuning begins with.
pub fn practice(written: &Written, seed: u64, sizes: Sizes) -> Vec<Chat> {
    let mut random = Random::new(seed, Purpose::Practice);
    chats(written, &mut random, (&PRACTICE, sizes.practice))
}

/// Chats of its second round.
pub fn more_answers(written: &Written, seed: u64, sizes: Sizes) -> Vec<Chat> {
    let mut random = Random::new(seed, Purpose::MoreAnswers);
    chats(written, &mut random, (&MORE_ANSWERS, sizes.more_answers))
}

/// Chats of supervised fine-tuning.
pub fn answers(written: &Written, seed: u64, sizes: Sizes) -> Vec<Chat> {
    let mut random = Random::new(seed, Purpose::Answers);
    chats(written, &mut random, (&ANSWERS, sizes.answers))
}

/// Pairs of the preference stage, or held-out ones, each question once.
pub fn pairs(written: &Written, seed: u64, (count, held_out): (usize, bool)) -> Vec<Pair> {
    let purpose = if held_out {
        Purpose::Pairs
    } else {
        Purpose::Preferences
    };
    let mut random = Random::new(seed, purpose);
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let (prompt, [chosen, rejected]) = preference(written, &mut random, held_out);
        if seen.insert(prompt.clone()) {
            pairs.push(Pair {
                prompt,
                chosen,
                rejected,
            });
        }
    }
    pairs
}

/// So many held-out questions of each kind, none twice.
pub fn questions(written: &Written, seed: u64, each: usize) -> Vec<(Kind, Asked)> {
    let mut random = Random::new(seed, Purpose::Questions);
    let mut seen = BTreeSet::new();
    let kinds = Kind::ALL
        .into_iter()
        .flat_map(|kind| std::iter::repeat_n(kind, each));
    kinds
        .map(|kind| {
            (
                kind,
                held_out_question(written, &mut random, (kind, &mut seen)),
            )
        })
        .collect()
}

/// Most are short: what a chat begins with matters most.
fn chats(written: &Written, random: &mut Random, (mix, count): (&Mix, usize)) -> Vec<Chat> {
    let lengths = [1, 1, 2, 2, 3, 3, 4, 5, 7, 9];
    (0..count)
        .map(|_| {
            let exchanges = random.choose(&lengths);
            Chat {
                messages: conversation(written, random, (mix, exchanges)),
            }
        })
        .collect()
}
