//! Rotary positions (Su et al., arXiv:2104.09864), from ready tables.

use crate::elementwise::{load_or_pad, rows_together, store_or_cut};
use crate::{LANES, Path, Pool, Simd, Work};

/// Which two values of a head turn together; the first `width` values of a head turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RotaryPairing {
    /// Value `i` with value `i + width / 2`, as Hugging Face checkpoints are laid out.
    Halves,
    /// Value `2i` with value `2i + 1`, as GGUF files of the Llama architecture are laid out.
    Neighbours,
}

/// Which way heads are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// By the position's angles.
    Forward,
    /// Back by them. A turn changes no length, so this is also what gradients go through.
    Backward,
}

/// The angles of all positions.
#[derive(Debug, Clone, Copy)]
pub struct RotaryTable<'a> {
    /// Which values turn together.
    pub pairing: RotaryPairing,
    /// How many values of a head turn; even.
    pub width: usize,
    /// `(positions, width / 2)`
    pub cosines: &'a [f32],
    /// `(positions, width / 2)`
    pub sines: &'a [f32],
}

/// Heads of some tokens, `(tokens, heads, head_dim)` with `stride` values from one token to the next.
#[derive(Debug)]
pub struct HeadRows<'a> {
    /// The values, from the first token's first head on; what lies between a token's heads and the next token stays as it is.
    pub values: &'a mut [f32],
    /// Heads of a token.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Values from one token to the next.
    pub stride: usize,
}

impl RotaryTable<'_> {
    /// Turns each pair `(a, b)` of token `t` to `(a·cos - b·sin, b·cos + a·sin)`, with the angles of `positions[t]`, in place.
    ///
    /// # Panics
    /// When a position is beyond the tables.
    pub fn turn(&self, path: Path, pool: &Pool, turn: Turn, rows: HeadRows, positions: &[u32]) {
        let pairs = self.width / 2;
        let used = rows.heads * rows.head_dim;
        assert!(self.width.is_multiple_of(2) && self.width <= rows.head_dim);
        assert_eq!(self.cosines.len(), self.sines.len());
        assert!(used <= rows.stride, "a token's heads lie within its stride");
        if positions.is_empty() || self.width == 0 || used == 0 {
            return;
        }
        let (least, most) = (
            (positions.len() - 1) * rows.stride + used,
            positions.len() * rows.stride,
        );
        assert!(
            (least..=most).contains(&rows.values.len()),
            "{} values for {} tokens",
            rows.values.len(),
            positions.len()
        );
        let (heads, head_dim, stride) = (rows.heads, rows.head_dim, rows.stride);
        let together = rows_together(stride);
        pool.pieces(rows.values, together * stride, |number, values| {
            let first = number * together;
            let tokens = values.chunks_mut(stride).zip(&positions[first..]);
            for (values, position) in tokens {
                let angles = *position as usize * pairs..(*position as usize + 1) * pairs;
                path.run(TurnToken {
                    pairing: self.pairing,
                    backward: turn == Turn::Backward,
                    cosines: &self.cosines[angles.clone()],
                    sines: &self.sines[angles],
                    heads: &mut values[..heads * head_dim],
                    head_dim,
                });
            }
        });
    }
}

struct TurnToken<'a> {
    pairing: RotaryPairing,
    backward: bool,
    cosines: &'a [f32],
    sines: &'a [f32],
    heads: &'a mut [f32],
    head_dim: usize,
}

impl Work for TurnToken<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.pairing {
            RotaryPairing::Halves => self.halves(simd),
            RotaryPairing::Neighbours => self.neighbours(simd),
        }
    }
}

impl TurnToken<'_> {
    #[inline(always)]
    fn halves<S: Simd>(self, simd: S) {
        let pairs = self.cosines.len();
        let sign = simd.splat(if self.backward { -1.0 } else { 1.0 });
        let mut start = 0;
        while start < pairs {
            let cosines = load_or_pad(simd, self.cosines, start, 0.0);
            let sines = simd.mul(load_or_pad(simd, self.sines, start, 0.0), sign);
            for head in self.heads.chunks_exact_mut(self.head_dim) {
                let (first, second) = head[..2 * pairs].split_at_mut(pairs);
                let a = load_or_pad(simd, first, start, 0.0);
                let b = load_or_pad(simd, second, start, 0.0);
                let new_a = simd.sub(simd.mul(a, cosines), simd.mul(b, sines));
                let new_b = simd.mul_add(b, cosines, simd.mul(a, sines));
                store_or_cut(simd, first, start, new_a);
                store_or_cut(simd, second, start, new_b);
            }
            start += LANES;
        }
    }

    /// With each angle twice, a register of pairs turns to `x · (cos, cos) + swapped x · (-sin, sin)`.
    #[inline(always)]
    fn neighbours<S: Simd>(self, simd: S) {
        let width = 2 * self.cosines.len();
        let sign = if self.backward { -1.0 } else { 1.0 };
        let mut start = 0;
        while start < width {
            let (mut cosines, mut sines) = ([0.0; LANES], [0.0; LANES]);
            for lane in (0..LANES.min(width - start)).step_by(2) {
                let pair = (start + lane) / 2;
                cosines[lane] = self.cosines[pair];
                cosines[lane + 1] = self.cosines[pair];
                sines[lane] = -sign * self.sines[pair];
                sines[lane + 1] = sign * self.sines[pair];
            }
            let (cosines, sines) = (simd.load(&cosines), simd.load(&sines));
            for head in self.heads.chunks_exact_mut(self.head_dim) {
                let turning = &mut head[..width];
                let x = load_or_pad(simd, turning, start, 0.0);
                let across = simd.mul(simd.swap_neighbours(x), sines);
                store_or_cut(simd, turning, start, simd.mul_add(x, cosines, across));
            }
            start += LANES;
        }
    }
}

#[cfg(test)]
mod tests;
