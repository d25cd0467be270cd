//! Samples, batches, journals and checkpoints.

mod masks;
mod pairs;
mod small;
