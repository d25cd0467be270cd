//! A block of queries against a block of keys.

use std::ops::Range;

use super::BLOCK;
use crate::attention::element::F32;
use crate::attention::product::{Ahead, Strides, add_products, by_rows};
use crate::attention::tile::{LANE_NUMBERS, Row};
use crate::simd::{LANES, Simd, Work, at, chunk_mut};

/// `sums += a · b`, for 64 rows of `columns` numbers.
pub(super) struct AddProduct<'a> {
    pub(super) sums: &'a mut [f32],
    pub(super) columns: usize,
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) strides: Strides,
    pub(super) steps: usize,
}

impl Work for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        assert_eq!(self.sums.len(), BLOCK * self.columns);
        let mut row = 0;
        while row < BLOCK {
            let work = &mut self;
            row += by_rows!(S, BLOCK, add_rows(simd, work, row));
        }
    }
}

#[inline(always)]
fn add_rows<S: Simd, const R: usize, const C: usize>(
    simd: S,
    work: &mut AddProduct<'_>,
    row: usize,
) {
    let registers = work.columns / LANES;
    let mut column = 0;
    while column + C <= registers {
        add_columns::<S, R, C>(simd, work, row, column);
        column += C;
    }
    while column < registers {
        add_columns::<S, R, 1>(simd, work, row, column);
        column += 1;
    }
}

#[inline(always)]
fn add_columns<S: Simd, const R: usize, const C: usize>(
    simd: S,
    work: &mut AddProduct<'_>,
    row: usize,
    column: usize,
) {
    let AddProduct {
        columns,
        a,
        b,
        strides,
        steps,
        ..
    } = *work;
    let place = |r: usize, c: usize| (row + r) * columns + (column + c) * LANES;
    let mut sums = [[simd.splat(0.0); C]; R];
    for (r, sums) in sums.iter_mut().enumerate() {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = simd.load(at(work.sums, place(r, c)));
        }
    }
    let (a, b) = (&a[row * strides.row..], &b[column * strides.column..]);
    let sums = add_products::<S, F32, R, C>(simd, sums, (a, b), strides, steps, Ahead::NOTHING);
    for (r, sums) in sums.iter().enumerate() {
        for (c, sum) in sums.iter().enumerate() {
            simd.store(chunk_mut(work.sums, place(r, c)), *sum);
        }
    }
}

/// Turns products of queries and keys into `P`, and `dP` into `dS`; zero where nothing is seen.
pub(super) struct ScoreGradient<'a> {
    pub(super) rows: &'a [Row],
    pub(super) keys: Range<usize>,
    pub(super) delta: &'a [f32],
    /// Every `heads`-th is of this head.
    pub(super) log_sum_exp: &'a [f32],
    pub(super) heads: usize,
    pub(super) weights: &'a mut [f32],
    pub(super) score_gradient: &'a mut [f32],
}

impl Work for ScoreGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let weights = self.weights.chunks_exact_mut(BLOCK);
        let gradients = self.score_gradient.chunks_exact_mut(BLOCK);
        for (index, (weights, gradients)) in weights.zip(gradients).enumerate() {
            let Some(row) = self.rows.get(index) else {
                weights.fill(0.0);
                gradients.fill(0.0);
                continue;
            };
            let seen = row.sees(&self.keys);
            let log_sum = simd.splat(self.log_sum_exp[index * self.heads]);
            let delta = simd.splat(self.delta[index]);
            for column in (seen.start / LANES * LANES..seen.end).step_by(LANES) {
                let nearest = (self.keys.start + column) as isize - row.position as isize;
                let distance = simd.add(simd.splat(nearest as f32), simd.load(&LANE_NUMBERS));
                let product = simd.load(at(weights, column));
                let score = simd.mul_add(simd.splat(row.slope), distance, product);
                let weight = simd.exp(simd.sub(score, log_sum));
                let gradient = simd.sub(simd.load(at(gradients, column)), delta);
                simd.store(chunk_mut(weights, column), weight);
                simd.store(chunk_mut(gradients, column), simd.mul(weight, gradient));
            }
            for numbers in [weights, gradients] {
                numbers[..seen.start].fill(0.0);
                numbers[seen.end..].fill(0.0);
            }
        }
    }
}
