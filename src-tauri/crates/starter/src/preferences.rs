//! Which of two answers a model finds likelier, and whether that has changed by more than chance explains.

use std::ops::ControlFlow;
use std::path::Path;

use nc_kernels::Compute;
use nc_model::{MicroBatch, ModelFiles, ModelLocation, OpenOptions, TrainingDecoder};
use nc_train::Recipe;
use nc_train::sample::Sample;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// For each held-out pair whether the model gives the better answer the larger probability, both summed over whole answers
/// with their end mark.
///
/// # Errors
/// What reading the pairs and opening the model can meet.
pub fn prefers_chosen(model: &Path, compute: &Compute, pairs: &Path) -> Result<Vec<bool>> {
    let recipe = Recipe::parse(&format!(
        "model = {model:?}\nstage = \"preference\"\n[data]\nfiles = [{pairs:?}]\n",
        model = model.display().to_string(),
        pairs = pairs.display().to_string(),
    ))?;
    let files = ModelFiles::open(&ModelLocation::from_path(model))?;
    let (tokenizer, template) = nc_engine::tokenizer_and_template(&files)?;
    let prepared = recipe.pairs(&recipe.encoder(tokenizer, template.as_deref())?)?;
    let options = OpenOptions {
        compute: Some(compute.clone()),
        ..OpenOptions::default()
    };
    let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()))?;
    let mut decoder = TrainingDecoder::new(loaded.decoder, nc_model::Method::Full)?;
    let parameters = decoder.initial_parameters(0);
    let mut judged = Vec::new();
    for pair in &prepared.train {
        let chosen = log_probability((&mut decoder, &parameters), &pair.chosen)?;
        judged.push(chosen > log_probability((&mut decoder, &parameters), &pair.rejected)?);
    }
    Ok(judged)
}

/// Of the answer, after its prompt.
fn log_probability(
    (decoder, parameters): (&mut TrainingDecoder, &[f32]),
    sample: &Sample,
) -> Result<f64> {
    let targets: Vec<Option<u32>> = (0..sample.tokens.len())
        .map(|at| {
            let next = sample.tokens.get(at + 1)?;
            sample.trained[at + 1].then_some(*next)
        })
        .collect();
    let batch = MicroBatch {
        tokens: &sample.tokens,
        starts: &vec![0; sample.tokens.len()],
        targets: &targets,
    };
    let found = decoder.log_probabilities(Some(parameters), &batch)?;
    Ok(found.into_iter().map(f64::from).sum())
}

/// What became of the same things between two models.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Right with the first model.
    pub before: usize,
    /// Right with the second.
    pub after: usize,
    /// Right with the second only.
    pub gained: u64,
    /// Right with the first only.
    pub lost: u64,
    /// All.
    pub count: usize,
}

impl Change {
    /// Compares the same things in the same order.
    pub fn between(before: &[bool], after: &[bool]) -> Self {
        let both = || before.iter().zip(after);
        let right = |values: &[bool]| values.iter().filter(|&&right| right).count();
        Self {
            before: right(before),
            after: right(after),
            gained: both().filter(|&(&before, &after)| !before && after).count() as u64,
            lost: both().filter(|&(&before, &after)| before && !after).count() as u64,
            count: before.len(),
        }
    }

    /// How likely a change as large is by chance, either way: McNemar's test with the exact binomial distribution.
    ///
    /// Of the `n = gained + lost` things that changed, each went either way with probability one half; `p = 2 P(X ≤ min)`, at
    /// most 1 (McNemar 1947).
    pub fn p_value(self) -> f64 {
        let changed = self.gained + self.lost;
        let fewer = self.gained.min(self.lost);
        // Terms of the binomial distribution by logarithms: 2^-n is no number of f64 for large n.
        let mut logarithm = -(changed as f64) * std::f64::consts::LN_2;
        let mut tail = logarithm.exp();
        for k in 1..=fewer {
            logarithm += ((changed - k + 1) as f64 / k as f64).ln();
            tail += logarithm.exp();
        }
        (2.0 * tail).min(1.0)
    }
}
