//! What the machine is, found at run time: instruction sets, memory, measured bandwidth. The compute itself joins here;
//! until then the decoder multiplies with candle, and [`Machine`] says so rather than claim a kernel it does not use.

mod instruction_set;
mod machine;

pub use instruction_set::{InstructionSet, usable_instruction_sets};
pub use machine::{Machine, available_memory_bytes, memory_read_gb_per_s};
