//! Where a model keeps its chat template.

use serde_json::Value;

/// The template of a model, from the places where one may be: a file of its own (`chat_template.jinja`, or `chat_template.json` with
/// the key `chat_template`), `tokenizer_config.json`, a GGUF file's `tokenizer.chat_template`. The first that has one wins. Where there are several
/// by name, `default` is taken, else the first.
pub fn find_chat_template(
    tokenizer_config: Option<&[u8]>,
    chat_template_file: Option<&[u8]>,
    gguf_template: Option<&str>,
) -> Option<String> {
    let own = chat_template_file.and_then(|bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(file)) => template(file.get("chat_template")?),
            _ => Some(text.to_owned()),
        }
    });
    own.or_else(|| {
        let config: Value = serde_json::from_slice(tokenizer_config?).ok()?;
        template(config.get("chat_template")?)
    })
    .or_else(|| gguf_template.map(str::to_owned))
    .filter(|template| !template.trim().is_empty())
}

/// A template, or a list of them by name.
fn template(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let entries = value.as_array()?;
    let is_default = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some("default");
    let entry = entries
        .iter()
        .find(is_default)
        .or_else(|| entries.first())?;
    entry.get("template")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_looked_at() {
        let check = |config: Option<&str>, file: Option<&str>, gguf, found: Option<&str>| {
            let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
            let config = config.map(|text| text.to_owned());
            let file = file.map(|text| text.to_owned());
            let given = find_chat_template(
                config.as_deref().map(str::as_bytes),
                file.as_deref().map(str::as_bytes),
                gguf,
            );
            assert_eq!(given.as_deref(), found);
            assert_eq!(bytes(None), None);
        };
        check(None, None, None, None);
        check(
            Some(r#"{"chat_template": "a"}"#),
            None,
            Some("g"),
            Some("a"),
        );
        check(Some("{}"), None, Some("g"), Some("g"));
        check(Some("not json"), None, None, None);
        check(
            Some(r#"{"chat_template": "a"}"#),
            Some("{{ x }}"),
            None,
            Some("{{ x }}"),
        );
        check(None, Some(r#"{"chat_template": "b"}"#), None, Some("b"));
        check(
            Some(
                r#"{"chat_template": [{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}]}"#,
            ),
            None,
            None,
            Some("d"),
        );
        check(
            Some(r#"{"chat_template": [{"name": "tool", "template": "t"}]}"#),
            None,
            None,
            Some("t"),
        );
        check(Some(r#"{"chat_template": " "}"#), None, None, None);
    }
}
