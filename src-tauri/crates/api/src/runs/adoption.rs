//! The chat's default model: what a run learnt is adopted, and an adoption is undone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kept::Kept;
use super::{folder_of, view};
use crate::dto::{Adopted, AppEvent, STARTER};
use crate::{Api, ApiError, ErrorCode, convert, engine_slot, registry};

const SETTING: &str = "adopted_runs";

/// A run that was adopted, and what was the default before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Adoption {
    run: String,
    before: String,
}

fn all(api: &Api) -> Result<Vec<Adoption>, ApiError> {
    let kept = api.library.setting(SETTING)?;
    Ok(kept
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default())
}

fn keep(api: &Api, adoptions: &[Adoption]) -> Result<(), ApiError> {
    let value = convert::to_value(&adoptions)?;
    Ok(api.library.set_setting(SETTING, &value)?)
}

/// The adoption that holds, if any.
///
/// # Errors
/// `Storage`.
pub(super) fn adopted(api: &Api) -> Result<Option<Adopted>, ApiError> {
    let Some(last) = all(api)?.pop() else {
        return Ok(None);
    };
    let name = folder_of(api, &last.run).and_then(|folder| Kept::read(&folder));
    Ok(Some(Adopted {
        name: name.map_or_else(|_| last.run.clone(), |kept| kept.name),
        run: last.run,
        before_name: registry::name_of(&last.before),
        before: last.before,
    }))
}

/// The model that a start opens.
fn default_model(api: &Api) -> String {
    registry::last_model(api).unwrap_or_else(|| STARTER.to_owned())
}

/// Makes what a run learnt the default, and opens it.
///
/// # Errors
/// `NotFound`, `BadRequest` for a run that has not finished.
pub(crate) fn adopt(api: &Arc<Api>, id: &str) -> Result<(), ApiError> {
    let result = view::result(&folder_of(api, id)?).ok_or_else(|| {
        ApiError::new(
            ErrorCode::BadRequest,
            "This run has not finished, so there is nothing to adopt.",
            "Wait for it, or resume it.",
        )
    })?;
    let mut adoptions = all(api)?;
    if adoptions.last().is_some_and(|last| last.run == id) {
        return Ok(());
    }
    adoptions.push(Adoption {
        run: id.to_owned(),
        before: default_model(api),
    });
    keep(api, &adoptions)?;
    make_default(api, &result)
}

/// Undoes the last adoption: opens what was the default before.
///
/// # Errors
/// `BadRequest` where nothing is adopted.
pub(crate) fn roll_back(api: &Arc<Api>) -> Result<(), ApiError> {
    let mut adoptions = all(api)?;
    let Some(last) = adoptions.pop() else {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "No run's result is adopted.",
            "Choose a model in Models.",
        ));
    };
    keep(api, &adoptions)?;
    make_default(api, &last.before)
}

/// A run that is put away is adopted no longer.
pub(super) fn forget(api: &Arc<Api>, id: &str) -> Result<(), ApiError> {
    let mut adoptions = all(api)?;
    if adoptions.last().is_some_and(|last| last.run == id) {
        return roll_back(api);
    }
    let before = adoptions.len();
    adoptions.retain(|adoption| adoption.run != id);
    match adoptions.len() == before {
        true => Ok(()),
        false => keep(api, &adoptions),
    }
}

fn make_default(api: &Arc<Api>, path: &str) -> Result<(), ApiError> {
    registry::set_last_model(api, path)?;
    engine_slot::begin_opening(api, path.to_owned(), None)?;
    api.events.publish(AppEvent::RunsChanged);
    Ok(())
}
