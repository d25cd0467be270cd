//! Each failure says what it is, and what to do.

use std::io;
use std::path::Path;

use rusqlite::ffi;

use crate::{Item, LibraryError, LibraryErrorKind};

fn from_code(code: i32) -> LibraryError {
    let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    LibraryError::from(failure).at(Path::new("/home/me/library.sqlite"))
}

#[test]
fn what_the_database_says_is_understood() {
    for (code, kind, words) in [
        (
            ffi::SQLITE_BUSY,
            LibraryErrorKind::Storage,
            "another program keeps the library",
        ),
        (
            ffi::SQLITE_BUSY_SNAPSHOT,
            LibraryErrorKind::Storage,
            "another program keeps the library",
        ),
        (
            ffi::SQLITE_LOCKED,
            LibraryErrorKind::Storage,
            "another program keeps the library",
        ),
        (
            ffi::SQLITE_PROTOCOL,
            LibraryErrorKind::Storage,
            "another program keeps the library",
        ),
        (ffi::SQLITE_CORRUPT, LibraryErrorKind::Damaged, "is damaged"),
        (
            ffi::SQLITE_CORRUPT_VTAB,
            LibraryErrorKind::Damaged,
            "is damaged",
        ),
        (ffi::SQLITE_NOTADB, LibraryErrorKind::Damaged, "is damaged"),
        (
            ffi::SQLITE_FULL,
            LibraryErrorKind::Storage,
            "no room is left",
        ),
        (
            ffi::SQLITE_READONLY,
            LibraryErrorKind::PermissionDenied,
            "no permission",
        ),
        (
            ffi::SQLITE_PERM,
            LibraryErrorKind::PermissionDenied,
            "no permission",
        ),
        (
            ffi::SQLITE_CANTOPEN,
            LibraryErrorKind::Storage,
            "cannot be read or written",
        ),
        (
            ffi::SQLITE_IOERR_WRITE,
            LibraryErrorKind::Storage,
            "cannot be read or written",
        ),
        (
            ffi::SQLITE_MISUSE,
            LibraryErrorKind::Storage,
            "database refused",
        ),
    ] {
        let error = from_code(code);
        let said = error.to_string();
        assert!(said.contains(words), "{code}: {said}");
        assert_eq!(error.kind(), kind, "{code}: {said}");
        assert!(
            words == "database refused" || said.contains("/home/me/library.sqlite"),
            "{said}"
        );
    }
}

#[test]
fn what_the_system_says_is_understood() {
    for (cause, kind, words) in [
        (
            io::ErrorKind::PermissionDenied,
            LibraryErrorKind::PermissionDenied,
            "no permission",
        ),
        (
            io::ErrorKind::ReadOnlyFilesystem,
            LibraryErrorKind::PermissionDenied,
            "no permission",
        ),
        (
            io::ErrorKind::StorageFull,
            LibraryErrorKind::Storage,
            "no room is left",
        ),
        (
            io::ErrorKind::QuotaExceeded,
            LibraryErrorKind::Storage,
            "no room is left",
        ),
        (
            io::ErrorKind::IsADirectory,
            LibraryErrorKind::Storage,
            "cannot be read or written",
        ),
    ] {
        let error = LibraryError::from_io(cause.into(), Path::new("/data"));
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("/data"), "{error}");
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn every_failure_has_a_remedy_of_a_sentence() {
    let path = || Path::new("/data").to_path_buf();
    let source = || io::Error::from(io::ErrorKind::Other);
    let failures = [
        LibraryError::NoDataFolder,
        LibraryError::NotAFolder { folder: path() },
        LibraryError::Folder {
            folder: path(),
            source: source(),
        },
        LibraryError::Permission { path: path() },
        LibraryError::File {
            path: path(),
            source: source(),
        },
        LibraryError::Damaged {
            path: path(),
            finding: "row 3 missing".into(),
        },
        LibraryError::NewerVersion {
            path: path(),
            found: 9,
            known: 1,
        },
        LibraryError::DiskFull { path: path() },
        LibraryError::Locked { path: path() },
        LibraryError::NotFound(Item::Chat(3)),
        LibraryError::NotFound(Item::Message(4)),
        LibraryError::NotInChat {
            message: 4,
            chat: 3,
        },
        LibraryError::NotWriting { message: 4 },
        LibraryError::Database(rusqlite::Error::InvalidQuery),
    ];
    for failure in failures {
        let remedy = failure.remedy();
        assert!(
            remedy.len() > 20 && remedy.ends_with('.'),
            "{failure}: {remedy}"
        );
        assert!(
            !failure.to_string().is_empty() && !failure.to_string().ends_with('.'),
            "{failure}"
        );
    }
    let newer = LibraryError::NewerVersion {
        path: path(),
        found: 9,
        known: 1,
    };
    assert_eq!(
        newer.to_string(),
        "the library /data has version 9, this program knows versions up to 1"
    );
    assert_eq!(
        LibraryError::NotFound(Item::Chat(3)).to_string(),
        "there is no chat 3"
    );
}

/// A value that our own writers cannot have put there is damage, not a crash.
#[test]
fn a_row_changed_from_outside_is_damage() {
    for sql in [
        "UPDATE chats SET settings = '{'",
        "UPDATE chats SET kind = 'song'",
        "UPDATE chats SET title = x'ff00'",
        "UPDATE messages SET state = 'thinking'",
        "UPDATE messages SET content = 7.5",
        "UPDATE messages SET stats = '[1,'",
    ] {
        let library = super::in_memory();
        let chat = super::begin(&library, "chat").id;
        super::say(&library, chat, None, "hello");
        let connection = library.connection();
        connection
            .execute_batch("PRAGMA ignore_check_constraints = ON")
            .unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
        drop(connection);
        let result = library.path(chat);
        match (&result, sql.contains("7.5")) {
            // A TEXT column keeps a number as text.
            (Ok(path), true) => assert_eq!(path[0].row.content, "7.5"),
            (Err(error), false) => {
                assert_eq!(error.kind(), LibraryErrorKind::Damaged, "{sql}: {error}")
            }
            (other, _) => panic!("{sql}: {other:?}"),
        }
    }
}
