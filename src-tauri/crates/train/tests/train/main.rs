//! Samples, batches, journals and checkpoints.

mod batches;
mod masks;
mod pairs;
mod plans;
mod prepared;
mod small;
