//! Activations as tiles.

use std::ops::Range;

use super::{TILE, TILE_DEPTH, TILE_ROWS};
use crate::elementwise::load_or_pad;
use crate::simd::{LANES, at, chunk_mut};
use crate::{Aligned, Path, Pool, Simd, Work};

/// Rows narrowed to bfloat16, in tiles: `[rows/16][inputs/32][16][32]`, with zeros where there is no row or input.
///
/// Meant to be kept and packed anew: memory is taken only when more is needed than ever before.
#[derive(Debug)]
pub struct TileRows {
    values: Aligned<u16>,
    rows: usize,
    inputs: usize,
}

impl Default for TileRows {
    fn default() -> Self {
        Self::new()
    }
}

impl TileRows {
    /// No rows.
    pub fn new() -> Self {
        Self {
            values: Aligned::zeroed(0),
            rows: 0,
            inputs: 0,
        }
    }

    /// Takes over x, (rows, inputs), in place of what was here.
    ///
    /// # Panics
    /// When x has another length.
    pub fn pack(&mut self, path: Path, pool: &Pool, x: &[f32], rows: usize, inputs: usize) {
        assert_eq!(
            Some(x.len()),
            rows.checked_mul(inputs),
            "rows are as long as they say"
        );
        let length = self.resize(rows, inputs);
        if length == 0 {
            return;
        }
        let block_length = TILE_ROWS * self.depth();
        pool.pieces(&mut self.values[..length], block_length, |number, tiles| {
            let first = number * TILE_ROWS;
            let x = &x[first * inputs..rows.min(first + TILE_ROWS) * inputs];
            path.run(PackBlock { x, inputs, tiles });
        });
    }

    /// The same of x that lies with rows and columns exchanged, (inputs, rows).
    ///
    /// # Panics
    /// When x has another length.
    pub fn pack_transposed(
        &mut self,
        path: Path,
        pool: &Pool,
        x: &[f32],
        rows: usize,
        inputs: usize,
    ) {
        /// Blocks of a task: 256 bytes of each line of x.
        const BLOCKS: usize = 4;
        assert_eq!(
            Some(x.len()),
            rows.checked_mul(inputs),
            "rows are as long as they say"
        );
        let length = self.resize(rows, inputs);
        if length == 0 {
            return;
        }
        let block_length = TILE_ROWS * self.depth();
        let step = BLOCKS * block_length;
        pool.pieces(&mut self.values[..length], step, |number, tiles| {
            path.run(PackColumns {
                x,
                rows,
                first: number * BLOCKS * TILE_ROWS,
                block_length,
                tiles,
            });
        });
    }

    /// Room for so many values; gives how many they are with their padding.
    fn resize(&mut self, rows: usize, inputs: usize) -> usize {
        (self.rows, self.inputs) = (rows, inputs);
        let length = self.row_blocks() * TILE_ROWS * self.depth();
        if self.values.len() < length {
            self.values = Aligned::zeroed(length);
        }
        length
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many values each row had.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many values each row has, zeros included: a multiple of 32.
    pub fn depth(&self) -> usize {
        self.inputs.next_multiple_of(TILE_DEPTH)
    }

    /// Blocks of sixteen rows, the last of which may have fewer.
    pub fn row_blocks(&self) -> usize {
        self.rows.div_ceil(TILE_ROWS)
    }

    /// The tiles of sixteen rows over a range of the depth that begins and ends between tiles.
    pub(crate) fn tiles(&self, row_block: usize, depth: &Range<usize>) -> &[u16] {
        let start = row_block * TILE_ROWS * self.depth();
        &self.values[start + depth.start * TILE_ROWS..start + depth.end * TILE_ROWS]
    }
}

/// Up to sixteen rows into their tiles.
struct PackBlock<'a> {
    x: &'a [f32],
    inputs: usize,
    tiles: &'a mut [u16],
}

impl Work for PackBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let whole = self.inputs / TILE_DEPTH;
        let rows = self.x.len() / self.inputs;
        for (index, row) in self.x.chunks_exact(self.inputs).enumerate() {
            let place = index * TILE_DEPTH;
            for step in 0..whole {
                let (from, to) = (step * TILE_DEPTH, step * TILE + place);
                for half in [0, LANES] {
                    let value = simd.load(at(row, from + half));
                    simd.store_bf16(chunk_mut(self.tiles, to + half), value);
                }
            }
            let rest = &row[whole * TILE_DEPTH..];
            if !rest.is_empty() {
                let mut padded = [0.0; TILE_DEPTH];
                padded[..rest.len()].copy_from_slice(rest);
                for half in [0, LANES] {
                    let value = simd.load(at(&padded, half));
                    simd.store_bf16(chunk_mut(self.tiles, whole * TILE + place + half), value);
                }
            }
        }
        for tile in self.tiles.chunks_exact_mut(TILE) {
            tile[rows * TILE_DEPTH..].fill(0);
        }
    }
}

/// Sixteen columns, or several times as many, into their tiles.
struct PackColumns<'a> {
    x: &'a [f32],
    /// Of the tiles: columns of x.
    rows: usize,
    first: usize,
    block_length: usize,
    tiles: &'a mut [u16],
}

impl Work for PackColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let inputs = self.x.len() / self.rows;
        // What lies beside each other in memory is read at a time: all blocks, then the next of the depth.
        let mut step = 0;
        while step < self.block_length / TILE_ROWS {
            for (index, tiles) in self.tiles.chunks_exact_mut(self.block_length).enumerate() {
                let column = self.first + index * TILE_ROWS;
                let mut square = [simd.splat(0.0); LANES];
                let mut line = 0;
                while line < LANES && step + line < inputs {
                    let x = &self.x[(step + line) * self.rows..][..self.rows];
                    square[line] = load_or_pad(simd, x, column, 0.0);
                    line += 1;
                }
                let square = simd.transpose(square);
                let tile = &mut tiles[step / TILE_DEPTH * TILE..][..TILE];
                let mut row = 0;
                while row < TILE_ROWS {
                    let place = row * TILE_DEPTH + step % TILE_DEPTH;
                    simd.store_bf16(chunk_mut(tile, place), square[row]);
                    row += 1;
                }
            }
            step += LANES;
        }
    }
}
