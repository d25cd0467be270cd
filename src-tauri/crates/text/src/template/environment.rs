//! The sandbox in which a template runs, and the functions it finds there.
//!
//! A template comes with the model and is hostile input. It sees values only, no files and no network. A step budget covers what it computes and what it
//! allocates (minijinja charges about one step for 64 bytes), and what it writes is limited too.

use std::error::Error as _;
use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, State};
use serde_json::Map;
use time::OffsetDateTime;

use super::{guard, json, strftime};
use crate::error::{Result, TextError};

/// Steps that one rendering may take: a turn needs about a hundred, so this is enough for 10,000 of them.
const STEPS: u64 = 2_000_000;
/// Bytes that one rendering may write.
const OUTPUT_BYTES: usize = 64 << 20;
/// The template's name inside its environment.
const NAME: &str = "chat";
/// The variable that holds the time of rendering, in seconds since 1970 (UTC); a caller may set it.
pub(super) const NOW: &str = "now_unix_seconds";

/// What `raise_exception` was called with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

/// Stack of the thread that a template runs on. Values can be nested as deep as there are steps to nest them, and are taken
/// apart by recursion; the address space is reserved, and memory is used only as far as the stack really grows.
const STACK_BYTES: usize = 256 << 20;

/// Runs something that may need a deep stack: parsing, or one conversation's renderings together, since a thread costs more than
/// most of them.
pub(super) fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let failed = |cause: String| TextError::TemplateFailed { line: 0, cause };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("chat template".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| failed(format!("no thread could be started: {error}")))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(failed("the template engine broke off".to_owned())))
    })
}

/// Parses a template under the settings of the transformers library.
pub(super) fn compile(source: String) -> Result<Environment<'static>> {
    on_a_deep_stack(|| parse(source))
}

fn parse(source: String) -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(|error| failure(&error))?;
    environment.set_syntax(syntax);
    environment.set_fuel(Some(STEPS));
    environment.set_unknown_method_callback(super::methods::call);
    guard::install(&mut environment);
    environment.add_filter("tojson", json::to_json);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment
        .add_template_owned(NAME, source)
        .map_err(|error| TextError::TemplateSyntax {
            line: error.line().unwrap_or(0),
            cause: describe(&error),
        })?;
    Ok(environment)
}

/// Runs a template over these variables, on a deep stack.
pub(super) fn run(
    environment: &Environment<'static>,
    variables: &Map<String, serde_json::Value>,
) -> Result<String> {
    let mut output = Limited::default();
    let done = environment
        .get_template(NAME)
        .and_then(|template| {
            let variables = variables
                .iter()
                .map(|(name, v)| (name.as_str(), json::value(v)));
            template.render_captured_to(Value::from_pairs(variables), &mut output)
        })
        .map(drop);
    if output.overflowed {
        return Err(TextError::TemplateOutputTooLarge {
            limit_bytes: OUTPUT_BYTES,
        });
    }
    done.map_err(|error| failure(&error))?;
    // The template engine writes whole strings, so the bytes are UTF-8.
    Ok(String::from_utf8_lossy(&output.bytes).into_owned())
}

/// A template's error by its origin.
fn failure(error: &Error) -> TextError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(Raised(message)) = current.downcast_ref() {
            return TextError::TemplateRaised {
                message: message.clone(),
            };
        }
        let inner: Option<&Error> = current.downcast_ref();
        if inner.is_some_and(|inner| inner.kind() == ErrorKind::OutOfFuel) {
            return TextError::TemplateTooLong { steps: STEPS };
        }
        cause = current.source();
    }
    TextError::TemplateFailed {
        line: error.line().unwrap_or(0),
        cause: describe(error),
    }
}

/// What went wrong, with the reason behind it.
fn describe(error: &Error) -> String {
    let mut text = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}; {current}");
        cause = current.source();
    }
    text
}

fn raise_exception(message: String) -> std::result::Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(message)))
}

/// The date and time of rendering (UTC) in Python's notation.
fn strftime_now(state: &mut State, format: String) -> std::result::Result<String, Error> {
    let seconds = state.lookup(NOW).and_then(|value| value.as_i64());
    let now = seconds
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Ok(strftime::format(now, &format))
}

/// Collects output up to the limit.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
    overflowed: bool,
}

impl Write for Limited {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > OUTPUT_BYTES {
            self.overflowed = true;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
