//! Plans as the wizard shows them: figures, and for each thing in the way the recipe without it.

use std::sync::Arc;

use nc_train::plan::{Blocker, BlockerCode, Plan};
use nc_train::recipe::{All, Lora, Method, Packing, Preference, Stage, Targets, TemplateChoice};
use nc_train::{Recipe, TrainError, plan_job};

use crate::dto::{DroppedRows, Fix, PlanBlocker, PlanFigures, PlanRun, RunPlan};
use crate::{Api, ApiError, kernels, open_model, runs, training};

/// Shortest rows that memory is saved with.
const SHORTEST: usize = 64;
/// A rank that every layer can have.
const SMALL_RANK: usize = 8;

/// What a run would take, and what stands in its way.
///
/// # Errors
/// None of the recipe, the model or the data: these stand in the plan. `BadRequest` for kernels that are not there.
pub(crate) fn plan(api: &Arc<Api>, request: &PlanRun) -> Result<RunPlan, ApiError> {
    let recipe = &request.recipe;
    let blocked = |blocker: Blocker, context| RunPlan {
        blockers: vec![with_fix(blocker, recipe, context)],
        warnings: Vec::new(),
        figures: None,
    };
    if let Err(error) = recipe.check() {
        let mut plan = blocked(in_words(&error), None);
        if let (TrainError::RecipeInvalid { field, .. }, [blocker]) =
            (&error, &mut plan.blockers[..])
        {
            blocker.fix = fix_field(field, recipe);
        }
        return Ok(plan);
    }
    let model = match open_model::inspect(&recipe.model.to_string_lossy()) {
        Ok(model) => model,
        Err(error) => {
            let blocker = Blocker {
                code: BlockerCode::Recipe,
                cause: error.message,
                remedy: error.remedy,
            };
            return Ok(blocked(blocker, None));
        }
    };
    let context = Some(model.context_tokens as usize);
    let compute =
        training::background(&kernels::compute(Some(&api.library))?, recipe.machine.cores);
    let mut job = training::job(recipe.clone(), &runs::folder(api), false, compute)?;
    job.measure = request.measure;
    match plan_job(&job) {
        Ok(plan) => Ok(RunPlan {
            blockers: plan
                .blockers
                .iter()
                .map(|blocker| with_fix(blocker.clone(), recipe, context))
                .collect(),
            warnings: plan.warnings.clone(),
            figures: Some(figures(plan, model.parameters)),
        }),
        Err(error) => Ok(blocked(in_words(&error), context)),
    }
}

fn in_words(error: &TrainError) -> Blocker {
    let words = ApiError::from_train(error);
    Blocker {
        cause: words.message,
        ..Blocker::from(error)
    }
}

fn figures(plan: Plan, model_parameters: u64) -> PlanFigures {
    PlanFigures {
        memory_bytes: plan.memory_bytes,
        memory: plan.memory,
        available_bytes: plan.available_bytes,
        seconds: plan.seconds,
        disk_bytes: plan.disk_bytes,
        disk_free_bytes: plan.disk_free_bytes,
        steps: plan.steps,
        tokens: plan.tokens,
        trained_tokens: plan.trained_tokens,
        parameters: plan.parameters,
        model_parameters,
        rows: plan.rows,
        dropped: plan
            .dropped
            .into_iter()
            .map(|(reason, count)| DroppedRows {
                reason: words(reason).to_owned(),
                count,
            })
            .collect(),
        cut: plan.cut,
    }
}

fn words(reason: &str) -> &'static str {
    match reason {
        "template-failed" => "the chat template refuses them",
        "answers-unknown" => "the chat template does not show which words are the assistant's",
        "not-encoded" => "they cannot be turned into tokens",
        "nothing-trained" => "no word of the answer is left within the longest row",
        "same-answers" => "both answers are the same as far as the longest row reaches",
        _ => "they cannot be read",
    }
}

fn with_fix(blocker: Blocker, recipe: &Recipe, context: Option<usize>) -> PlanBlocker {
    PlanBlocker {
        fix: fix(blocker.code, recipe, context),
        code: blocker.code,
        cause: blocker.cause,
        remedy: blocker.remedy,
    }
}

/// The recipe without what stands in the way, where a knob is enough.
fn fix(code: BlockerCode, recipe: &Recipe, context: Option<usize>) -> Option<Fix> {
    let least = least_rows(recipe);
    let mut recipe = recipe.clone();
    let knobs = &mut recipe.optimisation;
    let label = match code {
        BlockerCode::Memory if !recipe.machine.activation_checkpointing => {
            recipe.machine.activation_checkpointing = true;
            "Compute layers again instead of keeping them (slower)".to_owned()
        }
        BlockerCode::Memory if knobs.micro_batch > least => {
            let knobs = &mut recipe.optimisation;
            let rows = (knobs.micro_batch / 2).max(1);
            knobs.accumulation = (knobs.accumulation * knobs.micro_batch).div_ceil(rows);
            knobs.micro_batch = rows;
            format!("Compute {rows} rows together")
        }
        BlockerCode::Memory if matches!(recipe.method, Method::Full(_)) => {
            recipe.method = Method::default();
            "Train an adapter (LoRA) instead of all weights".to_owned()
        }
        BlockerCode::Memory if knobs.max_tokens / 2 >= SHORTEST => {
            knobs.max_tokens /= 2;
            format!("Cut rows to {} tokens", knobs.max_tokens)
        }
        BlockerCode::Context => {
            knobs.max_tokens = context?;
            format!("Cut rows to {} tokens", knobs.max_tokens)
        }
        BlockerCode::QuantizedBase => {
            recipe.method = Method::default();
            "Train an adapter (LoRA)".to_owned()
        }
        BlockerCode::Rank => {
            let lora = lora(&mut recipe)?;
            if lora.rank <= SMALL_RANK {
                return None;
            }
            lora.alpha *= SMALL_RANK as f64 / lora.rank as f64;
            lora.rank = SMALL_RANK;
            format!("Take rank {SMALL_RANK}")
        }
        BlockerCode::Targets => {
            lora(&mut recipe)?.targets = Targets::Word(All::All);
            "Train every linear layer".to_owned()
        }
        BlockerCode::Template => {
            recipe.template = TemplateChoice::Chatml;
            "Use the ChatML template".to_owned()
        }
        BlockerCode::TooFewRows => {
            knobs.micro_batch = 2;
            "Compute two rows together".to_owned()
        }
        BlockerCode::Memory
        | BlockerCode::Disk
        | BlockerCode::NothingToTrain
        | BlockerCode::Recipe => return None,
    };
    Some(Fix { label, recipe })
}

/// The recipe with a field put right that does not go with the others.
fn fix_field(field: &str, recipe: &Recipe) -> Option<Fix> {
    let mut recipe = recipe.clone();
    let label = match field {
        "sft.packing" => {
            recipe.sft.packing = Packing::None;
            "One row at a time"
        }
        "preference" => {
            recipe.preference = Preference::default();
            "Leave the settings of preference runs out"
        }
        "evaluation.early_stopping" => {
            recipe.evaluation.early_stopping = 0;
            "Do not stop early"
        }
        "optimisation.micro_batch" => {
            recipe.optimisation.micro_batch = 2;
            "Compute two rows together"
        }
        _ => return None,
    };
    let label = label.to_owned();
    Some(Fix { label, recipe })
}

/// Fewest rows a micro-batch can have.
fn least_rows(recipe: &Recipe) -> usize {
    use nc_train::recipe::PreferenceLoss;
    match recipe.stage == Stage::Preference && recipe.preference.loss == PreferenceLoss::Kto {
        true => 2,
        false => 1,
    }
}

fn lora(recipe: &mut Recipe) -> Option<&mut Lora> {
    match &mut recipe.method {
        Method::Lora(lora) => Some(lora),
        Method::Full(_) => None,
    }
}
