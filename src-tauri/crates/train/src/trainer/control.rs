//! Pausing and stopping a run from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a run is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wish {
    #[default]
    Run,
    Pause,
    Stop,
}

/// Asks a run to pause, to go on or to stop; it looks before every micro-batch.
#[derive(Debug, Default)]
pub struct Control {
    wish: Mutex<Wish>,
    changed: Condvar,
    paused: Mutex<Duration>,
    waiting: AtomicBool,
}

/// A run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Control {
    /// Waits before the next micro-batch, with everything in memory. A run that was asked to stop stops.
    pub fn pause(&self) {
        let mut wish = self.wish();
        if *wish == Wish::Run {
            *wish = Wish::Pause;
        }
    }

    /// Goes on after a pause.
    pub fn go_on(&self) {
        let mut wish = self.wish();
        if *wish == Wish::Pause {
            *wish = Wish::Run;
        }
        self.changed.notify_all();
    }

    /// Saves what whole steps have learnt, and ends; also during a pause.
    pub fn stop(&self) {
        *self.wish() = Wish::Stop;
        self.changed.notify_all();
    }

    /// Whether it waits, or will before the next micro-batch.
    pub fn is_paused(&self) -> bool {
        *self.wish() == Wish::Pause
    }

    /// Whether it waits now.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long it has waited so far.
    pub(crate) fn paused(&self) -> Duration {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while paused.
    pub(crate) fn check(&self) -> Result<(), Stopped> {
        let mut wish = self.wish();
        if *wish == Wish::Pause {
            let begun = Instant::now();
            self.waiting.store(true, Ordering::Relaxed);
            while *wish == Wish::Pause {
                wish = self
                    .changed
                    .wait(wish)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            self.waiting.store(false, Ordering::Relaxed);
            *self.paused.lock().unwrap_or_else(PoisonError::into_inner) += begun.elapsed();
        }
        match *wish {
            Wish::Stop => Err(Stopped),
            Wish::Run | Wish::Pause => Ok(()),
        }
    }

    fn wish(&self) -> MutexGuard<'_, Wish> {
        // A wish is one word: nobody can leave it half changed.
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
