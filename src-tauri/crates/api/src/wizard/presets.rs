//! Presets: the documented recipes of `assets/recipes`, fitted to a model and its data.

use nc_train::Recipe;
use nc_train::recipe::{Method, Optimisation, Preference, Sft, Stage, TemplateChoice};

use super::look::look;
use crate::dto::{DataFiles, ModelKind, NewRecipe, Preset};
use crate::{ApiError, open_model};

const QUICK_TASTE: &str = include_str!("../../../../../assets/recipes/quick-taste.toml");
const BALANCED: &str = include_str!("../../../../../assets/recipes/balanced.toml");
const ARTICLE_SFT: &str = include_str!("../../../../../assets/recipes/article-sft.toml");
const ARTICLE_DPO: &str = include_str!("../../../../../assets/recipes/article-dpo.toml");

/// Models below so many numbers learn with larger rates: their weights are larger beside what a step changes.
const SMALL_MODEL: u64 = 50_000_000;
const SMALL_MODEL_RATE: f64 = 10.0;
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
pub(crate) fn recipe(request: &NewRecipe) -> Result<Recipe, ApiError> {
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
    pace(&mut recipe, rows);
    recipe.check()?;
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

/// Ten looks and five times the prompts over the run.
fn pace(recipe: &mut Recipe, rows: u64) {
    let trained = rows as f64 * (1.0 - recipe.data.held_out);
    let steps = recipe.optimisation.max_steps.unwrap_or_else(|| {
        let epochs = recipe.optimisation.epochs.unwrap_or(1) as f64;
        (trained * epochs / recipe.optimisation.batch() as f64).ceil() as u64
    });
    recipe.evaluation.every_steps = (steps / EVALUATIONS).max(1);
    recipe.checkpoints.every_steps = recipe.evaluation.every_steps;
    recipe.samples.every_steps = (steps / SAMPLES).max(1);
}
