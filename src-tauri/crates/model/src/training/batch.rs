//! What one pass of training reads, and what it is trained for.

/// Sequences one after another in a flat row of `T` tokens. A token sees its own sequence only, and its position is counted
/// from that sequence's start.
#[derive(Debug, Clone, Copy)]
pub struct MicroBatch<'a> {
    /// `(T)`
    pub tokens: &'a [u32],
    /// For each token where in the row its sequence starts; never decreasing, none after the token. `(T)`
    pub starts: &'a [usize],
    /// The token that should come next, where it counts. `(T)`
    pub targets: &'a [Option<u32>],
}

/// What time and memory of a micro-batch depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MicroBatchShape {
    /// Tokens.
    pub tokens: usize,
    /// Tokens that count.
    pub counted: usize,
    /// The longest sequence, tokens.
    pub longest: usize,
    /// The sum of the squares of the sequences' lengths.
    pub squares: u64,
}

impl MicroBatchShape {
    /// That of sequences of these lengths, of which so many tokens count.
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>, counted: usize) -> Self {
        let mut shape = Self {
            counted,
            ..Self::default()
        };
        for length in lengths {
            shape.tokens += length;
            shape.longest = shape.longest.max(length);
            shape.squares += (length as u64).pow(2);
        }
        shape
    }
}

impl MicroBatch<'_> {
    /// What time and memory depend on.
    pub fn shape(&self) -> MicroBatchShape {
        let sequences = self.starts.chunk_by(|one, next| one == next);
        MicroBatchShape::of_lengths(sequences.map(<[usize]>::len), self.counted())
    }

    /// Tokens that count.
    pub fn counted(&self) -> usize {
        self.targets.iter().flatten().count()
    }

    pub(super) fn check_lengths(&self) {
        let tokens = self.tokens.len();
        assert!(
            self.starts.len() == tokens && self.targets.len() == tokens,
            "each token has a start, and a target or none"
        );
        assert!(
            self.starts.is_sorted()
                && self
                    .starts
                    .iter()
                    .enumerate()
                    .all(|(at, start)| *start <= at),
            "sequences follow each other"
        );
    }
}

/// What the loss is of the log-probabilities of the tokens that count, in their order.
pub enum Objective<'a> {
    /// Their sum, each times its weight: supervised training weighs each with `-1 / counted`. Cheaper than a function, since
    /// the logits are computed once.
    Weighted(&'a [f32]),
    /// Given the log-probabilities, the derivatives of the loss by each.
    Function(&'a mut dyn FnMut(&[f32]) -> Vec<f32>),
}

impl std::fmt::Debug for Objective<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Weighted(_) => "Weighted",
            Self::Function(_) => "Function",
        })
    }
}
