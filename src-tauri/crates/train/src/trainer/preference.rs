//! Preference optimisation: losses of log-probabilities of whole answers.

use std::ops::Range;

use nc_model::Objective as Derivatives;

use super::event::PreferenceFigures;
use super::learner::{Learner, row};
use super::reference::Reference;
use super::stage::{Held, Made, Stage, Work};
use crate::batch::MicroBatch;
use crate::error::Result;
use crate::loss::{
    Desirability, Judged, PairFigures, PairLogProbabilities, PairLoss, SequenceLogProbability,
};
use crate::recipe::Objective;
use crate::sample::{PairSample, Sample};

pub(super) struct Preference<'a> {
    pub(super) objective: Objective,
    pub(super) reference: &'a Reference,
    /// What is trained, or what is held out: micro-batches name units by their place in it.
    pub(super) pairs: &'a [PairSample],
    pub(super) held_out: &'a [PairSample],
    pub(super) max_tokens: usize,
}

impl Stage for Preference<'_> {
    type Unit = PairSample;

    fn step(&self, learner: &mut Learner, batches: &[MicroBatch], work: &mut Work) -> Result<Made> {
        let pairs: usize = batches.iter().map(|batch| batch.sequences.len() / 2).sum();
        let mut sums = Sums::new(self.reference.is_known());
        for batch in batches {
            let dropout_seed = work.next()?;
            let references = self.reference.of_train(batch);
            let divergence = self.divergence(learner, batch, self.pairs)?;
            let answers = answers(batch);
            let mut losses = Vec::new();
            let mut policies = Vec::new();
            let mut derivatives = |found: &[f32]| {
                policies = log_probabilities(found, &answers, &references);
                losses = self.losses(&policies, divergence);
                let mut slopes = vec![0.0; found.len()];
                for (loss, tokens) in losses.iter().zip(answers.as_chunks::<2>().0) {
                    let [chosen, rejected] = [loss.chosen_gradient, loss.rejected_gradient];
                    slopes[tokens[0].clone()].fill((chosen / pairs as f64) as f32);
                    slopes[tokens[1].clone()].fill((rejected / pairs as f64) as f32);
                }
                slopes
            };
            let objective = Derivatives::Function(&mut derivatives);
            learner.add_gradients(batch, objective, dropout_seed)?;
            sums.add(&policies, &losses);
        }
        Ok(sums.figures())
    }

    fn evaluate(
        &self,
        learner: &mut Learner,
        batches: &[MicroBatch],
        work: &mut Work,
    ) -> Result<Held> {
        let mut sums = Sums::new(self.reference.is_known());
        for batch in batches {
            work.next()?;
            let references = self.reference.of_held_out(batch);
            let divergence = self.divergence(learner, batch, self.held_out)?;
            let found = learner.log_probabilities(batch)?;
            let policies = log_probabilities(&found, &answers(batch), &references);
            sums.add(&policies, &self.losses(&policies, divergence));
        }
        Ok(sums.figures())
    }
}

impl Preference<'_> {
    fn losses(&self, pairs: &[PairLogProbabilities], divergence: f64) -> Vec<PairLoss> {
        match &self.objective {
            Objective::Pairs(objective) => objective.losses(pairs),
            Objective::Answers {
                loss,
                reference_free,
            } => one_by_one(loss, *reference_free, pairs, divergence),
        }
    }

    /// KTO's estimate of how far the policy has gone, from answers that belong to other prompts; 0 for losses of pairs.
    fn divergence(
        &self,
        learner: &mut Learner,
        batch: &MicroBatch,
        pairs: &[PairSample],
    ) -> Result<f64> {
        let Objective::Answers { reference_free, .. } = &self.objective else {
            return Ok(0.0);
        };
        let units: Vec<&PairSample> = batch
            .units
            .iter()
            .step_by(2)
            .map(|&unit| &pairs[unit])
            .collect();
        let mismatched = PairSample::mismatched(&units, self.max_tokens);
        if mismatched.is_empty() {
            return Ok(0.0);
        }
        let samples: Vec<&Sample> = mismatched.iter().collect();
        let batch = MicroBatch::of_samples(&samples);
        let ranges = answers(&batch);
        let policy = sums(&learner.log_probabilities(&batch)?, &ranges);
        let reference = match reference_free {
            true => vec![0.0; policy.len()],
            false => {
                let start = self.reference.parameters();
                sums(
                    &learner.decoder.log_probabilities(start, &row(&batch))?,
                    &ranges,
                )
            }
        };
        let differences: Vec<f64> = policy.iter().zip(reference).map(|(p, r)| p - r).collect();
        Ok(Desirability::divergence(&differences))
    }
}

/// KTO's losses of both answers of each pair, as if each had come alone.
fn one_by_one(
    loss: &Desirability,
    reference_free: bool,
    pairs: &[PairLogProbabilities],
    divergence: f64,
) -> Vec<PairLoss> {
    let judged = |policy: SequenceLogProbability, reference: f64, desirable| Judged {
        policy: policy.sum,
        reference: if reference_free { 0.0 } else { reference },
        desirable,
    };
    let answers: Vec<Judged> = pairs
        .iter()
        .flat_map(|pair| {
            [
                judged(pair.policy_chosen, pair.reference_chosen, true),
                judged(pair.policy_rejected, pair.reference_rejected, false),
            ]
        })
        .collect();
    let losses = loss.losses(&answers, divergence);
    let pairs = losses.as_chunks::<2>().0.iter();
    // The mean over answers, of which a pair has two.
    pairs
        .map(|[chosen, rejected]| PairLoss {
            loss: (chosen.loss + rejected.loss) / 2.0,
            chosen_gradient: chosen.gradient / 2.0,
            rejected_gradient: rejected.gradient / 2.0,
            reward_chosen: chosen.reward,
            reward_rejected: rejected.reward,
        })
        .collect()
}

/// For each sequence which of the trained tokens, counted over the micro-batch, are its own.
pub(super) fn answers(batch: &MicroBatch) -> Vec<Range<usize>> {
    let mut done = 0;
    let ranges = batch.sequences.iter().map(|sequence| {
        let tokens = batch.targets[sequence.clone()].iter().flatten().count();
        done += tokens;
        done - tokens..done
    });
    ranges.collect()
}

/// Sums over each sequence's trained tokens.
pub(super) fn sums(found: &[f32], answers: &[Range<usize>]) -> Vec<f64> {
    let sum = |range: &Range<usize>| found[range.clone()].iter().copied().map(f64::from).sum();
    answers.iter().map(sum).collect()
}

fn log_probabilities(
    found: &[f32],
    answers: &[Range<usize>],
    references: &[[f64; 2]],
) -> Vec<PairLogProbabilities> {
    let sums = sums(found, answers);
    let sequence = |index: usize| SequenceLogProbability {
        sum: sums[index],
        tokens: answers[index].len(),
    };
    let pairs = references.iter().enumerate();
    pairs
        .map(|(pair, &[chosen, rejected])| PairLogProbabilities {
            policy_chosen: sequence(2 * pair),
            policy_rejected: sequence(2 * pair + 1),
            reference_chosen: chosen,
            reference_rejected: rejected,
        })
        .collect()
}

/// Figures of several micro-batches.
struct Sums {
    has_reference: bool,
    losses: Vec<PairLoss>,
    chosen: f64,
    rejected: f64,
    drift: f64,
}

impl Sums {
    fn new(has_reference: bool) -> Self {
        Self {
            has_reference,
            losses: Vec::new(),
            chosen: 0.0,
            rejected: 0.0,
            drift: 0.0,
        }
    }

    fn add(&mut self, pairs: &[PairLogProbabilities], losses: &[PairLoss]) {
        self.losses.extend(losses);
        for pair in pairs {
            self.chosen += pair.policy_chosen.sum;
            self.rejected += pair.policy_rejected.sum;
            let tokens = pair.policy_chosen.tokens.max(1) as f64;
            self.drift += (pair.policy_chosen.sum - pair.reference_chosen) / tokens;
        }
    }

    fn figures(&self) -> Made {
        let figures = PairFigures::of(&self.losses);
        let count = self.losses.len().max(1) as f64;
        let drift = self.has_reference.then_some(self.drift / count);
        let means = [self.chosen / count, self.rejected / count];
        Made {
            loss: figures.loss,
            preference: Some(PreferenceFigures::new(&figures, means, drift)),
        }
    }
}
