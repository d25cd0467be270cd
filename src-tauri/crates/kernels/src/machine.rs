//! The machine's processor and memory, in numbers a person can read.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::{InstructionSet, usable_instruction_sets};

/// What the machine is. Cheap to find; [`memory_read_gb_per_s`] is the part that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The processor's own name.
    pub processor: String,
    /// Logical processors this process may use.
    pub logical_processors: usize,
    /// Usable instruction sets, strongest first.
    pub instruction_sets: Vec<InstructionSet>,
    /// Memory this process may use at most (the machine's, or its container's).
    pub memory_total_bytes: u64,
}

impl Machine {
    /// Asks the processor and the operating system.
    pub fn find() -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        );
        let processor = system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().trim().to_owned());
        let limit = system
            .cgroup_limits()
            .map_or(u64::MAX, |limits| limits.total_memory);
        Self {
            processor: processor
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            logical_processors: thread::available_parallelism().map_or(1, usize::from),
            instruction_sets: usable_instruction_sets(),
            memory_total_bytes: system.total_memory().min(limit),
        }
    }
}

/// Memory that can be taken now without swapping, bytes.
pub fn available_memory_bytes() -> u64 {
    let system = System::new_with_specifics(
        RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()),
    );
    let limit = system
        .cgroup_limits()
        .map_or(u64::MAX, |limits| limits.free_memory);
    system.available_memory().min(limit)
}

/// Reads 256 MB with every processor and gives the rate, GB/s: the best of a few passes, since other programs can only
/// make it smaller. Takes about a tenth of a second.
pub fn memory_read_gb_per_s() -> f64 {
    const WORDS: usize = 32 << 20;
    const PASSES: usize = 4;
    let words = vec![1_u64; WORDS];
    let threads = thread::available_parallelism().map_or(1, usize::from);
    (0..PASSES)
        .map(|_| {
            let begun = Instant::now();
            thread::scope(|scope| {
                for part in words.chunks(WORDS.div_ceil(threads)) {
                    scope.spawn(move || black_box(sum(part)));
                }
            });
            (WORDS * size_of::<u64>()) as f64 / begun.elapsed().as_secs_f64() / 1e9
        })
        .fold(0.0, f64::max)
}

/// Eight independent sums, so that the additions keep up with the memory.
fn sum(words: &[u64]) -> u64 {
    let mut lanes = [0_u64; 8];
    let (groups, rest) = words.as_chunks::<8>();
    for group in groups {
        for (lane, word) in lanes.iter_mut().zip(group) {
            *lane = lane.wrapping_add(*word);
        }
    }
    lanes
        .iter()
        .chain(rest)
        .fold(0, |total, word| total.wrapping_add(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_processor_and_memory() {
        let machine = Machine::find();
        assert!(!machine.processor.is_empty());
        assert!(machine.logical_processors >= 1);
        assert!(machine.memory_total_bytes > 64 << 20);
        let available = available_memory_bytes();
        assert!(0 < available && available <= machine.memory_total_bytes);
    }

    #[test]
    fn sums_every_word_once() {
        for count in [0, 1, 7, 8, 9, 17, 1000] {
            let words: Vec<u64> = (1..=count).collect();
            assert_eq!(sum(&words), count * (count + 1) / 2, "{count} words");
        }
    }

    #[test]
    fn bandwidth_is_a_rate() {
        let rate = memory_read_gb_per_s();
        assert!(rate.is_finite() && rate > 0.0, "{rate}");
    }
}
