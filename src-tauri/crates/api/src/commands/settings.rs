//! Settings of the whole program.

use std::sync::Arc;

use nc_library::Library;

use crate::convert::to_value;
use crate::dto::{Nothing, Settings};
use crate::{Api, ApiError};

const KEY: &str = "settings";

/// Settings as they were last set, or the defaults. A setting that no longer reads is taken as its default.
///
/// # Errors
/// `Storage` when the library cannot be read.
pub async fn settings_get(api: &Arc<Api>, _request: Nothing) -> Result<Settings, ApiError> {
    kept(&api.library)
}

/// The same, from a library.
pub(crate) fn kept(library: &Library) -> Result<Settings, ApiError> {
    let stored = library.setting(KEY)?;
    Ok(stored
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default())
}

/// Replaces all settings.
///
/// # Errors
/// `Storage` when the library cannot be written.
pub async fn settings_set(api: &Arc<Api>, settings: Settings) -> Result<Settings, ApiError> {
    api.library.set_setting(KEY, &to_value(&settings)?)?;
    Ok(settings)
}
