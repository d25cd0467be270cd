//! Activation functions of feed-forward parts, gated or not.

use crate::elementwise::{Elementwise, apply};
use crate::{Path, Pool, Simd};

/// A smooth function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x · σ(x)`, with `σ(x) = 1 / (1 + e^-x)` (Hendrycks & Gimpel, arXiv:1606.08415; also called swish).
    Silu,
    /// `x · Φ(x)`, with the normal distribution's `Φ(x) = (1 + erf(x / √2)) / 2` (the same paper).
    Gelu,
    /// The same paper's approximation, `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`.
    GeluTanh,
}

/// The slices of [`Activation::gate_backward`], all equally long.
#[derive(Debug)]
pub struct GateBackward<'a> {
    /// What was activated.
    pub gate: &'a [f32],
    /// What it was multiplied with.
    pub up: &'a [f32],
    /// The gradient of the product.
    pub output_gradient: &'a [f32],
    /// The gradient of `gate`, written.
    pub gate_gradient: &'a mut [f32],
    /// The gradient of `up`, written.
    pub up_gradient: &'a mut [f32],
}

/// Computes with one curve, chosen outside the loops.
macro_rules! with_curve {
    ($activation:expr, $curve:ident => $body:expr) => {
        match $activation {
            Activation::Silu => {
                let $curve = Silu;
                $body
            }
            Activation::Gelu => {
                let $curve = Gelu;
                $body
            }
            Activation::GeluTanh => {
                let $curve = GeluTanh;
                $body
            }
        }
    };
}

impl Activation {
    /// `y = f(x)`
    pub fn forward(self, path: Path, pool: &Pool, x: &[f32], y: &mut [f32]) {
        with_curve!(self, curve => apply((path, pool), Plain(curve), [y], [x]));
    }

    /// Turns the gradient of `f(x)` into that of `x`, in place: `gradient *= f'(x)`.
    pub fn backward(self, path: Path, pool: &Pool, x: &[f32], gradient: &mut [f32]) {
        with_curve!(self, curve => apply((path, pool), PlainBackward(curve), [gradient], [x]));
    }

    /// `y = f(gate) · up`: SwiGLU and GeGLU (Shazeer, arXiv:2002.05202).
    pub fn gate(self, path: Path, pool: &Pool, (gate, up): (&[f32], &[f32]), y: &mut [f32]) {
        with_curve!(self, curve => apply((path, pool), Gated(curve), [y], [gate, up]));
    }

    /// `up = f(gate) · up`: the same, in place.
    pub fn gate_in_place(self, path: Path, pool: &Pool, gate: &[f32], up: &mut [f32]) {
        with_curve!(self, curve => apply((path, pool), GatedInPlace(curve), [up], [gate]));
    }

    /// `gate_gradient = output_gradient · up · f'(gate)`, `up_gradient = output_gradient · f(gate)`
    pub fn gate_backward(self, path: Path, pool: &Pool, slices: GateBackward) {
        let read = [slices.gate, slices.up, slices.output_gradient];
        let written = [slices.gate_gradient, slices.up_gradient];
        with_curve!(self, curve => apply((path, pool), GatedBackward(curve), written, read));
    }
}

/// A function `x · s(x)` whose share `s` climbs from 0 to 1 with `s(-x) = 1 - s(x)`, described on one side:
///
/// - `f(x) = max(x, 0) - a · s(-a)` with `a = |x|`, which keeps the precision of small values on either side
/// - `f'(-a) = s(-a) - a · s'(a)` and `f'(a) = 1 - f'(-a)`
trait Curve: Copy + Send + Sync {
    /// `s(-LIMIT)` is zero in f32; so is `LIMIT · s'(LIMIT)`.
    const LIMIT: f32;
    /// `s(-a)`, for `a` from 0 to `LIMIT`.
    fn share<S: Simd>(self, simd: S, a: S::F) -> S::F;
    /// `s(-a)` and `s'(a)`.
    fn share_and_climb<S: Simd>(self, simd: S, a: S::F) -> (S::F, S::F);
}

/// `|x|`, at most `limit`, so that infinity times zero is never asked for; what is not a number stays so.
#[inline(always)]
fn distance<S: Simd>(simd: S, limit: f32, x: S::F) -> S::F {
    simd.min(simd.splat(limit), simd.abs(x))
}

#[inline(always)]
fn value<S: Simd, C: Curve>(simd: S, curve: C, x: S::F) -> S::F {
    let a = distance(simd, C::LIMIT, x);
    let ramp = simd.max(x, simd.splat(0.0));
    simd.sub(ramp, simd.mul(a, curve.share(simd, a)))
}

#[inline(always)]
fn value_and_slope<S: Simd, C: Curve>(simd: S, curve: C, x: S::F) -> (S::F, S::F) {
    let a = distance(simd, C::LIMIT, x);
    let (share, climb) = curve.share_and_climb(simd, a);
    let ramp = simd.max(x, simd.splat(0.0));
    let value = simd.sub(ramp, simd.mul(a, share));
    let below = simd.sub(share, simd.mul(a, climb));
    // 1/2 ± (1/2 - f'(-a)). The sign is a clamp: where |x| is so small that it is not ±1, the bracket is zero.
    let half = simd.splat(0.5);
    let (least, most) = (simd.splat(-1.0), simd.splat(1.0));
    let steep = simd.mul(x, simd.splat((1_u64 << 60) as f32));
    let sign = simd.min(most, simd.max(least, steep));
    (value, simd.mul_add(sign, simd.sub(half, below), half))
}

#[derive(Clone, Copy)]
struct Plain<C>(C);

impl<C: Curve> Elementwise<1, 1> for Plain<C> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, _: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        [value(simd, self.0, x)]
    }
}

#[derive(Clone, Copy)]
struct PlainBackward<C>(C);

impl<C: Curve> Elementwise<1, 1> for PlainBackward<C> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::F; 1], [x]: [S::F; 1]) -> [S::F; 1] {
        let (_, slope) = value_and_slope(simd, self.0, x);
        [simd.mul(gradient, slope)]
    }
}

#[derive(Clone, Copy)]
struct Gated<C>(C);

impl<C: Curve> Elementwise<1, 2> for Gated<C> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, _: [S::F; 1], [gate, up]: [S::F; 2]) -> [S::F; 1] {
        [simd.mul(value(simd, self.0, gate), up)]
    }
}

#[derive(Clone, Copy)]
struct GatedInPlace<C>(C);

impl<C: Curve> Elementwise<1, 1> for GatedInPlace<C> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [up]: [S::F; 1], [gate]: [S::F; 1]) -> [S::F; 1] {
        [simd.mul(value(simd, self.0, gate), up)]
    }
}

#[derive(Clone, Copy)]
struct GatedBackward<C>(C);

impl<C: Curve> Elementwise<2, 3> for GatedBackward<C> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, _: [S::F; 2], [gate, up, gradient]: [S::F; 3]) -> [S::F; 2] {
        let (value, slope) = value_and_slope(simd, self.0, gate);
        let through = simd.mul(gradient, up);
        [simd.mul(through, slope), simd.mul(gradient, value)]
    }
}

#[derive(Clone, Copy)]
struct Silu;

/// `σ(-z) = e^-z / (1 + e^-z)`, for `z` from 0 on.
#[inline(always)]
fn falling_sigmoid<S: Simd>(simd: S, z: S::F) -> S::F {
    let power = simd.exp(simd.sub(simd.splat(0.0), z));
    simd.div(power, simd.add(simd.splat(1.0), power))
}

impl Curve for Silu {
    const LIMIT: f32 = 104.0;

    #[inline(always)]
    fn share<S: Simd>(self, simd: S, a: S::F) -> S::F {
        falling_sigmoid(simd, a)
    }

    /// `σ' = σ · (1 - σ)`
    #[inline(always)]
    fn share_and_climb<S: Simd>(self, simd: S, a: S::F) -> (S::F, S::F) {
        let share = falling_sigmoid(simd, a);
        let climb = simd.mul(share, simd.sub(simd.splat(1.0), share));
        (share, climb)
    }
}

#[derive(Clone, Copy)]
struct Gelu;

/// The polynomial `P` below, from the seventh power down.
const TAIL: [f32; 8] = [
    0.035_423_86,
    -0.156_158_94,
    0.204_557_57,
    -0.052_034_685,
    0.127_692_1,
    0.100_175_86,
    0.120_712_15,
    0.119_632_006,
];

/// `e^(-a²/2)`, and `Φ(-a) = e^(-a²/2) · t · P(t)` with `t = 1 / (1 + 0.3 a)`.
///
/// `P` was fitted so that the largest relative error from 0 to 14.5, beyond which f32 ends, is the least of its degree:
/// 1.7e-7. In this form the tail keeps its precision, which `1 - erf` loses.
#[inline(always)]
fn normal_tail<S: Simd>(simd: S, a: S::F) -> (S::F, S::F) {
    let one = simd.splat(1.0);
    let power = simd.exp(simd.mul(simd.mul(a, simd.splat(-0.5)), a));
    let t = simd.div(one, simd.mul_add(a, simd.splat(0.3), one));
    let mut sum = simd.splat(TAIL[0]);
    for coefficient in &TAIL[1..] {
        sum = simd.mul_add(sum, t, simd.splat(*coefficient));
    }
    (power, simd.mul(simd.mul(power, t), sum))
}

impl Curve for Gelu {
    const LIMIT: f32 = 20.0;

    #[inline(always)]
    fn share<S: Simd>(self, simd: S, a: S::F) -> S::F {
        normal_tail(simd, a).1
    }

    /// `Φ'(a) = e^(-a²/2) / √(2π)`
    #[inline(always)]
    fn share_and_climb<S: Simd>(self, simd: S, a: S::F) -> (S::F, S::F) {
        let (power, tail) = normal_tail(simd, a);
        (tail, simd.mul(power, simd.splat(0.398_942_3)))
    }
}

#[derive(Clone, Copy)]
struct GeluTanh;

/// `2 · √(2/π)`
const STEEPNESS: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// `(1 + tanh(u)) / 2` is `σ(2u)`: `2u = z(a) = STEEPNESS · (a + CUBIC · a³)`.
impl Curve for GeluTanh {
    const LIMIT: f32 = 30.0;

    #[inline(always)]
    fn share<S: Simd>(self, simd: S, a: S::F) -> S::F {
        let steepness = simd.splat(STEEPNESS);
        let inner = simd.mul_add(simd.mul(a, a), simd.splat(STEEPNESS * CUBIC), steepness);
        falling_sigmoid(simd, simd.mul(a, inner))
    }

    /// `σ(z) · (1 - σ(z)) · z'(a)`
    #[inline(always)]
    fn share_and_climb<S: Simd>(self, simd: S, a: S::F) -> (S::F, S::F) {
        let share = self.share(simd, a);
        let rest = simd.mul(share, simd.sub(simd.splat(1.0), share));
        let steepness = simd.splat(STEEPNESS);
        let cubic = simd.splat(3.0 * STEEPNESS * CUBIC);
        let steep = simd.mul_add(simd.mul(a, a), cubic, steepness);
        (share, simd.mul(rest, steep))
    }
}

#[cfg(test)]
mod tests;
