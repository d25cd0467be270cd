//! A run: supervised fine-tuning or preference optimisation, from a recipe to what was learnt.
//!
//! A step adds up the gradients of its micro-batches, holds their norm down, and lets AdamW change the parameters. Everything that decides
//! what comes next lies in the checkpoint, and nothing depends on how many threads compute: a run that goes on after a crash
//! gives the same losses bit for bit.

mod control;
mod event;
mod learner;
mod meter;
mod preference;
mod progress;
mod reference;
mod result;
mod samples;
mod stage;
mod state;
mod supervised;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use nc_model::{Compute, Method as Learns, ModelFiles, OpenOptions, TrainingDecoder};
use nc_text::Tokenizer;

pub use control::Control;
pub use event::{EvaluationFigures, Event, Finished, PreferenceFigures, StepFigures};

use learner::Learner;
use meter::Meter;
use preference::Preference;
use progress::Progress;
use reference::{Reference, Source};
use stage::{Stage, Work};
use state::State;
use supervised::Supervised;

use crate::batch::{BatchOptions, Batches, Unit};
use crate::error::{Result, TrainError};
use crate::method::learning;
use crate::plan::{DataFacts, Facts, MachineFacts, ModelFacts, Plan, plan, probe};
use crate::prepare::Prepared;
use crate::recipe::{Objective, Packing, Precision, Recipe, Stage as StageName};
use crate::run::{Input, Manifest, Run};
use crate::sample::Encoder;

/// What a run is made from.
pub struct Job {
    /// What to do.
    pub recipe: Recipe,
    /// The model's files.
    pub files: ModelFiles,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The source of its own chat template, if it has one.
    pub template: Option<String>,
    /// What to compute with.
    pub compute: Compute,
    /// The run's folder.
    pub folder: PathBuf,
    /// Go on with the run there, rather than begin one.
    pub resume: bool,
    /// Measure this machine for seconds, to foretell how long the run takes.
    pub measure: bool,
}

/// What came of a run.
pub struct Outcome {
    /// How it ended.
    pub finished: Finished,
    /// The folder of what was learnt: an adapter, or a model.
    pub result: PathBuf,
    /// What was learnt: the decoder, and the parameters that were kept.
    pub decoder: TrainingDecoder,
    /// In the order of [`TrainingDecoder::tensors`].
    pub parameters: Vec<f32>,
}

impl std::fmt::Debug for Outcome {
    /// Without the parameters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome")
            .field("finished", &self.finished)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

/// Runs a recipe. `on_event` is told what the journal keeps, as it happens.
///
/// # Errors
/// [`TrainError::Stopped`] when `control` stopped it: what whole steps have learnt is saved then, and the run can go on. [`TrainError::Changed`]
/// for a run whose inputs are others now, [`TrainError::Diverged`], and everything that reading data, loading the model and writing can meet.
pub fn train(job: Job, control: &Control, on_event: &mut dyn FnMut(&Event)) -> Result<Outcome> {
    let manifest = manifest(&job)?;
    let held = match job.resume {
        true => Some(go_on(&job, &manifest, on_event)?),
        false => Run::check_free(&job.folder).map(|()| None)?,
    };
    // A new run gets its folder when nothing stands in its way any more.
    let open = || match held {
        Some(run) => Ok(run),
        None => Run::create(&job.folder, manifest),
    };
    let encoder = encoder(&job)?;
    match job.recipe.stage {
        StageName::Sft => {
            let prepared = job.recipe.samples(&encoder)?;
            tell_drops(&prepared, on_event);
            let plan = unblocked(plan_prepared(&job, &prepared)?)?;
            let run = open()?;
            let mut progress = Progress::open(&run, job.resume, on_event)?;
            let meter = begin(&mut progress, plan)?;
            let learner = learner(&job)?;
            steps(
                (&job, &encoder),
                &mut progress,
                &prepared,
                learner,
                (&Supervised, control, meter),
            )
        }
        StageName::Preference => {
            let prepared = job.recipe.pairs(&encoder)?;
            tell_drops(&prepared, on_event);
            let plan = unblocked(plan_prepared(&job, &prepared)?)?;
            let run = open()?;
            let mut progress = Progress::open(&run, job.resume, on_event)?;
            let meter = begin(&mut progress, plan)?;
            let mut learner = learner(&job)?;
            let reference = reference(
                &job,
                (&run, &mut progress),
                &prepared,
                &mut learner,
                control,
            )?;
            let stage = Preference {
                objective: job.recipe.preference.objective(),
                reference: &reference,
                pairs: &prepared.train,
                held_out: &prepared.held_out,
                max_tokens: job.recipe.optimisation.max_tokens,
            };
            steps(
                (&job, &encoder),
                &mut progress,
                &prepared,
                learner,
                (&stage, control, meter),
            )
        }
    }
}

/// What a job would take, before anything is loaded: memory, time if `job.measure` says so, disk, and what stands in the way.
///
/// # Errors
/// [`TrainError::File`] where the room on the disk cannot be asked for; what is wrong with recipe or data is a blocker.
pub fn plan_job(job: &Job) -> Result<Plan> {
    let prepared = || -> Result<Plan> {
        let encoder = encoder(job)?;
        match job.recipe.stage {
            StageName::Sft => plan_prepared(job, &job.recipe.samples(&encoder)?),
            StageName::Preference => plan_prepared(job, &job.recipe.pairs(&encoder)?),
        }
    };
    prepared()
}

fn encoder(job: &Job) -> Result<Encoder> {
    job.recipe
        .encoder(job.tokenizer.clone(), job.template.as_deref())
}

fn plan_prepared<U: Unit>(job: &Job, prepared: &Prepared<U>) -> Result<Plan> {
    let recipe = &job.recipe;
    let machine = MachineFacts::find(&job.compute, &job.folder)
        .map_err(|error| TrainError::file(&job.folder, error))?;
    let model = ModelFacts::of(&job.files, job.template.is_some());
    let data = DataFacts::of(prepared, recipe);
    let facts = |speed| Facts {
        machine: &machine,
        model: &model,
        data: &data,
        speed,
    };
    let first = plan(facts(None), recipe);
    // Nothing is measured of what cannot run, and a run that goes on was measured when it began.
    if !job.measure || job.resume || !first.blockers.is_empty() {
        return Ok(first);
    }
    let speed = probe(&model, &data, recipe, &job.compute)?;
    Ok(plan(facts(speed.as_ref()), recipe))
}

/// The run that is there, if it can go on with what there is now.
fn go_on(job: &Job, manifest: &Manifest, on_event: &mut dyn FnMut(&Event)) -> Result<Run> {
    let run = Run::open(&job.folder)?;
    let changes = run.manifest().changes(manifest);
    let (forbidding, others): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| change.forbids_resume());
    if !forbidding.is_empty() {
        return Err(TrainError::Changed {
            changes: forbidding,
        });
    }
    for change in others {
        on_event(&Event::Notice {
            text: change.to_string(),
        });
    }
    Ok(run)
}

/// Refuses what cannot run.
fn unblocked(mut plan: Plan) -> Result<Plan> {
    match plan.blockers.is_empty() {
        true => Ok(plan),
        false => Err(TrainError::Blocked(plan.blockers.swap_remove(0))),
    }
}

/// Keeps what was foretold.
fn begin(progress: &mut Progress, plan: Plan) -> Result<Meter> {
    let meter = Meter::begin(&plan);
    for text in plan.warnings {
        progress.record(&Event::Notice { text })?;
    }
    progress.record(&Event::Planned {
        seconds: plan.seconds,
        memory_bytes: plan.memory_bytes,
        disk_bytes: plan.disk_bytes,
    })?;
    Ok(meter)
}

/// What goes into a run, as it is now.
fn manifest(job: &Job) -> Result<Manifest> {
    let recipe = &job.recipe;
    let weights = job
        .files
        .weight_paths()
        .into_iter()
        .map(|path| ("model", path));
    let data = recipe.data.files.iter().map(|path| ("data", path.clone()));
    let held_out = recipe
        .data
        .held_out_file
        .iter()
        .map(|path| ("held-out", path.clone()));
    let adapter = recipe.start_adapter.iter();
    let adapter = adapter.map(|folder| ("adapter", folder.join("adapter_model.safetensors")));
    let inputs = weights.chain(data).chain(held_out).chain(adapter);
    let now = time::OffsetDateTime::now_utc();
    Ok(Manifest {
        version: 1,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created: now
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default(),
        recipe: recipe.to_toml()?,
        seed: recipe.data.seed,
        inputs: inputs
            .map(|(role, path)| Input::of(role, &path))
            .collect::<Result<_>>()?,
        kernels: BTreeMap::from([("training".to_owned(), kernels(&job.compute))]),
    })
}

fn kernels(compute: &Compute) -> String {
    compute.training().0.to_string()
}

fn tell_drops<U>(prepared: &Prepared<U>, on_event: &mut dyn FnMut(&Event)) {
    for file in &prepared.files {
        let path = file.path.display();
        for (why, count, first) in file.reading.refused.reasons() {
            let text = format!("{path}: {count} rows left out, first row {first}, which {why}");
            on_event(&Event::Notice { text });
        }
        for (reason, (count, first)) in &file.dropped {
            let text = format!(
                "{path}: {count} rows left out, first row {}: {reason}",
                first.row
            );
            on_event(&Event::Notice { text });
        }
        if file.cut > 0 {
            let text = format!("{path}: {} rows were cut to fit", file.cut);
            on_event(&Event::Notice { text });
        }
    }
}

/// Loads the model and makes it learn as the recipe says.
fn learner(job: &Job) -> Result<Learner> {
    let recipe = &job.recipe;
    let options = OpenOptions {
        context_tokens: Some(recipe.optimisation.max_tokens),
        compute: Some(job.compute.clone()),
        ..OpenOptions::default()
    };
    let loaded = job
        .files
        .load(&options, &mut |_| std::ops::ControlFlow::Continue(()))?;
    let method = learning(&recipe.method)?;
    let start = match &method {
        Learns::Full => None,
        Learns::Lora(wanted) => start_adapter(job, wanted)?,
    };
    let mut decoder = loaded.decoder;
    if recipe.machine.precision == Precision::F32 {
        decoder.widen_to_f32();
    }
    let decoder = TrainingDecoder::new(decoder, method)?;
    let parameters = start.unwrap_or_else(|| decoder.initial_parameters(recipe.data.seed));
    Ok(Learner::new(
        decoder,
        parameters,
        recipe.machine.activation_checkpointing,
    ))
}

/// The adapter to begin with, if the recipe names one.
fn start_adapter(job: &Job, wanted: &nc_model::Lora) -> Result<Option<Vec<f32>>> {
    let Some(folder) = &job.recipe.start_adapter else {
        return Ok(None);
    };
    let (found, parameters) = nc_model::read_adapter(folder, &job.files)?;
    let traits = |lora: &nc_model::Lora| {
        let mut sites = lora.sites.clone();
        sites.sort();
        format!(
            "rank {}, scale {}, layers {sites:?}",
            lora.rank,
            lora.scale()
        )
    };
    if traits(&found) != traits(wanted) {
        return Err(TrainError::StartAdapter {
            found: traits(&found),
            expected: traits(wanted),
        });
    }
    Ok(Some(parameters))
}

fn reference(
    job: &Job,
    (run, progress): (&Run, &mut Progress),
    prepared: &Prepared<crate::sample::PairSample>,
    learner: &mut Learner,
    control: &Control,
) -> Result<Reference> {
    let objective = job.recipe.preference.objective();
    let (needed, one_by_one) = match &objective {
        Objective::Pairs(pairs) => (pairs.needs_reference(), false),
        Objective::Answers { reference_free, .. } => (!reference_free, true),
    };
    if one_by_one && needed && learner.decoder.method() == &Learns::Full {
        return Err(TrainError::RecipeInvalid {
            field: "preference.loss",
            cause: "kto asks the reference at every step, which full training overwrites"
                .to_owned(),
            remedy: "Use the method lora, or the loss kto-pair.",
        });
    }
    if !needed {
        return Ok(Reference::none(
            prepared.train.len(),
            prepared.held_out.len(),
        ));
    }
    let manifest = run.manifest();
    let of_model = manifest
        .inputs
        .iter()
        .filter(|input| input.role == "model" || input.role == "adapter");
    let mut fingerprint: String = of_model.map(|input| input.sha256.as_str()).collect();
    fingerprint += &kernels(&job.compute);
    let source = Source {
        // A new adapter changes nothing, so the model without one is the same.
        parameters: job
            .recipe
            .start_adapter
            .is_some()
            .then(|| learner.parameters.clone()),
        decoder: &mut learner.decoder,
        file: &run.folder().join("reference.jsonl"),
        fingerprint: &fingerprint,
        micro_batch: job.recipe.optimisation.micro_batch,
    };
    let mut work = work(control, 0);
    let pairs = [&prepared.train[..], &prepared.held_out[..]];
    Reference::compute(source, pairs, &mut work, &mut |done, total| {
        progress.tell_only(&Event::Reference { done, total });
    })
}

/// All steps that are left.
fn steps<S: Stage>(
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
    let mut saved = state.step;
    let early = loop {
        let mut best = false;
        if std::mem::take(&mut state.evaluation_due) && !held_out.is_empty() {
            let mut work = work(control, 0);
            let held = match stage.evaluate(&mut learner, &held_out, &mut work) {
                Err(TrainError::Stopped) => {
                    state.evaluation_due = true;
                    return stop(progress, &mut state, &learner);
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
        let mut work = work(control, dropout_seed(job.recipe.data.seed, state.step));
        let made = match stage.step(&mut learner, &micro_batches, &mut work) {
            Err(TrainError::Stopped) => return stop(progress, &mut state, &learner),
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

fn work(control: &Control, seed: u64) -> Work<'_> {
    Work { control, seed }
}

/// Room between the seeds of two steps: more micro-batches than any step has.
fn dropout_seed(seed: u64, step: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(step << 24)
}

/// Saves what whole steps have learnt.
fn stop(progress: &mut Progress, state: &mut State, learner: &Learner) -> Result<Outcome> {
    progress.save(state, learner, false)?;
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
            *learner = self::learner(job)?;
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
