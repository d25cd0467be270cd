//! A thread's tiles and what AMX does to them.

use super::instruction::{Multiplied, Signs};

/// What a processor would refuse with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    bytes: usize,
}

/// Eight tiles of 16 rows of 64 bytes, and how much of each is in use.
pub(crate) struct TileFile {
    configured: bool,
    /// Where an interrupted load or store goes on.
    start_row: usize,
    shapes: [Shape; TILES],
    rows: [[[u8; ROW_BYTES]; ROWS]; TILES],
}

fn require(condition: bool) -> Result<(), Refused> {
    condition.then_some(()).ok_or(Refused)
}

impl TileFile {
    pub(crate) const NEW: Self = Self {
        configured: false,
        start_row: 0,
        shapes: [Shape { rows: 0, bytes: 0 }; TILES],
        rows: [[[0; ROW_BYTES]; ROWS]; TILES],
    };

    /// LDTILECFG: byte 0 the palette, 1 the row to start at, 16.. the bytes of each tile's rows, 48.. their rows.
    pub(crate) fn configure(&mut self, bytes: &[u8; 64]) -> Result<(), Refused> {
        if bytes[0] == 0 {
            self.release();
            return Ok(());
        }
        require(bytes[0] == 1)?;
        let reserved = bytes[2..16]
            .iter()
            .chain(&bytes[32..48])
            .chain(&bytes[56..]);
        require(reserved.clone().all(|byte| *byte == 0))?;
        let mut shapes = [Shape { rows: 0, bytes: 0 }; TILES];
        for (tile, shape) in shapes.iter_mut().enumerate() {
            let low = usize::from(bytes[16 + 2 * tile]);
            let high = usize::from(bytes[17 + 2 * tile]);
            *shape = Shape {
                rows: usize::from(bytes[48 + tile]),
                bytes: high << 8 | low,
            };
            require(shape.rows <= ROWS && shape.bytes <= ROW_BYTES)?;
            require((shape.rows == 0) == (shape.bytes == 0))?;
        }
        self.release();
        self.configured = true;
        self.start_row = usize::from(bytes[1]);
        self.shapes = shapes;
        Ok(())
    }

    /// TILERELEASE.
    pub(crate) fn release(&mut self) {
        self.configured = false;
        self.start_row = 0;
        self.shapes = [Shape { rows: 0, bytes: 0 }; TILES];
        for tile in 0..TILES {
            self.rows[tile] = [[0; ROW_BYTES]; ROWS];
        }
    }

    /// The shape of a tile that may be used.
    fn shape(&self, tile: usize) -> Result<Shape, Refused> {
        require(self.configured && self.shapes[tile].rows > 0)?;
        Ok(self.shapes[tile])
    }

    /// TILEZERO.
    pub(crate) fn zero(&mut self, tile: usize) -> Result<(), Refused> {
        self.shape(tile)?;
        self.rows[tile] = [[0; ROW_BYTES]; ROWS];
        self.start_row = 0;
        Ok(())
    }

    /// TILELOADD: rows from `start`, `stride` bytes apart; what lies beyond the tile's rows and bytes becomes zero.
    ///
    /// # Safety
    /// The bytes can be read.
    pub(crate) unsafe fn load(
        &mut self,
        tile: usize,
        start: *const u8,
        stride: isize,
    ) -> Result<(), Refused> {
        let shape = self.shape(tile)?;
        require(self.start_row < shape.rows)?;
        if self.start_row == 0 {
            self.rows[tile] = [[0; ROW_BYTES]; ROWS];
        }
        for row in self.start_row..shape.rows {
            let to = &mut self.rows[tile][row];
            *to = [0; ROW_BYTES];
            let from = start.wrapping_offset(row as isize * stride);
            // SAFETY: the caller's promise.
            unsafe { from.copy_to(to.as_mut_ptr(), shape.bytes) };
        }
        self.start_row = 0;
        Ok(())
    }

    /// TILESTORED.
    ///
    /// # Safety
    /// The bytes can be written.
    pub(crate) unsafe fn store(
        &mut self,
        tile: usize,
        start: *mut u8,
        stride: isize,
    ) -> Result<(), Refused> {
        let shape = self.shape(tile)?;
        require(self.start_row < shape.rows)?;
        for row in self.start_row..shape.rows {
            let to = start.wrapping_offset(row as isize * stride);
            // SAFETY: the caller's promise.
            unsafe { to.copy_from(self.rows[tile][row].as_ptr(), shape.bytes) };
        }
        self.start_row = 0;
        Ok(())
    }

    /// Three different tiles whose shapes fit: rows × k, k × columns, in units of four bytes.
    fn product_shape(&self, tiles: Multiplied) -> Result<(usize, usize, usize), Refused> {
        let Multiplied {
            sums,
            first,
            second,
        } = tiles;
        require(sums != first && sums != second && first != second)?;
        let (c, a, b) = (self.shape(sums)?, self.shape(first)?, self.shape(second)?);
        let whole = |shape: Shape| shape.bytes.is_multiple_of(4);
        require(whole(c) && whole(a) && whole(b))?;
        require(c.rows == a.rows && a.bytes / 4 == b.rows && c.bytes == b.bytes)?;
        Ok((c.rows, c.bytes / 4, b.rows))
    }

    fn four(&self, tile: usize, row: usize, place: usize) -> [u8; 4] {
        let row = &self.rows[tile][row];
        [0, 1, 2, 3].map(|byte| row[4 * place + byte])
    }

    /// TDPBF16PS. Products of a pair's first values are added up in order, each with one rounding, and so are those of the second
    /// values; both sums are added, and the result to the tile's value. Numbers below 2^-126 are zero.
    pub(crate) fn multiply_bf16(&mut self, tiles: Multiplied) -> Result<(), Refused> {
        let (rows, columns, depth) = self.product_shape(tiles)?;
        let pair = |bytes: [u8; 4]| {
            let bits = u32::from_le_bytes(bytes);
            [bits << 16, bits & 0xFFFF_0000].map(|bits| flushed(f32::from_bits(bits)))
        };
        for row in 0..rows {
            for column in 0..columns {
                let mut halves = [0.0_f32; 2];
                for k in 0..depth {
                    let a = pair(self.four(tiles.first, row, k));
                    let b = pair(self.four(tiles.second, k, column));
                    for half in 0..2 {
                        halves[half] = flushed(a[half].mul_add(b[half], halves[half]));
                    }
                }
                let sum = f32::from_le_bytes(self.four(tiles.sums, row, column));
                let sum = flushed(flushed(sum) + flushed(halves[0] + halves[1]));
                self.write(tiles.sums, row, column, sum.to_le_bytes());
            }
            self.clear_right(tiles.sums, row, columns);
        }
        self.clear_below(tiles.sums, rows);
        Ok(())
    }

    /// TDPBSSD and its kin: products of four bytes each, added modulo 2^32.
    pub(crate) fn multiply_int8(&mut self, tiles: Multiplied, signs: Signs) -> Result<(), Refused> {
        let (rows, columns, depth) = self.product_shape(tiles)?;
        let value = |byte: u8, signed: bool| match signed {
            true => i32::from(byte as i8),
            false => i32::from(byte),
        };
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = i32::from_le_bytes(self.four(tiles.sums, row, column));
                for k in 0..depth {
                    let a = self.four(tiles.first, row, k);
                    let b = self.four(tiles.second, k, column);
                    for byte in 0..4 {
                        let product = value(a[byte], signs.first) * value(b[byte], signs.second);
                        sum = sum.wrapping_add(product);
                    }
                }
                self.write(tiles.sums, row, column, sum.to_le_bytes());
            }
            self.clear_right(tiles.sums, row, columns);
        }
        self.clear_below(tiles.sums, rows);
        Ok(())
    }

    fn write(&mut self, tile: usize, row: usize, column: usize, bytes: [u8; 4]) {
        self.rows[tile][row][4 * column..4 * column + 4].copy_from_slice(&bytes);
    }

    fn clear_right(&mut self, tile: usize, row: usize, columns: usize) {
        self.rows[tile][row][4 * columns..].fill(0);
    }

    fn clear_below(&mut self, tile: usize, rows: usize) {
        self.rows[tile][rows..].fill([0; ROW_BYTES]);
        self.start_row = 0;
    }
}

/// Zero in place of what is too small for a normal number, with its sign.
fn flushed(value: f32) -> f32 {
    match value.is_subnormal() {
        true => 0.0_f32.copysign(value),
        false => value,
    }
}
