//! Memory for what tasks prepare in cache, kept from one product to the next.

use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::Aligned;

/// A buffer for each thread that works on a job.
///
/// Whoever begins a task takes one that is free; there are as many as threads, so there always is one.
#[derive(Debug, Default)]
pub(crate) struct TaskBuffers {
    buffers: Vec<Mutex<Aligned<u8>>>,
}

impl TaskBuffers {
    /// At least `bytes` for each of so many threads. Memory is taken only when more is needed than ever before.
    pub(crate) fn prepare(&mut self, threads: usize, bytes: usize) -> &Self {
        while self.buffers.len() < threads.max(1) {
            self.buffers.push(Mutex::new(Aligned::zeroed(0)));
        }
        for buffer in &mut self.buffers {
            let buffer = match buffer.get_mut() {
                Ok(buffer) => buffer,
                // A task panicked with it; what it holds means nothing before a task and after it.
                Err(poisoned) => poisoned.into_inner(),
            };
            if buffer.len() < bytes {
                *buffer = Aligned::zeroed(bytes);
            }
        }
        self
    }

    /// A buffer that nobody else uses until it is let go. What it holds means nothing.
    pub(crate) fn take(&self) -> MutexGuard<'_, Aligned<u8>> {
        loop {
            for buffer in &self.buffers {
                match buffer.try_lock() {
                    Ok(buffer) => return buffer,
                    Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            std::thread::yield_now();
        }
    }
}
