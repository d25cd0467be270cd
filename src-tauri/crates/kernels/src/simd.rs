//! Sixteen lanes at a time: the one vocabulary that kernels are written in.
//!
//! A kernel is a [`Work`] and written once over [`Simd`]; [`Path::run`](crate::Path::run) compiles it for each instruction set
//! and calls the one chosen. Lanes are always sixteen: one 512-bit register, two of 256 bits, or an array.
//!
//! Everything here is `inline(always)`: only inside the function that enables an instruction set do its instructions become
//! single ones.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

/// Lanes of a register.
pub const LANES: usize = 16;

/// Something to compute with the registers of whatever instruction set is chosen.
pub trait Work {
    /// What comes out.
    type Output;
    /// Computes it. Implementations are `inline(always)`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Operations on sixteen lanes. A value of an implementing type is the proof that its instructions exist here.
///
/// Rounding is to nearest, ties to even, everywhere. `mul_add` is fused on AVX2 and above and rounds twice on portable code.
pub trait Simd: Copy + Send + Sync + 'static {
    /// 16 × f32.
    type F: Copy;
    /// 16 × i32.
    type I: Copy;
    /// 64 bytes.
    type B: Copy;

    /// Values of type `F` that fit the registers at a time; kernels choose their tiles by it.
    const REGISTERS: usize;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::F;
    /// Sixteen numbers from memory.
    fn load(self, from: &[f32; LANES]) -> Self::F;
    /// Sixteen numbers to memory.
    fn store(self, to: &mut [f32; LANES], value: Self::F);
    /// `a + b`
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b`
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The larger of each two; the second where either is not a number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The smaller of each two; the second where either is not a number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `sqrt(a)`
    fn sqrt(self, a: Self::F) -> Self::F;
    /// Without its sign.
    fn abs(self, a: Self::F) -> Self::F;
    /// The columns of a square of sixteen rows.
    #[inline(always)]
    fn transpose(self, rows: [Self::F; LANES]) -> [Self::F; LANES] {
        let mut square = [[0.0; LANES]; LANES];
        for (lanes, row) in square.iter_mut().zip(rows) {
            self.store(lanes, row);
        }
        let mut columns = rows;
        for (index, column) in columns.iter_mut().enumerate() {
            let mut lanes = [0.0; LANES];
            for (lane, row) in lanes.iter_mut().zip(&square) {
                *lane = row[index];
            }
            *column = self.load(&lanes);
        }
        columns
    }
    /// Lanes 0 and 1 exchanged, 2 and 3, and so on.
    fn swap_neighbours(self, a: Self::F) -> Self::F;
    /// All lanes added: halves onto halves, 8 + 8, 4 + 4, 2 + 2, 1 + 1.
    fn sum(self, a: Self::F) -> f32;
    /// The largest lane.
    fn largest(self, a: Self::F) -> f32;

    /// Sixteen bfloat16 numbers, widened.
    fn load_bf16(self, from: &[u16; LANES]) -> Self::F;
    /// Sixteen pairs of bfloat16 numbers: the first of each, and the second of each.
    fn load_bf16_pairs(self, from: &[u16; 2 * LANES]) -> (Self::F, Self::F);
    /// Narrowed to bfloat16; what is not a number stays so.
    fn store_bf16(self, to: &mut [u16; LANES], value: Self::F);
    /// Narrowed to bfloat16 pairs: the reverse of [`Simd::load_bf16_pairs`].
    fn store_bf16_pairs(self, to: &mut [u16; 2 * LANES], first: Self::F, second: Self::F);
    /// Sixteen half-precision numbers, widened.
    fn load_f16(self, from: &[u16; LANES]) -> Self::F;
    /// Narrowed to half precision.
    fn store_f16(self, to: &mut [u16; LANES], value: Self::F);
    /// Sixteen unsigned bytes as numbers.
    fn load_u8(self, from: &[u8; LANES]) -> Self::F;
    /// Sixteen signed bytes as numbers.
    fn load_i8(self, from: &[i8; LANES]) -> Self::F;
    /// Rounded to signed bytes. Lanes must lie within -128 and 127.
    fn store_i8(self, to: &mut [i8; LANES], value: Self::F);

    /// The nearest whole numbers. Lanes must fit an i32.
    fn round(self, a: Self::F) -> Self::I;
    /// The nearest whole numbers, as f32.
    fn nearest_whole(self, a: Self::F) -> Self::F;
    /// Whole numbers as f32.
    fn to_f32(self, a: Self::I) -> Self::F;
    /// `2^n`, for n from -126 to 127.
    fn power_of_two(self, n: Self::I) -> Self::F;

    /// 64 bytes from memory.
    fn load_bytes(self, from: &[u8; 64]) -> Self::B;
    /// 64 bytes to memory.
    fn store_bytes(self, to: &mut [u8; 64], value: Self::B);
    /// Each byte's lower four bits.
    fn low_nibbles(self, bytes: Self::B) -> Self::B;
    /// Each byte's upper four bits.
    fn high_nibbles(self, bytes: Self::B) -> Self::B;
    /// Bit `INDEX · WIDTH` and the `WIDTH - 1` above it of each byte, moved to bit 4; `WIDTH` is 1 or 2.
    fn bits_to_upper<const INDEX: u32, const WIDTH: u32>(self, bytes: Self::B) -> Self::B;
    /// Bitwise or.
    fn or(self, a: Self::B, b: Self::B) -> Self::B;
    /// Byte `INDEX` of each four, unsigned, as sixteen numbers.
    fn every_fourth_byte<const INDEX: u32>(self, bytes: Self::B) -> Self::F;
    /// `Σ (code - zero) · x` over `4 · N` codes of each of sixteen rows.
    ///
    /// Register `i` of `codes` holds codes `4i .. 4i+4` of row 0, then of row 1 …; they are unsigned numbers of `bits` bits
    /// (4, 5, 6, or 8 with zero 128). `x` has `4 · N` values within -127 and 127, `sum` is their sum. `kind` is bits and
    /// zero, constants to the caller.
    fn dot<const N: usize>(
        self,
        kind: (u32, i32),
        codes: &[Self::B; N],
        x: &[i8],
        sum: i32,
    ) -> Self::I;

    /// `e^a` within 3 units in the last place (below 2^-126: of 2^-126); above `e^88` it stays at that; what is not a
    /// number stays so.
    #[inline(always)]
    fn exp(self, a: Self::F) -> Self::F {
        // e^a = 2^n · e^r with n whole and |r| <= ln(2)/2; ln(2) in two parts keeps r exact. The polynomial is the
        // Taylor series to the seventh power: its next term is below 2^-28 there.
        const HALVES: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
        let clamped = self.min(self.splat(88.02), self.max(self.splat(-104.0), a));
        let whole = self.nearest_whole(self.mul(clamped, self.splat(std::f32::consts::LOG2_E)));
        let r = self.mul_add(whole, self.splat(-HALVES.0), clamped);
        let r = self.mul_add(whole, self.splat(-HALVES.1), r);
        let mut sum = self.splat(1.0 / 5040.0);
        for term in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
            sum = self.mul_add(sum, r, self.splat(1.0 / term));
        }
        self.times_power_of_two(sum, whole)
    }

    /// `a · 2^n` for whole `n` from -226 to 127; results below 2^-126 may be rounded twice.
    #[inline(always)]
    fn times_power_of_two(self, a: Self::F, n: Self::F) -> Self::F {
        // In two steps, so that results below 2^-126 are reached without a power that does not exist.
        let first = self.max(self.splat(-126.0), n);
        let scaled = self.mul(a, self.power_of_two(self.round(first)));
        let rest = self.max(self.splat(-100.0), self.sub(n, first));
        self.mul(scaled, self.power_of_two(self.round(rest)))
    }
}

/// Sixteen numbers at `index`.
#[inline(always)]
pub(crate) fn at<T>(values: &[T], index: usize) -> &[T; LANES] {
    chunk::<T, LANES>(values, index)
}

/// `N` values at `index`.
#[inline(always)]
pub(crate) fn chunk<T, const N: usize>(values: &[T], index: usize) -> &[T; N] {
    match values[index..].first_chunk() {
        Some(chunk) => chunk,
        None => past_the_end(index, values.len()),
    }
}

/// `N` values at `index`, to be written.
#[inline(always)]
pub(crate) fn chunk_mut<T, const N: usize>(values: &mut [T], index: usize) -> &mut [T; N] {
    let length = values.len();
    match values[index..].first_chunk_mut() {
        Some(chunk) => chunk,
        None => past_the_end(index, length),
    }
}

#[cold]
#[inline(never)]
fn past_the_end(index: usize, length: usize) -> ! {
    panic!("a register's worth of values at {index} does not lie within {length} values")
}
