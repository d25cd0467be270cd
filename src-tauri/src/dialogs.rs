//! Native dialogs by rfd (its GTK backend on Linux: the portal one answers nothing where no portal runs). They are async
//! and called from async commands only, as the blocking ones deadlock on the main thread.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use nc_api::dto::PickKind;
use nc_api::{ApiError, Desktop, ErrorCode, PickFiles, SaveRequest};
use rfd::{AsyncFileDialog, MessageDialog, MessageLevel};
use tauri::{AppHandle, Manager};

/// Dialogs over the main window, once there is one.
#[derive(Clone, Default)]
pub(crate) struct NativeDialogs {
    app: Arc<OnceLock<AppHandle>>,
}

impl NativeDialogs {
    /// From here on, dialogs belong to this program's window.
    pub(crate) fn belong_to(&self, app: &AppHandle) {
        // Set once at start; a second call would name the same program.
        let _ = self.app.set(app.clone());
    }

    /// A dialog needs the window it belongs to; without one it could not be shown, which is not a cancel.
    fn dialog(&self, title: &str) -> Result<AsyncFileDialog, ApiError> {
        let app = self.app.get();
        let window = app
            .and_then(|app| app.get_webview_window("main"))
            .ok_or_else(|| {
                ApiError::new(
                    ErrorCode::DialogFailed,
                    "The dialog could not be shown: the window is gone.",
                    "Start the program again.",
                )
            })?;
        Ok(AsyncFileDialog::new().set_title(title).set_parent(&window))
    }
}

#[nc_api::async_trait]
impl Desktop for NativeDialogs {
    async fn pick_model(&self, kind: PickKind) -> Result<Option<PathBuf>, ApiError> {
        let picked = match kind {
            PickKind::Folder => self.dialog("Open a model folder")?.pick_folder().await,
            PickKind::File => {
                self.dialog("Open a model file")?
                    .add_filter("GGUF model", &["gguf"])
                    .add_filter("All files", &["*"])
                    .pick_file()
                    .await
            }
        };
        Ok(picked.map(|file| file.path().to_owned()))
    }

    async fn pick_files(&self, request: PickFiles) -> Result<Vec<PathBuf>, ApiError> {
        let dialog = self
            .dialog(request.title)?
            .add_filter(request.kind, request.extensions)
            .add_filter("All files", &["*"]);
        let picked = match request.several {
            true => dialog.pick_files().await,
            false => dialog.pick_file().await.map(|file| vec![file]),
        };
        let files = picked.unwrap_or_default();
        Ok(files.iter().map(|file| file.path().to_owned()).collect())
    }

    async fn pick_save(&self, request: SaveRequest) -> Result<Option<PathBuf>, ApiError> {
        let picked = self
            .dialog(&request.title)?
            .set_file_name(&request.file_name)
            .add_filter(request.kind, &[request.extension])
            .save_file()
            .await;
        Ok(picked.map(|file| file.path().to_owned()))
    }

    fn notify(&self, title: &str, text: &str) {
        let mut note = notify_rust::Notification::new();
        note.summary(title).body(text).appname("NeuralChat Desktop");
        // Asking the desktop may take its time, and a desktop without notes is none the worse.
        std::thread::spawn(move || note.show().map(drop));
    }

    fn quit(&self) {
        if let Some(app) = self.app.get() {
            app.exit(0);
        }
    }
}

/// Tells a person who double-clicked why there is no window. Where nothing can be drawn, the words on standard error stay.
pub(crate) fn show_failure(why: &str) {
    #[cfg(target_os = "linux")]
    if std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none() {
        return;
    }
    MessageDialog::new()
        .set_level(MessageLevel::Error)
        .set_title("NeuralChat Desktop could not start")
        .set_description(why)
        .show();
}
