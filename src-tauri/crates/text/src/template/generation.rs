//! `{% generation %}` blocks: a tag of the transformers library around what the assistant says.
//!
//! The tag does nothing to the text. Here it becomes a pair of `if` blocks with a mark between them, so that the white space
//! rules on both sides (`-`, trim_blocks, lstrip_blocks) act exactly as they would on the tag itself.

use super::guard::guard;

/// The template in both forms.
pub(super) struct Tags {
    /// Without marks.
    pub(super) bare: String,
    /// With marks, where there is a generation block.
    pub(super) marked: Option<String>,
}

/// Rewrites all generation tags outside comments, strings and raw blocks, and bounds additions in all other tags.
///
/// # Errors
/// The line of a tag that does not end.
pub(super) fn rewrite(source: &str, marks: [char; 2]) -> Result<Tags, usize> {
    let mut bare = String::with_capacity(source.len());
    let mut marked = String::with_capacity(source.len());
    let mut found = false;
    let mut rest = source;
    while let Some(open) = rest.find('{') {
        let kind = rest[open..].chars().nth(1);
        let end = match kind {
            Some('#') => rest[open + 2..].find("#}").map(|end| end + 4),
            Some('{') => end_of_code(&rest[open..], "}}"),
            Some('%') => end_of_code(&rest[open..], "%}"),
            _ => Some(1),
        };
        let Some(end) = end.map(|end| open + end) else {
            let before = &source[..source.len() - rest.len() + open];
            return Err(before.matches('\n').count() + 1);
        };
        let (before, tag) = rest[..end].split_at(open);
        rest = &rest[end..];
        let word = if kind == Some('%') { word(tag) } else { "" };
        let mut verbatim = "";
        if word == "raw" {
            (verbatim, rest) = rest.split_at(end_of_raw(rest).unwrap_or(rest.len()));
        }
        let replacement = match word {
            "generation" => Some(("if true", marks[0])),
            "endgeneration" => Some(("endif", marks[1])),
            _ => None,
        };
        found |= replacement.is_some();
        let (left, right) = match kind {
            Some('{' | '%') => trims(tag),
            _ => ("", ""),
        };
        for (text, with_mark) in [(&mut bare, false), (&mut marked, true)] {
            text.push_str(before);
            match (replacement, kind) {
                // Two blocks in both forms, so that both are the same template but for the mark.
                (Some((block, mark)), _) => {
                    text.push_str(&format!("{{%{left} {block} %}}"));
                    text.extend(with_mark.then_some(mark));
                    text.push_str(&format!("{{% {block} {right}%}}"));
                }
                (None, Some('{' | '%')) => {
                    let code = &tag[2 + left.len()..tag.len() - 2 - right.len()];
                    text.push_str(&tag[..2 + left.len()]);
                    text.push_str(&guard(code));
                    text.push_str(&tag[tag.len() - 2 - right.len()..]);
                }
                (None, _) => text.push_str(tag),
            }
            text.push_str(verbatim);
        }
    }
    bare.push_str(rest);
    marked.push_str(rest);
    Ok(Tags {
        bare,
        marked: found.then_some(marked),
    })
}

/// Where a raw block's content ends.
fn end_of_raw(content: &str) -> Option<usize> {
    content.match_indices("{%").map(|(at, _)| at).find(|&at| {
        let code = content[at + 2..].trim_start_matches(['-', '+']);
        code.trim_start().starts_with("endraw")
    })
}

/// The first word of a block tag.
fn word(tag: &str) -> &str {
    let inside = &tag[2..tag.len() - 2];
    let inside = inside.trim_start_matches(['-', '+']);
    let inside = inside.trim_end_matches(['-', '+']);
    inside.trim()
}

/// The white space marks of a tag, left and right.
fn trims(tag: &str) -> (&str, &str) {
    let inside = tag.get(2..tag.len().saturating_sub(2)).unwrap_or("");
    let sign = |character: Option<char>| matches!(character, Some('-' | '+'));
    let left = usize::from(sign(inside.chars().next()));
    let inside = &inside[left..];
    let right = usize::from(sign(inside.chars().next_back()));
    (
        &tag[2..2 + left],
        &tag[2 + left + inside.len() - right..2 + left + inside.len()],
    )
}

/// The position after `end`; strings and brackets of dictionaries are skipped.
fn end_of_code(code: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0usize;
    for (at, character) in code.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if depth == 0 && code[at..].starts_with(end) => return Some(at + end.len()),
            None if character == '{' => depth += 1,
            None if character == '}' => depth = depth.saturating_sub(1),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, marked: Option<&str>) {
        let tags = rewrite(source, ['<', '>']).expect("every tag ends");
        assert_eq!(tags.marked.as_deref(), marked, "{source}");
        if marked.is_none() {
            assert_eq!(tags.bare, source);
        }
    }

    #[test]
    fn only_real_tags_are_rewritten() {
        check("{{ 'generation' }}", None);
        check("{# {% generation %} #}", None);
        check("{{ '{% generation %}' }}", None);
        check(
            "{% raw %}{% generation %} don't + {{ a + b }}{% endraw %}",
            None,
        );
        check("{% if generation %}", None);
        check("{{ {'a': {'b': 1}} }}{ } {-", None);
        check(
            "a{%- generation %}b{% endgeneration -%}c",
            Some("a{%- if true %}<{% if true %}b{% endif %}>{% endif -%}c"),
        );
        assert_eq!(rewrite("\n{% generation", ['<', '>']).err(), Some(2));
        assert_eq!(rewrite("{{ 'a }}", ['<', '>']).err(), Some(1));
        for tag in ["{%-%}", "{%+%}", "{%%}", "{{-}}", "{%--%}", "{{}}"] {
            check(tag, None);
        }
    }
}
