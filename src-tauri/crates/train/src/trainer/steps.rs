//! The steps of a run, and what is done between them.

use std::time::Instant;

use super::control::Control;
use super::event::{EvaluationFigures, Event, Finished, StepFigures};
use super::learner::Learner;
use super::meter::Meter;
use super::opening::{self, kernels};
use super::progress::Progress;
use super::stage::{Stage, Work};
use super::state::State;
use super::{Job, Outcome, first_batch, result, samples};
use crate::batch::{BatchOptions, Batches};
use crate::error::{Result, TrainError};
use crate::prepare::Prepared;
use crate::recipe::Packing;
use crate::sample::Encoder;

/// All steps that are left.
pub(super) fn steps<S: Stage>(
    (job, encoder): (&Job, &Encoder),
    progress: &mut Progress,
    prepared: &Prepared<S::Unit>,
    mut learner: Learner,
    (stage, control, meter): (&S, &Control, Meter),
) -> Result<Outcome> {
    let rules = &job.recipe.optimisation;
    let options = BatchOptions {
        packing: job.recipe.sft.packing,
        micro_batch: rules.micro_batch,
        max_tokens: rules.max_tokens,
        shuffle: job.recipe.data.shuffle,
        seed: job.recipe.data.seed,
    };
    let batches = Batches::new(&prepared.train, options);
    let total_steps = rules.total_steps(|epoch| batches.epoch(epoch).len());
    let schedule = rules.schedule(total_steps);
    let held_out = BatchOptions {
        packing: Packing::None,
        shuffle: false,
        ..options
    };
    let held_out = Batches::new(&prepared.held_out, held_out).epoch(0);
    let held_out: Vec<_> = (0..held_out.len())
        .filter_map(|n| held_out.micro_batch(n))
        .collect();

    let mut state = progress.restore(&mut learner)?.unwrap_or_default();
    progress.record(&Event::Started {
        step: state.step,
        total_steps,
        samples: prepared.train.len() as u64,
        held_out: prepared.held_out.len() as u64,
        parameters: learner.parameters.len() as u64,
        kernels: kernels(&job.compute),
    })?;
    let mut epoch = batches.epoch(state.position.epoch);
    if state.step == 0
        && let Some(batch) = epoch.micro_batch(0)
    {
        let rows = first_batch::rows(&batch, encoder.tokenizer());
        progress.record(&Event::FirstBatch { rows })?;
    }
    let mut saved = state.step;
    let early = loop {
        let mut best = false;
        if std::mem::take(&mut state.evaluation_due) && !held_out.is_empty() {
            progress.tell_only(&Event::Evaluating);
            let mut work = Work { control, seed: 0 };
            let held = match stage.evaluate(&mut learner, &held_out, &mut work) {
                Err(TrainError::Stopped) => {
                    state.evaluation_due = true;
                    return stop(progress, &mut state, &learner, saved);
                }
                held => held?,
            };
            best = state.judge(held.loss);
            progress.record(&Event::Evaluation(EvaluationFigures {
                step: state.step,
                loss: held.loss,
                best,
                preference: held.preference,
            }))?;
        }
        if std::mem::take(&mut state.samples_due) {
            answer_samples((job, encoder), progress, &mut learner, state.step)?;
        }
        let patience = job.recipe.evaluation.early_stopping;
        let early = (patience > 0 && state.evaluations_since_best >= patience)
            .then(|| format!("{patience} evaluations in a row were no better"));
        let ends = state.step >= total_steps || early.is_some();
        let due = ends || every(job.recipe.checkpoints.every_steps, state.step);
        if (due && saved != state.step) || best {
            progress.save(&mut state, &learner, best)?;
            progress.prune(job.recipe.checkpoints.keep, &state)?;
            saved = state.step;
        }
        if ends {
            break early;
        }

        if state.position.micro_batch >= epoch.len() {
            state.position.epoch += 1;
            state.position.micro_batch = 0;
            epoch = batches.epoch(state.position.epoch);
        }
        let first = state.position.micro_batch;
        let last = epoch.len().min(first + rules.accumulation as u64);
        let micro_batches: Vec<_> = (first..last).filter_map(|n| epoch.micro_batch(n)).collect();
        let step_begun = Instant::now();
        learner.gradients.fill(0.0);
        let mut work = Work {
            control,
            seed: dropout_seed(job.recipe.data.seed, state.step),
        };
        let made = match stage.step(&mut learner, &micro_batches, &mut work) {
            Err(TrainError::Stopped) => return stop(progress, &mut state, &learner, saved),
            made => made?,
        };
        let norm = learner.gradient_norm();
        if let Some(cause) = state.fault(made.loss, norm) {
            state = roll_back(job, progress, &mut learner, (&state, cause))?;
            epoch = batches.epoch(state.position.epoch);
            saved = state.step;
            continue;
        }
        let rate = schedule.rate(state.step) * state.rate_factor;
        learner.step(rules, state.step + 1, (rate, norm));
        state.step += 1;
        state.position.micro_batch = last;
        state.smooth(made.loss);
        state.evaluation_due =
            state.step == total_steps || every(job.recipe.evaluation.every_steps, state.step);
        state.samples_due =
            state.step == total_steps || every(job.recipe.samples.every_steps, state.step);
        let tokens = micro_batches
            .iter()
            .map(|batch| batch.tokens.len() as u64)
            .sum();
        progress.record(&Event::Step(StepFigures {
            step: state.step,
            epoch: state.position.epoch as f64 + last as f64 / epoch.len().max(1) as f64,
            loss: made.loss,
            lr: rate,
            grad_norm: norm,
            tokens_per_second: tokens as f64 / step_begun.elapsed().as_secs_f64(),
            tokens,
            preference: made.preference,
        }))?;
    };
    let kept_step = progress.put_best(&mut learner, &state)?;
    let result = result::write(&job.files, &job.recipe.model, &job.folder, &learner)?;
    let finished = Finished {
        step: state.step,
        early,
        kept_step,
        seconds: meter.seconds(control.paused()),
        against_plan: meter.outcome(control.paused()),
    };
    progress.record(&Event::Finished(finished.clone()))?;
    progress.sync()?;
    Ok(Outcome {
        finished,
        result,
        parameters: learner.parameters,
        decoder: learner.decoder,
    })
}

/// Answers the recipe's prompts as the model is now.
fn answer_samples(
    (job, encoder): (&Job, &Encoder),
    progress: &mut Progress,
    learner: &mut Learner,
    step: u64,
) -> Result<()> {
    let samples = &job.recipe.samples;
    for prompt in &samples.prompts {
        let event = match encoder.prompt(prompt) {
            Ok(tokens) => Event::Sample {
                step,
                prompt: prompt.clone(),
                answer: samples::answer(learner, encoder, (&tokens, samples.max_tokens))?,
            },
            Err(drop) => Event::Notice {
                text: format!("the prompt \"{prompt}\" is not answered: {}", drop.reason),
            },
        };
        progress.record(&event)?;
    }
    Ok(())
}

/// Whether something is due that is done every so many steps.
fn every(steps: u64, step: u64) -> bool {
    steps > 0 && step > 0 && step.is_multiple_of(steps)
}

/// Room between the seeds of two steps: more micro-batches than any step has.
fn dropout_seed(seed: u64, step: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(step << 24)
}

/// Saves what whole steps have learnt, unless the checkpoint of the `saved` step holds it already.
fn stop(
    progress: &mut Progress,
    state: &mut State,
    learner: &Learner,
    saved: u64,
) -> Result<Outcome> {
    if state.step != saved {
        progress.save(state, learner, false)?;
    }
    progress.record(&Event::Stopped { step: state.step })?;
    progress.sync()?;
    Err(TrainError::Stopped)
}

/// Back to the newest checkpoint, or to the start, with half the rate; once.
fn roll_back(
    job: &Job,
    progress: &mut Progress,
    learner: &mut Learner,
    (state, cause): (&State, String),
) -> Result<State> {
    let step = state.step + 1;
    if state.rolled_back {
        return Err(TrainError::Diverged { step, cause });
    }
    let mut back = match progress.newest(learner)? {
        Some(back) => back,
        None => {
            *learner = opening::learner(job)?;
            State::default()
        }
    };
    back.rolled_back = true;
    back.rate_factor = state.rate_factor / 2.0;
    progress.record(&Event::RolledBack {
        step,
        to_step: back.step,
        cause,
        rate_factor: back.rate_factor,
    })?;
    Ok(back)
}
