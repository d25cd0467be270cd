//! Models seen: remembered in the library, the starter always among them.

use std::path::Path;
use std::sync::Arc;

use nc_library::ModelRow;
use serde_json::Value;

use crate::dto::{LoadedModel, ModelEntry, ModelInspection, ModelStanding, STARTER};
use crate::engine_slot::Loaded;
use crate::{Api, ApiError, ErrorCode, convert, open_model, starter};

const LAST_MODEL: &str = "last_model";

/// A name for people: the starter's, or the last part of the path.
pub(crate) fn name_of(path: &str) -> String {
    if path == STARTER {
        return starter::NAME.to_owned();
    }
    let path = Path::new(path);
    if let Some(name) = crate::runs::name_of_result(path) {
        return name;
    }
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The path to open at start beside the starter.
pub(crate) fn last_model(api: &Api) -> Option<String> {
    let value = api.library.setting(LAST_MODEL).ok()??;
    value.as_str().map(str::to_owned)
}

/// Makes a path the one to open at start.
///
/// # Errors
/// `Storage`.
pub(crate) fn set_last_model(api: &Api, path: &str) -> Result<(), ApiError> {
    Ok(api.library.set_setting(LAST_MODEL, &path.into())?)
}

/// Keeps what an opening taught: what the files said, when, or why it failed. A cancelled one teaches nothing.
pub(crate) fn remember(
    api: &Arc<Api>,
    path: &str,
    opened: &Result<Loaded, ApiError>,
    chosen: bool,
) {
    let kept = match opened {
        Ok(loaded) => remember_success(api, path, &loaded.about, chosen),
        Err(error) if error.code == ErrorCode::Cancelled => Ok(()),
        Err(error) => remember_failure(api, path, error),
    };
    if let Err(error) = kept {
        eprintln!("the list of models could not be written: {error}");
    }
}

fn remember_success(
    api: &Api,
    path: &str,
    about: &LoadedModel,
    chosen: bool,
) -> Result<(), ApiError> {
    if chosen {
        set_last_model(api, path)?;
    }
    api.library.put_model(&ModelRow {
        path: path.to_owned(),
        name: about.name.clone(),
        last_opened: Some(api.library.now()),
        inspection: inspected(path)?,
        last_error: None,
    })?;
    Ok(())
}

fn remember_failure(api: &Api, path: &str, error: &ApiError) -> Result<(), ApiError> {
    let before = api
        .library
        .models()?
        .into_iter()
        .find(|row| row.path == path);
    api.library.put_model(&ModelRow {
        last_error: Some(convert::to_value(error)?),
        ..before.unwrap_or_else(|| ModelRow {
            path: path.to_owned(),
            name: name_of(path),
            last_opened: None,
            inspection: None,
            last_error: None,
        })
    })?;
    Ok(())
}

/// What the files say, as it is kept; nothing where they do not read.
fn inspected(path: &str) -> Result<Option<Value>, ApiError> {
    let found = open_model::inspect(path).ok();
    found.as_ref().map(convert::to_value).transpose()
}

/// The starter first, then the others, last opened first.
pub(crate) fn entries(api: &Arc<Api>) -> Result<Vec<ModelEntry>, ApiError> {
    let loaded = api.engine.loaded().map(|loaded| loaded.about.path.clone());
    let mut rows = api.library.models()?;
    if !rows.iter().any(|row| row.path == STARTER) {
        rows.push(ModelRow {
            path: STARTER.to_owned(),
            name: starter::NAME.to_owned(),
            last_opened: None,
            inspection: inspected(STARTER)?,
            last_error: None,
        });
    }
    rows.sort_by(|a, b| {
        (b.path == STARTER, &b.last_opened).cmp(&(a.path == STARTER, &a.last_opened))
    });
    Ok(rows
        .into_iter()
        .map(|row| entry(row, loaded.as_deref()))
        .collect())
}

fn entry(row: ModelRow, loaded: Option<&str>) -> ModelEntry {
    let error: Option<ApiError> = row
        .last_error
        .and_then(|value| serde_json::from_value(value).ok());
    let standing = if loaded == Some(row.path.as_str()) {
        ModelStanding::Loaded
    } else if row.path != STARTER && !Path::new(&row.path).exists() {
        ModelStanding::Missing
    } else if let Some(error) = error {
        ModelStanding::Failed { error }
    } else {
        ModelStanding::OnDisk
    };
    ModelEntry {
        standing,
        inspection: row
            .inspection
            .and_then(|value| serde_json::from_value::<ModelInspection>(value).ok()),
        path: row.path,
        name: row.name,
        last_opened: row.last_opened,
    }
}
