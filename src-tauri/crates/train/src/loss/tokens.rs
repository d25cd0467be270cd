//! The loss of supervised fine-tuning: the mean over all trained tokens of a step.

/// A true mean over tokens.
///
/// Each token of an optimizer's step weighs the same, however the step was cut into micro-batches. (Averaging the means of
/// micro-batches, as trainers long did, gives tokens of short micro-batches more weight.)
///
/// ```text
/// loss = - sum over trained tokens of ln p(token) / number of trained tokens in the step
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TokenMean {
    sum: f64,
    tokens: u64,
}

impl TokenMean {
    /// Adds a micro-batch: the sum of its tokens' cross-entropies in nats, and how many tokens were trained.
    pub fn add(&mut self, sum: f64, tokens: u64) {
        self.sum += sum;
        self.tokens += tokens;
    }

    /// The mean in nats; none before the first token.
    pub fn mean(&self) -> Option<f64> {
        (self.tokens > 0).then(|| self.sum / self.tokens as f64)
    }

    /// How many tokens were added.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The gradient of the step's loss with respect to each token's cross-entropy, for a step with this many trained tokens: what
    /// every micro-batch of the step multiplies its gradients with.
    pub fn weight(tokens_in_step: u64) -> f64 {
        1.0 / tokens_in_step.max(1) as f64
    }
}
