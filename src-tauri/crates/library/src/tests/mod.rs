//! What all tests share: a clock that ticks one second a look, and short ways to write.

mod chats;
mod errors;
mod killed;
mod long_chat;
mod messages;
mod opening;
mod permissions;
mod search;
mod settings_and_models;
mod tree;
mod two_programs;
mod words;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::clock::Clock;
use crate::{
    ChatKind, ChatRow, Library, LibraryError, MessageRow, MessageState, NewChat, NewMessage, Role,
};

/// The first time a test clock shows.
const START: OffsetDateTime = datetime!(2026-03-01 10:00:00 UTC);

fn ticking() -> Clock {
    let seconds = AtomicI64::new(0);
    Box::new(move || START + time::Duration::seconds(seconds.fetch_add(1, Ordering::Relaxed)))
}

fn in_memory() -> Library {
    Library::open_in_memory_with(ticking()).unwrap()
}

fn begin(library: &Library, title: &str) -> ChatRow {
    let new = NewChat {
        kind: ChatKind::Chat,
        title: title.into(),
        settings: json!({}),
    };
    library.create_chat(&new).unwrap()
}

fn message(chat_id: i64, parent: Option<i64>, content: &str, state: MessageState) -> NewMessage {
    let role = if parent.is_none() {
        Role::User
    } else {
        Role::Assistant
    };
    NewMessage {
        chat_id,
        parent,
        role,
        content: content.into(),
        state,
        model_name: None,
    }
}

fn say(library: &Library, chat_id: i64, parent: Option<i64>, content: &str) -> MessageRow {
    library
        .add_message(&message(chat_id, parent, content, MessageState::Complete))
        .unwrap()
}

fn path_ids(library: &Library, chat_id: i64) -> Vec<i64> {
    library
        .path(chat_id)
        .unwrap()
        .iter()
        .map(|message| message.row.id)
        .collect()
}

fn integrity(library: &Library) -> String {
    let connection = library.connection();
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

/// The error of a library that must not open.
fn refused(folder: &Path) -> LibraryError {
    match Library::open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error,
    }
}

/// Names what a second process of this very test should do instead of the test.
const TASK: &str = "NEURALCHAT_TEST_TASK";

/// The task this process was started for by [`second_process`], if it was.
fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// This test binary again, running one test only, which finds `task` in [`task`].
fn second_process(program: &Path, test: &str, task: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
        .env(TASK, task)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// What whole lines of a second process say after a mark (the test harness prints words of its own). To be read to the
/// end unless the process is killed: it cannot print into a pipe that nobody reads.
fn marked_lines(child: &mut Child, mark: &'static str) -> impl Iterator<Item = String> + use<> {
    let stdout: ChildStdout = child.stdout.take().unwrap();
    let mut reader = BufReader::new(stdout);
    std::iter::from_fn(move || {
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
                return None;
            }
            if let Some(at) = line.find(mark) {
                return Some(line[at + mark.len()..].trim().to_owned());
            }
        }
    })
}
