//! The machine and the program itself.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::KernelReport;

/// What this machine is and what was chosen on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MachineInfo {
    /// The processor's own name.
    pub processor: String,
    /// Logical processors this program may use.
    pub logical_processors: u32,
    /// Instruction sets found and usable, best first: "amx-int8", "avx512-bf16", "avx2" …
    pub instruction_sets: Vec<String>,
    /// The kernel path chosen for the next model, in a word ("avx512", "portable" …), or one for each kind of work.
    pub kernels: String,
    /// A sentence about the choice, for people.
    pub kernels_reason: String,
    /// What each path measured, and what was chosen.
    pub kernel_report: KernelReport,
    /// Memory in the machine.
    pub memory_total_bytes: u64,
    /// Memory free for us now.
    pub memory_available_bytes: u64,
    /// Measured memory read bandwidth over all cores, GB/s.
    pub memory_read_gb_per_s: f64,
}

/// The program itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AppInfo {
    /// Version of the program.
    pub version: String,
    /// Folder in which everything the program keeps lies.
    pub library_folder: String,
    /// "linux", "macos" or "windows".
    pub platform: String,
}
