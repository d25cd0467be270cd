//! Who may look into the library, and what happens where it may not be written.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::{begin, marked_lines, refused, say, second_process, task};
use crate::{Library, LibraryErrorKind};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file of an open library with something in it is its owner's alone.
fn check_files(folder: &Path) {
    let library = Library::open(folder).unwrap();
    let chat = begin(&library, "private").id;
    say(&library, chat, None, "hello");
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("library.") {
            assert_eq!(mode(&entry.path()), 0o600, "{name}");
            names.push(name);
        }
    }
    names.sort();
    assert_eq!(
        names,
        [
            "library.lock",
            "library.sqlite",
            "library.sqlite-shm",
            "library.sqlite-wal"
        ]
    );
}

#[test]
fn a_new_library_is_private() {
    let place = tempfile::tempdir().unwrap();
    for (name, made_with) in [
        ("new", None),
        ("deep/new", None),
        ("empty", Some(0o755)),
        ("open", Some(0o777)),
    ] {
        let folder = place.path().join(name);
        if let Some(made_with) = made_with {
            fs::create_dir(&folder).unwrap();
            set_mode(&folder, made_with);
        }
        check_files(&folder);
        assert_eq!(mode(&folder), 0o700, "{name}");
    }
    assert_eq!(mode(&place.path().join("deep")), 0o700);
}

#[test]
fn a_folder_with_other_things_in_it_keeps_its_mode() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("shared");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    set_mode(&folder, 0o755);
    check_files(&folder);
    assert_eq!(mode(&folder), 0o755);
}

#[test]
fn files_that_were_opened_to_others_are_closed_again() {
    let folder = tempfile::tempdir().unwrap();
    check_files(folder.path());
    set_mode(&folder.path().join("library.sqlite"), 0o666);
    set_mode(&folder.path().join("library.lock"), 0o644);
    check_files(folder.path());
}

#[test]
fn a_library_may_be_elsewhere_through_a_link() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("disk")).unwrap();
    symlink(place.path().join("disk"), place.path().join("link")).unwrap();
    check_files(&place.path().join("link"));
}

/// Root may write anywhere, so where the tests run as root a second process without rights does the trying.
#[test]
fn a_folder_without_rights_is_refused() {
    if let Some(folder) = task() {
        println!("refused: {:?}", refused(Path::new(&folder)).kind());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    set_mode(place.path(), 0o755);
    let sealed = place.path().join("sealed");
    fs::create_dir(&sealed).unwrap();
    let unreadable = place.path().join("unreadable");
    fs::create_dir(&unreadable).unwrap();
    drop(Library::open(&unreadable).unwrap());
    let read_only = place.path().join("read_only");
    fs::create_dir(&read_only).unwrap();
    drop(Library::open(&read_only).unwrap());
    set_mode(&read_only.join("library.sqlite"), 0o400);
    for (folder, mode) in [(&sealed, 0o555), (&unreadable, 0o000), (&read_only, 0o555)] {
        set_mode(folder, mode);
    }

    let denied = format!("{:?}", LibraryErrorKind::PermissionDenied);
    let check = |folder: &Path, kind: String| assert_eq!(kind, denied, "{}", folder.display());
    if fs::metadata(place.path()).unwrap().uid() == 0 {
        let program = place.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        set_mode(&program, 0o755);
        let test = "tests::permissions::a_folder_without_rights_is_refused";
        for folder in [&sealed, &sealed.join("inside"), &unreadable, &read_only] {
            let mut command = second_process(&program, test, folder.to_str().unwrap());
            let mut child = command
                .uid(65_534)
                .gid(65_534)
                .current_dir("/")
                .spawn()
                .unwrap();
            let kind = marked_lines(&mut child, "refused: ").last();
            assert!(child.wait().unwrap().success());
            check(folder, kind.unwrap());
        }
    } else {
        // An ordinary user's own folder is given the rights it should have; another's cannot be.
        drop(Library::open(&sealed).unwrap());
        let folder = Path::new("/usr/neuralchat-desktop-test");
        check(folder, format!("{:?}", refused(folder).kind()));
    }
    // So that an ordinary user's test can clear up after itself.
    for folder in [&sealed, &unreadable, &read_only] {
        set_mode(folder, 0o700);
    }
}
