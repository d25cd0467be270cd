//! Chats: order, settings, deletion and its undoing.

use serde_json::json;

use super::{START, begin, in_memory, path_ids, say};
use crate::{ChatKind, Item, Library, LibraryError, NewChat, Result};

fn titles(library: &Library, search: &str) -> Vec<String> {
    library
        .chats(search)
        .unwrap()
        .into_iter()
        .map(|found| found.chat.title)
        .collect()
}

#[test]
fn a_chat_comes_back_as_it_was_made() {
    let library = in_memory();
    let titles = ["Hello", "", "a\0b \" 龙 🙂"];
    for (kind, title) in ChatKind::ALL
        .iter()
        .flat_map(|&kind| titles.map(|title| (kind, title)))
    {
        let settings = json!({"system_prompt": "Be kind.", "sampling": {"temperature": 0.7}});
        let new = NewChat {
            kind,
            title: title.into(),
            settings: settings.clone(),
        };
        let made = library.create_chat(&new).unwrap();
        assert_eq!(
            (made.kind, made.title.as_str(), &made.settings),
            (kind, title, &settings)
        );
        assert_eq!((made.pinned, made.leaf), (false, None));
        assert_eq!(made.created_at, made.updated_at);
        assert_eq!(library.chat(made.id).unwrap(), made);
        assert_eq!(library.path(made.id).unwrap(), []);
        assert_eq!(library.tree(made.id).unwrap(), []);
    }
}

#[test]
fn times_are_of_one_width_and_in_utc() {
    let library = in_memory();
    assert_eq!(
        begin(&library, "first").created_at,
        "2026-03-01T10:00:00.000Z"
    );
    assert_eq!(
        begin(&library, "second").created_at,
        "2026-03-01T10:00:01.000Z"
    );
    let elsewhere = time::macros::datetime!(2026-01-01 01:02:03.045678 +02:00);
    assert_eq!(crate::clock::rfc3339(elsewhere), "2025-12-31T23:02:03.045Z");
}

#[test]
fn pinned_chats_come_first_then_the_last_used() {
    let library = in_memory();
    let ids: Vec<i64> = ["a", "b", "c", "d"]
        .iter()
        .map(|title| begin(&library, title).id)
        .collect();
    assert_eq!(titles(&library, ""), ["d", "c", "b", "a"]);
    say(&library, ids[0], None, "hello");
    assert_eq!(titles(&library, " \t"), ["a", "d", "c", "b"]);
    library.pin_chat(ids[1], true).unwrap();
    assert_eq!(titles(&library, ""), ["b", "a", "d", "c"]);
    // Neither a name nor settings are a use.
    library.rename_chat(ids[2], "C").unwrap();
    library.configure_chat(ids[2], &json!({"x": 1})).unwrap();
    assert_eq!(titles(&library, ""), ["b", "a", "d", "C"]);
    assert_eq!(library.chat(ids[2]).unwrap().settings, json!({"x": 1}));
    library.pin_chat(ids[1], false).unwrap();
    assert_eq!(titles(&library, ""), ["a", "d", "C", "b"]);
}

#[test]
fn a_deleted_chat_is_gone_until_it_is_taken_back() {
    let library = in_memory();
    let chat = begin(&library, "Dragons").id;
    let root = say(&library, chat, None, "about wyverns").id;
    let before = library.chat(chat).unwrap();

    library.delete_chat(chat).unwrap();
    assert_eq!(titles(&library, ""), [""; 0]);
    assert_eq!(titles(&library, "dragons"), [""; 0]);
    assert_eq!(titles(&library, "wyverns"), [""; 0]);
    // An answer under way may still be kept.
    assert_eq!(library.message(root).unwrap().content, "about wyverns");

    library.restore_chat(chat).unwrap();
    assert_eq!(library.chat(chat).unwrap(), before);
    assert_eq!(path_ids(&library, chat), [root]);
    assert_eq!(titles(&library, "wyverns"), ["Dragons"]);
    library.restore_chat(chat).unwrap();
    assert_eq!(
        library.chat(chat).unwrap(),
        before,
        "a chat that is there can be taken back too"
    );
}

/// A call that names a chat and one of its messages.
type Call = fn(&Library, i64, i64) -> Result<()>;

/// Every call that names a chat says which one there is not.
#[test]
fn what_is_not_there_is_named() {
    let library = in_memory();
    let deleted = begin(&library, "deleted").id;
    let root = say(&library, deleted, None, "root").id;
    library.delete_chat(deleted).unwrap();

    let calls: [(&str, Call); 10] = [
        ("chat", |library, chat, _| library.chat(chat).map(drop)),
        ("rename", |library, chat, _| library.rename_chat(chat, "x")),
        ("pin", |library, chat, _| library.pin_chat(chat, true)),
        ("delete", |library, chat, _| library.delete_chat(chat)),
        ("configure", |library, chat, _| {
            library.configure_chat(chat, &json!({}))
        }),
        ("path", |library, chat, _| library.path(chat).map(drop)),
        ("tree", |library, chat, _| library.tree(chat).map(drop)),
        ("select", |library, chat, root| library.select(chat, root)),
        ("fork", |library, chat, root| {
            library.fork(chat, root, "x").map(drop)
        }),
        ("add", |library, chat, root| {
            let new = super::message(chat, Some(root), "x", crate::MessageState::Complete);
            library.add_message(&new).map(drop)
        }),
    ];
    for chat in [deleted, 77, -1, i64::MAX] {
        for (name, call) in calls {
            let result = call(&library, chat, root);
            let named =
                matches!(&result, Err(LibraryError::NotFound(Item::Chat(id))) if *id == chat);
            assert!(named, "{name} of chat {chat}: {result:?}");
        }
    }
    assert!(matches!(
        library.restore_chat(77),
        Err(LibraryError::NotFound(Item::Chat(77)))
    ));
    assert!(matches!(
        library.message(99),
        Err(LibraryError::NotFound(Item::Message(99)))
    ));
    assert!(matches!(
        library.append_message(99, "x"),
        Err(LibraryError::NotFound(Item::Message(99)))
    ));
}

#[test]
fn purging_removes_only_what_was_deleted_before() {
    let library = in_memory();
    let kept = begin(&library, "kept").id;
    say(&library, kept, None, "zeppelin one");
    let old = begin(&library, "old").id;
    let mut parent = None;
    for index in 0..1_500 {
        // Deeper than SQLite lets triggers nest.
        parent = Some(say(&library, old, parent, &format!("zeppelin {index}")).id);
    }
    let fork = library.fork(old, parent.unwrap(), "fork").unwrap();
    library.delete_chat(old).unwrap();
    let between = START + time::Duration::hours(1);
    assert_eq!(library.purge_deleted(START).unwrap(), 0);
    library.restore_chat(old).unwrap();
    library.delete_chat(old).unwrap();

    assert_eq!(library.purge_deleted(between).unwrap(), 1);
    assert!(matches!(
        library.restore_chat(old),
        Err(LibraryError::NotFound(_))
    ));
    assert!(matches!(
        library.message(parent.unwrap()),
        Err(LibraryError::NotFound(_))
    ));
    assert_eq!(titles(&library, "zeppelin"), ["fork", "kept"]);
    assert_eq!(library.path(fork.id).unwrap().len(), 1_500);
    assert_eq!(library.purge_deleted(between).unwrap(), 0);
    assert!(
        begin(&library, "next").id > fork.id,
        "numbers are not used twice"
    );

    let count = |sql: &str| {
        library
            .connection()
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(
        count("SELECT count(*) FROM message_words"),
        count("SELECT count(*) FROM messages")
    );
    assert_eq!(
        count("SELECT count(*) FROM title_words"),
        count("SELECT count(*) FROM chats")
    );
    assert_eq!(super::integrity(&library), "ok");
}

/// Deleted for good means that the words cannot be read out of the file either.
#[test]
fn purged_words_are_not_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let library =
        Library::open_with(folder.path(), super::ticking(), crate::database::PATIENCE).unwrap();
    let chat = begin(&library, "Xylotitle").id;
    say(&library, chat, None, "the passphrase is xylomessage");
    begin(&library, "another");
    drop(library);
    let read = || {
        let bytes = std::fs::read(folder.path().join(crate::folder::DATABASE)).unwrap();
        String::from_utf8_lossy(&bytes).to_lowercase()
    };
    assert!(read().contains("xylomessage") && read().contains("xylotitle"));

    let library =
        Library::open_with(folder.path(), super::ticking(), crate::database::PATIENCE).unwrap();
    library.delete_chat(chat).unwrap();
    assert_eq!(
        library
            .purge_deleted(START + time::Duration::hours(1))
            .unwrap(),
        1
    );
    drop(library);
    let text = read();
    assert!(
        !text.contains("xylo"),
        "words of a purged chat are still in the file"
    );
}
