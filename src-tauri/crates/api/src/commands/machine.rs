//! The machine and the program itself.

use std::sync::Arc;

use crate::dto::{AppInfo, MachineInfo, Nothing};
use crate::{Api, ApiError};

/// The program's version and where it keeps things.
///
/// # Errors
/// None.
pub async fn app_info(api: &Arc<Api>, _request: Nothing) -> Result<AppInfo, ApiError> {
    Ok(AppInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        library_folder: api.library.folder().display().to_string(),
        platform: std::env::consts::OS.to_owned(),
    })
}

/// What this machine can do and which kernels were chosen. The first call measures memory bandwidth, and the
/// kernels where no model did.
///
/// # Errors
/// `BadRequest` when `NEURALCHAT_KERNELS` names kernels that are not there; `Internal` when the measuring thread dies.
pub async fn machine_info(api: &Arc<Api>, _request: Nothing) -> Result<MachineInfo, ApiError> {
    let api = Arc::clone(api);
    crate::off_thread(move || api.machine()).await
}

/// Ends the program; a run that is going is saved first and can go on later.
///
/// # Errors
/// None.
pub async fn app_quit(api: &Arc<Api>, _request: Nothing) -> Result<Nothing, ApiError> {
    crate::runs::stop_all(api).await;
    api.desktop.quit();
    Ok(Nothing {})
}
