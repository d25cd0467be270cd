//! From a path to a model that answers, and to what its files say.

use nc_engine::{Cancel, Engine, Inspection, ModelLocation, OpenOptions};
use nc_kernels::Compute;

use crate::dto::{LoadedModel, ModelCheck, ModelInspection, ModelKind, OpeningStage, STARTER};
use crate::engine_slot::Loaded;
use crate::{ApiError, convert, registry, starter};

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

/// Loads a model and starts its thread.
pub(crate) fn open(
    path: &str,
    compute: Compute,
    cancel: &Cancel,
    on_progress: &mut OnProgress<'_>,
) -> Result<Loaded, ApiError> {
    let location = location(path);
    let options = OpenOptions {
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
    let Inspection {
        model: found,
        chat_template,
    } = nc_engine::inspect(&location(path))?;
    Ok(ModelInspection {
        path: path.to_owned(),
        name: registry::name_of(path),
        format: found.format.to_string(),
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
