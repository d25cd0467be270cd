//! Up to eight rows against up to 256 tokens: what decoding and prefill are both made of.
//!
//! Scores are computed sixteen tokens to a register, then turned into weights relative to each row's largest score so far,
//! then the values are added up by weight ("online softmax": Milakov and Gimelshein 2018; Dao et al. 2022).

use std::ops::Range;

use super::element::Element;
use super::product::{Ahead, Strides, add_products, by_rows};
use super::store::Head;
use crate::simd::{LANES, Simd, Work, at, chunk_mut};

/// Rows of a tile.
pub(super) const ROWS: usize = 8;
/// Tokens of a tile. Tiles begin at multiples of it, whatever the batch, so that a row's sums are always split alike.
pub(super) const TOKENS: usize = 256;

/// A query of one head and what it may see.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// The first position it sees.
    pub(super) first: usize,
    /// Its own position, the last it sees.
    pub(super) position: usize,
    /// Added to the score for each token of distance.
    pub(super) slope: f32,
}

impl Row {
    /// What it sees of `tokens`, counted from their start.
    pub(super) fn sees(&self, tokens: &Range<usize>) -> Range<usize> {
        let start = self.first.clamp(tokens.start, tokens.end);
        let end = (self.position + 1).clamp(start, tokens.end);
        start - tokens.start..end - tokens.start
    }
}

/// Numbers kept for a row between tiles: the weighted sum of values (`width`), the largest score, the sum of weights.
pub(super) fn state_length(width: usize) -> usize {
    width + LANES
}

/// The state of rows that have seen nothing.
pub(super) fn clear(state: &mut [f32], width: usize) {
    for row in state.chunks_exact_mut(state_length(width)) {
        row.fill(0.0);
        row[width] = f32::NEG_INFINITY;
    }
}

/// Scaled queries for [`Tile`], `[rows][head_dim]`; missing rows are zero.
pub(super) fn pack_queries<'a>(
    packed: &mut [f32],
    rows: impl Iterator<Item = &'a [f32]>,
    head_dim: usize,
    scale: f32,
) {
    let mut packed = packed.chunks_exact_mut(head_dim);
    for (to, row) in packed.by_ref().zip(rows) {
        for (to, number) in to.iter_mut().zip(row) {
            *to = number * scale;
        }
    }
    packed.for_each(|missing| missing.fill(0.0));
}

/// What a row has gathered in the end.
pub(super) struct Finish<'a> {
    /// As [`Tile`] leaves it.
    pub(super) state: &'a [f32],
    /// `head_dim` numbers.
    pub(super) output: &'a mut [f32],
}

impl Work for Finish<'_> {
    /// The logarithm of the sum of `e^score`.
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let width = self.state.len() - LANES;
        let (largest, sum) = (self.state[width], self.state[width + 1]);
        for index in (0..width).step_by(LANES) {
            let quotient = simd.div(simd.load(at(self.state, index)), simd.splat(sum));
            store_some(simd, self.output, index, quotient);
        }
        largest + sum.ln()
    }
}

/// Stores as many lanes as there is room for.
#[inline(always)]
pub(super) fn store_some<S: Simd>(simd: S, to: &mut [f32], index: usize, value: S::F) {
    if to.len() >= index + LANES {
        simd.store(chunk_mut(to, index), value);
    } else {
        let mut lanes = [0.0; LANES];
        simd.store(&mut lanes, value);
        let rest = to.len() - index;
        to[index..].copy_from_slice(&lanes[..rest]);
    }
}

/// Adds what rows see of a tile to their state.
pub(super) struct Tile<'a, E: Element> {
    pub(super) head: Head<'a, E>,
    /// From a multiple of 16 on, at most 256.
    pub(super) tokens: Range<usize>,
    /// Where the caller's next tiles end, when keys and values come from memory rather than from a cache: they are asked for
    /// ahead of their use.
    pub(super) ahead: Option<usize>,
    /// `[8][head_dim]`, scaled.
    pub(super) queries: &'a [f32],
    /// One to eight.
    pub(super) rows: &'a [Row],
    /// [`state_length`] numbers for each of eight rows; those of missing rows mean nothing.
    pub(super) state: &'a mut [f32],
}

type Scores = [[f32; TOKENS]; ROWS];

impl<E: Element> Work for Tile<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            head,
            tokens,
            ahead,
            queries,
            rows,
            state,
        } = self;
        let count = rows.len();
        assert!((1..=ROWS).contains(&count) && tokens.start.is_multiple_of(LANES));
        assert!(tokens.len() <= TOKENS && queries.len() == ROWS * head.head_dim);
        let length = state_length(head.width);
        assert_eq!(state.len(), ROWS * length);
        // Missing rows are as the last one, which computes something that nobody reads.
        let mut seen: [Range<usize>; ROWS] = Default::default();
        for (index, seen) in seen.iter_mut().enumerate() {
            *seen = rows[index.min(count - 1)].sees(&tokens);
        }
        let visible = seen.iter().filter(|seen| !seen.is_empty());
        let Some(all) = visible
            .cloned()
            .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
        else {
            return;
        };
        let panels = all.start / LANES..all.end.div_ceil(LANES);

        let mut scores: Scores = [[0.0; TOKENS]; ROWS];
        let first_panel = tokens.start / LANES;
        let keys = &head.keys[first_panel * head.head_dim * LANES..];
        let values = &head.values[tokens.start * head.width..];
        let mut row = 0;
        while row < count {
            // While scores are computed, this tile's values come; while values are added up, the next tile's keys.
            let values = match ahead {
                Some(_) => Ahead::of(values, 0, count).skip(row * TOKENS * head.width),
                None => Ahead::NOTHING,
            };
            let scores = &mut scores[row..];
            let product = Product {
                queries: &queries[row * head.head_dim..],
                keys,
                head_dim: head.head_dim,
                values,
            };
            row += by_rows!(
                S,
                count - row,
                score_rows::<E>(simd, &product, &panels, scores)
            );
        }

        let mut shrink = [1.0; ROWS];
        for (index, (row, state)) in rows.iter().zip(state.chunks_exact_mut(length)).enumerate() {
            let seen = &seen[index];
            if !seen.is_empty() {
                let softmax = Softmax {
                    head: &head,
                    tokens: &tokens,
                    seen,
                    row,
                };
                shrink[index] = softmax.run(simd, &mut scores[index], chunk_mut(state, head.width));
            }
        }

        for (state, shrink) in state.chunks_exact_mut(length).zip(shrink).take(count) {
            if shrink != 1.0 {
                for index in (0..head.width).step_by(LANES) {
                    let shrunk = simd.mul(simd.load(at(state, index)), simd.splat(shrink));
                    simd.store(chunk_mut(state, index), shrunk);
                }
            }
        }
        // What all rows see is added for all at once. The rest is done row by row, not with weights of zero, since a value
        // that a row does not see may be infinite or not a number.
        let common = seen[1..].iter().fold(seen[0].clone(), |a, b| {
            a.start.max(b.start)..a.end.min(b.end)
        });
        let common = if common.is_empty() {
            all.end..all.end
        } else {
            common
        };
        let before = |row: usize| seen[row].start..seen[row].end.min(common.start);
        let after = |row: usize| seen[row].start.max(common.end)..seen[row].end;
        let alone = (0..count).map(|row| (row, row + 1, before(row)));
        let together = [(0, count, common.clone())];
        let rest = (0..count).map(|row| (row, row + 1, after(row)));
        let more = ahead.is_some_and(|ahead| ahead > tokens.end);
        for (mut row, end, range) in alone.chain(together).chain(rest) {
            while row < end && !range.is_empty() {
                let (weights, state) = (&scores[row..], &mut state[row * length..]);
                let next = match more && end == count {
                    true => Ahead::of(keys, TOKENS * head.head_dim, count)
                        .skip(row * TOKENS * head.head_dim),
                    false => Ahead::NOTHING,
                };
                row += by_rows!(
                    S,
                    end - row,
                    add_values::<E>(simd, weights, (values, head.width), &range, state, next)
                );
            }
        }
    }
}

/// Queries and the keys of a tile.
struct Product<'a, T> {
    queries: &'a [f32],
    keys: &'a [T],
    head_dim: usize,
    values: Ahead<T>,
}

/// The scores of `R` rows for `panels`.
#[inline(always)]
fn score_rows<S: Simd, E: Element, const R: usize, const C: usize>(
    simd: S,
    product: &Product<'_, E::Stored>,
    panels: &Range<usize>,
    scores: &mut [[f32; TOKENS]],
) {
    let mut panel = panels.start;
    while panel + C <= panels.end {
        score_panels::<S, E, R, C>(simd, product, panel, scores);
        panel += C;
    }
    while panel < panels.end {
        score_panels::<S, E, R, 1>(simd, product, panel, scores);
        panel += 1;
    }
}

#[inline(always)]
fn score_panels<S: Simd, E: Element, const R: usize, const C: usize>(
    simd: S,
    product: &Product<'_, E::Stored>,
    panel: usize,
    scores: &mut [[f32; TOKENS]],
) {
    let Product {
        queries,
        keys,
        head_dim,
        values,
    } = *product;
    let strides = Strides {
        row: head_dim,
        a_step: 1,
        b_step: LANES,
        column: head_dim * LANES,
    };
    let keys = &keys[panel * head_dim * LANES..];
    let ahead = values.skip(R * panel * LANES * head_dim.next_multiple_of(LANES));
    let zeros = [[simd.splat(0.0); C]; R];
    let sums = add_products::<S, E, R, C>(simd, zeros, (queries, keys), strides, head_dim, ahead);
    for (sums, scores) in sums.iter().zip(scores) {
        for (c, sum) in sums.iter().enumerate() {
            simd.store(chunk_mut(scores, (panel + c) * LANES), *sum);
        }
    }
}

/// One row's weights for one tile.
struct Softmax<'a, E: Element> {
    head: &'a Head<'a, E>,
    tokens: &'a Range<usize>,
    seen: &'a Range<usize>,
    row: &'a Row,
}

impl<E: Element> Softmax<'_, E> {
    /// Turns scores into weights and gives the factor for what was added up before. `state` begins with the largest score
    /// and the sum of weights.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, scores: &mut [f32; TOKENS], state: &mut [f32; LANES]) -> f32 {
        let Self {
            head,
            tokens,
            seen,
            row,
        } = self;
        let registers = seen.start / LANES * LANES..seen.end.next_multiple_of(LANES);
        if E::SCALED {
            for index in registers.clone().step_by(LANES) {
                let score = simd.load(at(scores, index));
                let scale = simd.load(at(head.key_scales, tokens.start + index));
                simd.store(chunk_mut(scores, index), simd.mul(score, scale));
            }
        }
        if row.slope != 0.0 {
            for index in registers.clone().step_by(LANES) {
                let nearest = (tokens.start + index) as isize - row.position as isize;
                let distance = simd.add(simd.splat(nearest as f32), simd.load(&LANE_NUMBERS));
                let score = simd.load(at(scores, index));
                let biased = simd.mul_add(simd.splat(row.slope), distance, score);
                simd.store(chunk_mut(scores, index), biased);
            }
        }
        // By position, not by arithmetic: what lies there may be left from a longer text, and not a number.
        scores[registers.start..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..registers.end].fill(f32::NEG_INFINITY);

        let mut largest = simd.splat(state[0]);
        for index in registers.clone().step_by(LANES) {
            largest = simd.max(simd.load(at(scores, index)), largest);
        }
        let largest = simd.largest(largest);
        let mut sums = simd.splat(0.0);
        for index in registers.step_by(LANES) {
            let score = simd.load(at(scores, index));
            let weight = simd.exp(simd.sub(score, simd.splat(largest)));
            sums = simd.add(sums, weight);
            let stored = match E::SCALED {
                true => simd.mul(
                    weight,
                    simd.load(at(head.value_scales, tokens.start + index)),
                ),
                false => weight,
            };
            simd.store(chunk_mut(scores, index), stored);
        }
        let mut shrink = [0.0; LANES];
        simd.store(&mut shrink, simd.exp(simd.splat(state[0] - largest)));
        state[0] = largest;
        state[1] = state[1] * shrink[0] + simd.sum(sums);
        shrink[0]
    }
}

pub(super) const LANE_NUMBERS: [f32; LANES] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// `state += Σ weight · value` for `R` rows, over the tokens of `range`.
#[inline(always)]
fn add_values<S: Simd, E: Element, const R: usize, const C: usize>(
    simd: S,
    weights: &[[f32; TOKENS]],
    (values, width): (&[E::Stored], usize),
    range: &Range<usize>,
    state: &mut [f32],
    ahead: Ahead<E::Stored>,
) {
    let mut column = 0;
    while column + C * LANES <= width {
        add_columns::<S, E, R, C>(
            simd,
            weights,
            (values, width),
            (range, column),
            state,
            ahead.skip(R * column * range.len()),
        );
        column += C * LANES;
    }
    while column < width {
        add_columns::<S, E, R, 1>(
            simd,
            weights,
            (values, width),
            (range, column),
            state,
            ahead.skip(R * column * range.len()),
        );
        column += LANES;
    }
}

#[inline(always)]
fn add_columns<S: Simd, E: Element, const R: usize, const C: usize>(
    simd: S,
    weights: &[[f32; TOKENS]],
    (values, width): (&[E::Stored], usize),
    (range, column): (&Range<usize>, usize),
    state: &mut [f32],
    ahead: Ahead<E::Stored>,
) {
    let strides = Strides {
        row: TOKENS,
        a_step: 1,
        b_step: width,
        column: LANES,
    };
    let length = state_length(width);
    let mut sums = [[simd.splat(0.0); C]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = simd.load(at(state, r * length + column + c * LANES));
        }
    }
    let weights = &weights.as_flattened()[range.start..];
    let values = &values[range.start * width + column..];
    let sums =
        add_products::<S, E, R, C>(simd, sums, (weights, values), strides, range.len(), ahead);
    for (r, sums) in sums.iter().enumerate() {
        for (c, sum) in sums.iter().enumerate() {
            simd.store(chunk_mut(state, r * length + column + c * LANES), *sum);
        }
    }
}
