//! Training files: recognised by content, read as hostile input, row by row.

mod format;

pub use format::Format;
