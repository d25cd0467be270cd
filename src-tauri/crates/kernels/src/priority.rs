//! Work that gives way to other work on the same processors.

/// How much a thread of the background gives way: Linux's niceness, from 0 to 19. It gets about a tenth of a processor that
/// another thread wants as well, and all of one that nobody else wants.
#[cfg(target_os = "linux")]
const NICENESS: libc::c_int = 10;

/// Lowers the calling thread's priority, so that it runs beside a chat without slowing it. Cannot be undone. Whether the
/// system did it: only Linux has a priority of each thread.
pub fn lower_thread_priority() -> bool {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: no memory is passed. On Linux process 0 is the calling thread alone.
        #[allow(unsafe_code)]
        let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
        result == 0
    }
    #[cfg(not(target_os = "linux"))]
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, ThreadId};

    use super::*;
    use crate::Pool;

    fn niceness() -> libc::c_int {
        // SAFETY: no memory is passed.
        #[allow(unsafe_code)]
        unsafe {
            libc::getpriority(libc::PRIO_PROCESS, 0)
        }
    }

    /// The niceness of all threads of a pool of two.
    fn of_threads(pool: &Pool) -> HashMap<ThreadId, libc::c_int> {
        let found = Mutex::new(HashMap::new());
        let arrived = AtomicUsize::new(0);
        pool.run(2, |_| {
            let mut found = found.lock().expect("no task panics");
            found.insert(thread::current().id(), niceness());
            drop(found);
            // Each task waits for the other, so both threads take one.
            arrived.fetch_add(1, Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < 2 {
                thread::yield_now();
            }
        });
        found.into_inner().expect("no task panics")
    }

    #[test]
    fn one_thread_gives_way_and_others_do_not() {
        let before = niceness();
        let lowered = thread::spawn(|| lower_thread_priority().then(niceness));
        match lowered.join().expect("the thread ends") {
            Some(lowered) => assert_eq!(lowered, NICENESS),
            None => assert!(before > NICENESS, "it can only be refused to go up"),
        }
        assert_eq!(niceness(), before);
    }

    #[test]
    fn workers_of_a_background_pool_give_way() {
        let before = niceness();
        let me = thread::current().id();
        for (pool, expected) in [
            (Pool::new(2), before),
            (Pool::with_low_priority(2), before.max(NICENESS)),
        ] {
            let found = of_threads(&pool);
            assert_eq!(found.len(), 2);
            for (thread, niceness) in found {
                let expected = if thread == me { before } else { expected };
                assert_eq!(niceness, expected);
            }
        }
    }
}
