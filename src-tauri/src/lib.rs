//! The Tauri host and nothing else: it opens the window, hands commands to `nc-api`, streams its events to the page and
//! shows native dialogs.

mod dialogs;
mod host;
mod webkit_environment;

use std::process::ExitCode;
use std::sync::Arc;

use nc_api::Api;
use tauri::{AppHandle, Manager, Window, WindowEvent};

use crate::dialogs::NativeDialogs;

/// Opens the window and runs until it is closed.
pub fn run() -> ExitCode {
    webkit_environment::apply();
    match open_window() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("NeuralChat Desktop could not start: {error}");
            eprintln!("Without a display, use `neuralchat-cli` instead.");
            dialogs::show_failure(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn open_window() -> Result<(), Box<dyn std::error::Error>> {
    let dialogs = NativeDialogs::default();
    let api = Api::open(&nc_api::default_folder()?, Box::new(dialogs.clone()))?;
    tauri::Builder::default()
        // First, as the plugin asks: a second start must end before it does anything.
        .plugin(tauri_plugin_single_instance::init(
            |app, arguments, folder| {
                second_start(app, &arguments, &folder);
            },
        ))
        .manage(Arc::clone(&api))
        .manage(host::Listening::default())
        .on_page_load(host::page_load)
        .on_window_event(keep_running)
        .setup(move |app| {
            dialogs.belong_to(app.handle());
            let folder = std::env::current_dir().unwrap_or_default();
            api.start_with(path_argument(std::env::args().skip(1), &folder))?;
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![host::call, host::subscribe])
        .run(tauri::generate_context!())?;
    Ok(())
}

/// A run goes on when its window is closed: the window is minimised instead, and the page asks what is to be done.
fn keep_running(window: &Window, event: &WindowEvent) {
    let WindowEvent::CloseRequested { api: close, .. } = event else {
        return;
    };
    let Some(api) = window.try_state::<Arc<Api>>() else {
        return;
    };
    if api.run_is_going() {
        close.prevent_close();
        api.closed_with_run();
        // A window that cannot be minimised stays where it is, and the page has asked all the same.
        let _ = window.minimize();
    }
}

/// Brings the window to the front and opens what the second start was given.
fn second_start(app: &AppHandle, arguments: &[String], folder: &str) {
    if let Some(window) = app.get_webview_window("main") {
        // A window that cannot be raised is still there; the path is opened all the same.
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
    let path = path_argument(arguments.iter().skip(1).cloned(), folder.as_ref());
    if let (Some(path), Some(api)) = (path, app.try_state::<Arc<Api>>()) {
        api.ask_to_open(path);
    }
}

/// The first argument that is not an option, seen from the folder the program was started in.
fn path_argument(
    arguments: impl IntoIterator<Item = String>,
    folder: &std::path::Path,
) -> Option<String> {
    let path = arguments
        .into_iter()
        .find(|argument| !argument.starts_with('-'))?;
    Some(folder.join(path).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::path_argument;

    #[test]
    fn a_path_is_the_first_argument_that_is_no_option() {
        let check = |arguments: &[&str], expected: Option<&str>| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned());
            let found = path_argument(arguments, "/home/ada".as_ref());
            assert_eq!(found.as_deref(), expected);
        };
        check(&[], None);
        check(&["--flag"], None);
        check(&["model.gguf"], Some("/home/ada/model.gguf"));
        check(
            &["--flag", "/data/model.gguf", "other"],
            Some("/data/model.gguf"),
        );
    }
}
