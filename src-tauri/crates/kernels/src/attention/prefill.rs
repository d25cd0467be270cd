//! Many tokens: each task takes a block of queries through all the tiles that they see.

use super::Call;
use super::element::Element;
use super::store::Elements;
use super::tile::{Finish, ROWS, Row, TOKENS, Tile, clear, pack_queries, state_length};
use crate::pool::Parts;

/// Rows of a block: enough that a tile of keys and values, which fills a good part of the second-level cache, is used
/// several times before the next one comes.
const BLOCK_ROWS: usize = 64;

pub(super) fn attend<E: Element>(
    call: &Call<'_>,
    elements: &Elements<E>,
    output: &mut [f32],
    log_sum_exp: Option<&mut [f32]>,
) {
    let shape = call.store.shape();
    let blocks = (call.tokens * call.group()).div_ceil(BLOCK_ROWS);
    let outputs = Parts::new(output);
    let mut none = [];
    let sums = Parts::new(log_sum_exp.unwrap_or(&mut none));
    call.pool.run(shape.kv_heads * blocks, |task| {
        // The last blocks see most: begun first, so that threads end together.
        let (kv_head, block) = (task % shape.kv_heads, blocks - 1 - task / shape.kv_heads);
        let block = Block {
            call,
            elements,
            kv_head,
            first: block * BLOCK_ROWS,
        };
        block.attend(outputs, sums);
    });
}

struct Block<'a, E: Element> {
    call: &'a Call<'a>,
    elements: &'a Elements<E>,
    kv_head: usize,
    /// Its first row.
    first: usize,
}

impl<E: Element> Block<'_, E> {
    fn attend(&self, outputs: Parts<f32>, sums: Parts<f32>) {
        let Self {
            call,
            elements,
            kv_head,
            first,
        } = *self;
        let shape = call.store.shape();
        let (head_dim, width) = (shape.head_dim, shape.width());
        let length = state_length(width);
        let count = BLOCK_ROWS.min(call.tokens * call.group() - first);
        let mut rows = [Row::default(); BLOCK_ROWS];
        for (index, row) in rows[..count].iter_mut().enumerate() {
            *row = call.row(kv_head, first + index);
        }
        let rows = &rows[..count];
        // Starts, windows and positions never go back.
        let (begin, end) = (rows[0].first, rows[count - 1].position + 1);

        let padded = count.next_multiple_of(ROWS);
        call.scratch.with(padded * (head_dim + length), |scratch| {
            let (queries, states) = scratch.split_at_mut(padded * head_dim);
            let of_rows = (first..first + count).map(|index| call.query(kv_head, index));
            pack_queries(queries, of_rows, head_dim, call.attention.scoring.scale);
            clear(states, width);
            for tile in (begin / TOKENS * TOKENS..end).step_by(TOKENS) {
                let groups = queries.chunks_exact(ROWS * head_dim);
                let groups = groups.zip(states.chunks_exact_mut(ROWS * length));
                for (rows, (queries, state)) in rows.chunks(ROWS).zip(groups) {
                    call.path.run(Tile {
                        head: call.store.head(elements, kv_head),
                        tokens: tile..end.min(tile + TOKENS),
                        ahead: None,
                        queries,
                        rows,
                        state,
                    });
                }
            }
            for (index, state) in states.chunks_exact(length).take(count).enumerate() {
                let place = call.place(kv_head, first + index);
                // SAFETY: each row of each head has its own place in the outputs and in the sums.
                #[allow(unsafe_code)]
                let (output, log_sum) = unsafe {
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
                log_sum.fill(call.path.run(Finish { state, output }));
            }
        });
    }
}
