//! Keys and values of one layer and one sequence.
//!
//! For each key/value head, keys lie in panels of sixteen tokens, `[tokens / 16][head_dim][16]`: sixteen scores come from one
//! register without adding across lanes, and one load serves all query heads of the group. Values lie row by row,
//! `[tokens][width]`, `width` being `head_dim` rounded up to whole registers.

use super::element::{Bf16, Element, ElementType, F16, F32, Int8};
use crate::Path;
use crate::aligned::{Aligned, Number};
use crate::simd::{LANES, Simd, Work, at, chunk_mut};

/// Capacity is a multiple of so many tokens.
const GRAIN: usize = 256;

/// Key/value heads of a layer, and the length of each key and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyValueShape {
    /// Key/value heads.
    pub kv_heads: usize,
    /// Numbers in a key or a value.
    pub head_dim: usize,
}

impl KeyValueShape {
    /// Numbers of a value as stored: whole registers.
    pub(super) fn width(self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Numbers of all heads of a token.
    pub(super) fn row(self) -> usize {
        self.kv_heads * self.head_dim
    }
}

/// A [`KeyValueStore`] cannot hold so many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreFull {
    /// Tokens that were to be held.
    pub wanted_tokens: usize,
    /// Tokens that can be.
    pub limit_tokens: usize,
}

impl std::fmt::Display for StoreFull {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} tokens are more than the {} that this key/value store may hold",
            self.wanted_tokens, self.limit_tokens
        )
    }
}

impl std::error::Error for StoreFull {}

/// The keys and values of one layer and one sequence, rounded to an [`ElementType`] when they are written.
#[derive(Debug, Clone)]
pub struct KeyValueStore {
    shape: KeyValueShape,
    tokens: usize,
    capacity: usize,
    limit: usize,
    contents: Contents,
}

#[derive(Debug, Clone)]
pub(super) enum Contents {
    F32(Elements<F32>),
    F16(Elements<F16>),
    Bf16(Elements<Bf16>),
    Int8(Elements<Int8>),
}

/// The same expression for each type of element.
macro_rules! for_elements {
    ($contents:expr, $elements:ident => $result:expr) => {
        match $contents {
            $crate::attention::store::Contents::F32($elements) => $result,
            $crate::attention::store::Contents::F16($elements) => $result,
            $crate::attention::store::Contents::Bf16($elements) => $result,
            $crate::attention::store::Contents::Int8($elements) => $result,
        }
    };
}
pub(super) use for_elements;

#[derive(Debug, Clone)]
pub(super) struct Elements<E: Element> {
    /// `[kv_heads][capacity / 16][head_dim][16]`
    keys: Aligned<E::Stored>,
    /// `[kv_heads][capacity][width]`
    values: Aligned<E::Stored>,
    /// `[kv_heads][capacity]`; empty where elements have no scale.
    key_scales: Aligned<f32>,
    /// As `key_scales`.
    value_scales: Aligned<f32>,
}

/// What is stored for one key/value head.
#[derive(Clone, Copy)]
pub(super) struct Head<'a, E: Element> {
    pub(super) keys: &'a [E::Stored],
    pub(super) values: &'a [E::Stored],
    pub(super) key_scales: &'a [f32],
    pub(super) value_scales: &'a [f32],
    pub(super) head_dim: usize,
    pub(super) width: usize,
}

impl KeyValueStore {
    /// An empty store that may grow to `limit` tokens (rounded up to a multiple of 256).
    ///
    /// # Panics
    /// When there are no heads or they have no numbers.
    pub fn new(shape: KeyValueShape, element: ElementType, limit: usize) -> Self {
        assert!(
            shape.kv_heads > 0 && shape.head_dim > 0,
            "a store has heads, and heads have numbers"
        );
        let contents = match element {
            ElementType::F32 => Contents::F32(Elements::new(shape, 0)),
            ElementType::F16 => Contents::F16(Elements::new(shape, 0)),
            ElementType::Bf16 => Contents::Bf16(Elements::new(shape, 0)),
            ElementType::Int8 => Contents::Int8(Elements::new(shape, 0)),
        };
        Self {
            shape,
            tokens: 0,
            capacity: 0,
            limit: limit.div_ceil(GRAIN).saturating_mul(GRAIN),
            contents,
        }
    }

    /// Heads, and numbers of each.
    pub fn shape(&self) -> KeyValueShape {
        self.shape
    }

    /// What keys and values are rounded to.
    pub fn element(&self) -> ElementType {
        match self.contents {
            Contents::F32(_) => ElementType::F32,
            Contents::F16(_) => ElementType::F16,
            Contents::Bf16(_) => ElementType::Bf16,
            Contents::Int8(_) => ElementType::Int8,
        }
    }

    /// Tokens held.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Tokens that fit without growing.
    pub fn capacity_tokens(&self) -> usize {
        self.capacity
    }

    /// Tokens that it may grow to.
    pub fn limit_tokens(&self) -> usize {
        self.limit
    }

    /// Memory taken.
    pub fn bytes(&self) -> usize {
        for_elements!(&self.contents, elements => elements.bytes())
    }

    /// Memory that `tokens` tokens take, bytes.
    pub fn bytes_for(shape: KeyValueShape, element: ElementType, tokens: usize) -> usize {
        let (number, scale) = match element {
            ElementType::F32 => (4, 0),
            ElementType::F16 | ElementType::Bf16 => (2, 0),
            ElementType::Int8 => (1, 4),
        };
        let token = (shape.head_dim + shape.width()) * number + 2 * scale;
        shape.kv_heads * tokens.next_multiple_of(GRAIN) * token
    }

    /// Forgets the tokens from `tokens` on.
    pub fn truncate(&mut self, tokens: usize) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Makes room for `tokens` tokens, doubling what there is.
    ///
    /// # Errors
    /// [`StoreFull`] where that is above the limit; nothing has changed then.
    pub fn reserve(&mut self, tokens: usize) -> Result<(), StoreFull> {
        if tokens > self.limit {
            return Err(StoreFull {
                wanted_tokens: tokens,
                limit_tokens: self.limit,
            });
        }
        if tokens > self.capacity {
            let doubled = (2 * self.capacity).max(tokens.next_multiple_of(GRAIN));
            let capacity = doubled.min(self.limit);
            let (shape, held) = (self.shape, self.tokens);
            for_elements!(&mut self.contents, elements => *elements = elements.grown(shape, held, capacity));
            self.capacity = capacity;
        }
        Ok(())
    }

    /// Writes the keys and values, each `(T, kv_heads, head_dim)`, of the tokens from `position` on. Tokens held from there on
    /// are forgotten first. Rounding is the same on every path.
    ///
    /// # Errors
    /// [`StoreFull`]; nothing has changed then.
    ///
    /// # Panics
    /// When `position` lies behind the end, or the lengths are not of whole tokens, the same for both.
    pub fn append(
        &mut self,
        path: Path,
        position: usize,
        keys: &[f32],
        values: &[f32],
    ) -> Result<(), StoreFull> {
        assert!(
            position <= self.tokens,
            "tokens follow each other without a gap"
        );
        assert_eq!(keys.len(), values.len(), "each key has a value");
        let row = self.shape.row();
        assert!(keys.len().is_multiple_of(row), "keys are whole tokens");
        let end = position + keys.len() / row;
        self.reserve(end)?;
        let (shape, capacity) = (self.shape, self.capacity);
        for_elements!(&mut self.contents, elements => path.run(Append {
            elements,
            shape,
            capacity,
            position,
            keys,
            values,
        }));
        self.tokens = end;
        Ok(())
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The part of `elements`, which are of this store, that belongs to one head.
    pub(super) fn head<'a, E: Element>(
        &self,
        elements: &'a Elements<E>,
        head: usize,
    ) -> Head<'a, E> {
        let (head_dim, width) = (self.shape.head_dim, self.shape.width());
        let tokens = head * self.capacity..(head + 1) * self.capacity;
        let of_head = |size: usize| tokens.start * size..tokens.end * size;
        let scales = if E::SCALED { tokens.clone() } else { 0..0 };
        Head {
            keys: &elements.keys[of_head(head_dim)],
            values: &elements.values[of_head(width)],
            key_scales: &elements.key_scales[scales.clone()],
            value_scales: &elements.value_scales[scales],
            head_dim,
            width,
        }
    }
}

impl<E: Element> Elements<E> {
    fn new(shape: KeyValueShape, capacity: usize) -> Self {
        let tokens = shape.kv_heads * capacity;
        let scales = if E::SCALED { tokens } else { 0 };
        Self {
            keys: Aligned::zeroed(tokens * shape.head_dim),
            values: Aligned::zeroed(tokens * shape.width()),
            key_scales: Aligned::zeroed(scales),
            value_scales: Aligned::zeroed(scales),
        }
    }

    /// With room for `capacity` tokens, and the first `held` as they are.
    fn grown(&self, shape: KeyValueShape, held: usize, capacity: usize) -> Self {
        let mut grown = Self::new(shape, capacity);
        let panels = held.next_multiple_of(LANES);
        copy_heads(
            &self.keys,
            &mut grown.keys,
            shape.kv_heads,
            panels * shape.head_dim,
        );
        copy_heads(
            &self.values,
            &mut grown.values,
            shape.kv_heads,
            held * shape.width(),
        );
        if E::SCALED {
            copy_heads(
                &self.key_scales,
                &mut grown.key_scales,
                shape.kv_heads,
                held,
            );
            copy_heads(
                &self.value_scales,
                &mut grown.value_scales,
                shape.kv_heads,
                held,
            );
        }
        grown
    }

    fn bytes(&self) -> usize {
        let numbers = self.keys.len() + self.values.len();
        let scales = self.key_scales.len() + self.value_scales.len();
        numbers * size_of::<E::Stored>() + scales * size_of::<f32>()
    }
}

/// The first `length` numbers of each head.
fn copy_heads<T: Number>(from: &[T], to: &mut [T], heads: usize, length: usize) {
    let (old, new) = (from.len() / heads, to.len() / heads);
    for head in 0..heads {
        to[head * new..][..length].copy_from_slice(&from[head * old..][..length]);
    }
}

/// Rounds and writes tokens.
struct Append<'a, E: Element> {
    elements: &'a mut Elements<E>,
    shape: KeyValueShape,
    capacity: usize,
    position: usize,
    keys: &'a [f32],
    values: &'a [f32],
}

impl<E: Element> Work for Append<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let KeyValueShape { kv_heads, head_dim } = self.shape;
        let width = self.shape.width();
        let mut row = vec![0.0; width];
        let mut rounded = Aligned::<E::Stored>::zeroed(width);
        let rows = self
            .keys
            .chunks_exact(head_dim)
            .zip(self.values.chunks_exact(head_dim));
        for (index, (key, value)) in rows.enumerate() {
            let (token, head) = (self.position + index / kv_heads, index % kv_heads);
            let slot = head * self.capacity + token;

            row[..head_dim].copy_from_slice(key);
            let scale = round::<S, E>(simd, &row, &mut rounded);
            let panel = (slot - slot % LANES) * head_dim + slot % LANES;
            let lane = self.elements.keys[panel..].iter_mut().step_by(LANES);
            for (to, number) in lane.zip(&rounded[..head_dim]) {
                *to = *number;
            }
            if E::SCALED {
                self.elements.key_scales[slot] = scale;
            }

            row[..head_dim].copy_from_slice(value);
            let to = &mut self.elements.values[slot * width..][..width];
            let scale = round::<S, E>(simd, &row, to);
            if E::SCALED {
                self.elements.value_scales[slot] = scale;
            }
        }
    }
}

/// Rounds whole registers; gives the scale.
#[inline(always)]
fn round<S: Simd, E: Element>(simd: S, row: &[f32], to: &mut [E::Stored]) -> f32 {
    let registers = (0..row.len()).step_by(LANES);
    if !E::SCALED {
        for index in registers {
            let numbers = simd.load(at(row, index));
            E::store(simd, chunk_mut(to, index), numbers);
        }
        return 1.0;
    }
    let zero = simd.splat(0.0);
    let (mut largest, mut finite) = (zero, zero);
    for index in registers.clone() {
        let numbers = simd.load(at(row, index));
        largest = simd.max(largest, simd.abs(numbers));
        // What is infinite or not a number leaves its mark here; `max` would lose it.
        finite = simd.mul_add(numbers, zero, finite);
    }
    let scale = simd.largest(largest) / 127.0 + simd.sum(finite);
    let usable = scale.is_finite() && scale > 0.0;
    let divisor = simd.splat(if usable { scale } else { 1.0 });
    for index in registers {
        let quotients = match usable {
            true => simd.div(simd.load(at(row, index)), divisor),
            false => zero,
        };
        // Where the scale is below 2^-126 it is so coarse that a quotient can lie above 127.
        let within = simd.min(simd.splat(127.0), simd.max(simd.splat(-127.0), quotients));
        E::store(simd, chunk_mut(to, index), within);
    }
    scale
}
