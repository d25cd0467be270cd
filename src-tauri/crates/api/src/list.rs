//! The one list of commands. The Tauri host, `neuralchat-cli call` and the page's types are all made from it.

use std::sync::Arc;

use nc_train::Recipe;
use serde_json::Value;
use ts_rs::TS;

use crate::dto::*;
use crate::typescript::Declarations;
use crate::{Api, ApiError, ErrorCode, commands};

/// A command, as hosts and generators see it.
#[derive(Debug, Clone, Copy)]
pub struct CommandInfo {
    /// Its name: the function's.
    pub name: &'static str,
    /// What it does, a sentence.
    pub about: &'static str,
}

macro_rules! commands {
    ($($(#[doc = $about:literal])+ $module:ident :: $name:ident ( $request:ty ) -> $response:ty;)+) => {
        /// Every command, in the order of the list.
        pub const COMMANDS: &[CommandInfo] = &[$(CommandInfo {
            name: stringify!($name),
            about: concat!($($about),+),
        }),+];

        /// Runs the command called `name` with its request as JSON.
        ///
        /// # Errors
        /// `BadRequest` for an unknown name or a request of another shape; else whatever the command says.
        pub async fn call(api: &Arc<Api>, name: &str, request: Value) -> Result<Value, ApiError> {
            match name {
                $(stringify!($name) => {
                    let request: $request = serde_json::from_value(request)
                        .map_err(|error| malformed(name, &error.to_string()))?;
                    let response: $response = commands::$module::$name(api, request).await?;
                    serde_json::to_value(response).map_err(|error| {
                        ApiError::new(ErrorCode::Internal, error.to_string(), "Please report this as a bug.")
                    })
                })+
                _ => Err(malformed(name, "there is no such command")),
            }
        }

        pub(crate) fn declare_commands(declarations: &mut Declarations) {
            $(declarations.command(
                stringify!($name),
                concat!($($about),+),
                <$request as TS>::name(declarations.config()),
                <$response as TS>::name(declarations.config()),
            );
            declarations.add::<$request>();
            declarations.add::<$response>();)+
        }
    };
}

fn malformed(name: &str, why: &str) -> ApiError {
    ApiError::new(
        ErrorCode::BadRequest,
        format!("The command `{name}` cannot be run: {why}."),
        "Check its name and its fields against the list of commands.",
    )
}

commands! {
    /// The program's version and where it keeps things.
    machine::app_info(Nothing) -> AppInfo;
    /// What this machine can do and which kernels were chosen (measures the first time).
    machine::machine_info(Nothing) -> MachineInfo;

    /// Settings of the whole program.
    settings::settings_get(Nothing) -> Settings;
    /// Replaces the settings of the whole program.
    settings::settings_set(Settings) -> Settings;

    /// Models seen, which one answers, which one is being opened.
    models::models_list(Nothing) -> ModelsView;
    /// Asks for a model by native dialog; a cancelled dialog picks nothing.
    models::model_pick(PickModel) -> Picked;
    /// Reads what a model's files say, without loading its weights.
    models::model_inspect(ModelPath) -> ModelInspection;
    /// Begins to open a model; `model` events tell how it goes. The one loaded before stays until then.
    models::model_open(ModelPath) -> Nothing;
    /// Stops the opening under way.
    models::model_cancel_opening(Nothing) -> Nothing;
    /// Drops a model from the list; its files stay.
    models::model_forget(ModelPath) -> Nothing;
    /// Lets an independent decoder answer beside ours (the loaded model).
    models::model_check(Nothing) -> ModelCheck;

    /// Chats, pinned first, then last used first; with a search, those that hold its words.
    chats::chats_list(ListChats) -> Vec<ChatSummary>;
    /// Begins a chat.
    chats::chat_create(CreateChat) -> ChatView;
    /// Opens a chat.
    chats::chat_get(ChatId) -> ChatView;
    /// Gives a chat another title.
    chats::chat_rename(RenameChat) -> ChatSummary;
    /// Keeps a chat on top, or no longer.
    chats::chat_pin(PinChat) -> ChatSummary;
    /// Deletes a chat; `chat_restore` brings it back.
    chats::chat_delete(ChatId) -> Nothing;
    /// Brings a deleted chat back.
    chats::chat_restore(ChatId) -> ChatSummary;
    /// Changes a chat's system prompt, sampling and template.
    chats::chat_configure(ConfigureChat) -> ChatView;
    /// Shows another sibling and the newest path below it.
    chats::chat_select(MessageId) -> ChatView;
    /// Makes a new chat of the path up to a message.
    chats::chat_fork(MessageId) -> ChatView;
    /// Asks where to write a chat and writes it; a cancelled dialog writes nothing.
    chats::chat_export(ExportChat) -> Picked;
    /// A chat as Markdown or JSON text.
    chats::chat_text(ExportChat) -> ChatText;

    /// Sends a message (in a text: adds to it) and begins the answer.
    answers::chat_send(SendMessage) -> ChatView;
    /// Writes an answer again, as a sibling.
    answers::chat_regenerate(MessageId) -> ChatView;
    /// Goes on with an answer that was stopped or cut.
    answers::chat_continue(MessageId) -> ChatView;
    /// Rewrites a message as a sibling; a user's message is answered.
    answers::chat_edit(EditMessage) -> ChatView;
    /// Stops the answer under way in a chat; what was written is kept.
    answers::chat_stop(ChatId) -> ChatView;

    /// Asks for files to learn from by native dialog; a cancelled dialog picks none.
    wizard::data_pick(Nothing) -> PickedFiles;
    /// Reads files to learn from: their format, how many rows can be used and why others cannot, the first rows.
    wizard::data_look(DataFiles) -> DataLook;
    /// The data that comes with the program.
    wizard::data_samples(Nothing) -> Vec<SampleData>;
    /// Makes a recipe from a preset, fitted to a model and data.
    wizard::recipe_new(NewRecipe) -> Recipe;
    /// Reads a recipe's file, or asks for one by native dialog.
    wizard::recipe_open(RecipePath) -> OpenedRecipe;
    /// Asks where to write a recipe and writes it; a cancelled dialog writes nothing.
    wizard::recipe_save(Recipe) -> Picked;
    /// What a run would take on this machine, and what stands in its way.
    wizard::run_plan(PlanRun) -> RunPlan;

    /// All runs, and which one's result is the chat's default model.
    runs::runs_list(Nothing) -> RunsView;
    /// Everything a run's page shows.
    runs::run_get(GetRun) -> RunView;
    /// Two to six runs beside each other.
    runs::runs_compare(CompareRuns) -> RunsComparison;
    /// Begins a run, or puts it in the queue; `run` events tell how it goes.
    runs::run_start(StartRun) -> RunSummary;
    /// Pauses a run before its next micro-batch, with everything in memory.
    runs::run_pause(RunId) -> RunSummary;
    /// Goes on after a pause, or with a queue that an earlier start of the program left.
    runs::run_go_on(RunId) -> RunSummary;
    /// Saves what whole steps have learnt, and ends; a queued run leaves the queue.
    runs::run_stop(RunId) -> RunSummary;
    /// Goes on with a run that was stopped, interrupted or failed; it queues behind the one that is going.
    runs::run_resume(RunId) -> RunSummary;
    /// Puts a run away; `run_restore` brings it back within 30 days.
    runs::run_discard(RunId) -> RunSummary;
    /// Brings a discarded run back.
    runs::run_restore(RunId) -> RunSummary;
    /// Makes what a run learnt the chat's default model.
    runs::run_adopt(RunId) -> RunsView;
    /// Makes the model before an adoption the chat's default again.
    runs::run_roll_back(Nothing) -> RunsView;
    /// Asks the model before and after a run the same question.
    runs::run_ask(AskRun) -> BeforeAfterRow;
    /// Draws a chart, asks where to write it and writes it; a cancelled dialog writes nothing.
    runs::run_chart_save(SaveChart) -> Picked;
    /// Ends the program; a run that is going is saved first and can go on later.
    machine::app_quit(Nothing) -> Nothing;
}
