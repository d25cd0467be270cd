//! Opening: where the library is, and what is refused untouched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::{begin, refused, say, ticking};
use crate::folder::{DATABASE, choose};
use crate::{Library, LibraryError, LibraryErrorKind};

#[test]
fn neuralchat_home_wins_unless_it_is_empty() {
    let platform = || Some(PathBuf::from("/platform"));
    for (home, platform, expected) in [
        (Some("/mine"), platform(), Some("/mine")),
        (Some("/mine"), None, Some("/mine")),
        (Some(""), platform(), Some("/platform")),
        (None, platform(), Some("/platform")),
        (None, None, None),
        (Some(""), None, None),
    ] {
        let chosen = choose(home.map(Into::into), platform);
        match expected {
            Some(expected) => assert_eq!(chosen.unwrap(), Path::new(expected)),
            None => assert!(matches!(chosen, Err(LibraryError::NoDataFolder))),
        }
    }
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/b c/ü");
    let library = Library::open_with_clock(&folder, || super::START).unwrap();
    assert_eq!(library.folder(), folder);
    let chat = begin(&library, "kept");
    let row = say(&library, chat.id, None, "hello");
    library
        .set_setting("theme", &serde_json::json!("dark"))
        .unwrap();
    drop(library);

    let library = Library::open(&folder).unwrap();
    assert_eq!(library.message(row.id).unwrap(), row);
    assert_eq!(
        library.setting("theme").unwrap(),
        Some(serde_json::json!("dark"))
    );
    assert_eq!(library.chats("hello").unwrap().len(), 1);
}

#[test]
fn the_database_is_set_up_as_meant() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let connection = library.connection();
    let ask = |pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str()?.to_owned(),
                })
            })
            .unwrap()
    };
    for (pragma, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("secure_delete", "1"),
        ("trusted_schema", "0"),
        ("busy_timeout", "5000"),
        ("user_version", "1"),
    ] {
        assert_eq!(ask(pragma), value, "{pragma}");
    }
}

/// A folder with a library in it: one chat, and enough text for several pages.
fn filled(folder: &Path) -> PathBuf {
    let library = Library::open_with(folder, ticking(), Duration::from_secs(5)).unwrap();
    let chat = begin(&library, "chat").id;
    for index in 0..50 {
        say(
            &library,
            chat,
            None,
            &format!("{index} {}", "words ".repeat(400)),
        );
    }
    folder.join(DATABASE)
}

type Damage = fn(&mut Vec<u8>);

#[test]
fn a_damaged_database_is_reported_and_left_as_it_is() {
    let damages: [(&str, Damage); 6] = [
        ("another file altogether", |bytes| {
            *bytes = b"These are my holiday notes. ".repeat(300)
        }),
        ("a few bytes of text", |bytes| *bytes = b"hello".to_vec()),
        ("the head overwritten", |bytes| bytes[..100].fill(0)),
        ("cut in the middle", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a page of rubbish", |bytes| bytes[4096..8192].fill(0xa5)),
        ("many pages of rubbish", |bytes| {
            bytes[8192..65536].fill(0xff)
        }),
    ];
    for (name, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path());
        let mut bytes = fs::read(&database).unwrap();
        damage(&mut bytes);
        fs::write(&database, &bytes).unwrap();
        let error = refused(folder.path());
        assert_eq!(error.kind(), LibraryErrorKind::Damaged, "{name}: {error:?}");
        assert!(error.to_string().contains(DATABASE), "{name}: {error}");
        assert!(
            fs::read(&database).unwrap() == bytes,
            "{name}: the file was changed"
        );
    }
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    for newer in [2, 3, 1_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path());
        let raw = Connection::open(&database).unwrap();
        raw.pragma_update(None, "user_version", newer).unwrap();
        drop(raw);
        let before = fs::read(&database).unwrap();
        let error = refused(folder.path());
        let said =
            matches!(&error, LibraryError::NewerVersion { found, known: 1, .. } if *found == newer);
        assert!(said, "{error:?}");
        assert!(error.to_string().contains(&newer.to_string()), "{error}");
        assert!(fs::read(&database).unwrap() == before);
    }
}

#[test]
fn a_version_below_zero_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let raw = Connection::open(filled(folder.path())).unwrap();
    raw.pragma_update(None, "user_version", -1).unwrap();
    drop(raw);
    assert_eq!(refused(folder.path()).kind(), LibraryErrorKind::Damaged);
}

#[test]
fn a_file_in_the_folders_place_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("notes.txt");
    fs::write(&file, "mine").unwrap();
    for folder in [file.clone(), file.join("below"), file.join("far/below")] {
        let error = refused(&folder);
        assert!(
            matches!(error, LibraryError::NotAFolder { .. }),
            "{error:?}"
        );
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_folder_in_the_databases_place_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(DATABASE)).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, LibraryError::File { .. }), "{error:?}");
}

#[test]
fn a_full_database_says_so_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let chat = begin(&library, "chat").id;
    let row = library
        .add_message(&super::message(
            chat,
            None,
            "start",
            crate::MessageState::Writing,
        ))
        .unwrap();
    {
        // A limit on pages ends in the same error as a disk without room.
        let connection = library.connection();
        let pages: i64 = connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        let set = connection
            .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0));
        assert_eq!(set.unwrap(), pages);
    }
    let error = library
        .append_message(row.id, &"long ".repeat(100_000))
        .unwrap_err();
    assert!(matches!(error, LibraryError::DiskFull { .. }), "{error:?}");
    assert_eq!(library.message(row.id).unwrap().content, "start");
}
