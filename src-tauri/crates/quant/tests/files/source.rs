//! Files that are not there, may not be read, or change while they are read.

use crate::{
    builders::{GgufBuilder, safetensors_sample},
    check_error,
};
use nc_quant::{FileErrorKind, Gguf, Safetensors, Source};
use std::{fs, path::Path};

fn shrink(path: &Path, bytes: u64) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(bytes))
        .expect("shrunk");
}

#[test]
fn what_cannot_be_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |path: &Path, expected: &str, kind: FileErrorKind| {
        let error = Source::open(path).expect_err(expected);
        check_error(expected, &error, expected);
        assert_eq!(error.kind(), kind);
    };
    check(
        &folder.path().join("absent"),
        "NotFound",
        FileErrorKind::NotFound,
    );
    check(folder.path(), "NotAFile", FileErrorKind::Unsupported);
    let file = folder.path().join("file");
    fs::write(&file, b"GGUF").expect("written");
    check(&file.join("within"), "NotFound", FileErrorKind::NotFound);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("no rights");
        if fs::File::open(&file).is_err() {
            check(&file, "PermissionDenied", FileErrorKind::PermissionDenied);
        } else {
            eprintln!("this user may read everything: PermissionDenied was not tried");
        }
        check(
            Path::new("/dev/null"),
            "NotAFile",
            FileErrorKind::Unsupported,
        );
    }
}

#[test]
fn bytes_are_read_where_they_are() {
    let source = Source::embedded("bytes", b"0123456789");
    assert_eq!(
        (source.name(), source.len(), source.is_empty()),
        ("bytes", 10, false)
    );
    let mut two = [0; 2];
    source.clone().read_at(8, &mut two).expect("the last two");
    assert_eq!(&two, b"89");
    for offset in [9, 10, 11, u64::MAX] {
        check_error(
            "outside",
            &source.read_at(offset, &mut two).expect_err("outside"),
            "Truncated",
        );
    }
    source.read_at(10, &mut []).expect("nothing at the end");
    source.read_at(u64::MAX, &mut []).expect("nothing anywhere");
}

#[test]
fn a_file_that_shrinks_is_told_from_a_damaged_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let changed = |error: nc_quant::FileError| {
        check_error("shrunk", &error, "Changed");
        assert_eq!(error.kind(), FileErrorKind::Changed);
    };

    let path = folder.path().join("model.gguf");
    let bytes = GgufBuilder::sample().build();
    fs::write(&path, &bytes).expect("written");
    let unread = Source::open(&path).expect("a file");
    let gguf = Gguf::open(unread.clone()).expect("a sound file");
    gguf.read_f32("output.weight").expect("still whole");
    shrink(&path, bytes.len() as u64 - 1);
    changed(
        gguf.read_f32("output.weight")
            .expect_err("one byte is gone"),
    );
    changed(
        gguf.read_quantized("output.weight")
            .expect_err("one byte is gone"),
    );
    changed(
        gguf.read_bytes("output.weight")
            .expect_err("one byte is gone"),
    );
    gguf.read_f32("token_embd.weight").expect("is whole");
    shrink(&path, 30);
    changed(Gguf::open(unread).expect_err("the header is gone"));

    let path = folder.path().join("model.safetensors");
    fs::write(&path, safetensors_sample()).expect("written");
    let file = Safetensors::open(Source::open(&path).expect("a file")).expect("a sound file");
    shrink(&path, 0);
    changed(file.read_f32("a.weight").expect_err("everything is gone"));
    changed(Safetensors::open(file.source().clone()).expect_err("everything is gone"));
}

#[test]
fn no_memory_is_an_error() {
    // A sparse file of 4 TiB; the allocator of these tests refuses to give that much.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse.gguf");
    let weights = 1u64 << 42;
    let header = GgufBuilder::default()
        .tensor("w", &[weights], 24, &[0; 32])
        .build();
    fs::write(&path, &header).expect("written");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("open");
    if file.set_len(weights + header.len() as u64).is_err() {
        eprintln!("no file this large here: OutOfMemory was not tried");
        return;
    }
    let gguf = Gguf::open(Source::open(&path).expect("a file")).expect("a sound header");
    let error = gguf.read_bytes("w").expect_err("2^42 bytes");
    check_error("2^42 bytes", &error, "OutOfMemory");
    assert_eq!(error.kind(), FileErrorKind::OutOfMemory);
}
