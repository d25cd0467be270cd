//! Few tokens, long contexts: the context is split into tiles, and what rows saw in each is merged in order.
//!
//! Reading keys and values once is the whole cost, so all rows of a key/value head go through a tile together.

use super::Call;
use super::element::Element;
use super::store::Elements;
use super::tile::{ROWS, Row, TOKENS, Tile, clear, pack_queries, state_length, store_some};
use crate::pool::Parts;
use crate::simd::{LANES, Simd, Work, at};

/// Products below which waking threads costs more than they save.
const SMALL: usize = 1 << 16;

pub(super) fn attend<E: Element>(
    call: &Call<'_>,
    elements: &Elements<E>,
    output: &mut [f32],
    log_sum_exp: Option<&mut [f32]>,
) {
    let shape = call.store.shape();
    let (kv_heads, head_dim, length) =
        (shape.kv_heads, shape.head_dim, state_length(shape.width()));
    let rows = call.tokens * call.group();
    let padded = rows.next_multiple_of(ROWS);
    let end = call.attention.position + call.tokens;
    // Starts and windows never go back, so the first token sees furthest.
    let first_tile = call.row(0, 0).first / TOKENS;
    let tiles = end.div_ceil(TOKENS) - first_tile;

    let queries_length = kv_heads * padded * head_dim;
    let states_length = kv_heads * tiles * padded * length;
    call.scratch
        .with(queries_length + states_length, |scratch| {
            let (queries, states) = scratch.split_at_mut(queries_length);
            for (kv_head, queries) in queries.chunks_exact_mut(padded * head_dim).enumerate() {
                let rows = (0..rows).map(|index| call.query(kv_head, index));
                pack_queries(queries, rows, head_dim, call.attention.scoring.scale);
            }

            let parts = Parts::new(states);
            let see_tile = |kv_head: usize, tile: usize, ahead: usize| {
                let place = (kv_head * tiles + tile - first_tile) * padded * length;
                // SAFETY: each tile of each head has its own states.
                #[allow(unsafe_code)]
                let states = unsafe { parts.part(place..place + padded * length) };
                let queries = &queries[kv_head * padded * head_dim..];
                let groups = queries
                    .chunks_exact(ROWS * head_dim)
                    .zip(states.chunks_exact_mut(ROWS * length));
                for (group, (queries, state)) in groups.enumerate() {
                    let first = group * ROWS;
                    let mut group_rows = [Row::default(); ROWS];
                    let count = ROWS.min(rows - first);
                    for (index, row) in group_rows[..count].iter_mut().enumerate() {
                        *row = call.row(kv_head, first + index);
                    }
                    clear(&mut state[..count * length], shape.width());
                    call.path.run(Tile {
                        head: call.store.head(elements, kv_head),
                        tokens: tile * TOKENS..end.min((tile + 1) * TOKENS),
                        // The first group of rows fetches for all.
                        ahead: (group == 0).then_some(ahead),
                        queries,
                        rows: &group_rows[..count],
                        state,
                    });
                }
            };
            // Several tiles in a row for each task, as far as that leaves each thread several tasks: the next one's keys can be
            // asked for ahead. Which thread computes a tile changes nothing.
            let step = (kv_heads * tiles / (4 * call.pool.threads())).clamp(1, tiles.min(8));
            let steps = tiles.div_ceil(step);
            let see_tiles = |task: usize| {
                let first = first_tile + task % steps * step;
                let last = (first + step).min(first_tile + tiles);
                for tile in first..last {
                    see_tile(task / steps, tile, end.min(last * TOKENS));
                }
            };
            let small = rows * kv_heads * head_dim * (end - first_tile * TOKENS) < SMALL;
            match small {
                true => (0..kv_heads * steps).for_each(see_tiles),
                false => call.pool.run(kv_heads * steps, see_tiles),
            }

            let outputs = Parts::new(output);
            let mut none = [];
            let sums = Parts::new(log_sum_exp.unwrap_or(&mut none));
            let states = &*states;
            let merge = |task: usize| {
                let (kv_head, index) = (task / rows, task % rows);
                let (row, place) = (call.row(kv_head, index), call.place(kv_head, index));
                // SAFETY: each row of each head has its own place in the outputs and in the sums.
                #[allow(unsafe_code)]
                let (output, sum) = unsafe {
                    let sum = if sums.is_empty() {
                        0..0
                    } else {
                        place..place + 1
                    };
                    (
                        outputs.part(place * head_dim..(place + 1) * head_dim),
                        sums.part(sum),
                    )
                };
                let seen = row.first / TOKENS - first_tile..row.position / TOKENS + 1 - first_tile;
                let tiles_before = kv_head * tiles + seen.start;
                let state = (tiles_before * padded + index) * length;
                let merged = call.path.run(Merge {
                    states: &states[state..],
                    stride: padded * length,
                    tiles: seen.len(),
                    width: shape.width(),
                    output,
                });
                sum.fill(merged);
            };
            match small || rows * kv_heads * tiles * head_dim < SMALL {
                true => (0..kv_heads * rows).for_each(merge),
                false => call.pool.run(kv_heads * rows, merge),
            }
        });
}

/// Joins what a row saw in several tiles; gives the logarithm of the sum of `e^score`.
struct Merge<'a> {
    states: &'a [f32],
    stride: usize,
    tiles: usize,
    width: usize,
    output: &'a mut [f32],
}

impl Work for Merge<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let Self {
            states,
            stride,
            tiles,
            width,
            output,
        } = self;
        let length = state_length(width);
        let mut largest = f32::NEG_INFINITY;
        for tile in 0..tiles {
            largest = largest.max(states[tile * stride + width]);
        }
        // Eight registers at a time: a head of 128 in one pass.
        const COLUMNS: usize = 8;
        let mut sum = simd.splat(0.0);
        for first in (0..width).step_by(COLUMNS * LANES) {
            let columns = COLUMNS.min((width - first) / LANES);
            let mut totals = [simd.splat(0.0); COLUMNS];
            sum = simd.splat(0.0);
            for tile in 0..tiles {
                let state = &states[tile * stride..][..length];
                let factor = simd.exp(simd.splat(state[width] - largest));
                sum = simd.mul_add(factor, simd.splat(state[width + 1]), sum);
                for (column, total) in totals[..columns].iter_mut().enumerate() {
                    let weighted = simd.load(at(state, first + column * LANES));
                    *total = simd.mul_add(factor, weighted, *total);
                }
            }
            for (column, total) in totals[..columns].iter().enumerate() {
                store_some(simd, output, first + column * LANES, simd.div(*total, sum));
            }
        }
        let mut lanes = [0.0; LANES];
        simd.store(&mut lanes, sum);
        largest + lanes[0].ln()
    }
}
