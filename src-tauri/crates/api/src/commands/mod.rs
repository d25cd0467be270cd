//! stubs
pub mod machine {
 use std::sync::Arc; use crate::{Api,ApiError}; use crate::dto::*;
 pub async fn app_info(_api:&Arc<Api>, _r:Nothing)->Result<AppInfo,ApiError>{ loop{} }
 pub async fn machine_info(_api:&Arc<Api>, _r:Nothing)->Result<MachineInfo,ApiError>{ loop{} }
}
pub mod settings {
 use std::sync::Arc; use crate::{Api,ApiError}; use crate::dto::*;
 pub async fn settings_get(_api:&Arc<Api>, _r:Nothing)->Result<Settings,ApiError>{ loop{} }
 pub async fn settings_set(_api:&Arc<Api>, _r:Settings)->Result<Settings,ApiError>{ loop{} }
}
pub mod models {
 use std::sync::Arc; use crate::{Api,ApiError}; use crate::dto::*;
 pub async fn models_list(_api:&Arc<Api>, _r:Nothing)->Result<ModelsView,ApiError>{ loop{} }
 pub async fn model_pick(_api:&Arc<Api>, _r:PickModel)->Result<Picked,ApiError>{ loop{} }
 pub async fn model_inspect(_api:&Arc<Api>, _r:ModelPath)->Result<ModelInspection,ApiError>{ loop{} }
 pub async fn model_open(_api:&Arc<Api>, _r:ModelPath)->Result<Nothing,ApiError>{ loop{} }
 pub async fn model_cancel_opening(_api:&Arc<Api>, _r:Nothing)->Result<Nothing,ApiError>{ loop{} }
 pub async fn model_forget(_api:&Arc<Api>, _r:ModelPath)->Result<Nothing,ApiError>{ loop{} }
 pub async fn model_check(_api:&Arc<Api>, _r:Nothing)->Result<ModelCheck,ApiError>{ loop{} }
}
pub mod chats {
 use std::sync::Arc; use crate::{Api,ApiError}; use crate::dto::*;
 pub async fn chats_list(_api:&Arc<Api>, _r:ListChats)->Result<Vec<ChatSummary>,ApiError>{ loop{} }
 pub async fn chat_create(_api:&Arc<Api>, _r:CreateChat)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_get(_api:&Arc<Api>, _r:ChatId)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_rename(_api:&Arc<Api>, _r:RenameChat)->Result<ChatSummary,ApiError>{ loop{} }
 pub async fn chat_pin(_api:&Arc<Api>, _r:PinChat)->Result<ChatSummary,ApiError>{ loop{} }
 pub async fn chat_delete(_api:&Arc<Api>, _r:ChatId)->Result<Nothing,ApiError>{ loop{} }
 pub async fn chat_restore(_api:&Arc<Api>, _r:ChatId)->Result<ChatSummary,ApiError>{ loop{} }
 pub async fn chat_configure(_api:&Arc<Api>, _r:ConfigureChat)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_select(_api:&Arc<Api>, _r:MessageId)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_fork(_api:&Arc<Api>, _r:MessageId)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_export(_api:&Arc<Api>, _r:ExportChat)->Result<Picked,ApiError>{ loop{} }
 pub async fn chat_text(_api:&Arc<Api>, _r:ExportChat)->Result<ChatText,ApiError>{ loop{} }
}
pub mod answers {
 use std::sync::Arc; use crate::{Api,ApiError}; use crate::dto::*;
 pub async fn chat_send(_api:&Arc<Api>, _r:SendMessage)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_regenerate(_api:&Arc<Api>, _r:MessageId)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_continue(_api:&Arc<Api>, _r:MessageId)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_edit(_api:&Arc<Api>, _r:EditMessage)->Result<ChatView,ApiError>{ loop{} }
 pub async fn chat_stop(_api:&Arc<Api>, _r:ChatId)->Result<ChatView,ApiError>{ loop{} }
}
