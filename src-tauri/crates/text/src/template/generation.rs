//! `{% generation %}` blocks: a tag of the transformers library around what the assistant says.
//!
//! The tag does nothing to the text. Here it becomes a pair of `if` blocks with a mark between them, so that the white space
//! rules on both sides (`-`, trim_blocks, lstrip_blocks) act exactly as they would on the tag itself.

/// The template in both forms.
pub(super) struct Tags {
    /// Without marks.
    pub(super) bare: String,
    /// With marks, where there is a generation block.
    pub(super) marked: Option<String>,
}

/// Rewrites all generation tags outside comments, strings and raw blocks.
pub(super) fn rewrite(source: &str, marks: [char; 2]) -> Tags {
    let mut bare = String::with_capacity(source.len());
    let mut marked = String::with_capacity(source.len());
    let mut found = false;
    let mut raw = false;
    let mut rest = source;
    while let Some(open) = rest.find('{') {
        let kind = rest[open..].chars().nth(1);
        let end = match kind {
            Some('#') if !raw => rest[open..].find("#}").map(|end| open + end + 2),
            Some('{') if !raw => end_of_code(&rest[open..], "}}").map(|end| open + end),
            Some('%') => end_of_code(&rest[open..], "%}").map(|end| open + end),
            _ => Some(open + 1),
        };
        // A tag without end is a mistake that the parser reports.
        let Some(end) = end else { break };
        let tag = &rest[open..end];
        let word = if kind == Some('%') { word(tag) } else { "" };
        let replacement = match word {
            "raw" => {
                raw = true;
                None
            }
            "endraw" => {
                raw = false;
                None
            }
            "generation" if !raw => Some(("if true", "if true", marks[0])),
            "endgeneration" if !raw => Some(("endif", "endif", marks[1])),
            _ => None,
        };
        for (text, with_mark) in [(&mut bare, false), (&mut marked, true)] {
            text.push_str(&rest[..open]);
            match replacement {
                Some((first, second, mark)) => {
                    let (before, after) = trims(tag);
                    text.push_str(&format!("{{%{before} {first} "));
                    if with_mark {
                        text.push_str(&format!("%}}{mark}{{% {second} "));
                    } else {
                        // The same number of blocks, so that the parser counts both forms alike.
                        text.push_str(&format!("%}}{{% {second} "));
                    }
                    text.push_str(&format!("{after}%}}"));
                }
                None => text.push_str(tag),
            }
        }
        found |= replacement.is_some();
        rest = &rest[end..];
    }
    bare.push_str(rest);
    marked.push_str(rest);
    Tags {
        bare,
        marked: found.then_some(marked),
    }
}

/// The first word of a block tag.
fn word(tag: &str) -> &str {
    let inside = &tag[2..tag.len() - 2];
    let inside = inside.trim_start_matches(['-', '+']);
    let inside = inside.trim_end_matches(['-', '+']);
    inside.trim()
}

/// The white space marks of a block tag, left and right.
fn trims(tag: &str) -> (&str, &str) {
    let inside = &tag[2..tag.len() - 2];
    let before = match inside.chars().next() {
        Some('-') => "-",
        Some('+') => "+",
        _ => "",
    };
    let after = match inside.chars().next_back() {
        Some('-') => "-",
        Some('+') => "+",
        _ => "",
    };
    (before, after)
}

/// The position after `end`, strings skipped.
fn end_of_code(code: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in code.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if code[at..].starts_with(end) => return Some(at + end.len()),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, marked: Option<&str>) {
        let tags = rewrite(source, ['<', '>']);
        assert_eq!(tags.marked.as_deref(), marked, "{source}");
    }

    #[test]
    fn only_real_tags_are_rewritten() {
        check("{{ 'generation' }}", None);
        check("{# {% generation %} #}", None);
        check("{{ '{% generation %}' }}", None);
        check("{% raw %}{% generation %}{% endraw %}", None);
        check("{% if generation %}", None);
        check("{% generation", None);
        check(
            "a{%- generation %}b{% endgeneration -%}c",
            Some("a{%- if true %}<{% if true %}b{% endif %}>{% endif -%}c"),
        );
    }
}
