//! The file readers against sound files, hostile files, and files that change while they are read.

mod allocation;
mod builders;
mod decode;
mod gguf;
mod gguf_hostile;
mod properties;
mod safetensors;
mod safetensors_hostile;
mod sharded;
mod source;

use nc_quant::{FileError, Source};

/// Bytes as a source, in place of a file.
fn embedded(bytes: &[u8]) -> Source {
    Source::embedded("test", Box::leak(bytes.to_vec().into_boxed_slice()))
}

/// The variant of an error: all of its `Debug` form up to the fields.
fn variant(error: &FileError) -> String {
    format!("{error:?}")
        .split([' ', '{'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What every error must be, whatever it is about: of the expected variant, told in one line of bearable length, with a remedy.
fn check_error(case: &str, error: &FileError, expected: &str) {
    assert_eq!(variant(error), expected, "{case}: {error}");
    let message = error.to_string();
    assert!(
        !message.contains('\n') && message.len() < 1000,
        "{case}: {message}"
    );
    assert!(error.remedy().ends_with('.'), "{case}: {}", error.remedy());
}
