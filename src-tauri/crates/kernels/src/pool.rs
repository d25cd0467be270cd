//! The threads that kernels share.

use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::{self, JoinHandle, Thread};

use crate::lower_thread_priority;

/// How often a thread looks for the next job before it sleeps: some tens of microseconds, the time between two small
/// steps of decoding.
const SPINS: u32 = 6000;

/// A fixed number of threads that work on one job at a time. The caller works too, so a pool of one has no thread of its own.
///
/// A job is a number of tasks; whoever is free takes the next. What a task computes must not depend on who computes it.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// One job at a time.
    turn: Mutex<()>,
}

struct Shared {
    /// `OPEN` while threads may join the job, and `MEMBER` for each thread that has not left it.
    gate: AtomicUsize,
    /// Counts jobs, so that a thread joins each one once.
    job_number: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
    next_task: AtomicUsize,
    panicked: AtomicBool,
    ending: AtomicBool,
    sleepers: Mutex<Vec<Thread>>,
    asleep: AtomicUsize,
}

const OPEN: usize = 1;
const MEMBER: usize = 2;

#[derive(Clone, Copy)]
struct Job {
    tasks: usize,
    work: *const (dyn Fn(usize) + Sync),
}

// SAFETY: `job` is written only by the thread that holds `turn` while the gate is closed and without members, and read only
// by members; closing the gate and leaving it order these accesses. What `work` points to is Sync.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it belongs to a thread.
#[allow(unsafe_code)]
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of so many threads, the caller included; at least one. Threads that cannot be started are done without.
    pub fn new(threads: usize) -> Self {
        Self::start(threads, false)
    }

    /// The same with threads that give way to others ([`lower_thread_priority`]); the caller is left as it is.
    pub fn with_low_priority(threads: usize) -> Self {
        Self::start(threads, true)
    }

    fn start(threads: usize, low_priority: bool) -> Self {
        let shared = Arc::new(Shared {
            gate: AtomicUsize::new(0),
            job_number: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            next_task: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            sleepers: Mutex::new(Vec::new()),
            asleep: AtomicUsize::new(0),
        });
        let workers = (1..threads)
            .filter_map(|index| {
                let shared = Arc::clone(&shared);
                let builder = thread::Builder::new().name(format!("kernels-{index}"));
                let serve = move || {
                    if low_priority {
                        lower_thread_priority();
                    }
                    shared.serve();
                };
                builder.spawn(serve).ok()
            })
            .collect();
        Self {
            shared,
            workers,
            turn: Mutex::new(()),
        }
    }

    /// Threads that work on a job, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once for each of `0..tasks`, on all threads, and returns when all have returned. A caller that finds the
    /// pool busy, or calls from within a task, computes alone.
    ///
    /// # Panics
    /// When `work` panicked.
    pub fn run(&self, tasks: usize, work: impl Fn(usize) + Sync) {
        let turn = match self.turn.try_lock() {
            _ if tasks < 2 || self.workers.is_empty() => None,
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        match turn {
            Some(_turn) => self.shared.run(tasks, &work),
            None => (0..tasks).for_each(work),
        }
    }

    /// Splits `0..count` into ranges of `step` (the last may be shorter) and calls `work` with each.
    pub fn ranges(&self, count: usize, step: usize, work: impl Fn(std::ops::Range<usize>) + Sync) {
        self.run(count.div_ceil(step), |task| {
            work(task * step..count.min((task + 1) * step));
        });
    }

    /// Splits `values` into pieces of `step` (the last may be shorter) and calls `work` with each piece's number and the piece.
    pub fn pieces<T: Send>(
        &self,
        values: &mut [T],
        step: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let whole = Parts::new(values);
        self.ranges(values.len(), step, |range| {
            let number = range.start / step;
            // SAFETY: ranges of different tasks do not overlap, and each task runs once.
            #[allow(unsafe_code)]
            let piece = unsafe { whole.part(range) };
            work(number, piece);
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.shared.wake();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("threads", &self.threads())
            .finish()
    }
}

impl Shared {
    /// The caller holds the turn.
    fn run(&self, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes; the job is taken away before `work` ends, below.
        #[allow(unsafe_code)]
        let work = unsafe {
            std::mem::transmute::<
                *const (dyn Fn(usize) + Sync + '_),
                *const (dyn Fn(usize) + Sync + 'static),
            >(work)
        };
        let job = Job { tasks, work };
        // SAFETY: the gate is closed and without members, so nobody else reads it.
        #[allow(unsafe_code)]
        unsafe {
            *self.job.get() = Some(job);
        }
        self.next_task.store(0, Ordering::Relaxed);
        self.job_number.fetch_add(1, Ordering::Relaxed);
        self.gate.store(OPEN, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
        let mine = catch_unwind(AssertUnwindSafe(|| self.take_tasks(job)));
        if mine.is_err() {
            // The others find no further task.
            self.next_task.store(tasks, Ordering::Relaxed);
        }
        self.gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.gate.load(Ordering::Acquire) != 0 {
            spins += 1;
            match spins.is_multiple_of(SPINS) {
                true => thread::yield_now(),
                false => spin_loop(),
            }
        }
        let panicked = self.panicked.swap(false, Ordering::Relaxed);
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        assert!(
            !panicked,
            "a task of the kernel pool panicked on another thread"
        );
    }

    fn take_tasks(&self, job: Job) {
        loop {
            let task = self.next_task.fetch_add(1, Ordering::Relaxed);
            if task >= job.tasks {
                return;
            }
            // SAFETY: the one who started the job waits for all its members before `work` ends.
            #[allow(unsafe_code)]
            unsafe {
                (*job.work)(task);
            }
        }
    }

    fn serve(&self) {
        let mut last = 0;
        loop {
            if let Some(job) = self.join(&mut last) {
                if catch_unwind(AssertUnwindSafe(|| self.take_tasks(job))).is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                    self.next_task.store(job.tasks, Ordering::Relaxed);
                }
                self.gate.fetch_sub(MEMBER, Ordering::Release);
            } else if !self.wait(last) {
                return;
            }
        }
    }

    /// Joins the open job, if there is one that this thread has not had.
    fn join(&self, last: &mut usize) -> Option<Job> {
        let number = self.job_number.load(Ordering::Acquire);
        if number == *last {
            return None;
        }
        let join = |gate: usize| (gate & OPEN == OPEN).then_some(gate + MEMBER);
        self.gate
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, join)
            .ok()?;
        // As a member: the job cannot change now, and this is the number of the job that was joined.
        *last = self.job_number.load(Ordering::Acquire);
        // SAFETY: a member may read the job.
        #[allow(unsafe_code)]
        unsafe {
            *self.job.get()
        }
    }

    /// Whether there is nothing for a thread to do that has had job `last`.
    fn is_quiet(&self, last: usize) -> bool {
        let open = self.gate.load(Ordering::SeqCst) & OPEN == OPEN;
        let new = open && self.job_number.load(Ordering::Acquire) != last;
        !(new || self.ending.load(Ordering::SeqCst))
    }

    /// Until there may be a job; false when the pool ends.
    fn wait(&self, last: usize) -> bool {
        for _ in 0..SPINS {
            if !self.is_quiet(last) {
                return !self.ending.load(Ordering::SeqCst);
            }
            spin_loop();
        }
        // Counted before the last look, so that whoever opens a job after that look sees a sleeper.
        self.asleep.fetch_add(1, Ordering::SeqCst);
        while self.is_quiet(last) {
            self.sleepers().push(thread::current());
            if !self.is_quiet(last) {
                break;
            }
            thread::park();
        }
        self.asleep.fetch_sub(1, Ordering::SeqCst);
        !self.ending.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        for sleeper in self.sleepers().drain(..) {
            sleeper.unpark();
        }
    }

    fn sleepers(&self) -> std::sync::MutexGuard<'_, Vec<Thread>> {
        self.sleepers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A slice that tasks write different parts of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<T> {
    start: *mut T,
    length: usize,
}

// SAFETY: parts given out do not overlap, as `part` demands.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Parts<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Parts<T> {}

impl<T> Parts<T> {
    pub(crate) fn new(values: &mut [T]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            length: values.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The values in `range`.
    ///
    /// # Safety
    /// The slice this was made of lives and is not used otherwise, and no two parts that live at a time overlap.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub(crate) unsafe fn part<'a>(&self, range: std::ops::Range<usize>) -> &'a mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.length,
            "a part lies within its slice"
        );
        // SAFETY: within the slice by the line above; exclusive by the caller's promise.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 7] {
            let pool = Pool::new(threads);
            assert_eq!(pool.threads(), threads);
            for tasks in [0, 1, 2, 5, 100] {
                for _ in 0..50 {
                    let counts: Vec<AtomicUsize> =
                        (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    pool.run(tasks, |task| {
                        counts[task].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(
                        counts
                            .iter()
                            .all(|count| count.load(Ordering::Relaxed) == 1),
                        "{threads} threads, {tasks} tasks"
                    );
                }
            }
        }
    }

    #[test]
    fn sleeping_threads_are_woken() {
        let pool = Pool::new(2);
        for _ in 0..20 {
            thread::sleep(std::time::Duration::from_millis(2));
            // Each task waits for the other, so both threads must take one.
            let arrived = AtomicUsize::new(0);
            pool.run(2, |_| {
                arrived.fetch_add(1, Ordering::SeqCst);
                while arrived.load(Ordering::SeqCst) < 2 {
                    thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn callers_and_nested_calls_do_not_wait_for_each_other() {
        let pool = Pool::new(2);
        let total = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        pool.run(3, |outer| {
                            pool.run(2, |inner| {
                                total.fetch_add((outer * 2 + inner) as u64, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 100 * 15);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        for broken in 0..8 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(8, |task| assert_ne!(task, broken))
            }));
            assert!(outcome.is_err());
        }
        let total = AtomicUsize::new(0);
        pool.run(8, |task| {
            total.fetch_add(task, Ordering::Relaxed);
        });
        assert_eq!(total.into_inner(), 28);
    }

    #[test]
    fn pieces_cover_a_slice() {
        let pool = Pool::new(2);
        let mut values = vec![0; 103];
        pool.pieces(&mut values, 10, |number, piece| piece.fill(number));
        let expected: Vec<usize> = (0..103).map(|index| index / 10).collect();
        assert_eq!(values, expected);
        pool.pieces(&mut [0; 0], 10, |_, _| unreachable!());
    }
}
