//! Which regular expressions of a tokenizer file may be run.
//!
//! The library's engine backtracks. Its own limit (ten million steps a match) ends a bad match, but by a panic and after a
//! second for every position. So a pattern is looked at before it is built: a repetition without bound may only repeat a
//! single character or class, never a group that itself repeats or chooses. Every published tokenizer keeps to that.

use crate::error::{Result, TextError};

/// Longest pattern accepted, in bytes; published ones stay under 1,000 except lists of character ranges.
const PATTERN_BYTES: usize = 16 * 1024;
/// Largest count in `{n,m}`.
const REPEAT: u32 = 256;

/// An error with the pattern shortened for display.
fn refuse(pattern: &str, cause: &'static str) -> TextError {
    TextError::RuleUnsafe {
        rule: pattern.chars().take(80).collect(),
        cause,
    }
}

/// What a group contains, as far as it matters for repeating it.
#[derive(Clone, Copy, Default)]
struct Contents {
    repeats: bool,
    chooses: bool,
    /// Product of the counts of nested bounded repetitions.
    size: u32,
}

/// Refuses patterns whose running time could explode.
pub(super) fn check_pattern(pattern: &str) -> Result<()> {
    if pattern.len() > PATTERN_BYTES {
        return Err(refuse(pattern, "the expression is too long"));
    }
    let characters: Vec<char> = pattern.chars().collect();
    let mut groups: Vec<Contents> = vec![Contents::default()];
    // What a quantifier at this place would apply to: None for nothing or a single character.
    let mut last_group: Option<Contents> = None;
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        at += 1;
        match character {
            '\\' => {
                let escaped = characters.get(at).copied();
                if matches!(escaped, Some('1'..='9' | 'k' | 'g')) {
                    return Err(refuse(pattern, "it refers back to what it matched"));
                }
                at += 1;
                if matches!(escaped, Some('p' | 'P' | 'x' | 'o'))
                    && characters.get(at) == Some(&'{')
                {
                    at = skip_to(&characters, at, '}');
                }
                last_group = None;
            }
            '[' => {
                at = skip_class(&characters, at);
                last_group = None;
            }
            '(' => {
                if groups.len() > 32 {
                    return Err(refuse(pattern, "its groups are nested too deeply"));
                }
                at = skip_group_header(&characters, at)
                    .ok_or_else(|| refuse(pattern, "it has a group of an unknown kind"))?;
                groups.push(Contents::default());
                last_group = None;
            }
            ')' => {
                let inner = match groups.pop() {
                    Some(inner) if !groups.is_empty() => inner,
                    _ => return Err(refuse(pattern, "its brackets do not match")),
                };
                if let Some(outer) = groups.last_mut() {
                    outer.repeats |= inner.repeats;
                    outer.chooses |= inner.chooses;
                    outer.size = outer.size.max(inner.size);
                }
                last_group = Some(inner);
            }
            '|' => {
                if let Some(group) = groups.last_mut() {
                    group.chooses = true;
                }
                last_group = None;
            }
            '*' | '+' | '{' => {
                let bound = if character == '{' {
                    let end = skip_to(&characters, at, '}');
                    let counts = read_counts(&characters[at..end.saturating_sub(1).max(at)]);
                    let Some(counts) = counts else {
                        // Not a quantifier but a plain bracket.
                        last_group = None;
                        continue;
                    };
                    at = end;
                    counts
                } else {
                    None
                };
                let group = last_group.take();
                check_repeat(pattern, bound, group)?;
                if let Some(outer) = groups.last_mut() {
                    outer.repeats = true;
                    let inner = group.map_or(1, |g| g.size.max(1));
                    outer.size = outer.size.max(inner.saturating_mul(bound.unwrap_or(1)));
                }
                // A possessive or lazy mark belongs to the quantifier; a second quantifier would repeat a repetition.
                if matches!(characters.get(at), Some('?' | '+')) {
                    at += 1;
                }
                if matches!(characters.get(at), Some('*' | '+' | '{')) {
                    return Err(refuse(pattern, "it repeats a repetition"));
                }
            }
            '?' => {
                if matches!(characters.get(at), Some('?' | '+')) {
                    at += 1;
                }
                last_group = None;
            }
            _ => last_group = None,
        }
    }
    if groups.len() != 1 {
        return Err(refuse(pattern, "its brackets do not match"));
    }
    Ok(())
}

/// `bound`: the largest count, or none for no bound; `group`: what is repeated, where it is a group.
fn check_repeat(pattern: &str, bound: Option<u32>, group: Option<Contents>) -> Result<()> {
    if bound.is_some_and(|most| most > REPEAT) {
        return Err(refuse(pattern, "it asks for too many repetitions"));
    }
    let Some(group) = group else { return Ok(()) };
    match bound {
        None if group.repeats || group.chooses => Err(refuse(
            pattern,
            "it repeats a group that itself repeats or chooses",
        )),
        Some(most) if group.repeats && most > 4 => {
            Err(refuse(pattern, "it repeats a group that itself repeats"))
        }
        Some(most) if group.size.max(1).saturating_mul(most) > REPEAT => {
            Err(refuse(pattern, "it asks for too many repetitions"))
        }
        _ => Ok(()),
    }
}

/// The position after the next `end`, or the end of the pattern.
fn skip_to(characters: &[char], from: usize, end: char) -> usize {
    characters[from.min(characters.len())..]
        .iter()
        .position(|&c| c == end)
        .map_or(characters.len(), |found| from + found + 1)
}

/// The position after a character class whose opening bracket was just read; classes nest.
fn skip_class(characters: &[char], mut at: usize) -> usize {
    if characters.get(at) == Some(&'^') {
        at += 1;
    }
    // A closing bracket in first place is an ordinary character.
    if characters.get(at) == Some(&']') {
        at += 1;
    }
    while let Some(&character) = characters.get(at) {
        at += 1;
        match character {
            '\\' => at += 1,
            '[' => at = skip_class(characters, at),
            ']' => return at,
            _ => {}
        }
    }
    at
}

/// The position after `?:`, `?=`, `?!`, `?>`, `?<=`, `?<!`, `?<name>` or options such as `?i:`; none for anything else.
///
/// The extended option (`x`) is not accepted: it would let white space hide what a quantifier repeats.
fn skip_group_header(characters: &[char], at: usize) -> Option<usize> {
    if characters.get(at) != Some(&'?') {
        return Some(at);
    }
    let next = |offset: usize| characters.get(at + offset).copied();
    match (next(1)?, next(2)) {
        (':' | '=' | '!' | '>', _) => Some(at + 2),
        ('<', Some('=' | '!')) => Some(at + 3),
        ('<', Some(first)) if first.is_alphabetic() => {
            let name = characters[at + 2..]
                .iter()
                .position(|c| !c.is_alphanumeric())?;
            (characters[at + 2 + name] == '>').then_some(at + 3 + name)
        }
        _ => {
            let options = characters[at + 1..]
                .iter()
                .position(|c| !matches!(c, 'i' | 'm' | 's' | '-'))?;
            match characters[at + 1 + options] {
                ':' => Some(at + 2 + options),
                // `(?i)` switches an option and closes at once: leave the bracket to the caller.
                ')' => Some(at + 1 + options),
                _ => None,
            }
        }
    }
}

/// The counts of `{n}`, `{n,}`, `{,m}` or `{n,m}`: the inner value is the upper bound, none where there is none.
fn read_counts(inside: &[char]) -> Option<Option<u32>> {
    let text: String = inside.iter().collect();
    let number = |part: &str| part.parse::<u32>().ok();
    match text.split_once(',') {
        None => Some(Some(number(&text)?)),
        Some((low, "")) => number(low).map(|_| None),
        Some(("", high)) => Some(Some(number(high)?)),
        Some((low, high)) => number(low).and(Some(Some(number(high)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, accepted: bool) {
        assert_eq!(check_pattern(pattern).is_ok(), accepted, "{pattern}");
    }

    #[test]
    fn published_patterns_pass_and_bombs_do_not() {
        for split in super::super::split::every_pattern() {
            check(split, true);
        }
        check(r"(?:'[sS]|'ll)|\s+(?!\S)|[a-z&&[^x]]+", true);
        check("a{2}b{1,3}(?:ab){4}", true);
        check(r"(\p{N}{1,3})?", true);
        check("(a+)+$", false);
        check("(a|a)*b", false);
        check("(?:a|ab)+", false);
        check("(?:[a-z]+x)*", false);
        check("((a+)?)+", false);
        check("(?:a{1,20}){20}", false);
        check("(?:a+){40}", false);
        check("a{100000}", false);
        check("a**", false);
        check("a+*", false);
        check(r"(a)\1", false);
        check("(?x)(a+) +", false);
        check("(?#)a", false);
        check("(?<name>a)(?i)b(?-i:c)(?>d)(?<!e)", true);
        check("(a", false);
        check("a)", false);
        check(&"(".repeat(100_000), false);
        check(&"[".repeat(10_000), true);
    }
}
