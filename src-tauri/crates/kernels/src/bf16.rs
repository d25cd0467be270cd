//! bfloat16 numbers as they are kept in memory: the upper halves of f32 numbers.

use crate::elementwise::{PIECE, load_tail, store_tail};
use crate::simd::{LANES, Simd, Work, at, chunk_mut};
use crate::{Path, Pool};

/// Rounds to bfloat16, to nearest and ties to even; what is not a number stays so.
///
/// # Panics
/// When the slices have different lengths.
pub fn narrow_to_bf16(path: Path, pool: &Pool, from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len(), "slices of different lengths");
    pool.pieces(to, PIECE, |number, to| {
        let from = &from[number * PIECE..][..to.len()];
        path.run(Narrow { from, to });
    });
}

/// bfloat16 numbers as f32, exactly.
///
/// # Panics
/// When the slices have different lengths.
pub fn widen_bf16(path: Path, pool: &Pool, from: &[u16], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "slices of different lengths");
    pool.pieces(to, PIECE, |number, to| {
        let from = &from[number * PIECE..][..to.len()];
        path.run(Widen { from, to });
    });
}

struct Narrow<'a> {
    from: &'a [f32],
    to: &'a mut [u16],
}

impl Work for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let whole = self.from.len() / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            simd.store_bf16(chunk_mut(self.to, start), simd.load(at(self.from, start)));
        }
        let rest = &mut self.to[whole..];
        let mut lanes = [0; LANES];
        simd.store_bf16(&mut lanes, load_tail(simd, &self.from[whole..], 0.0));
        rest.copy_from_slice(&lanes[..rest.len()]);
    }
}

struct Widen<'a> {
    from: &'a [u16],
    to: &'a mut [f32],
}

impl Work for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let whole = self.from.len() / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            simd.store(
                chunk_mut(self.to, start),
                simd.load_bf16(at(self.from, start)),
            );
        }
        let rest = &self.from[whole..];
        let mut lanes = [0; LANES];
        lanes[..rest.len()].copy_from_slice(rest);
        store_tail(simd, &mut self.to[whole..], simd.load_bf16(&lanes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::Numbers;

    #[test]
    fn numbers_are_narrowed_as_the_definition_says_and_come_back() {
        let special = [
            0.0,
            -0.0,
            1.0,
            f32::NAN,
            -f32::NAN,
            f32::from_bits(0x7f80_0001), // quieted, or it would become infinite
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::from_bits(0x3f80_8000), // halfway, down to even
            f32::from_bits(0x3f81_8000), // halfway, up to even
            f32::from_bits(0x3f80_8001),
            1e-40,
        ];
        for path in Path::all() {
            for threads in [1, 3] {
                let pool = Pool::new(threads);
                for length in [0, 1, 15, 16, 17, 35, 2 * PIECE + 5] {
                    let mut numbers = Numbers(length as u64);
                    let from: Vec<f32> = (0..length)
                        .map(|index| match special.get(index) {
                            Some(value) => *value,
                            None => numbers.within(100.0),
                        })
                        .collect();
                    let mut narrow = vec![7; length];
                    narrow_to_bf16(path, &pool, &from, &mut narrow);
                    let mut wide = vec![7.0; length];
                    widen_bf16(path, &pool, &narrow, &mut wide);
                    for (index, value) in from.iter().enumerate() {
                        let expected = half::bf16::from_f32(*value);
                        assert_eq!(narrow[index], expected.to_bits(), "{path}: {value}");
                        assert_eq!(
                            wide[index].to_bits(),
                            u32::from(expected.to_bits()) << 16,
                            "{path}: {value}"
                        );
                    }
                }
            }
        }
    }
}
