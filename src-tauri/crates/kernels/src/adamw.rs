//! The optimizer's step, and the norm of gradients that it is held to.

use crate::elementwise::{Elementwise, PIECE, apply};
use crate::{LANES, Path, Pool, Simd, Work};

/// AdamW (Loshchilov & Hutter, arXiv:1711.05101), in the form and order that PyTorch's `AdamW` computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// `η`
    pub learning_rate: f32,
    /// `β₁`, how much of the mean gradient is kept at a step.
    pub beta1: f64,
    /// `β₂`, how much of the mean squared gradient is kept at a step.
    pub beta2: f64,
    /// `ε`, added to the denominator.
    pub epsilon: f32,
    /// `λ`: parameters shrink by `η · λ` of themselves at a step, whatever their gradient.
    pub weight_decay: f32,
}

/// The slices of [`AdamW::step`], all equally long.
#[derive(Debug)]
pub struct AdamWSlices<'a> {
    /// `p`, updated.
    pub parameters: &'a mut [f32],
    /// `m`, updated; zero before the first step.
    pub first_moments: &'a mut [f32],
    /// `v`, updated; zero before the first step.
    pub second_moments: &'a mut [f32],
    /// `g`
    pub gradients: &'a [f32],
    /// Gradients count multiplied by this: 1, or less to hold their norm down.
    pub gradient_scale: f32,
}

impl AdamW {
    /// The `step`-th step, counted from 1:
    ///
    /// - `p -= η · λ · p`
    /// - `m += (1 - β₁) · (g - m)`, `v = β₂ · v + (1 - β₂) · g²`
    /// - `p -= η / (1 - β₁^step) · m / (√v / √(1 - β₂^step) + ε)`
    pub fn step(&self, path: Path, pool: &Pool, step: u64, slices: AdamWSlices) {
        assert!(step > 0, "steps are counted from 1");
        let exponent = i32::try_from(step).unwrap_or(i32::MAX);
        let corrections = [self.beta1, self.beta2].map(|beta| 1.0 - beta.powi(exponent));
        let operation = Step {
            gradient_scale: slices.gradient_scale,
            kept: (1.0 - f64::from(self.learning_rate) * f64::from(self.weight_decay)) as f32,
            first_share: (1.0 - self.beta1) as f32,
            second_kept: self.beta2 as f32,
            second_share: (1.0 - self.beta2) as f32,
            step_size: (f64::from(self.learning_rate) / corrections[0]) as f32,
            root_correction: corrections[1].sqrt() as f32,
            epsilon: self.epsilon,
        };
        let written = [
            slices.parameters,
            slices.first_moments,
            slices.second_moments,
        ];
        apply((path, pool), operation, written, [slices.gradients]);
    }
}

#[derive(Clone, Copy)]
struct Step {
    gradient_scale: f32,
    kept: f32,
    first_share: f32,
    second_kept: f32,
    second_share: f32,
    step_size: f32,
    root_correction: f32,
    epsilon: f32,
}

impl Elementwise<3, 1> for Step {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [p, m, v]: [S::F; 3], [g]: [S::F; 1]) -> [S::F; 3] {
        let g = simd.mul(g, simd.splat(self.gradient_scale));
        let p = simd.mul(p, simd.splat(self.kept));
        let m = simd.mul_add(simd.sub(g, m), simd.splat(self.first_share), m);
        let square = simd.mul(simd.mul(g, simd.splat(self.second_share)), g);
        let v = simd.mul_add(v, simd.splat(self.second_kept), square);
        let root = simd.div(simd.sqrt(v), simd.splat(self.root_correction));
        let direction = simd.div(m, simd.add(root, simd.splat(self.epsilon)));
        let p = simd.sub(p, simd.mul(direction, simd.splat(self.step_size)));
        [p, m, v]
    }
}

/// `sqrt(Σ g²)` over all slices together, in f64 and in tiles of 16,384 values, so that it is the same to the bit on every
/// path and with any number of threads.
pub fn gradient_norm(path: Path, pool: &Pool, slices: &[&[f32]]) -> f64 {
    let mut total = 0.0;
    for slice in slices {
        let mut sums = vec![0.0; slice.len().div_ceil(PIECE)];
        pool.pieces(&mut sums, 1, |number, sum| {
            let end = slice.len().min((number + 1) * PIECE);
            sum[0] = path.run(SumOfSquares(&slice[number * PIECE..end]));
        });
        total += sums.iter().sum::<f64>();
    }
    total.sqrt()
}

struct SumOfSquares<'a>(&'a [f32]);

impl Work for SumOfSquares<'_> {
    type Output = f64;

    /// Plain code, which the compiler turns into what each path offers: there are no lanes of f64.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0_f64; LANES];
        let (whole, rest) = self.0.as_chunks::<LANES>();
        for values in whole {
            for lane in 0..LANES {
                let value = f64::from(values[lane]);
                sums[lane] += value * value;
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum += f64::from(*value) * f64::from(*value);
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests;
