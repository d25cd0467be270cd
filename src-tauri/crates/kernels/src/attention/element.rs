//! The types that keys and values are kept in.

use crate::aligned::Number;
use crate::simd::{LANES, Simd};

/// What keys and values are rounded to when they are written to a [`KeyValueStore`](super::KeyValueStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// As they are.
    F32,
    /// Half precision: 11 significant bits; above 65,504 infinite.
    F16,
    /// bfloat16: 8 significant bits.
    Bf16,
    /// Whole numbers within -127 and 127, times one f32 for each token and head: its largest magnitude / 127.
    /// A token that holds something infinite or not a number is not a number as a whole.
    Int8,
}

impl ElementType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// As written in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

/// A way to keep numbers in memory, sixteen at a time.
pub(super) trait Element: Copy + Send + Sync + 'static {
    type Stored: Number;
    /// Whether numbers are multiples of a scale that is kept beside them.
    const SCALED: bool;

    fn load<S: Simd>(simd: S, from: &[Self::Stored; LANES]) -> S::F;
    fn store<S: Simd>(simd: S, to: &mut [Self::Stored; LANES], value: S::F);
}

#[derive(Debug, Clone, Copy)]
pub(super) struct F32;
#[derive(Debug, Clone, Copy)]
pub(super) struct F16;
#[derive(Debug, Clone, Copy)]
pub(super) struct Bf16;
#[derive(Debug, Clone, Copy)]
pub(super) struct Int8;

macro_rules! element {
    ($name:ident, $stored:ty, $scaled:literal, $load:ident, $store:ident) => {
        impl Element for $name {
            type Stored = $stored;
            const SCALED: bool = $scaled;

            #[inline(always)]
            fn load<S: Simd>(simd: S, from: &[$stored; LANES]) -> S::F {
                simd.$load(from)
            }
            #[inline(always)]
            fn store<S: Simd>(simd: S, to: &mut [$stored; LANES], value: S::F) {
                simd.$store(to, value);
            }
        }
    };
}
element!(F32, f32, false, load, store);
element!(F16, u16, false, load_f16, store_f16);
element!(Bf16, u16, false, load_bf16, store_bf16);
element!(Int8, i8, true, load_i8, store_i8);
