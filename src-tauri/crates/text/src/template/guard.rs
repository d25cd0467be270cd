//! Bounds on `+` and `*` in templates.
//!
//! The engine's step budget covers strings, output and loops, but not the joining and repeating of lists, which it puts off: some
//! thirty doublings make a list that fills any memory the moment it is laid out, and constant expressions are computed before there is a budget. So
//! every operand of `+` and `*` gets a filter that passes everything but long lists. A filter binds tighter than any operator, and so changes nothing else.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

/// Most items of a list that takes part in `+`.
const ITEMS: usize = 100_000;
/// The filter on operands of `+`.
const ADDEND: &str = "operand_of_plus";
/// The filter on operands of `*`.
const FACTOR: &str = "operand_of_times";

/// Registers both filters and takes out what would go around them.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter(ADDEND, |value: Value| {
        let list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
        if list && value.len().is_none_or(|items| items > ITEMS) {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        Ok(value)
    });
    environment.add_filter(FACTOR, |value: Value| match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Err(Error::new(
            ErrorKind::InvalidOperation,
            "lists cannot be repeated in a chat template",
        )),
        _ => Ok(value),
    });
    // Adds lists too; templates that sum numbers count in a loop.
    environment.remove_filter("sum");
    // Not part of Jinja.
    environment.remove_filter("chain");
}

/// What is known at one level of brackets.
#[derive(Default)]
struct Level {
    /// The filter that the operand after an operator is waiting for.
    wanted: Option<&'static str>,
    /// Whether that operand has begun.
    begun: bool,
    /// Whether what was read last could be an operand's end, and where it ended.
    operand: bool,
    end: usize,
    /// Whether a name belongs to what is before it (after `.` and `|`).
    name_follows: bool,
}

impl Level {
    /// Something that is an operand, or goes on with one, was read.
    fn took_operand(&mut self, end: usize) {
        self.operand = true;
        self.begun = self.wanted.is_some();
        self.end = end;
        self.name_follows = false;
    }

    /// The operand, if one was waited for, is over: give it its filter.
    fn close(&mut self, guarded: &mut String) {
        if self.begun
            && let Some(filter) = self.wanted.take()
        {
            self.append(filter, guarded);
        }
        self.begun = false;
    }

    fn append(&mut self, filter: &str, guarded: &mut String) {
        let filter = format!("|{filter}");
        if !guarded[..self.end].ends_with(&filter) {
            guarded.insert_str(self.end, &filter);
            self.end += filter.len();
        }
    }
}

/// The code of one tag with filters on all operands of `+` and `*`.
pub(super) fn guard(code: &str) -> String {
    if !code.contains(['+', '*']) {
        return code.to_owned();
    }
    let mut guarded = String::with_capacity(code.len() * 2);
    let mut levels = vec![Level::default()];
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let taken = token(rest, first);
        let (text, after) = rest.split_at(taken);
        rest = after;
        let deep = levels.len() > 1;
        let Some(level) = levels.last_mut() else {
            break;
        };
        match first {
            _ if first.is_whitespace() => guarded.push_str(text),
            '"' | '\'' => {
                level.close(&mut guarded);
                guarded.push_str(text);
                level.took_operand(guarded.len());
            }
            _ if is_word(first) => {
                if !level.name_follows {
                    level.close(&mut guarded);
                }
                guarded.push_str(text);
                if level.name_follows || !is_keyword(text) {
                    level.took_operand(guarded.len());
                } else {
                    level.operand = false;
                }
            }
            '.' | '|' if level.operand => {
                guarded.push_str(text);
                level.name_follows = true;
            }
            '(' | '[' | '{' => {
                guarded.push_str(text);
                levels.push(Level::default());
            }
            ')' | ']' | '}' => {
                level.close(&mut guarded);
                guarded.push_str(text);
                if deep {
                    levels.pop();
                }
                if let Some(outer) = levels.last_mut() {
                    outer.took_operand(guarded.len());
                }
            }
            '+' | '*' if text.len() == 1 && level.operand => {
                level.close(&mut guarded);
                let filter = if first == '+' { ADDEND } else { FACTOR };
                level.append(filter, &mut guarded);
                guarded.push_str(text);
                level.wanted = Some(filter);
                level.operand = false;
            }
            // A sign before an operand that is still waited for.
            '+' | '-' if !level.operand => guarded.push_str(text),
            _ => {
                level.close(&mut guarded);
                level.wanted = None;
                level.operand = false;
                guarded.push_str(text);
            }
        }
    }
    if let Some(level) = levels.last_mut() {
        level.close(&mut guarded);
    }
    guarded
}

/// The length of the token at the beginning of `rest`.
fn token(rest: &str, first: char) -> usize {
    match first {
        '"' | '\'' => {
            let mut escaped = false;
            for (at, character) in rest.char_indices().skip(1) {
                if !escaped && character == first {
                    return at + 1;
                }
                escaped = !escaped && character == '\\';
            }
            rest.len()
        }
        '*' if rest.starts_with("**") => 2,
        _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        _ => first.len_utf8(),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Words that are no operand.
fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "and" | "or" | "not" | "if" | "elif" | "else" | "in" | "is" | "for" | "set" | "do"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P` and `T` stand for the filters.
    fn check(code: &str, expected: &str) {
        let guarded = guard(code);
        let short = guarded
            .replace("|operand_of_plus", "|P")
            .replace("|operand_of_times", "|T");
        assert_eq!(short, expected, "{code}");
    }

    #[test]
    fn operands_get_their_filter() {
        check("a + b", "a|P + b|P");
        check("a+b+c", "a|P+b|P+c|P");
        check("set n.x = n.x + [i]", "set n.x = n.x|P + [i]|P");
        check(
            "x[1:] + f(a + 1).b | trim ~ c",
            "x[1:]|P + f(a|P + 1|P).b | trim|P ~ c",
        );
        check("a + b if c is d else e", "a|P + b|P if c is d else e");
        check("a + b * c", "a|P + b|P|T * c|T");
        check("(a + b) * 2", "(a|P + b|P)|T * 2|T");
        check("'+' ~ \"*\" ~ 'it\\'s+'", "'+' ~ \"*\" ~ 'it\\'s+'");
        check("a + -b - c", "a|P + -b|P - c");
        check("-a + 'x'", "-a|P + 'x'|P");
        check("2 ** 3 + 1.5", "2 ** 3|P + 1.5|P");
        check("f(*a, b=c + d)", "f(*a, b=c|P + d|P)");
        check("{'a': b + c}['a'] + d", "{'a': b|P + c|P}['a']|P + d|P");
        check("if +a == b", "if +a == b");
        check("a + not b", "a|P + not b|P");
        check("a +", "a|P +");
        check(") + a", ")|P + a|P");
    }
}
