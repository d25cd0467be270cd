//! Supervised fine-tuning: the mean cross-entropy of the trained tokens of a whole step.

use nc_model::Objective;

use super::learner::Learner;
use super::stage::{Held, Made, Stage, Work};
use crate::batch::MicroBatch;
use crate::error::Result;
use crate::loss::TokenMean;
use crate::sample::Sample;

pub(super) struct Supervised;

impl Stage for Supervised {
    type Unit = Sample;

    fn step(&self, learner: &mut Learner, batches: &[MicroBatch], work: &mut Work) -> Result<Made> {
        let tokens = batches.iter().map(MicroBatch::trained_tokens).sum();
        let weight = -TokenMean::weight(tokens) as f32;
        let mut mean = TokenMean::default();
        for batch in batches {
            let dropout_seed = work.next()?;
            let weights = vec![weight; batch.trained_tokens() as usize];
            let objective = Objective::Weighted(&weights);
            let found = learner.add_gradients(batch, objective, dropout_seed)?;
            mean.add(negative_sum(&found), found.len() as u64);
        }
        Ok(Made {
            loss: mean.mean().unwrap_or(0.0),
            preference: None,
        })
    }

    fn evaluate(
        &self,
        learner: &mut Learner,
        batches: &[MicroBatch],
        work: &mut Work,
    ) -> Result<Held> {
        let mut mean = TokenMean::default();
        for batch in batches {
            work.next()?;
            let found = learner.log_probabilities(batch)?;
            mean.add(negative_sum(&found), found.len() as u64);
        }
        Ok(Held {
            loss: mean.mean().unwrap_or(0.0),
            preference: None,
        })
    }
}

fn negative_sum(log_probabilities: &[f32]) -> f64 {
    -log_probabilities
        .iter()
        .copied()
        .map(f64::from)
        .sum::<f64>()
}
