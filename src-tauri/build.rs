//! Reads `tauri.conf.json` and hands the page, the icons and the permissions to Tauri.

use std::path::Path;
use std::process::ExitCode;

/// The page as Vite writes it; Tauri puts this folder into the program.
const PAGE: &str = "ui/dist";

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed={PAGE}");
    if !Path::new(PAGE).join("index.html").is_file() {
        eprintln!(
            "{PAGE}/index.html is missing: the page is not built yet. Run `make run` or `make test`, which build it \
             first, or `npm ci && npm run build` in ui."
        );
        return ExitCode::FAILURE;
    }
    match tauri_build::try_build(tauri_build::Attributes::new()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tauri.conf.json: {error:#}");
            ExitCode::FAILURE
        }
    }
}
