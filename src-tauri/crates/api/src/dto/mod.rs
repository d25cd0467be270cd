//! What travels between the core and whoever shows it. Field names are the JSON names (snake_case on both sides).

mod chat;
mod event;
mod kernels;
mod machine;
mod model;
mod settings;

pub use chat::*;
pub use event::*;
pub use kernels::*;
pub use machine::*;
pub use model::*;
pub use settings::*;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A request that needs nothing said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nothing {}
