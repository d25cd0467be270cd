//! From a path to a model that answers, and to what its files say.

use std::path::Path;

use nc_engine::{Cancel, Engine, Inspection, ModelLocation, OpenOptions};
use nc_kernels::Compute;
use serde::Deserialize;

use crate::dto::{LoadedModel, ModelCheck, ModelInspection, ModelKind, OpeningStage, STARTER};
use crate::engine_slot::Loaded;
use crate::{ApiError, ErrorCode, convert, registry, starter};

/// What an opening tells as it goes: stage, bytes done, bytes in all.
pub(crate) type OnProgress<'a> = dyn FnMut(OpeningStage, u64, u64) + 'a;

/// Where a model's files are: `starter`, a folder, or a file.
pub(crate) fn location(path: &str) -> ModelLocation {
    if path == STARTER {
        return ModelLocation::Embedded {
            name: starter::NAME,
            files: starter::FILES,
        };
    }
    ModelLocation::Path(path.into())
}

/// What an adapter's folder says of the model it belongs to.
#[derive(Deserialize)]
struct AdapterConfiguration {
    base_model_name_or_path: String,
}

/// Largest configuration of an adapter read, bytes.
const CONFIGURATION_BYTES: u64 = 1 << 20;

/// The base of an adapter's folder; none where a path is no adapter.
///
/// # Errors
/// `ModelDamaged` for a configuration that does not read, `ModelNotFound` for a base that is not there.
fn base_of(path: &str) -> Result<Option<String>, ApiError> {
    let file = Path::new(path).join("adapter_config.json");
    if path == STARTER || !file.is_file() {
        return Ok(None);
    }
    let damaged = |cause: String| {
        ApiError::new(
            ErrorCode::ModelDamaged,
            format!("The adapter's adapter_config.json cannot be used: {cause}."),
            "Write the adapter again, or open the base model alone.",
        )
    };
    let size = std::fs::metadata(&file).map_or(0, |about| about.len());
    if size > CONFIGURATION_BYTES {
        return Err(damaged(format!("it has {size} bytes")));
    }
    let bytes = std::fs::read(&file).map_err(|error| damaged(error.to_string()))?;
    let configuration: AdapterConfiguration =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let base = configuration.base_model_name_or_path;
    match base == STARTER || Path::new(&base).exists() {
        true => Ok(Some(base)),
        false => Err(ApiError::new(
            ErrorCode::ModelNotFound,
            format!("The model that this adapter belongs to is not at {base}."),
            "Put the model there, or write its place into base_model_name_or_path of adapter_config.json.",
        )),
    }
}

/// Loads a model and starts its thread. The folder of an adapter opens its base with the adapter.
pub(crate) fn open(
    path: &str,
    compute: Compute,
    cancel: &Cancel,
    on_progress: &mut OnProgress<'_>,
) -> Result<Loaded, ApiError> {
    let base = base_of(path)?;
    let location = location(base.as_deref().unwrap_or(path));
    let options = OpenOptions {
        adapter: base.as_ref().map(|_| path.into()),
        available_bytes: Some(nc_kernels::available_memory_bytes()),
        compute: Some(compute),
        ..OpenOptions::default()
    };
    let opened = nc_engine::open(&location, &options, cancel, &mut |progress| {
        let stage = match progress.stage {
            nc_engine::OpenStage::Reading => OpeningStage::Reading,
            nc_engine::OpenStage::Loading => OpeningStage::Loading,
            nc_engine::OpenStage::Checking => OpeningStage::Checking,
        };
        on_progress(stage, progress.done_bytes, progress.total_bytes);
    })?;
    let engine = Engine::start(opened)?;
    let info = engine.info();
    let about = LoadedModel {
        path: path.to_owned(),
        name: registry::name_of(path),
        kind: kind(info.chat_template.is_some()),
        starter: path == STARTER,
        context_tokens: info.context_tokens,
        memory_bytes: info.memory_bytes,
        compute: info.compute.clone(),
        sampling: convert::default_sampling(&info.sampling),
    };
    Ok(Loaded { engine, about })
}

fn kind(has_template: bool) -> ModelKind {
    if has_template {
        ModelKind::Chat
    } else {
        ModelKind::Base
    }
}

/// What a model's files say, without loading the weights.
pub(crate) fn inspect(path: &str) -> Result<ModelInspection, ApiError> {
    let base = base_of(path)?;
    let Inspection {
        model: found,
        chat_template,
    } = nc_engine::inspect(&location(base.as_deref().unwrap_or(path)))?;
    Ok(ModelInspection {
        path: path.to_owned(),
        name: registry::name_of(path),
        format: match &base {
            Some(base) => format!("adapter of {}", registry::name_of(base)),
            None => found.format.to_string(),
        },
        base,
        architecture: found.architecture,
        kind: kind(chat_template.is_some()),
        parameters: found.parameters,
        file_bytes: found.file_bytes,
        memory_bytes: found.memory_bytes,
        weight_type: found.weight_type,
        layers: found.layers,
        hidden_size: found.hidden_size,
        heads: found.heads,
        kv_heads: found.kv_heads,
        vocabulary: found.vocabulary,
        context_tokens: found.context_tokens,
        tensors: found.tensors,
        chat_template,
    })
}

/// Lets candle-transformers answer beside our decoder.
pub(crate) fn check(path: &str, compute: Compute) -> Result<ModelCheck, ApiError> {
    if base_of(path)?.is_some() {
        return Err(ApiError::new(
            ErrorCode::ModelUnsupported,
            "The independent decoder knows no adapters.",
            "Check the base model, or merge the adapter and check the merged model.",
        ));
    }
    let report = nc_engine::check(&location(path), compute)?;
    Ok(ModelCheck {
        prompt: report.prompt,
        ours: report.ours,
        independent: report.independent,
        tokens: report.tokens,
        largest_logit_difference: report.largest_logit_difference,
        agree: report.agree,
    })
}
