//! Random choices that a seed decides, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of random numbers is for: streams of one seed do not repeat each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Texts that the tokenizer is trained on.
    Vocabulary = 1,
    /// Weights before anything is learnt.
    Weights = 2,
    /// Rows of the first stage.
    Pretraining = 3,
    /// Rows of supervised fine-tuning.
    Answers = 4,
    /// Pairs of the preference stage.
    Preferences = 5,
    /// Held-out questions.
    Questions = 6,
    /// Held-out pairs.
    Pairs = 7,
    /// The sample data for a person's first fine-tune.
    Samples = 8,
    /// Rows that supervised fine-tuning begins with.
    Practice = 9,
    /// Rows of its second round.
    MoreAnswers = 10,
}

/// A stream of random choices.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a seed for a purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number below `bound`, which is at least 1. The bias of a remainder of 64 bits is below any that a text could show.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    /// A number from `first` to `last`, both possible.
    pub fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below((last - first + 1) as usize) as u32
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none.
    pub fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// An index, each as likely as its weight says.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum::<u32>() as usize) as u32;
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        weights.len().saturating_sub(1)
    }

    /// Puts them into another order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number of a normal distribution with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let unit = |bits: u64| (bits >> 11) as f64 / (1u64 << 53) as f64;
        let (first, second) = (unit(self.0.next_u64()), unit(self.0.next_u64()));
        let radius = (-2.0 * (1.0 - first).ln()).sqrt();
        (radius * (std::f64::consts::TAU * second).cos()) as f32
    }
}
