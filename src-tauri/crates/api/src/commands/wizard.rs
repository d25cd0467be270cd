//! The wizard of fine-tuning: data, recipes, plans.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nc_train::Recipe;

use crate::dto::{
    DataFiles, DataLook, NewRecipe, Nothing, OpenedRecipe, Picked, PickedFiles, PlanRun,
    RecipePath, RunPlan, SampleData,
};
use crate::{Api, ApiError, PickFiles, SaveRequest, off_thread, wizard};

/// Asks for files to learn from by native dialog; a cancelled dialog picks none.
///
/// # Errors
/// `DialogFailed` when no dialog can be shown.
pub async fn data_pick(api: &Arc<Api>, _request: Nothing) -> Result<PickedFiles, ApiError> {
    let request = PickFiles {
        title: "Choose data to learn from",
        kind: "Data (JSON, JSON lines, CSV)",
        extensions: &["jsonl", "json", "csv", "gz"],
        several: true,
    };
    let paths = api.desktop.pick_files(request).await?;
    Ok(PickedFiles {
        paths: paths
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
    })
}

/// Reads files to learn from: their format, how many rows can be used and why others cannot, the first rows.
///
/// # Errors
/// None: what is wrong with a file stands beside it.
pub async fn data_look(_api: &Arc<Api>, request: DataFiles) -> Result<DataLook, ApiError> {
    off_thread(move || Ok(wizard::look(&request))).await
}

/// The data that comes with the program.
///
/// # Errors
/// `Storage` where it cannot be written into the library.
pub async fn data_samples(api: &Arc<Api>, _request: Nothing) -> Result<Vec<SampleData>, ApiError> {
    wizard::samples(api)
}

/// Makes a recipe from a preset, fitted to a model and data.
///
/// # Errors
/// Those of reading the model's files.
pub async fn recipe_new(api: &Arc<Api>, request: NewRecipe) -> Result<Recipe, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || wizard::recipe(&api, &request)).await
}

/// Reads a recipe's file, or asks for one by native dialog.
///
/// # Errors
/// `DialogFailed`, `BadRequest` for a file that is no recipe, `Storage` for one that cannot be read.
pub async fn recipe_open(api: &Arc<Api>, request: RecipePath) -> Result<OpenedRecipe, ApiError> {
    let path = match request.path {
        Some(path) => Some(PathBuf::from(path)),
        None => {
            let asked = PickFiles {
                title: "Open a recipe",
                kind: "Recipe",
                extensions: &["toml"],
                several: false,
            };
            api.desktop.pick_files(asked).await?.pop()
        }
    };
    let Some(path) = path else {
        return Ok(OpenedRecipe {
            path: None,
            recipe: None,
        });
    };
    off_thread(move || {
        let recipe = beside(Recipe::read(&path)?, &path);
        Ok(OpenedRecipe {
            path: Some(path.display().to_string()),
            recipe: Some(recipe),
        })
    })
    .await
}

/// Paths of a recipe that are found beside its file are meant to be there: the window has no folder it was started in.
fn beside(mut recipe: Recipe, file: &Path) -> Recipe {
    let folder = file.parent().unwrap_or(Path::new("."));
    let place = |path: &mut PathBuf| {
        let there = folder.join(&*path);
        if path.is_relative() && there.exists() {
            *path = there;
        }
    };
    place(&mut recipe.model);
    recipe.data.files.iter_mut().for_each(place);
    recipe.data.held_out_file.iter_mut().for_each(place);
    recipe.start_adapter.iter_mut().for_each(place);
    recipe
}

/// Asks where to write a recipe and writes it; a cancelled dialog writes nothing.
///
/// # Errors
/// `BadRequest` for a recipe that cannot be, `DialogFailed`, `Storage` when the file cannot be written.
pub async fn recipe_save(api: &Arc<Api>, request: Recipe) -> Result<Picked, ApiError> {
    request.check()?;
    let text = request.to_toml()?;
    let save = SaveRequest {
        title: "Save recipe".to_owned(),
        file_name: "recipe.toml".to_owned(),
        kind: "Recipe",
        extension: "toml",
    };
    super::save(api, save, text.into_bytes()).await
}

/// What a run would take on this machine, and what stands in its way.
///
/// # Errors
/// `BadRequest` for kernels that are not there; everything else stands in the plan.
pub async fn run_plan(api: &Arc<Api>, request: PlanRun) -> Result<RunPlan, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || wizard::plan(&api, &request)).await
}
