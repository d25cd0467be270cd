//! Presets: the documented recipes of `assets/recipes`, fitted to a model and its data.

use std::sync::Arc;

use nc_train::Recipe;
use nc_train::recipe::{Method, Optimisation, Preference, Sft, Stage, TemplateChoice};

use super::look::look;
use crate::dto::{DataFiles, ModelKind, NewRecipe, Preset};
use crate::{Api, ApiError, kernels, open_model, runs, training};

const QUICK_TASTE: &str = include_str!("../../../../../assets/recipes/quick-taste.toml");
const BALANCED: &str = include_str!("../../../../../assets/recipes/balanced.toml");
const ARTICLE_SFT: &str = include_str!("../../../../../assets/recipes/article-sft.toml");
const ARTICLE_DPO: &str = include_str!("../../../../../assets/recipes/article-dpo.toml");

/// Models below so many numbers learn with larger rates: their weights are larger beside what a step changes.
const SMALL_MODEL: u64 = 50_000_000;
const SMALL_MODEL_RATE: f64 = 6.0;
/// And so fast that they can make more and smaller steps: so many a pass, and in all, where the rows allow.
const SMALL_MODEL_STEPS: [u64; 2] = [50, 200];
/// Most passes through the data that are proposed for it.
const PASSES: u64 = 10;
/// What preference runs take of the rate of supervised ones.
const PREFERENCE_RATE: f64 = 0.25;
/// How often a run looks at held-out rows and saves, and answers its prompts.
const EVALUATIONS: u64 = 10;
const SAMPLES: u64 = 5;
/// Prompts answered as training goes.
const PROMPTS: usize = 3;
/// Fewest held-out rows worth a look, where there are rows enough.
const HELD_OUT_ROWS: f64 = 50.0;

/// A preset's recipe for a model and its data.
///
/// # Errors
/// Those of opening the model; a file that cannot be read is left to the plan.
pub(crate) fn recipe(api: &Arc<Api>, request: &NewRecipe) -> Result<Recipe, ApiError> {
    let text = match (request.preset, request.stage) {
        (Preset::QuickTaste, _) => QUICK_TASTE,
        (Preset::Balanced, _) => BALANCED,
        (Preset::Article, Stage::Sft) => ARTICLE_SFT,
        (Preset::Article, Stage::Preference) => ARTICLE_DPO,
    };
    let mut recipe = Recipe::parse(text)?;
    let model = open_model::inspect(&request.model)?;
    let found = look(&DataFiles {
        files: request.files.clone(),
    });
    let rows: u64 = found.files.iter().map(|file| file.used).sum();

    recipe.model = request.model.clone().into();
    recipe.data.files = request.files.iter().map(Into::into).collect();
    recipe.data.format = None;
    // A limit that leaves nothing out is none.
    recipe.data.max_rows = recipe.data.max_rows.filter(|most| *most < rows);
    let own = recipe.stage == request.stage;
    recipe.stage = request.stage;
    recipe.template = match model.kind {
        ModelKind::Chat => TemplateChoice::Model,
        ModelKind::Base => TemplateChoice::Chatml,
    };
    recipe.optimisation.max_tokens = recipe
        .optimisation
        .max_tokens
        .min(model.context_tokens as usize);
    if request.preset != Preset::Article {
        fit(
            &mut recipe.optimisation,
            model.parameters,
            (request.stage, own),
        );
        hold_out(&mut recipe, rows);
    }
    if !own {
        // What only the other stage knows.
        (recipe.sft, recipe.preference) = (Sft::default(), Preference::default());
    }
    recipe.samples.prompts = found
        .rows
        .iter()
        .map(|row| row.prompt.clone())
        .filter(|prompt| !prompt.is_empty())
        .take(PROMPTS)
        .collect();
    // The names of layers in the article's recipe are its own model's.
    if let (Method::Lora(lora), true) = (&mut recipe.method, request.preset == Preset::Article) {
        lora.targets = nc_train::recipe::Targets::Word(nc_train::recipe::All::All);
    }
    recipe.check()?;
    // Data that cannot be read has no steps; the plan says why.
    let Some(mut steps) = steps(api, &recipe) else {
        return Ok(recipe);
    };
    if request.preset != Preset::Article && model.parameters < SMALL_MODEL {
        smaller_steps(&mut recipe.optimisation, steps);
        // Where rows are packed, half the batch is not twice the steps: they are counted again.
        steps = self::steps(api, &recipe).unwrap_or(steps);
        steps = more_passes(&mut recipe.optimisation, steps);
    }
    pace(&mut recipe, steps);
    Ok(recipe)
}

/// The learning rate for a model of this size.
fn fit(knobs: &mut Optimisation, parameters: u64, (stage, own): (Stage, bool)) {
    if parameters < SMALL_MODEL {
        knobs.learning_rate *= SMALL_MODEL_RATE;
    }
    if stage == Stage::Preference && !own {
        knobs.learning_rate *= PREFERENCE_RATE;
    }
}

/// Enough held-out rows to tell before from after, but never more than a tenth.
fn hold_out(recipe: &mut Recipe, rows: u64) {
    if rows > 0 && recipe.data.held_out > 0.0 {
        recipe.data.held_out = (HELD_OUT_ROWS / rows as f64).clamp(0.02, 0.1);
    }
}

/// How many steps a recipe makes; none where its data cannot be read.
fn steps(api: &Arc<Api>, recipe: &Recipe) -> Option<u64> {
    let compute = kernels::compute(Some(&api.library)).ok()?;
    let mut job = training::job(recipe.clone(), &runs::folder(api), false, compute).ok()?;
    job.measure = false;
    nc_train::plan_job(&job).ok().map(|plan| plan.steps)
}

fn passes(knobs: &Optimisation) -> u64 {
    knobs.epochs.unwrap_or(1).max(1)
}

/// Halves the batch until a pass through the data has steps enough.
fn smaller_steps(knobs: &mut Optimisation, steps: u64) {
    let mut of_a_pass = (steps / passes(knobs)).max(1);
    while of_a_pass < SMALL_MODEL_STEPS[0] && knobs.batch() > 1 {
        match knobs.accumulation {
            1 => knobs.micro_batch /= 2,
            _ => knobs.accumulation /= 2,
        }
        of_a_pass *= 2;
    }
}

/// Goes through the data more often until there are steps enough to learn something; how many there are then.
fn more_passes(knobs: &mut Optimisation, steps: u64) -> u64 {
    let passes = passes(knobs);
    let of_a_pass = (steps / passes).max(1);
    let wanted = SMALL_MODEL_STEPS[1].div_ceil(of_a_pass);
    let wanted = wanted.clamp(passes, PASSES.max(passes));
    knobs.epochs = Some(wanted);
    of_a_pass * wanted
}

/// Ten looks and five times the prompts over the run.
fn pace(recipe: &mut Recipe, steps: u64) {
    recipe.evaluation.every_steps = (steps / EVALUATIONS).max(1);
    recipe.checkpoints.every_steps = recipe.evaluation.every_steps;
    recipe.samples.every_steps = (steps / SAMPLES).max(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_model_makes_more_and_smaller_steps() {
        let check =
            |(micro_batch, accumulation, epochs), steps, batch, [counted, expected]: [u64; 2]| {
                let mut knobs = Optimisation {
                    epochs: Some(epochs),
                    micro_batch,
                    accumulation,
                    ..Optimisation::default()
                };
                smaller_steps(&mut knobs, steps);
                assert_eq!((knobs.micro_batch, knobs.accumulation), batch);
                assert_eq!(more_passes(&mut knobs, counted), expected);
            };
        check((4, 2, 1), 10, (1, 1), [80, 240]);
        check((4, 2, 1), 400, (4, 2), [400, 400]);
        check((4, 4, 3), 180, (4, 4), [180, 240]);
        // One packed row is one step, however small the batch.
        check((4, 4, 3), 3, (1, 1), [3, 10]);
        check((2, 1, 12), 24, (1, 1), [24, 24]);
    }
}
