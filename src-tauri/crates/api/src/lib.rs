//! Every command the user can give, with its request, response and error code. Hosts (the window, the command line,
//! the server) are adapters over this crate; the page's TypeScript types are written from it.

pub mod commands;
pub mod dto;
mod error;
mod list;
mod typescript;

pub use error::{ApiError, ErrorCode};
pub use list::{COMMANDS, CommandInfo, call};
pub use typescript::typescript;

/// State
pub struct Api;
