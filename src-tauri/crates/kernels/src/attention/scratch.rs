//! Memory that attention computes in, kept from call to call.

use std::sync::{Mutex, PoisonError};

use crate::aligned::Aligned;

/// Memory that attention computes in: made once and lent to each call, so that decoding allocates nothing.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    /// Taken by a task, and given back.
    spare: Mutex<Vec<Aligned<f32>>>,
}

impl AttentionScratch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `work` with `length` numbers of any value.
    pub(super) fn with<R>(&self, length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
        // The largest is taken, so that buffers do not multiply. Threads hold the lock for a few instructions.
        let taken = self.spare().pop();
        let mut numbers = match taken {
            Some(numbers) if numbers.len() >= length => numbers,
            _ => Aligned::zeroed(length.next_power_of_two()),
        };
        let result = work(&mut numbers[..length]);
        let mut spare = self.spare();
        spare.push(numbers);
        spare.sort_by_key(|numbers| numbers.len());
        result
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Aligned<f32>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
