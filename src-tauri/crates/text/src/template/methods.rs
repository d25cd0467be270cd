//! Methods of Python's strings that templates call and the engine's own compatibility layer lacks.

use minijinja::value::{Tuple, Value, from_args};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;

/// Called for every method that a value does not have.
pub(super) fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    // The compatibility layer's own `title` begins words after white space only.
    if let ("title", Some(text), []) = (method, value.as_str(), args) {
        return Ok(Value::from(title(text)));
    }
    match unknown_method_callback(state, value, method, args) {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => match value.as_str() {
            Some(text) => string_method(text, method, args),
            None => Err(error),
        },
        done => done,
    }
}

fn string_method(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(three(match text.split_once(separator) {
                Some((before, after)) => [before, separator, after],
                None => [text, "", ""],
            }))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(three(match text.rsplit_once(separator) {
                Some((before, after)) => [before, separator, after],
                None => ["", "", text],
            }))
        }
        "rsplit" => {
            let (separator, most): (&str, Option<usize>) = from_args(args)?;
            let mut parts: Vec<&str> = match most {
                Some(most) => text.rsplitn(most.saturating_add(1), separator).collect(),
                None => text.rsplit(separator).collect(),
            };
            parts.reverse();
            Ok(parts.into_iter().map(Value::from).collect())
        }
        "index" => {
            let (part,): (&str,) = from_args(args)?;
            match text.find(part) {
                Some(at) => Ok(Value::from(text[..at].chars().count())),
                None => Err(Error::new(
                    ErrorKind::InvalidOperation,
                    "substring not found",
                )),
            }
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Python's `title`: a word begins after anything that is no letter.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if inside {
            result.extend(character.to_lowercase());
        } else {
            result.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    result
}

fn three(parts: [&str; 3]) -> Value {
    Value::from(Tuple::from(parts.map(Value::from)))
}
