//! A model opened, asked and closed again and again leaves nothing behind. A test binary of its own: what other tests hold
//! in memory would count.

mod common;

use common::{ask, chat, collect, engine, request, starter};

/// Openings in all.
const TIMES: usize = 200;
/// Openings before the first look: buffers of the allocator have found their size by then.
const SETTLED: usize = 40;
/// What may be added after that, far below the 5 MB of one model.
const SLACK_BYTES: u64 = 4 << 20;

/// Memory of this process that is in main memory, bytes; none where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn memory_is_flat_over_two_hundred_models() {
    let mut settled = None;
    for time in 0..TIMES {
        let engine = engine(starter(), 512);
        let (_, events) = ask(&engine, request(chat(&["What is 7 + 5?"]), 12));
        assert_eq!(collect(&events).text(), "7 + 5 = 12.");
        drop(engine);
        if time == SETTLED {
            settled = resident_bytes();
        }
    }
    let (Some(before), Some(after)) = (settled, resident_bytes()) else {
        eprintln!("this system does not tell how much memory a process has: nothing to compare");
        return;
    };
    eprintln!(
        "{} KB after {SETTLED} models, {} KB after {TIMES}",
        before >> 10,
        after >> 10
    );
    assert!(
        after < before + SLACK_BYTES,
        "{before} bytes after {SETTLED} models, {after} after {TIMES}"
    );
    assert!(threads() < 20, "threads end with their models");
}
