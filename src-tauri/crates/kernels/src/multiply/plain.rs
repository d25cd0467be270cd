//! Products of plain numbers with f32 activations, for few rows.
//!
//! Each value is one chain of multiply-adds over the inputs in order, whatever the block of sums it is computed in: a row's
//! bits depend neither on other rows nor on threads.

use std::marker::PhantomData;

use super::Panels;
use crate::matrix::{PANEL, Plain};
use crate::simd::{Simd, Work};

/// Panels whose sums registers hold at a time: enough independent chains to hide an addition's latency.
const PANELS: usize = 4;

/// The work of one task with plain numbers of one format.
pub(super) struct PlainPanels<'a, P> {
    pub(super) task: Panels<'a>,
    pub(super) format: PhantomData<P>,
}

impl<P: Plain> Work for PlainPanels<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let task = &self.task;
        let mut panel = task.panels.start;
        while task.panels.end - panel >= PANELS {
            rows::<S, P, PANELS>(simd, task, panel);
            panel += PANELS;
        }
        while panel < task.panels.end {
            rows::<S, P, 1>(simd, task, panel);
            panel += 1;
        }
    }
}

/// All rows with `N` panels: as many rows at a time as registers hold beside the panels.
#[inline(always)]
fn rows<S: Simd, P: Plain, const N: usize>(simd: S, task: &Panels, panel: usize) {
    let rows = task.input.rows.clone();
    let mut row = rows.start;
    while S::REGISTERS >= 32 && rows.end - row >= 4 {
        block::<S, P, N, 4>(simd, task, (panel, row));
        row += 4;
    }
    while S::REGISTERS >= 32 && rows.end - row >= 2 {
        block::<S, P, N, 2>(simd, task, (panel, row));
        row += 2;
    }
    while row < rows.end {
        block::<S, P, N, 1>(simd, task, (panel, row));
        row += 1;
    }
}

/// `N` panels from `panel` on with `R` rows from `row` on.
#[inline(always)]
fn block<S: Simd, P: Plain, const N: usize, const R: usize>(
    simd: S,
    task: &Panels,
    (panel, row): (usize, usize),
) {
    let inputs = task.matrix.inputs();
    let panel_numbers = P::depth(inputs) * PANEL;
    let numbers = P::numbers(task.matrix.panels(panel..panel + N));
    let panels: [&[P::Number]; N] =
        std::array::from_fn(|index| &numbers[index * panel_numbers..][..panel_numbers]);
    let x: [&[f32]; R] = std::array::from_fn(|index| {
        &task.input.x[(row - task.input.rows.start + index) * inputs..][..inputs]
    });
    let mut sums = [[simd.splat(0.0); N]; R];
    let whole_steps = inputs / P::STEP;
    let mut step = 0;
    while step < whole_steps {
        // Loops rather than closures: what is not inlined is compiled without the instruction set.
        let mut weights = [[simd.splat(0.0); 2]; N];
        let mut number = 0;
        while number < N {
            weights[number] = P::load(simd, panels[number], step);
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
    if !inputs.is_multiple_of(P::STEP) {
        // The last of an odd number of inputs; its neighbour is padding.
        for (number, panel) in panels.into_iter().enumerate() {
            let [weights, _] = P::load(simd, panel, whole_steps);
            for (x, sums) in x.iter().zip(&mut sums) {
                sums[number] = simd.mul_add(weights, simd.splat(x[inputs - 1]), sums[number]);
            }
        }
    }
    for (index, sums) in sums.into_iter().enumerate() {
        for (number, sum) in sums.into_iter().enumerate() {
            task.output.store(simd, row + index, panel + number, sum);
        }
    }
}
