//! What travels between the core and whoever shows it. Field names are the JSON names (snake_case on both sides).

mod charts;
mod chat;
mod event;
mod kernels;
mod machine;
mod model;
mod run;
mod settings;
mod wizard;

pub use charts::*;
pub use chat::*;
pub use event::*;
pub use kernels::*;
pub use machine::*;
pub use model::*;
pub use run::*;
pub use settings::*;
pub use wizard::*;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A request that needs nothing said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Nothing {}
