//! The two things the page can ask of the host: run a command, listen to events.

use std::sync::{Arc, Mutex, PoisonError};

use nc_api::dto::NumberedEvent;
use nc_api::{Api, ApiError};
use serde_json::Value;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tauri::webview::{PageLoadEvent, PageLoadPayload};
use tauri::{Manager, State, Webview};

/// Runs the command called `name`.
#[tauri::command]
pub(crate) async fn call(
    api: State<'_, Arc<Api>>,
    name: String,
    request: Value,
) -> Result<Value, ApiError> {
    nc_api::call(&api, &name, request).await
}

/// The page's one subscription; a reloaded page replaces the one before.
#[derive(Default)]
pub(crate) struct Listening(Mutex<Option<JoinHandle<()>>>);

impl Listening {
    fn replace(&self, stream: Option<JoinHandle<()>>) {
        let mut listening = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *listening, stream) {
            before.abort();
        }
    }
}

/// A page that is being left (a reload) has no ears for events any more.
pub(crate) fn page_load(webview: &Webview, load: &PageLoadPayload<'_>) {
    if load.event() == PageLoadEvent::Started {
        webview.state::<Listening>().replace(None);
    }
}

/// Streams events after number `after` (or from now on) until the page goes away.
#[tauri::command]
pub(crate) async fn subscribe(
    api: State<'_, Arc<Api>>,
    listening: State<'_, Listening>,
    after: Option<u64>,
    channel: Channel<NumberedEvent>,
) -> Result<(), ApiError> {
    let mut events = api.subscribe(after);
    let stream =
        tauri::async_runtime::spawn(
            async move { while channel.send(events.next().await).is_ok() {} },
        );
    listening.replace(Some(stream));
    Ok(())
}
