//! Models: list, pick, inspect, open, check, forget.

use std::path::Path;
use std::sync::Arc;

use crate::dto::{
    AppEvent, ModelCheck, ModelInspection, ModelPath, ModelsView, Nothing, PickModel, Picked,
    STARTER,
};
use crate::{Api, ApiError, ErrorCode, engine_slot, open_model, registry};

/// Models seen, which one answers, which one is being opened.
///
/// # Errors
/// `Storage` when the library cannot be read.
pub async fn models_list(api: &Arc<Api>, _request: Nothing) -> Result<ModelsView, ApiError> {
    Ok(ModelsView {
        models: registry::entries(api)?,
        state: api.engine.state(),
    })
}

/// Asks for a model by native dialog; a cancelled dialog picks nothing.
///
/// # Errors
/// `DialogFailed` when no dialog can be shown.
pub async fn model_pick(api: &Arc<Api>, request: PickModel) -> Result<Picked, ApiError> {
    let path = api.desktop.pick_model(request.kind).await?;
    Ok(Picked {
        path: path.map(|path| path.display().to_string()),
    })
}

/// Reads what a model's files say, without loading its weights.
///
/// # Errors
/// `ModelNotFound`, `ModelDamaged`, `ModelUnsupported`, `PermissionDenied`.
pub async fn model_inspect(
    _api: &Arc<Api>,
    request: ModelPath,
) -> Result<ModelInspection, ApiError> {
    crate::off_thread(move || open_model::inspect(&request.path)).await
}

/// Begins to open a model; `model` events tell how it goes. The one loaded before stays until then.
///
/// # Errors
/// `BadRequest` for an empty path; what is wrong with the files comes as an event.
pub async fn model_open(api: &Arc<Api>, request: ModelPath) -> Result<Nothing, ApiError> {
    let path = settled(&request.path)?;
    engine_slot::begin_opening(api, path, None)?;
    Ok(Nothing {})
}

/// The same model has one path: whole, without dots and links.
pub(crate) fn settled(path: &str) -> Result<String, ApiError> {
    let path = path.trim();
    if path.is_empty() {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "No path was given.",
            "Choose a model folder or a .gguf file.",
        ));
    }
    if path == STARTER {
        return Ok(path.to_owned());
    }
    let whole = Path::new(path).canonicalize();
    // A path that is not there is refused by the opening itself, with its own words.
    Ok(whole.map_or_else(|_| path.to_owned(), |whole| whole.display().to_string()))
}

/// Stops the opening under way.
///
/// # Errors
/// None.
pub async fn model_cancel_opening(api: &Arc<Api>, _request: Nothing) -> Result<Nothing, ApiError> {
    api.engine.cancel();
    Ok(Nothing {})
}

/// Drops a model from the list; its files stay. The starter cannot be dropped.
///
/// # Errors
/// `BadRequest` for the starter, `Storage` when the library cannot be written.
pub async fn model_forget(api: &Arc<Api>, request: ModelPath) -> Result<Nothing, ApiError> {
    if request.path == STARTER {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "The starter is part of the program.",
            "It takes no extra space; open another model to use that one.",
        ));
    }
    api.library.forget_model(&request.path)?;
    api.engine.forget_failure(&request.path);
    api.events.publish(AppEvent::ModelsChanged);
    Ok(Nothing {})
}

/// Lets an independent decoder answer beside ours (the loaded model).
///
/// # Errors
/// `NoModelLoaded`, or why the independent decoder could not read the files.
pub async fn model_check(api: &Arc<Api>, _request: Nothing) -> Result<ModelCheck, ApiError> {
    let loaded = api.engine.loaded().ok_or_else(|| {
        ApiError::new(
            ErrorCode::NoModelLoaded,
            "No model is loaded.",
            "Open the model that is to be checked.",
        )
    })?;
    let compute = loaded.engine.compute().clone();
    crate::off_thread(move || open_model::check(&loaded.about.path, compute)).await
}
