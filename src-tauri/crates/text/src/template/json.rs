//! JSON into template values, and back into text by the `tojson` filter as templates expect it: Python's `json.dumps`.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use serde_json::Value as Json;

/// Deepest nesting that is written.
const DEPTH: usize = 128;

/// A template value.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::from(number),
            (_, Some(number), _) => Value::from(number),
            (_, _, Some(number)) => Value::from(number),
            _ => Value::from(()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(entries) => Value::from_pairs(
            entries
                .iter()
                .map(|(key, item)| (key.as_str(), value(item))),
        ),
    }
}

/// How the text is laid out.
struct Layout {
    item: String,
    key: String,
    /// One level of indentation; none for a single line.
    indent: Option<String>,
    ascii: bool,
    sorted: bool,
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn to_json(state: &mut State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent = match options.get::<Option<Value>>("indent")? {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        // Wider than any real template's; it is repeated for every line.
        Some(number) => Some(" ".repeat(number.as_usize().unwrap_or(0).min(16))),
    };
    let (item, key) = match options.get::<Option<Vec<String>>>("separators")?.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        _ if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        _ => (", ".to_owned(), ": ".to_owned()),
    };
    let layout = Layout {
        item,
        key,
        indent,
        ascii: options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let mut text = String::new();
    write(state, value, &layout, 0, &mut text)?;
    Ok(Value::from(text))
}

fn refuse(what: &'static str) -> Error {
    Error::new(ErrorKind::BadSerialization, what)
}

fn write(
    state: &mut State,
    value: &Value,
    layout: &Layout,
    depth: usize,
    text: &mut String,
) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(refuse(
            "the value is nested too deeply to be written as JSON",
        ));
    }
    let before = text.len();
    match value.kind() {
        ValueKind::None => text.push_str("null"),
        ValueKind::Bool => text.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if value.is_integer() => text.push_str(&value.to_string()),
        ValueKind::Number => text.push_str(&python_float(f64::try_from(value.clone())?)),
        ValueKind::String => write_string(value.as_str().unwrap_or(""), layout.ascii, text),
        ValueKind::Seq | ValueKind::Iterable => {
            text.push('[');
            let mut at = 0;
            for item in value.try_iter()? {
                separate(at, layout, depth + 1, text);
                write(state, &item, layout, depth + 1, text)?;
                at += 1;
            }
            close(at, ']', layout, depth, text);
        }
        ValueKind::Map => {
            text.push('{');
            let mut keys = Vec::new();
            for key in value.try_iter()? {
                keys.push((key_text(&key)?, key));
            }
            if layout.sorted {
                keys.sort_by(|left, right| left.0.cmp(&right.0));
            }
            let count = keys.len();
            for (at, (name, key)) in keys.into_iter().enumerate() {
                separate(at, layout, depth + 1, text);
                write_string(&name, layout.ascii, text);
                text.push_str(&layout.key);
                write(state, &value.get_item(&key)?, layout, depth + 1, text)?;
            }
            close(count, '}', layout, depth, text);
        }
        _ => return Err(refuse("the value cannot be written as JSON")),
    }
    // The engine charges a filter's result only when it is there; a list of many long texts must stop before that.
    if depth > 0 {
        state.consume_fuel(1 + (text.len() - before) as u64 / 64)?;
    }
    Ok(())
}

fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::String | ValueKind::Number => Ok(key.to_string()),
        _ => Err(refuse("a key of the value cannot be written as JSON")),
    }
}

fn separate(at: usize, layout: &Layout, depth: usize, text: &mut String) {
    if at > 0 {
        text.push_str(&layout.item);
    }
    new_line(layout, depth, text);
}

fn close(count: usize, bracket: char, layout: &Layout, depth: usize, text: &mut String) {
    if count > 0 {
        new_line(layout, depth, text);
    }
    text.push(bracket);
}

fn new_line(layout: &Layout, depth: usize, text: &mut String) {
    if let Some(indent) = &layout.indent {
        text.push('\n');
        for _ in 0..depth {
            text.push_str(indent);
        }
    }
}

fn write_string(string: &str, ascii: bool, text: &mut String) {
    text.push('"');
    let mut units = [0; 2];
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            _ if character < ' ' || (ascii && character > '~') => {
                for unit in character.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

/// A number as Python's `repr` writes it: the shortest digits that read back, an exponent below 1e-4 and from 1e16 on.
fn python_float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = number.to_string();
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts are those of CPython 3.11.
    #[test]
    fn floats_read_as_in_python() {
        let check = |number: f64, text: &str| assert_eq!(python_float(number), text);
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(1.0, "1.0");
        check(0.1, "0.1");
        check(1e15, "1000000000000000.0");
        check(1e16, "1e+16");
        check(1.5e300, "1.5e+300");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(-123.456, "-123.456");
    }
}
