//! The commands, each a plain function over [`Api`] with its request and its response.

pub mod answers;
pub mod chats;
pub mod machine;
pub mod models;
pub mod runs;
pub mod settings;
pub mod wizard;

use std::sync::Arc;

use crate::dto::Picked;
use crate::{Api, ApiError, SaveRequest, off_thread};

/// Asks where to write a file and writes it; a cancelled dialog writes nothing.
async fn save(api: &Arc<Api>, request: SaveRequest, bytes: Vec<u8>) -> Result<Picked, ApiError> {
    let Some(path) = api.desktop.pick_save(request).await? else {
        return Ok(Picked { path: None });
    };
    let written = off_thread(move || {
        nc_library::write_atomically(&path, &bytes)?;
        Ok(path)
    });
    match written.await {
        Ok(path) => Ok(Picked {
            path: Some(path.display().to_string()),
        }),
        Err(error) => Err(ApiError {
            remedy: "Choose another folder, one of your own with room in it.".to_owned(),
            ..error
        }),
    }
}
