//! What the wizard is made of: data looked at, presets, plans with their ways out.

mod look;
mod plan;
mod presets;
mod samples;

pub(crate) use look::look;
pub(crate) use plan::plan;
pub(crate) use presets::recipe;
pub(crate) use samples::samples;
