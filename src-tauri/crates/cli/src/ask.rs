//! Questions read from a terminal or a pipe.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use nc_api::{ApiError, ErrorCode};

/// The next line of standard input without its end, after a prompt where a person types; none at its end.
///
/// # Errors
/// `BadRequest` when standard input does not read (it is not UTF-8, say).
pub(crate) fn next_line() -> Result<Option<String>, ApiError> {
    let input = io::stdin();
    if input.is_terminal() {
        eprint!("> ");
        // The prompt is a courtesy; without it the line still reads.
        let _ = io::stderr().flush();
    }
    let mut line = String::new();
    let read = input.lock().read_line(&mut line).map_err(|error| {
        ApiError::new(
            ErrorCode::BadRequest,
            format!("Standard input could not be read: {error}."),
            "Send plain UTF-8 text, a message a line.",
        )
    })?;
    Ok((read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}
