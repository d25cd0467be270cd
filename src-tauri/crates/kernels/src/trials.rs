//! What the tests of kernels share: numbers that look random and are the same every time, and runs on every path.

use crate::{Path, Pool};

/// A sequence of numbers that only its seed decides (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From `-limit` to `limit`.
    pub(crate) fn within(&mut self, limit: f32) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 * limit - limit
    }

    pub(crate) fn many(&mut self, count: usize, limit: f32) -> Vec<f32> {
        (0..count).map(|_| self.within(limit)).collect()
    }
}

/// Calls `compute` on every path, with one thread and with three, whose results must be the same to the bit, and `check`
/// with each path's results.
pub(crate) fn everywhere(compute: impl Fn(Path, &Pool) -> Vec<f32>, check: impl Fn(Path, &[f32])) {
    let (alone, together) = (Pool::new(1), Pool::new(3));
    for path in Path::all() {
        let found = compute(path, &alone);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(
            bits(&found),
            bits(&compute(path, &together)),
            "{path}: threads change the results"
        );
        check(path, &found);
    }
}

/// Each number within `relative` of what is expected, or within `absolute`; what is not a number, and infinities, as expected.
#[track_caller]
pub(crate) fn assert_close(
    what: &str,
    found: &[f32],
    expected: &[f64],
    (relative, absolute): (f64, f64),
) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = match expected.is_finite() {
            true => (f64::from(*found) - expected).abs() <= absolute.max(relative * expected.abs()),
            false if expected.is_nan() => found.is_nan(),
            false => f64::from(*found) == *expected,
        };
        assert!(
            close,
            "{what}: {found} at {index}, where {expected} was expected"
        );
    }
}
