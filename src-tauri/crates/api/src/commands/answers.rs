//! Answers: send, write again, go on, edit, stop.

use std::sync::Arc;

use nc_engine::{Prompt, Request};
use nc_library::{
    ChatKind, ChatRow, MessageRow, MessageState, MessageUpdate, NewMessage, PathMessage, Role,
};

use super::chats::{UNTITLED, UNTITLED_TEXT};
use crate::answering::{self, Begin};
use crate::dto::{
    AppEvent, ChatId, ChatSettings, ChatView, EditMessage, MessageId, ModelKind, SendMessage,
    TemplateChoice,
};
use crate::engine_slot::Loaded;
use crate::{Api, ApiError, ErrorCode, convert, view};

/// Longest title made from a first message, characters.
const TITLE_CHARACTERS: usize = 48;

/// Sends a message and begins the answer. In a text, what is sent is added to it (nothing, to let the model go on).
///
/// # Errors
/// `Busy`, `NoModelLoaded`, `NoChatTemplate`, `BadRequest` for an empty message, `NotFound`.
pub async fn chat_send(api: &Arc<Api>, request: SendMessage) -> Result<ChatView, ApiError> {
    let turn = Turn::check(api, request.chat_id)?;
    let empty = match turn.chat.kind {
        ChatKind::Chat => request.content.trim().is_empty(),
        ChatKind::Text => request.content.is_empty() && turn.chat.leaf.is_none(),
    };
    if empty && turn.chat.kind == ChatKind::Chat {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "The message is empty.",
            "Type something first.",
        ));
    }
    let mut parent = turn.chat.leaf;
    if !request.content.is_empty() || empty {
        parent = Some(add(api, &turn.chat, parent, Role::User, request.content.clone())?.id);
    }
    give_title(api, &turn.chat, &request.content)?;
    turn.answer(api, parent)
}

/// Writes an answer again as a sibling; for a message without an answer, writes its first.
///
/// # Errors
/// `Busy`, `NoModelLoaded`, `NoChatTemplate`, `NotFound`.
pub async fn chat_regenerate(api: &Arc<Api>, request: MessageId) -> Result<ChatView, ApiError> {
    let turn = Turn::check(api, request.chat_id)?;
    let message = turn.message(api, request.message_id)?;
    let parent = match message.role {
        Role::Assistant => message.parent,
        Role::User => Some(message.id),
    };
    turn.answer(api, parent)
}

/// Goes on with an answer that was stopped, cut or interrupted, in the same message.
///
/// # Errors
/// `BadRequest` for a message of the person, `Busy`, `NoModelLoaded`, `NoChatTemplate`, `NotFound`.
pub async fn chat_continue(api: &Arc<Api>, request: MessageId) -> Result<ChatView, ApiError> {
    let turn = Turn::check(api, request.chat_id)?;
    let message = turn.message(api, request.message_id)?;
    if message.role != Role::Assistant {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "Only an answer can be continued.",
            "Send the message again to have it answered.",
        ));
    }
    api.library.select(turn.chat.id, message.id)?;
    turn.write(api, message, true)
}

/// Rewrites a message as a sibling. A person's message is then answered; an answer is kept as it was rewritten.
///
/// # Errors
/// `BadRequest` for an empty message (but a text's continuation may be emptied: that takes it back), `Busy`, `NoModelLoaded`,
/// `NoChatTemplate`, `NotFound`.
pub async fn chat_edit(api: &Arc<Api>, request: EditMessage) -> Result<ChatView, ApiError> {
    api.answers.refuse_if_busy(request.chat_id)?;
    let chat = api.library.chat(request.chat_id)?;
    let message = message_of(api, &chat, request.message_id)?;
    // In a text, a continuation rewritten to nothing is a continuation taken back; it stays as a sibling.
    let taken_back = chat.kind == ChatKind::Text
        && message.role == Role::Assistant
        && request.content.is_empty();
    if request.content.trim().is_empty() && !taken_back {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "The message is empty.",
            "Type something, or cancel the edit.",
        ));
    }
    if message.role == Role::Assistant {
        add(api, &chat, message.parent, Role::Assistant, request.content)?;
        return view::chat(api, chat.id);
    }
    let turn = Turn::check(api, request.chat_id)?;
    let edited = add(api, &turn.chat, message.parent, Role::User, request.content)?;
    turn.answer(api, Some(edited.id))
}

/// Stops the answer under way; what was written is kept. Without one, nothing happens.
///
/// # Errors
/// `NotFound` for an unknown chat.
pub async fn chat_stop(api: &Arc<Api>, request: ChatId) -> Result<ChatView, ApiError> {
    api.answers.cancel(request.chat_id);
    view::chat(api, request.chat_id)
}

/// A chat that may be answered now, and the model that will.
struct Turn {
    chat: ChatRow,
    settings: ChatSettings,
    loaded: Arc<Loaded>,
}

impl Turn {
    fn check(api: &Arc<Api>, chat_id: i64) -> Result<Self, ApiError> {
        api.answers.refuse_if_busy(chat_id)?;
        let chat = api.library.chat(chat_id)?;
        let settings = convert::settings(&chat.settings);
        let loaded = api.engine.loaded().ok_or_else(|| {
            ApiError::new(
                ErrorCode::NoModelLoaded,
                "No model is loaded.",
                "Open one on the Models page.",
            )
        })?;
        let needs_template =
            chat.kind == ChatKind::Chat && settings.template == TemplateChoice::Model;
        if needs_template && loaded.about.kind == ModelKind::Base {
            return Err(ApiError::new(
                ErrorCode::NoChatTemplate,
                format!(
                    "{} is a base model: it continues texts and has no chat template.",
                    loaded.about.name
                ),
                "Continue a text with it, or choose a template in the chat's settings.",
            ));
        }
        Ok(Self {
            chat,
            settings,
            loaded,
        })
    }

    fn message(&self, api: &Arc<Api>, id: i64) -> Result<MessageRow, ApiError> {
        message_of(api, &self.chat, id)
    }

    /// Adds an empty answer below `parent` and writes it.
    fn answer(self, api: &Arc<Api>, parent: Option<i64>) -> Result<ChatView, ApiError> {
        let message = api.library.add_message(&NewMessage {
            chat_id: self.chat.id,
            parent,
            role: Role::Assistant,
            content: String::new(),
            state: MessageState::Writing,
            model_name: Some(self.loaded.about.name.clone()),
        })?;
        self.write(api, message, false)
    }

    fn write(self, api: &Arc<Api>, message: MessageRow, go_on: bool) -> Result<ChatView, ApiError> {
        if go_on {
            api.library.update_message(
                message.id,
                &MessageUpdate {
                    content: &message.content,
                    state: MessageState::Writing,
                    stats: message.stats.as_ref(),
                    error: None,
                },
            )?;
        }
        let path = api.library.path(self.chat.id)?;
        let own = self.settings.sampling.as_ref();
        let sampling = own.unwrap_or(&self.loaded.about.sampling);
        let request = Request {
            prompt: self.prompt(&path, message.id, go_on),
            sampling: convert::engine_sampling(sampling),
            max_new_tokens: sampling.max_new_tokens,
            stop: sampling.stop.clone(),
            stop_ids: Vec::new(),
        };
        answering::begin(
            api,
            Begin {
                chat_id: self.chat.id,
                message_id: message.id,
                before: message
                    .stats
                    .and_then(|value| serde_json::from_value(value).ok()),
                content: message.content,
                engine: self.loaded.engine.clone(),
                request,
            },
        );
        api.events.publish(AppEvent::ChatsChanged);
        view::chat(api, self.chat.id)
    }

    /// The path up to the answer; with `go_on`, the answer's beginning too.
    fn prompt(&self, path: &[PathMessage], answer: i64, go_on: bool) -> Prompt {
        let seen = path
            .iter()
            .map(|message| &message.row)
            .take_while(|row| row.id != answer)
            .chain(
                path.iter()
                    .map(|message| &message.row)
                    .filter(|row| go_on && row.id == answer),
            );
        match self.chat.kind {
            ChatKind::Text => Prompt::Text {
                text: seen.map(|row| row.content.as_str()).collect(),
                add_bos: true,
            },
            ChatKind::Chat => Prompt::Chat {
                system: Some(self.settings.system_prompt.clone())
                    .filter(|text| !text.trim().is_empty()),
                messages: seen
                    .map(|row| convert::text_message(convert::role(row.role), row.content.clone()))
                    .collect(),
                template: convert::template(self.settings.template),
                continue_last: go_on,
            },
        }
    }
}

fn message_of(api: &Arc<Api>, chat: &ChatRow, id: i64) -> Result<MessageRow, ApiError> {
    let message = api.library.message(id)?;
    if message.chat_id != chat.id {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "This message is not in this chat.",
            "Open the chat again.",
        ));
    }
    Ok(message)
}

fn add(
    api: &Arc<Api>,
    chat: &ChatRow,
    parent: Option<i64>,
    role: Role,
    content: String,
) -> Result<MessageRow, ApiError> {
    Ok(api.library.add_message(&NewMessage {
        chat_id: chat.id,
        parent,
        role,
        content,
        state: MessageState::Complete,
        model_name: None,
    })?)
}

/// The first message names a chat that has no name yet.
fn give_title(api: &Arc<Api>, chat: &ChatRow, content: &str) -> Result<(), ApiError> {
    if chat.title != UNTITLED && chat.title != UNTITLED_TEXT {
        return Ok(());
    }
    let title = title_of(content);
    if !title.is_empty() {
        api.library.rename_chat(chat.id, &title)?;
    }
    Ok(())
}

/// The first line's first words.
fn title_of(content: &str) -> String {
    let line = content.trim().lines().next().unwrap_or_default();
    let words: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= TITLE_CHARACTERS {
        return words;
    }
    let cut: String = words.chars().take(TITLE_CHARACTERS).collect();
    let whole = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(whole, _)| whole);
    format!("{whole}…")
}

#[cfg(test)]
mod tests {
    use super::title_of;

    #[test]
    fn titles_are_the_first_words() {
        let check = |content: &str, expected: &str| assert_eq!(title_of(content), expected);
        check("", "");
        check("  Hello   there \nsecond line", "Hello there");
        check(
            "What is the difference between supervised fine-tuning and DPO?",
            "What is the difference between supervised…",
        );
        check(&"字".repeat(80), &format!("{}…", "字".repeat(48)));
    }
}
