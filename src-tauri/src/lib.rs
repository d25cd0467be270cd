//! The Tauri host.
