//! What happens before the first step: what went in is noted, planned, and loaded.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use nc_model::{Compute, Method as Learns, OpenOptions, TrainingDecoder};

use super::Job;
use super::control::Control;
use super::event::Event;
use super::learner::Learner;
use super::meter::Meter;
use super::progress::Progress;
use super::reference::{Reference, Source};
use super::stage::Work;
use crate::batch::Unit;
use crate::error::{Result, TrainError};
use crate::method::learning;
use crate::plan::{DataFacts, Facts, MachineFacts, ModelFacts, Plan, plan, probe};
use crate::prepare::Prepared;
use crate::recipe::{Objective, Precision};
use crate::run::{Input, Manifest, Run};
use crate::sample::{Encoder, PairSample};

pub(super) fn encoder(job: &Job) -> Result<Encoder> {
    job.recipe
        .encoder(job.tokenizer.clone(), job.template.as_deref())
}

pub(super) fn plan_prepared<U: Unit>(job: &Job, prepared: &Prepared<U>) -> Result<Plan> {
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
pub(super) fn go_on(
    job: &Job,
    manifest: &Manifest,
    on_event: &mut dyn FnMut(&Event),
) -> Result<Run> {
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
pub(super) fn unblocked(mut plan: Plan) -> Result<Plan> {
    match plan.blockers.is_empty() {
        true => Ok(plan),
        false => Err(TrainError::Blocked(plan.blockers.swap_remove(0))),
    }
}

/// Keeps what was foretold.
pub(super) fn begin(progress: &mut Progress, plan: Plan) -> Result<Meter> {
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
pub(super) fn manifest(job: &Job) -> Result<Manifest> {
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

pub(super) fn kernels(compute: &Compute) -> String {
    compute.training().0.to_string()
}

pub(super) fn tell_drops<U>(prepared: &Prepared<U>, on_event: &mut dyn FnMut(&Event)) {
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
pub(super) fn learner(job: &Job) -> Result<Learner> {
    let recipe = &job.recipe;
    let options = OpenOptions {
        context_tokens: Some(recipe.optimisation.max_tokens),
        compute: Some(job.compute.clone()),
        ..OpenOptions::default()
    };
    let loaded = job
        .files
        .load(&options, &mut |_| ControlFlow::Continue(()))?;
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

pub(super) fn reference(
    job: &Job,
    (run, progress): (&Run, &mut Progress),
    prepared: &Prepared<PairSample>,
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
    let mut work = Work { control, seed: 0 };
    let pairs = [&prepared.train[..], &prepared.held_out[..]];
    Reference::compute(source, pairs, &mut work, &mut |done, total| {
        progress.tell_only(&Event::Reference { done, total });
    })
}
