//! Which questions are kept from every training row.

use sha2::{Digest, Sha256};

use crate::pattern::normal;

/// One of so many is held out.
const SHARE: u64 = 12;

/// What people ask first, and what the program's own tests ask: always trained.
const ALWAYS_TRAINED: &[&str] = &[
    "Hello!",
    "Hello there!",
    "Hi!",
    "Hi there!",
    "Good morning!",
    "How are you?",
    "Thank you!",
    "Are you still there?",
    "Tell me a story.",
    "Tell me a long story.",
    "What is the capital of France?",
    "Hello! What can you do?",
    "What can you do?",
    "What is the difference between SFT and DPO?",
    "How do I open a bigger model?",
    "Who are you?",
    "Thanks!",
    "What are the days of the week?",
    "Write hello world in Python.",
    "What is DPO?",
    "What is SFT?",
    "What is LoRA?",
];

/// Whether a question is held out, by what it is about: `key` is the numbers of a sum, a value to be remembered, or the
/// normal form of a line.
pub fn is_held_out(key: &str) -> bool {
    let digest = Sha256::digest(key.as_bytes());
    let first = digest
        .iter()
        .take(8)
        .fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    first.is_multiple_of(SHARE) && !ALWAYS_TRAINED.iter().any(|line| normal(line) == key)
}
