//! Products of plain numbers with f32 activations.
//!
//! Each value is one chain of multiply-adds over the inputs in order, whatever the block of sums it is computed in: a row's
//! bits depend neither on other rows nor on threads.

use std::marker::PhantomData;
use std::ops::Range;

use super::{FEW_ROWS, Panels};
use crate::matrix::{PANEL, Plain};
use crate::simd::{Simd, Work};

/// Inputs after which the sums of many rows rest in memory, so that this much of a few panels stays in the first cache.
const DEPTH: usize = 512;

/// The work of one task with plain numbers of one format.
///
/// Registers hold a block of sums, panels × rows. Few rows take more panels, so that there are enough independent chains to
/// hide an addition's latency; many rows take more rows, so that a register of weights is used often.
pub(super) struct PlainPanels<'a, P> {
    pub(super) task: Panels<'a>,
    pub(super) format: PhantomData<P>,
}

impl<P: Plain> Work for PlainPanels<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let task = &self.task;
        let few = task.input.rows.len() <= FEW_ROWS;
        match (few, S::REGISTERS >= 32) {
            (true, true) => blocks::<S, P, 4, 4>(simd, task, usize::MAX),
            (true, false) => blocks::<S, P, 4, 1>(simd, task, usize::MAX),
            (false, true) => blocks::<S, P, 2, 12>(simd, task, DEPTH),
            (false, false) => blocks::<S, P, 1, 6>(simd, task, DEPTH),
        }
    }
}

#[inline(always)]
fn blocks<S: Simd, P: Plain, const N: usize, const R: usize>(simd: S, task: &Panels, depth: usize) {
    let inputs = task.matrix.inputs();
    let mut panel = task.panels.start;
    while panel < task.panels.end {
        let mut start = 0;
        while start < inputs {
            let end = inputs.min(start.saturating_add(depth));
            if task.panels.end - panel >= N {
                rows::<S, P, N, R>(simd, task, panel, start..end);
            } else {
                for panel in panel..task.panels.end {
                    rows::<S, P, 1, R>(simd, task, panel, start..end);
                }
            }
            start = end;
        }
        panel += N;
    }
}

#[inline(always)]
fn rows<S: Simd, P: Plain, const N: usize, const R: usize>(
    simd: S,
    task: &Panels,
    panel: usize,
    depth: Range<usize>,
) {
    let rows = task.input.rows.clone();
    let mut row = rows.start;
    while rows.end - row >= R {
        block::<S, P, N, R>(simd, task, (panel, row), depth.clone());
        row += R;
    }
    while rows.end - row >= 2 {
        block::<S, P, N, 2>(simd, task, (panel, row), depth.clone());
        row += 2;
    }
    if row < rows.end {
        block::<S, P, N, 1>(simd, task, (panel, row), depth);
    }
}

/// `N` panels from `panel` on with `R` rows from `row` on, for the inputs in `depth`, which begins at a multiple of the step.
#[inline(always)]
fn block<S: Simd, P: Plain, const N: usize, const R: usize>(
    simd: S,
    task: &Panels,
    (panel, row): (usize, usize),
    depth: Range<usize>,
) {
    let inputs = task.matrix.inputs();
    let panel_numbers = P::depth(inputs) * PANEL;
    let numbers = P::numbers(task.matrix.panels(panel..panel + N));
    let panels: [&[P::Number]; N] =
        std::array::from_fn(|index| &numbers[index * panel_numbers..][..panel_numbers]);
    let x: [&[f32]; R] = std::array::from_fn(|index| {
        let first = (row - task.input.rows.start + index) * inputs;
        &task.input.x[first + depth.start..first + depth.end]
    });
    let mut sums = [[simd.splat(0.0); N]; R];
    if depth.start > 0 {
        for (index, sums) in sums.iter_mut().enumerate() {
            for (number, sum) in sums.iter_mut().enumerate() {
                *sum = task.output.load(simd, row + index, panel + number);
            }
        }
    }
    let first_step = depth.start / P::STEP;
    let whole_steps = depth.len() / P::STEP;
    let mut step = 0;
    while step < whole_steps {
        // Loops rather than closures: what is not inlined is compiled without the instruction set.
        let mut weights = [[simd.splat(0.0); 2]; N];
        let mut number = 0;
        while number < N {
            weights[number] = P::load(simd, panels[number], first_step + step);
            number += 1;
        }
        let mut part = 0;
        while part < P::STEP {
            let mut index = 0;
            while index < R {
                let x = simd.splat(x[index][step * P::STEP + part]);
                let mut number = 0;
                while number < N {
                    sums[index][number] =
                        simd.mul_add(weights[number][part], x, sums[index][number]);
                    number += 1;
                }
                index += 1;
            }
            part += 1;
        }
        step += 1;
    }
    if !depth.len().is_multiple_of(P::STEP) {
        // The last of an odd number of inputs; its neighbour is padding.
        for (number, panel) in panels.into_iter().enumerate() {
            let [weights, _] = P::load(simd, panel, first_step + whole_steps);
            for (x, sums) in x.iter().zip(&mut sums) {
                sums[number] = simd.mul_add(weights, simd.splat(x[depth.len() - 1]), sums[number]);
            }
        }
    }
    for (index, sums) in sums.into_iter().enumerate() {
        for (number, sum) in sums.into_iter().enumerate() {
            task.output.store(simd, row + index, panel + number, sum);
        }
    }
}
