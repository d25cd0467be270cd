//! A chat of 2,000 messages opens with a fixed number of queries and work in proportion to its length.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::{begin, in_memory};
use crate::{Library, MessageState};

thread_local! {
    /// Statements begun on this thread; the trace hook takes no environment.
    static STATEMENTS: Cell<usize> = const { Cell::new(0) };
}

/// Statements and steps of the database machine that `work` takes.
fn cost(library: &Library, work: impl FnOnce()) -> (usize, u64) {
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    {
        let connection = library.connection();
        let count = |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(..) = event {
                STATEMENTS.set(STATEMENTS.get() + 1);
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count));
        let tick = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1, Some(tick)).unwrap();
    }
    STATEMENTS.set(0);
    work();
    let statements = STATEMENTS.get();
    let connection = library.connection();
    connection.trace_v2(TraceEventCodes::empty(), None);
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .unwrap();
    (statements, steps.load(Ordering::Relaxed))
}

/// A chat of `turns` questions, each answered twice, shown to the end.
fn long_chat(library: &Library, turns: usize) -> i64 {
    let chat = begin(library, "long").id;
    let mut parent = None;
    for turn in 0..turns {
        let question = super::say(library, chat, parent, &format!("question {turn}")).id;
        super::say(library, chat, Some(question), "first try");
        let new = super::message(
            chat,
            Some(question),
            &format!("answer {turn}"),
            MessageState::Complete,
        );
        parent = Some(library.add_message(&new).unwrap().id);
    }
    chat
}

#[test]
fn the_path_of_a_long_chat_takes_a_fixed_number_of_queries() {
    let library = in_memory();
    let (short, long) = (long_chat(&library, 500), long_chat(&library, 1_000));
    let mut costs = Vec::new();
    for (chat, length) in [(short, 1_000), (long, 2_000)] {
        library.path(chat).unwrap();
        let (statements, steps) = cost(&library, || {
            let path = library.path(chat).unwrap();
            assert_eq!(path.len(), length);
            assert_eq!(path[length - 1].siblings.len(), 2);
        });
        assert!(
            (3..=5).contains(&statements),
            "{statements} statements for {length} messages"
        );
        costs.push(steps);
    }
    assert!(costs[0] > 1_000, "the steps were counted: {costs:?}");
    assert!(
        costs[1] < 3 * costs[0],
        "twice the length is about twice the work: {costs:?}"
    );

    let (statements, steps) = cost(&library, || {
        library
            .append_message(library.chat(long).unwrap().leaf.unwrap(), "x")
            .unwrap_err();
    });
    assert!(
        statements < 12 && steps < 1_000,
        "one message is reached at once: {statements}, {steps}"
    );
}
