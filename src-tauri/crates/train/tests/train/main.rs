//! Samples, batches, journals and checkpoints.

mod batches;
mod masks;
mod pairs;
mod prepared;
mod small;
