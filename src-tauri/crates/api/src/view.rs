//! A chat as the page shows it: what is on disk, with the answer under way on top.

use std::sync::Arc;

use crate::dto::{ChatView, ContextUse, Message, Role};
use crate::{Api, ApiError, convert};

/// The chat, its path, and the answer under way, all as of one event number.
pub(crate) fn chat(api: &Arc<Api>, chat_id: i64) -> Result<ChatView, ApiError> {
    // Everything an answer does to a chat happens under this lock, so the number and the text belong together.
    let live = api.answers.lock();
    let chat = api.library.chat(chat_id)?;
    let mut messages: Vec<Message> = api
        .library
        .path(chat_id)?
        .into_iter()
        .map(convert::message)
        .collect();
    let answer = live.get(&chat_id);
    if let Some(answer) = answer
        && let Some(message) = messages
            .iter_mut()
            .find(|message| message.id == answer.message_id)
    {
        message.content.clone_from(&answer.content);
    }
    let settings = convert::settings(&chat.settings);
    Ok(ChatView {
        context: context_use(api, &messages),
        progress: answer.map(|answer| answer.progress.clone()),
        settings,
        summary: convert::summary(chat, String::new()),
        messages,
        as_of: api.events.last(),
    })
}

/// As counted when the last answer of the path was written.
fn context_use(api: &Api, messages: &[Message]) -> Option<ContextUse> {
    let loaded = api.engine.loaded()?;
    let stats = messages
        .iter()
        .rev()
        .filter(|message| message.role == Role::Assistant)
        .find_map(|message| message.stats.as_ref())?;
    Some(ContextUse {
        used_tokens: stats.prompt_tokens + stats.new_tokens,
        limit_tokens: loaded.about.context_tokens,
        unseen_messages: stats.unseen_messages,
        unseen_tokens: stats.unseen_tokens,
    })
}
