//! Checks on the parts of `tokenizer.json` that are rules: normalizers, pre-tokenizers, decoders.

use serde_json::Value;

use super::decode::Spelling;
use super::pattern::check_pattern;
use crate::error::{Result, TextError};

/// Most rules in one chain.
const RULES: usize = 64;
/// How much longer text may become by replacing and prepending, all rules together.
const GROWTH: usize = 64;

fn refuse(rule: &Value, cause: &'static str) -> TextError {
    TextError::RuleUnsafe {
        rule: rule.to_string().chars().take(80).collect(),
        cause,
    }
}

/// The steps of a chain, nested sequences opened; an absent chain has none.
fn steps(chain: &Value) -> Result<Vec<&Value>> {
    let mut found = Vec::new();
    let mut open = vec![chain];
    while let Some(step) = open.pop() {
        if step.is_null() {
            continue;
        }
        let nested = ["normalizers", "pretokenizers", "decoders"]
            .iter()
            .find_map(|key| step.get(key)?.as_array());
        match nested {
            Some(inner) => open.extend(inner.iter().rev()),
            None => found.push(step),
        }
        if found.len() + open.len() > RULES {
            return Err(refuse(chain, "it has too many steps"));
        }
    }
    Ok(found)
}

fn kind(step: &Value) -> &str {
    step.get("type").and_then(Value::as_str).unwrap_or("")
}

/// Refuses chains that could run or grow without bound.
pub(super) fn check_chain(chain: &Value) -> Result<()> {
    let mut growth = 1usize;
    for step in steps(chain)? {
        let pattern = step.get("pattern");
        let literal = pattern
            .and_then(|p| p.get("String"))
            .and_then(Value::as_str);
        if let Some(regex) = pattern.and_then(|p| p.get("Regex")).and_then(Value::as_str) {
            check_pattern(regex)?;
        }
        match kind(step) {
            "Replace" => {
                let content = step.get("content").and_then(Value::as_str).unwrap_or("");
                // A pattern may match nothing at all, and so at every place: count that as one byte.
                let matched = literal.map_or(1, str::len).max(1);
                let added = usize::from(literal.is_none_or(str::is_empty));
                growth = growth.saturating_mul(content.len().div_ceil(matched).max(1) + added);
            }
            "Prepend" => {
                let prepended = step.get("prepend").and_then(Value::as_str).unwrap_or("");
                if prepended.len() > GROWTH {
                    return Err(refuse(step, "it prepends too much"));
                }
            }
            "FixedLength" if step.get("length").and_then(Value::as_u64) == Some(0) => {
                return Err(refuse(step, "it cuts text into pieces of no length"));
            }
            _ => {}
        }
        if growth > GROWTH {
            return Err(refuse(step, "it makes text too much longer"));
        }
    }
    Ok(())
}

/// How the file's decoder spells text, where it is one of the usual ones.
pub(super) fn spelling(decoder: &Value) -> Result<Spelling> {
    let steps = steps(decoder)?;
    if let [only] = steps.as_slice()
        && kind(only) == "ByteLevel"
    {
        return Ok(Spelling::ByteLevel);
    }
    let mut mark = None;
    let mut bytes = false;
    let mut fused = false;
    let mut strip = 0;
    for step in steps {
        let text = |key: &str| step.get(key).and_then(Value::as_str);
        let number = |key: &str| step.get(key).and_then(Value::as_u64);
        match kind(step) {
            "Replace" if mark.is_none() && !bytes && !fused => {
                let pattern = step.get("pattern").and_then(|p| p.get("String"));
                let mut characters = pattern.and_then(Value::as_str).unwrap_or("").chars();
                mark = characters.next();
                if mark.is_none() || characters.next().is_some() || text("content") != Some(" ") {
                    return Ok(Spelling::Library);
                }
            }
            "ByteFallback" if !fused => bytes = true,
            "Fuse" => fused = true,
            "Strip" if fused && strip == 0 && text("content") == Some(" ") => {
                let start = number("start").and_then(|n| usize::try_from(n).ok());
                match (start, number("stop")) {
                    (Some(start), Some(0)) => strip = start,
                    _ => return Ok(Spelling::Library),
                }
            }
            _ => return Ok(Spelling::Library),
        }
    }
    Ok(match mark {
        Some(mark) if fused => Spelling::Pieces { mark, bytes, strip },
        _ => Spelling::Library,
    })
}
