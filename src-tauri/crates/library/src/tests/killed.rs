//! A program that is killed in the middle of an answer loses nothing it had been told was kept.
#![cfg(unix)]

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use super::{begin, integrity, marked_lines, message, second_process, task};
use crate::{Library, MessageState};

const TEST: &str = "tests::killed::text_kept_before_a_kill_is_there_after_it";

/// Appends without end, saying so after each piece.
fn write_until_killed(folder: &Path) {
    let library = Library::open(folder).unwrap();
    let chat = begin(&library, "killed").id;
    let root = super::say(&library, chat, None, "Tell me a long story.");
    let row = library
        .add_message(&message(chat, Some(root.id), "", MessageState::Writing))
        .unwrap();
    let mut stdout = std::io::stdout();
    for number in 0.. {
        library.append_message(row.id, &piece(number)).unwrap();
        writeln!(stdout, "appended: {number} of {}", row.id).unwrap();
        stdout.flush().unwrap();
    }
}

fn piece(number: usize) -> String {
    format!("piece {number} — {} ", "龙 ".repeat(number % 50))
}

#[test]
fn text_kept_before_a_kill_is_there_after_it() {
    if let Some(folder) = task() {
        return write_until_killed(Path::new(&folder));
    }
    // One library, killed again and again, at its very first piece too.
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    for (round, wait_for) in [0, 1, 9, 60].into_iter().enumerate() {
        let mut child = second_process(&program, TEST, folder.path().to_str().unwrap())
            .spawn()
            .unwrap();
        let mut lines = marked_lines(&mut child, "appended: ");
        let mut said: Vec<String> = lines.by_ref().take(wait_for + 1).collect();
        // On Unix this is SIGKILL: nothing in the process runs after it.
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        said.extend(lines);
        assert!(said.len() > wait_for);
        let (last, id) = said.last().unwrap().split_once(" of ").unwrap();
        assert_eq!(last.parse::<usize>().unwrap(), said.len() - 1);
        let id: i64 = id.parse().unwrap();

        let library = Library::open(folder.path()).unwrap();
        let kept = library.message(id).unwrap();
        assert_eq!(kept.state, MessageState::Writing);
        let expected: String = (0..said.len()).map(piece).collect();
        // The kill may have fallen between keeping a piece and saying so.
        let one_more = expected.clone() + &piece(said.len());
        assert!(
            kept.content == expected || kept.content == one_more,
            "{} pieces were kept",
            said.len()
        );

        assert_eq!(library.recover().unwrap(), 1);
        let after = library.message(id).unwrap();
        assert_eq!(
            (after.state, &after.content),
            (MessageState::Interrupted, &kept.content)
        );
        assert_eq!(library.path(after.chat_id).unwrap().len(), 2);
        assert_eq!(library.chats("piece 0").unwrap().len(), round + 1);
        assert_eq!(integrity(&library), "ok");
    }
}
