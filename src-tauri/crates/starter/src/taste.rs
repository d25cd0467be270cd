//! The first fine-tune that a person is invited to: the sample messages, with their recipe, on the new starter.

use std::path::Path;
use std::time::Instant;

use nc_train::Recipe;
use serde::{Deserialize, Serialize};

use crate::conversation::{Asked, Turn};
use crate::error::Result;
use crate::evaluation::{Score, evaluate};
use crate::exchange::Kind;
use crate::files::{read_json, write, write_rows};
use crate::samples::messages;
use crate::stage::Workshop;

/// How the first fine-tune went, on the rows that the recipe holds out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Taste {
    /// Rows asked.
    pub asked: usize,
    /// Sorted right by the starter.
    pub before: usize,
    /// Sorted right afterwards.
    pub after: usize,
    /// From the recipe to the merged model.
    pub seconds: f64,
    /// Steps of the optimizer.
    pub steps: u64,
}

/// Runs the recipe `support-messages` of the `assets` with the sample messages on this model, and asks the held-out rows before and
/// after.
///
/// # Errors
/// What training and answering can meet.
pub fn taste(workshop: Workshop, (model, assets): (&Path, &Path), seed: u64) -> Result<Taste> {
    let rows = messages(seed);
    let rows_path = workshop.folder.join("data/support-messages.jsonl");
    write_rows(&rows_path, &rows)?;
    let mut recipe = Recipe::read(&assets.join("samples/support-messages.toml"))?;
    recipe.model = model.to_owned();
    recipe.data.files = vec![rows_path];
    let begun = Instant::now();
    let made = workshop.stage("first-fine-tune", &recipe.to_toml()?)?;
    let path = made.model.with_file_name("taste.json");
    if path.is_file() {
        return read_json(&path);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let files = nc_model::ModelFiles::open(&nc_model::ModelLocation::from_path(model))?;
    let (tokenizer, template) = nc_engine::tokenizer_and_template(&files)?;
    let held_out = recipe
        .samples(&recipe.encoder(tokenizer, template.as_deref())?)?
        .held_out;
    let questions: Vec<(Kind, Asked)> = held_out
        .iter()
        .filter_map(|sample| rows.get(sample.row.checked_sub(1)? as usize))
        .map(|row| {
            let asked = Asked {
                turns: vec![Turn::new("user", row.prompt.clone())],
                answers: vec![row.response.clone()],
            };
            (Kind::Sorting, asked)
        })
        .collect();
    let right = |model: &Path| -> Result<usize> {
        let answered = evaluate(model, workshop.compute, &questions)?;
        Ok(Score::of(&answered, None).right)
    };
    let taste = Taste {
        asked: questions.len(),
        before: right(model)?,
        after: right(&made.model)?,
        seconds,
        steps: made.steps,
    };
    write(
        &path,
        serde_json::to_string(&taste).unwrap_or_default().as_bytes(),
    )?;
    Ok(taste)
}
