//! What is printed, and how a command ends.

use std::io::{self, Write as _};
use std::process::ExitCode;

use nc_api::{ApiError, ErrorCode};
use serde::Serialize;

/// Prints text as it is and pushes it out at once.
///
/// # Errors
/// `Storage` when standard output takes no more. A reader that left (`| head`) ends the program quietly instead.
pub(crate) fn print(text: &str) -> Result<(), ApiError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(ApiError::new(
            ErrorCode::Storage,
            format!("Standard output could not be written: {error}."),
            "Check where the output is sent.",
        )),
    }
}

/// Prints one line of JSON.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), ApiError> {
    let line = serde_json::to_string(value).map_err(|error| {
        ApiError::new(
            ErrorCode::Internal,
            error.to_string(),
            "Please report this as a bug.",
        )
    })?;
    print(&format!("{line}\n"))
}

/// Says what went wrong, in the form that was asked for, and gives the status.
pub(crate) fn ended(json: bool, result: Result<(), ApiError>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if json {
        // There is nowhere left to say that this failed too.
        let _ = print_json(&serde_json::json!({ "error": error }));
    } else {
        eprintln!("error: {}\n{}", error.message, error.remedy);
    }
    ExitCode::FAILURE
}
