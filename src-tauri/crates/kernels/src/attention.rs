//! Attention over a store of keys and values, and its gradients.
//!
//! For a query `q` at position `i`, with the keys `k` and values `v` of the positions `j` it sees:
//! `score(j) = scale · q·k(j) + slope · (j - i)`, `weight = softmax(score)`, `output = Σ weight(j) · v(j)`.
//! It sees `j <= i`, not before its sequence's start, and no further back than the window. Heads are grouped: `heads / kv_heads`
//! query heads in a row share a key/value head (Ainslie et al. 2023). `slope` is ALiBi's (Press et al. 2021).
//! No matrix of all scores is ever in memory.

mod backward;
mod decode;
mod element;
mod prefill;
mod product;
mod scratch;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_backward;
mod tile;

pub use backward::{AttentionBackward, AttentionGradients, Floats};
pub use element::ElementType;
pub use scratch::AttentionScratch;
pub use store::{KeyValueShape, KeyValueStore, StoreFull};

use self::store::for_elements;
use self::tile::Row;
use crate::{Path, Pool};

/// Up to so many tokens, results of a token do not depend on the others in the call.
const DECODE_TOKENS: usize = 16;

/// How queries are scored against keys, and which positions they see.
#[derive(Debug, Clone, Copy)]
pub struct Scoring<'a> {
    /// Query heads: a multiple of the key/value heads.
    pub heads: usize,
    /// Multiplies each product of query and key, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// How many positions a token sees, itself included; all without it.
    pub window: Option<usize>,
    /// For each head, what each token of distance adds to a score (ALiBi).
    pub slopes: Option<&'a [f32]>,
    /// For each token, the position at which its sequence begins; all begin at 0 without it. Never decreasing.
    pub starts: Option<&'a [usize]>,
}

impl<'a> Scoring<'a> {
    /// Each token sees all before it.
    pub fn causal(heads: usize, scale: f32) -> Self {
        Self {
            heads,
            scale,
            window: None,
            slopes: None,
            starts: None,
        }
    }

    /// What `token`, which stands at `position`, sees with `head`.
    fn row(&self, token: usize, position: usize, head: usize) -> Row {
        let start = self.starts.map_or(0, |starts| starts[token]);
        let window = self
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        Row {
            first: start.max(window),
            position,
            slope: self.slopes.map_or(0.0, |slopes| slopes[head]),
        }
    }

    /// Asserts that it fits `tokens` tokens at `position`, and `kv_heads`.
    fn check(&self, tokens: usize, position: usize, kv_heads: usize) {
        assert!(
            self.heads > 0 && self.heads.is_multiple_of(kv_heads),
            "each key/value head has the same number of query heads"
        );
        assert_ne!(self.window, Some(0), "a token sees itself");
        assert!(
            self.slopes.is_none_or(|slopes| slopes.len() == self.heads),
            "a slope a head"
        );
        if let Some(starts) = self.starts {
            assert_eq!(starts.len(), tokens, "a start a token");
            assert!(starts.is_sorted(), "sequences follow each other");
            let mut positions = starts.iter().zip(position..);
            assert!(
                positions.all(|(start, position)| *start <= position),
                "a token sees itself"
            );
        }
    }
}

/// Queries to be answered from a [`KeyValueStore`].
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// `(T, heads, head_dim)`
    pub queries: &'a [f32],
    /// Where the first of them stands. The store holds the keys and values up to the last.
    pub position: usize,
    /// Scores and masks.
    pub scoring: Scoring<'a>,
}

/// What a call computes with.
#[derive(Clone, Copy)]
struct Call<'a> {
    path: Path,
    pool: &'a Pool,
    scratch: &'a AttentionScratch,
    store: &'a KeyValueStore,
    attention: Attention<'a>,
    tokens: usize,
}

impl Call<'_> {
    fn group(&self) -> usize {
        self.attention.scoring.heads / self.store.shape().kv_heads
    }

    /// Row `index` of a key/value head: token by token, and in each the heads of the group.
    fn row(&self, kv_head: usize, index: usize) -> Row {
        let (token, head) = (
            index / self.group(),
            kv_head * self.group() + index % self.group(),
        );
        let position = self.attention.position + token;
        self.attention.scoring.row(token, position, head)
    }

    /// Which row of `(T, heads, …)` that is.
    fn place(&self, kv_head: usize, index: usize) -> usize {
        let group = self.group();
        index / group * self.attention.scoring.heads + kv_head * group + index % group
    }

    fn query(&self, kv_head: usize, index: usize) -> &[f32] {
        let head_dim = self.store.shape().head_dim;
        &self.attention.queries[self.place(kv_head, index) * head_dim..][..head_dim]
    }
}

impl KeyValueStore {
    /// Writes `(T, heads, head_dim)` outputs, and for training the logarithms of the sums of `e^score`, `(T, heads)`.
    ///
    /// Up to sixteen tokens (decoding, verifying guesses) each has the same bits whatever the other tokens of the call; more
    /// (prefill) are computed in blocks of queries. Neither depends on the number of threads.
    ///
    /// # Panics
    /// When lengths do not fit each other, or the store does not hold the tokens.
    pub fn attend(
        &self,
        (path, pool, scratch): (Path, &Pool, &AttentionScratch),
        attention: &Attention<'_>,
        output: &mut [f32],
        log_sum_exp: Option<&mut [f32]>,
    ) {
        let scoring = &attention.scoring;
        let row = scoring.heads * self.shape().head_dim;
        let tokens = attention.queries.len().checked_div(row).unwrap_or(0);
        scoring.check(tokens, attention.position, self.shape().kv_heads);
        assert_eq!(
            attention.queries.len(),
            tokens * row,
            "queries are whole tokens"
        );
        assert_eq!(
            output.len(),
            attention.queries.len(),
            "each query has an output"
        );
        assert!(
            attention.position + tokens <= self.tokens(),
            "the store holds each query's token"
        );
        let sums = log_sum_exp
            .as_ref()
            .map_or(tokens * scoring.heads, |sums| sums.len());
        assert_eq!(sums, tokens * scoring.heads, "each query has a sum");
        if tokens == 0 {
            return;
        }
        let call = Call {
            path,
            pool,
            scratch,
            store: self,
            attention: *attention,
            tokens,
        };
        for_elements!(self.contents(), elements => match tokens <= DECODE_TOKENS {
            true => decode::attend(&call, elements, output, log_sum_exp),
            false => prefill::attend(&call, elements, output, log_sum_exp),
        });
    }
}
