//! Two programs with the same library: neither breaks it, neither waits for ever.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{begin, integrity, marked_lines, message, refused, say, second_process, task, ticking};
use crate::folder::{DATABASE, opening_lock};
use crate::{Library, LibraryError, MessageState, MessageUpdate};

const TEST: &str = "tests::two_programs::programs_that_write_at_once_all_get_through";
const PROGRAMS: usize = 3;
const ANSWERS: usize = 25;

fn write_answers(folder: &Path) {
    let library = Library::open(folder).unwrap();
    let chat = begin(&library, "mine").id;
    let mut parent = None;
    for number in 0..ANSWERS {
        let row = library
            .add_message(&message(chat, parent, "", MessageState::Writing))
            .unwrap();
        library.append_message(row.id, "half").unwrap();
        let content = format!("whole {number}");
        let update = MessageUpdate {
            content: &content,
            state: MessageState::Complete,
            stats: None,
            error: None,
        };
        library.update_message(row.id, &update).unwrap();
        assert_eq!(library.path(chat).unwrap().len(), number + 1);
        parent = Some(row.id);
    }
    println!("done: {chat}");
}

#[test]
fn programs_that_write_at_once_all_get_through() {
    if let Some(folder) = task() {
        return write_answers(Path::new(&folder));
    }
    let place = tempfile::tempdir().unwrap();
    // Not there yet: they meet while the tables are laid out, too.
    let folder = place.path().join("new");
    let program = std::env::current_exe().unwrap();
    let mut children: Vec<_> = (0..PROGRAMS)
        .map(|_| {
            second_process(&program, TEST, folder.to_str().unwrap())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut chats = Vec::new();
    for child in &mut children {
        let done = marked_lines(child, "done: ").last();
        assert!(child.wait().unwrap().success());
        chats.push(done.unwrap().parse::<i64>().unwrap());
    }
    let library = Library::open(&folder).unwrap();
    for chat in chats {
        let path = library.path(chat).unwrap();
        let contents: Vec<&str> = path
            .iter()
            .map(|message| message.row.content.as_str())
            .collect();
        let expected: Vec<String> = (0..ANSWERS)
            .map(|number| format!("whole {number}"))
            .collect();
        assert_eq!(contents, expected);
    }
    assert_eq!(library.chats("whole 24").unwrap().len(), PROGRAMS);
    assert_eq!(library.recover().unwrap(), 0);
    assert_eq!(integrity(&library), "ok");
}

#[test]
fn a_lock_that_is_not_given_up_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Library::open_with(folder.path(), ticking(), Duration::from_millis(30));
    let library = open().unwrap();
    let chat = begin(&library, "chat").id;
    let row = library
        .add_message(&message(chat, None, "a", MessageState::Writing))
        .unwrap();

    let other = Connection::open(folder.path().join(DATABASE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = library.append_message(row.id, "b");
    assert!(
        matches!(locked, Err(LibraryError::Locked { .. })),
        "{locked:?}"
    );
    assert!(locked.unwrap_err().to_string().contains(DATABASE));
    assert_eq!(
        library.message(row.id).unwrap().content,
        "a",
        "reading goes on meanwhile"
    );
    other.execute_batch("ROLLBACK").unwrap();
    library.append_message(row.id, "b").unwrap();
    assert_eq!(library.message(row.id).unwrap().content, "ab");

    let (_, held) = opening_lock(folder.path()).unwrap();
    held.lock().unwrap();
    assert!(matches!(open(), Err(LibraryError::Locked { .. })));
    drop(held);
    say(&open().unwrap(), chat, None, "c");
}

#[test]
fn threads_share_one_library() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let chat = begin(&library, "chat").id;
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let library = &library;
            scope.spawn(move || {
                for number in 0..10 {
                    say(library, chat, None, &format!("{name} {number}"));
                    library.chats(name).unwrap();
                }
            });
        }
    });
    assert_eq!(library.tree(chat).unwrap().len(), 40);
    assert!(matches!(
        refused(&folder.path().join(DATABASE)),
        LibraryError::NotAFolder { .. }
    ));
}
