//! Gradients of attention, for training.
//!
//! With `P = e^(score - log_sum_exp)`, `dP = dO Vᵀ` and `D = Σ dO · O` for each row: `dV = Pᵀ dO`, `dS = P (dP - D)`,
//! `dQ = scale · dS K`, `dK = scale · dSᵀ Q`. Scores are computed again, block by block (FlashAttention-2: Dao 2023).

mod block;

use std::ops::Range;

use self::block::{AddProduct, ScoreGradient};
use super::product::Strides;
use super::store::KeyValueShape;
use super::tile::Row;
use super::{AttentionScratch, Scoring};
use crate::pool::Parts;
use crate::simd::LANES;
use crate::{Path, Pool};

/// Queries of a block, and keys of one: four arrays of so many rows, 64 numbers each, fill half of a first-level cache or a
/// little more.
const BLOCK: usize = 64;

/// Numbers kept as f32, or as the bits of bfloat16.
#[derive(Debug, Clone, Copy)]
pub enum Floats<'a> {
    /// As they are.
    F32(&'a [f32]),
    /// Each is the upper half of an f32.
    Bf16(&'a [u16]),
}

impl Floats<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::Bf16(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn copy(&self, range: Range<usize>, to: &mut [f32], scale: f32) {
        match self {
            Self::F32(numbers) => {
                for (to, number) in to.iter_mut().zip(&numbers[range]) {
                    *to = number * scale;
                }
            }
            Self::Bf16(numbers) => {
                for (to, bits) in to.iter_mut().zip(&numbers[range]) {
                    *to = f32::from_bits(u32::from(*bits) << 16) * scale;
                }
            }
        }
    }
}

/// What attention was computed from in a packed batch of `T` tokens, what came out, and the gradient of that. Positions are
/// those in the batch; [`Scoring::starts`] tells where each token's sequence begins.
#[derive(Debug, Clone, Copy)]
pub struct AttentionBackward<'a> {
    /// Key/value heads and numbers of each.
    pub shape: KeyValueShape,
    /// As in the forward pass.
    pub scoring: Scoring<'a>,
    /// `(T, heads, head_dim)`
    pub queries: Floats<'a>,
    /// `(T, kv_heads, head_dim)`
    pub keys: Floats<'a>,
    /// `(T, kv_heads, head_dim)`
    pub values: Floats<'a>,
    /// `(T, heads, head_dim)`
    pub output: Floats<'a>,
    /// `(T, heads)`, from the forward pass.
    pub log_sum_exp: &'a [f32],
    /// `(T, heads, head_dim)`
    pub output_gradient: &'a [f32],
}

/// Where gradients go; what was there is written over.
#[derive(Debug)]
pub struct AttentionGradients<'a> {
    /// `(T, heads, head_dim)`
    pub queries: &'a mut [f32],
    /// `(T, kv_heads, head_dim)`
    pub keys: &'a mut [f32],
    /// `(T, kv_heads, head_dim)`
    pub values: &'a mut [f32],
}

impl AttentionBackward<'_> {
    /// Computes the gradients. They do not depend on the number of threads. Something infinite or not a number anywhere in a
    /// sequence may spread to all gradients of that sequence.
    ///
    /// # Panics
    /// When lengths do not fit each other.
    pub fn run(
        &self,
        (path, pool, scratch): (Path, &Pool, &AttentionScratch),
        gradients: AttentionGradients<'_>,
    ) {
        let KeyValueShape { kv_heads, head_dim } = self.shape;
        let heads = self.scoring.heads;
        let tokens = self.keys.len() / self.shape.row();
        self.scoring.check(tokens, 0, kv_heads);
        let of_keys = [
            self.keys.len(),
            self.values.len(),
            gradients.keys.len(),
            gradients.values.len(),
        ];
        assert_eq!(
            of_keys,
            [tokens * self.shape.row(); 4],
            "keys and values are whole tokens"
        );
        let of_queries = [
            self.queries.len(),
            self.output.len(),
            self.output_gradient.len(),
            gradients.queries.len(),
            self.log_sum_exp.len() * head_dim,
        ];
        assert_eq!(
            of_queries,
            [tokens * heads * head_dim; 5],
            "each token has its queries"
        );

        let sequences = self.sequences(tokens);
        let group = heads / kv_heads;
        // The gradients of keys and values are computed for each query head, then added up over the group in order.
        let length = heads * tokens * head_dim;
        scratch.with(2 * length, |of_heads| {
            let (keys, values) = of_heads.split_at_mut(length);
            let parts = [
                Parts::new(gradients.queries),
                Parts::new(keys),
                Parts::new(values),
            ];
            pool.run(sequences.len() * heads, |task| {
                let (sequence, head) = (&sequences[task / heads], task % heads);
                let work = OneHead {
                    call: self,
                    path,
                    sequence,
                    head,
                    width: self.shape.width(),
                };
                scratch.with(work.scratch_length(), |scratch| work.run(scratch, &parts));
            });
            for (of_heads, to) in [(&*keys, gradients.keys), (&*values, gradients.values)] {
                pool.pieces(to, BLOCK * kv_heads * head_dim, |piece, to| {
                    for (index, to) in to.chunks_exact_mut(head_dim).enumerate() {
                        let (token, kv_head) = (piece * BLOCK + index / kv_heads, index % kv_heads);
                        to.fill(0.0);
                        for head in kv_head * group..(kv_head + 1) * group {
                            let from = &of_heads[(head * tokens + token) * head_dim..][..head_dim];
                            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                        }
                    }
                });
            }
        });
    }

    /// Runs of tokens that see nothing before the first of them.
    fn sequences(&self, tokens: usize) -> Vec<Range<usize>> {
        let begins = |token: &usize| {
            self.scoring
                .starts
                .is_some_and(|starts| starts[*token] == *token)
        };
        let mut starts: Vec<usize> = (0..tokens)
            .filter(|token| *token == 0 || begins(token))
            .collect();
        starts.push(tokens);
        starts
            .windows(2)
            .map(|pair| pair[0]..pair[1])
            .filter(|range| !range.is_empty())
            .collect()
    }
}

/// A query head of a sequence.
struct OneHead<'a> {
    call: &'a AttentionBackward<'a>,
    path: Path,
    sequence: &'a Range<usize>,
    head: usize,
    width: usize,
}

/// Everything of a head in f32, rows filled up with zeros to whole registers, tokens to whole blocks.
struct Buffers<'a> {
    /// `[tokens][width]`, scaled.
    queries: &'a mut [f32],
    /// `[tokens][width]`
    output_gradient: &'a mut [f32],
    /// `[tokens][width]`, scaled.
    keys: &'a mut [f32],
    /// `[tokens / 16][width][16]`
    key_panels: &'a mut [f32],
    /// `[tokens / 16][width][16]`
    value_panels: &'a mut [f32],
    /// `[tokens][width]`
    query_gradient: &'a mut [f32],
    /// `D`, a number for each token.
    delta: &'a mut [f32],
    /// `[64][width]`
    key_gradient: &'a mut [f32],
    /// `[64][width]`
    value_gradient: &'a mut [f32],
    /// `P`, `[64][64]`
    weights: &'a mut [f32],
    /// `dP`, then `dS`, `[64][64]`
    score_gradient: &'a mut [f32],
}

impl OneHead<'_> {
    fn padded(&self) -> usize {
        self.sequence.len().next_multiple_of(BLOCK)
    }

    fn lengths(&self) -> [usize; 11] {
        let (all, block, square) = (
            self.padded() * self.width,
            BLOCK * self.width,
            BLOCK * BLOCK,
        );
        [
            all,
            all,
            all,
            all,
            all,
            all,
            self.padded(),
            block,
            block,
            square,
            square,
        ]
    }

    fn scratch_length(&self) -> usize {
        self.lengths().iter().sum()
    }

    fn run(&self, scratch: &mut [f32], [queries, keys, values]: &[Parts<f32>; 3]) {
        let head_dim = self.call.shape.head_dim;
        let (heads, tokens) = (
            self.call.scoring.heads,
            self.call.log_sum_exp.len() / self.call.scoring.heads,
        );
        let mut buffers = self.fill(scratch);
        let blocks = self.padded() / BLOCK;
        for key_block in 0..blocks {
            buffers.key_gradient.fill(0.0);
            buffers.value_gradient.fill(0.0);
            for query_block in key_block..blocks {
                self.add_block(&mut buffers, query_block, key_block);
            }
            let first = self.sequence.start + key_block * BLOCK;
            let count = BLOCK.min(self.sequence.end - first);
            let place = (self.head * tokens + first) * head_dim;
            for (parts, from) in [
                (keys, &buffers.key_gradient),
                (values, &buffers.value_gradient),
            ] {
                // SAFETY: each head has its own place in these, and each sequence its own tokens.
                #[allow(unsafe_code)]
                let to = unsafe { parts.part(place..place + count * head_dim) };
                for (to, from) in to
                    .chunks_exact_mut(head_dim)
                    .zip(from.chunks_exact(self.width))
                {
                    to.copy_from_slice(&from[..head_dim]);
                }
            }
        }
        for (token, from) in self
            .sequence
            .clone()
            .zip(buffers.query_gradient.chunks_exact(self.width))
        {
            let place = (token * heads + self.head) * head_dim;
            // SAFETY: each head of each token has its own place.
            #[allow(unsafe_code)]
            let to = unsafe { queries.part(place..place + head_dim) };
            to.copy_from_slice(&from[..head_dim]);
        }
    }

    fn fill<'b>(&self, mut scratch: &'b mut [f32]) -> Buffers<'b> {
        scratch.fill(0.0);
        let [
            queries,
            output_gradient,
            keys,
            key_panels,
            value_panels,
            query_gradient,
            delta,
            key_gradient,
            value_gradient,
            weights,
            score_gradient,
        ] = self.lengths().map(|length| {
            let (part, rest) = std::mem::take(&mut scratch).split_at_mut(length);
            scratch = rest;
            part
        });
        let AttentionBackward {
            shape,
            scoring,
            output_gradient: gradient,
            ..
        } = self.call;
        let (head_dim, width) = (shape.head_dim, self.width);
        let kv_head = self.head / (scoring.heads / shape.kv_heads);
        let mut row = vec![0.0; head_dim];
        for (index, token) in self.sequence.clone().enumerate() {
            let place = (token * scoring.heads + self.head) * head_dim;
            let of_query = place..place + head_dim;
            let to = index * width..index * width + head_dim;
            self.call
                .queries
                .copy(of_query.clone(), &mut queries[to.clone()], scoring.scale);
            output_gradient[to.clone()].copy_from_slice(&gradient[of_query.clone()]);
            self.call.output.copy(of_query.clone(), &mut row, 1.0);
            delta[index] = row
                .iter()
                .zip(&gradient[of_query])
                .map(|(a, b)| a * b)
                .sum();

            let place = (token * shape.kv_heads + kv_head) * head_dim;
            let of_key = place..place + head_dim;
            self.call
                .keys
                .copy(of_key.clone(), &mut keys[to], scoring.scale);
            let panel = index / LANES * width * LANES + index % LANES;
            for (from, panels) in [
                (self.call.keys, &mut *key_panels),
                (self.call.values, &mut *value_panels),
            ] {
                from.copy(of_key.clone(), &mut row, 1.0);
                for (to, number) in panels[panel..].iter_mut().step_by(LANES).zip(&row) {
                    *to = *number;
                }
            }
        }
        Buffers {
            queries,
            output_gradient,
            keys,
            key_panels,
            value_panels,
            query_gradient,
            delta,
            key_gradient,
            value_gradient,
            weights,
            score_gradient,
        }
    }

    /// What the queries of one block and the keys of one contribute.
    fn add_block(&self, buffers: &mut Buffers<'_>, query_block: usize, key_block: usize) {
        let width = self.width;
        let (first_query, first_key) = (query_block * BLOCK, key_block * BLOCK);
        let keys = self.sequence.start + first_key;
        let keys = keys..keys + BLOCK;
        let queries = first_query..self.sequence.len().min(first_query + BLOCK);
        let mut rows = [Row::default(); BLOCK];
        for (row, query) in rows.iter_mut().zip(queries.clone()) {
            let token = self.sequence.start + query;
            *row = self.call.scoring.row(token, token, self.head);
        }
        let rows = &rows[..queries.len()];
        // The first row sees furthest back.
        if rows.iter().all(|row| row.sees(&keys).is_empty()) {
            return;
        }
        let rows_of = |first: usize| first * width..(first + BLOCK) * width;
        let (of_queries, of_keys) = (rows_of(first_query), rows_of(first_key));

        // S = Q Kᵀ and dP = dO Vᵀ: sixteen keys to a register.
        let of_row = Strides {
            row: width,
            a_step: 1,
            b_step: LANES,
            column: width * LANES,
        };
        buffers.weights.fill(0.0);
        self.path.run(AddProduct {
            sums: &mut *buffers.weights,
            columns: BLOCK,
            a: &buffers.queries[of_queries.clone()],
            b: &buffers.key_panels[of_keys.clone()],
            strides: of_row,
            steps: width,
        });
        buffers.score_gradient.fill(0.0);
        self.path.run(AddProduct {
            sums: &mut *buffers.score_gradient,
            columns: BLOCK,
            a: &buffers.output_gradient[of_queries.clone()],
            b: &buffers.value_panels[of_keys.clone()],
            strides: of_row,
            steps: width,
        });
        let sums = self.call.log_sum_exp;
        let heads = self.call.scoring.heads;
        self.path.run(ScoreGradient {
            rows,
            keys,
            delta: &buffers.delta[queries],
            log_sum_exp: &sums[(self.sequence.start + first_query) * heads + self.head..],
            heads,
            weights: buffers.weights,
            score_gradient: buffers.score_gradient,
        });
        // dV = Pᵀ dO and dK = dSᵀ Q.
        let transposed = Strides {
            row: 1,
            a_step: BLOCK,
            b_step: width,
            column: LANES,
        };
        self.path.run(AddProduct {
            sums: &mut *buffers.value_gradient,
            columns: width,
            a: &*buffers.weights,
            b: &buffers.output_gradient[of_queries.clone()],
            strides: transposed,
            steps: BLOCK,
        });
        self.path.run(AddProduct {
            sums: &mut *buffers.key_gradient,
            columns: width,
            a: &*buffers.score_gradient,
            b: &buffers.queries[of_queries.clone()],
            strides: transposed,
            steps: BLOCK,
        });
        // dQ = dS K.
        self.path.run(AddProduct {
            sums: &mut buffers.query_gradient[of_queries],
            columns: width,
            a: &*buffers.score_gradient,
            b: &buffers.keys[of_keys],
            strides: Strides {
                row: BLOCK,
                a_step: 1,
                ..transposed
            },
            steps: BLOCK,
        });
    }
}
