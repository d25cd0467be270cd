//! Chats: list, open, rename, pin, delete, branch, export.

use std::sync::Arc;

use nc_library::NewChat;

use crate::chat_text::{file_name, json, markdown};
use crate::convert::{chat_kind_from, settings_json, summary};
use crate::desktop::SaveRequest;
use crate::dto::{
    AppEvent, ChatId, ChatKind, ChatSummary, ChatText, ChatView, ConfigureChat, CreateChat,
    ExportChat, ExportFormat, ListChats, MessageId, Nothing, Picked, PinChat, RenameChat,
};
use crate::{Api, ApiError, ErrorCode, view};

/// The title of a chat before its first message gives it one.
pub(crate) const UNTITLED: &str = "New chat";
/// The same for a text.
pub(crate) const UNTITLED_TEXT: &str = "New text";

/// Chats, pinned first, then last used first; with a search, those that hold its words.
///
/// # Errors
/// `Storage` when the library cannot be read.
pub async fn chats_list(api: &Arc<Api>, request: ListChats) -> Result<Vec<ChatSummary>, ApiError> {
    let found = api.library.chats(request.search.trim())?;
    Ok(found
        .into_iter()
        .map(|found| summary(found.chat, found.excerpt))
        .collect())
}

/// Begins an empty chat.
///
/// # Errors
/// `Storage` when the library cannot be written.
pub async fn chat_create(api: &Arc<Api>, request: CreateChat) -> Result<ChatView, ApiError> {
    let title = match request.kind {
        ChatKind::Chat => UNTITLED,
        ChatKind::Text => UNTITLED_TEXT,
    };
    let chat = api.library.create_chat(&NewChat {
        kind: chat_kind_from(request.kind),
        title: title.to_owned(),
        settings: settings_json(&request.settings.unwrap_or_default())?,
    })?;
    api.events.publish(AppEvent::ChatsChanged);
    view::chat(api, chat.id)
}

/// Opens a chat.
///
/// # Errors
/// `NotFound` for an unknown chat, `Storage` when the library cannot be read.
pub async fn chat_get(api: &Arc<Api>, request: ChatId) -> Result<ChatView, ApiError> {
    view::chat(api, request.chat_id)
}

/// Gives a chat another title.
///
/// # Errors
/// `BadRequest` for an empty title, `NotFound` for an unknown chat.
pub async fn chat_rename(api: &Arc<Api>, request: RenameChat) -> Result<ChatSummary, ApiError> {
    let title = request.title.trim();
    if title.is_empty() {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "A chat needs a title.",
            "Type a few words, or leave the title as it was.",
        ));
    }
    api.library.rename_chat(request.chat_id, title)?;
    changed(api, request.chat_id)
}

/// Keeps a chat on top, or no longer.
///
/// # Errors
/// `NotFound` for an unknown chat.
pub async fn chat_pin(api: &Arc<Api>, request: PinChat) -> Result<ChatSummary, ApiError> {
    api.library.pin_chat(request.chat_id, request.pinned)?;
    changed(api, request.chat_id)
}

/// Deletes a chat, so that `chat_restore` can bring it back. An answer under way in it is stopped.
///
/// # Errors
/// `NotFound` for an unknown chat.
pub async fn chat_delete(api: &Arc<Api>, request: ChatId) -> Result<Nothing, ApiError> {
    api.answers.cancel(request.chat_id);
    api.library.delete_chat(request.chat_id)?;
    api.events.publish(AppEvent::ChatsChanged);
    Ok(Nothing {})
}

/// Brings a deleted chat back.
///
/// # Errors
/// `NotFound` for an unknown chat.
pub async fn chat_restore(api: &Arc<Api>, request: ChatId) -> Result<ChatSummary, ApiError> {
    api.library.restore_chat(request.chat_id)?;
    changed(api, request.chat_id)
}

/// Changes a chat's system prompt, sampling and template.
///
/// # Errors
/// `BadRequest` for a knob out of its range, `NotFound` for an unknown chat.
pub async fn chat_configure(api: &Arc<Api>, request: ConfigureChat) -> Result<ChatView, ApiError> {
    if let Some(sampling) = &request.settings.sampling {
        sampling.check()?;
    }
    api.library
        .configure_chat(request.chat_id, &settings_json(&request.settings)?)?;
    view::chat(api, request.chat_id)
}

/// Shows another sibling and the newest path below it.
///
/// # Errors
/// `Busy` while an answer is being written, `NotFound` for a message that is not in this chat.
pub async fn chat_select(api: &Arc<Api>, request: MessageId) -> Result<ChatView, ApiError> {
    api.answers.refuse_if_busy(request.chat_id)?;
    api.library.select(request.chat_id, request.message_id)?;
    view::chat(api, request.chat_id)
}

/// Makes a new chat of the path up to a message.
///
/// # Errors
/// `NotFound` for a message that is not in this chat.
pub async fn chat_fork(api: &Arc<Api>, request: MessageId) -> Result<ChatView, ApiError> {
    let title = api.library.chat(request.chat_id)?.title;
    let fork = api.library.fork(
        request.chat_id,
        request.message_id,
        &format!("{title} (fork)"),
    )?;
    api.events.publish(AppEvent::ChatsChanged);
    view::chat(api, fork.id)
}

/// A chat as Markdown (the path shown) or JSON (every message, branches included).
///
/// # Errors
/// `NotFound` for an unknown chat.
pub async fn chat_text(api: &Arc<Api>, request: ExportChat) -> Result<ChatText, ApiError> {
    let view = view::chat(api, request.chat_id)?;
    let text = match request.format {
        ExportFormat::Markdown => markdown(&view),
        ExportFormat::Json => json(&view, &api.library.tree(request.chat_id)?)?,
    };
    Ok(ChatText {
        file_name: file_name(&view.summary.title, request.format),
        text,
    })
}

/// Asks where to write a chat and writes it; a cancelled dialog writes nothing.
///
/// # Errors
/// `DialogFailed` without a window, `PermissionDenied` or `Storage` when the file cannot be written.
pub async fn chat_export(api: &Arc<Api>, request: ExportChat) -> Result<Picked, ApiError> {
    let (kind, extension) = match request.format {
        ExportFormat::Markdown => ("Markdown", "md"),
        ExportFormat::Json => ("JSON", "json"),
    };
    let ChatText { file_name, text } = chat_text(api, request).await?;
    let request = SaveRequest {
        title: "Export chat".to_owned(),
        file_name,
        kind,
        extension,
    };
    super::save(api, request, text.into_bytes()).await
}

fn changed(api: &Arc<Api>, chat_id: i64) -> Result<ChatSummary, ApiError> {
    let chat = api.library.chat(chat_id)?;
    api.events.publish(AppEvent::ChatsChanged);
    Ok(summary(chat, String::new()))
}
