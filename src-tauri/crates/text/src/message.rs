//! A conversation as chat templates see it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One turn of a conversation.
///
/// In JSON it is the object that every chat format uses: `role`, `content` and further fields. Content that is not a text (null beside tool calls,
/// or a list of parts) is kept in `extra` under `content`, handed to the template as it is, and `content` holds its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Raw", into = "Raw")]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, or what else the model's template knows.
    pub role: String,
    /// The words.
    pub content: String,
    /// Further fields such as `tool_calls`, handed to the template as they are.
    pub extra: Map<String, Value>,
}

/// Turns in the order in which they were spoken.
pub type Conversation = [Message];

impl Message {
    /// A turn without further fields.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            content: content.into(),
            extra: Map::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Raw {
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl From<Raw> for Message {
    fn from(raw: Raw) -> Self {
        let mut extra = raw.extra;
        let content = match raw.content {
            Value::String(text) => text,
            other => {
                let parts = other.as_array().into_iter().flatten();
                let words = parts.filter_map(|part| part.get("text")?.as_str());
                let words = words.collect();
                extra.insert("content".to_owned(), other);
                words
            }
        };
        Self {
            role: raw.role,
            content,
            extra,
        }
    }
}

impl From<Message> for Raw {
    fn from(message: Message) -> Self {
        let mut extra = message.extra;
        let content = extra.shift_remove("content");
        // A role among the further fields would be a second one.
        extra.shift_remove("role");
        Self {
            role: message.role,
            content: content.unwrap_or(Value::String(message.content)),
            extra,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_keep_their_fields() {
        let check = |json: Value, content: &str| {
            let message: Message = serde_json::from_value(json.clone()).expect("a message");
            assert_eq!(message.content, content);
            assert_eq!(serde_json::to_value(&message).expect("json"), json);
        };
        check(json!({"role": "user", "content": "Hi"}), "Hi");
        check(
            json!({"role": "user", "content": null, "tool_calls": [1]}),
            "",
        );
        let parts = json!([{"type": "text", "text": "a "}, {"type": "image"}, {"type": "text", "text": "b"}]);
        check(
            json!({"role": "user", "content": parts, "name": "n"}),
            "a b",
        );
    }
}
