//! The commands as a host gives them: JSON in, JSON and events out, with the embedded model answering.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use nc_api::dto::{
    AppEvent, ChatView, MessageStanding, ModelState, ModelsView, NumberedEvent, PickKind, Picked,
    Role, STARTER, Sampling,
};
use nc_api::{Api, ApiError, Desktop, ErrorCode, PickFiles, SaveRequest, Subscription};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for one event; only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// A desktop whose person picks what the test says.
#[derive(Clone, Default)]
struct Picks(Arc<Mutex<Option<PathBuf>>>);

#[nc_api::async_trait]
impl Desktop for Picks {
    async fn pick_model(&self, _kind: PickKind) -> Result<Option<PathBuf>, ApiError> {
        Ok(self.0.lock().expect("no test panics holding it").clone())
    }

    async fn pick_save(&self, _request: SaveRequest) -> Result<Option<PathBuf>, ApiError> {
        Ok(self.0.lock().expect("no test panics holding it").clone())
    }

    async fn pick_files(&self, _request: PickFiles) -> Result<Vec<PathBuf>, ApiError> {
        let picked = self.0.lock().expect("no test panics holding it").clone();
        Ok(picked.into_iter().collect())
    }

    fn notify(&self, _title: &str, _text: &str) {}

    fn quit(&self) {}
}

struct Bench {
    api: Arc<Api>,
    events: Subscription,
    picks: Picks,
    folder: TempDir,
}

impl Bench {
    /// A new library with the starter loaded.
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::in_folder(folder).await
    }

    async fn in_folder(folder: TempDir) -> Self {
        Self::in_folder_at(folder, SystemTime::now()).await
    }

    /// The same, where the clock stands still at a moment.
    async fn in_folder_at(folder: TempDir, now: SystemTime) -> Self {
        let picks = Picks::default();
        let library = folder.path().join("library");
        let api = Api::open_with_clock(&library, Box::new(picks.clone()), move || now)
            .expect("the library opens");
        let mut bench = Self {
            events: api.subscribe(None),
            api,
            picks,
            folder,
        };
        bench.api.start().expect("it starts");
        bench.loaded(STARTER).await;
        bench
    }

    /// Ends the program and gives its folder back.
    async fn end(self) -> TempDir {
        let Self {
            api,
            events,
            folder,
            ..
        } = self;
        drop(events);
        gone(api).await;
        folder
    }

    async fn try_call(&self, name: &str, request: Value) -> Result<Value, ApiError> {
        nc_api::call(&self.api, name, request).await
    }

    async fn call<T: DeserializeOwned>(&self, name: &str, request: Value) -> T {
        let response = self
            .try_call(name, request)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        serde_json::from_value(response).expect("the response has its type")
    }

    async fn next(&mut self) -> NumberedEvent {
        tokio::time::timeout(PATIENCE, self.events.next())
            .await
            .expect("an event comes")
    }

    /// Waits until this model answers and nothing is being opened.
    async fn loaded(&mut self, path: &str) {
        loop {
            let state = self.model_event().await;
            let ready = state.loaded.is_some_and(|loaded| loaded.path == path);
            if ready && state.opening.is_none() {
                return;
            }
        }
    }

    async fn model_event(&mut self) -> ModelState {
        loop {
            if let AppEvent::Model { state } = self.next().await.event {
                return *state;
            }
        }
    }

    /// Waits for the end of the answer; gives the text that was streamed and the message as kept.
    async fn answered(&mut self) -> (String, nc_api::dto::Message) {
        let mut streamed = String::new();
        loop {
            match self.next().await.event {
                AppEvent::AnswerProgress { text, .. } => streamed.push_str(&text),
                AppEvent::AnswerEnded { message, .. } => return (streamed, *message),
                _ => {}
            }
        }
    }

    async fn chat(&self, kind: &str, sampling: Value) -> i64 {
        let view: ChatView = self
            .call(
                "chat_create",
                json!({ "kind": kind, "settings": { "sampling": sampling } }),
            )
            .await;
        view.summary.id
    }

    async fn view(&self, chat: i64) -> ChatView {
        self.call("chat_get", json!({ "chat_id": chat })).await
    }
}

/// Waits until the last thread lets go of it, as the end of a process would make sure.
async fn gone(api: Arc<Api>) {
    let api = Arc::downgrade(&{ api });
    tokio::time::timeout(PATIENCE, async {
        while api.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("no thread keeps it");
}

fn greedy(max_new_tokens: u32) -> Value {
    json!({ "temperature": 0.0, "max_new_tokens": max_new_tokens })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_streamed_and_kept() {
    let mut bench = Bench::new().await;
    let chat = bench.chat("chat", greedy(96)).await;
    let _: ChatView = bench
        .call(
            "chat_send",
            json!({ "chat_id": chat, "content": "What are the days of the week?" }),
        )
        .await;
    let (streamed, message) = bench.answered().await;
    assert!(message.content.contains("Wednesday"), "{}", message.content);
    // What the page appended is what was kept; the last piece may come with the end.
    assert!(
        message.content.starts_with(&streamed),
        "{streamed:?} and {:?}",
        message.content
    );
    assert_eq!(message.standing, MessageStanding::Complete);
    let stats = message.stats.expect("figures are kept");
    assert!(stats.prompt_tokens > 0 && stats.new_tokens > 0 && stats.first_token_ms > 0.0);

    let view = bench.view(chat).await;
    assert_eq!(view.summary.title, "What are the days of the week?");
    assert_eq!(view.messages.len(), 2);
    assert_eq!(view.messages[1].content, message.content);
    assert_eq!(view.progress, None);
    let used = view.context.expect("the gauge has figures").used_tokens;
    assert_eq!(used, stats.prompt_tokens + stats.new_tokens);

    // The second turn finds the first in the cache, and the same question gets the same answer.
    let _: ChatView = bench
        .call("chat_send", json!({ "chat_id": chat, "content": "Hello!" }))
        .await;
    let (_, second) = bench.answered().await;
    assert!(second.stats.expect("figures").cached_tokens >= stats.prompt_tokens);
    let again: ChatView = bench
        .call(
            "chat_regenerate",
            json!({ "chat_id": chat, "message_id": message.id }),
        )
        .await;
    assert_eq!(
        again.messages.len(),
        2,
        "the path now ends in the new sibling"
    );
    let (_, sibling) = bench.answered().await;
    assert_eq!(sibling.content, message.content);
    assert_eq!(sibling.siblings, vec![message.id, sibling.id]);

    // Back to the first sibling, and its path with it.
    let view: ChatView = bench
        .call(
            "chat_select",
            json!({ "chat_id": chat, "message_id": message.id }),
        )
        .await;
    assert_eq!(view.messages.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_stopped_continued_and_edited() {
    let mut bench = Bench::new().await;
    let chat = bench.chat("text", greedy(400)).await;
    let _: ChatView = bench
        .call(
            "chat_send",
            json!({ "chat_id": chat, "content": "NeuralChat Desktop is" }),
        )
        .await;
    // Busy until it ends.
    let refused = bench
        .try_call("chat_send", json!({ "chat_id": chat, "content": "more" }))
        .await;
    if let Err(error) = refused {
        assert_eq!(error.code, ErrorCode::Busy);
    }
    let _: ChatView = bench.call("chat_stop", json!({ "chat_id": chat })).await;
    let (_, stopped) = bench.answered().await;
    assert!(
        matches!(
            stopped.standing,
            MessageStanding::Stopped | MessageStanding::CutAtLength | MessageStanding::Complete
        ),
        "{:?}",
        stopped.standing
    );

    let cut = bench.chat("chat", greedy(4)).await;
    let _: ChatView = bench
        .call(
            "chat_send",
            json!({ "chat_id": cut, "content": "What are the days of the week?" }),
        )
        .await;
    let (_, first) = bench.answered().await;
    assert_eq!(first.standing, MessageStanding::CutAtLength);
    let _: ChatView = bench
        .call(
            "chat_continue",
            json!({ "chat_id": cut, "message_id": first.id }),
        )
        .await;
    let (added, whole) = bench.answered().await;
    assert_eq!(whole.id, first.id);
    assert!(whole.content.starts_with(&first.content) && whole.content.len() > first.content.len());
    assert!(
        whole
            .content
            .starts_with(&format!("{}{added}", first.content)),
        "{whole:?}"
    );

    // A rewritten message is a sibling with an answer of its own.
    let typed = bench.view(cut).await.messages[0].clone();
    assert_eq!(typed.role, Role::User);
    let edited: ChatView = bench
        .call(
            "chat_edit",
            json!({ "chat_id": cut, "message_id": typed.id, "content": "Hello" }),
        )
        .await;
    assert_eq!(
        edited.messages[0].siblings,
        vec![typed.id, edited.messages[0].id]
    );
    bench.answered().await;

    let fork: ChatView = bench
        .call(
            "chat_fork",
            json!({ "chat_id": cut, "message_id": typed.id }),
        )
        .await;
    assert_ne!(fork.summary.id, cut);
    assert_eq!(fork.messages.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_reloads_in_the_middle_sees_every_letter_once() {
    let mut bench = Bench::new().await;
    let chat = bench
        .chat(
            "text",
            json!({ "temperature": 1.0, "seed": 7, "max_new_tokens": 300 }),
        )
        .await;
    let _: ChatView = bench
        .call("chat_send", json!({ "chat_id": chat, "content": "Hello" }))
        .await;
    // As the page does: take the view, then only events it does not hold yet.
    let view = bench.view(chat).await;
    let mut text = view.messages.last().expect("the answer").content.clone();
    let mut late = bench.api.subscribe(Some(view.as_of));
    let ended = view.progress.is_none();
    let message = loop {
        if ended {
            break bench.answered().await.1;
        }
        match tokio::time::timeout(PATIENCE, late.next())
            .await
            .expect("an event comes")
            .event
        {
            AppEvent::AnswerProgress { text: piece, .. } => text.push_str(&piece),
            AppEvent::AnswerEnded { message, .. } => break *message,
            _ => {}
        }
    };
    // The page shows the whole message at the end; until then, a beginning of it.
    assert!(
        message.content.starts_with(&text),
        "{text:?} and {:?}",
        message.content
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_model_leaves_the_loaded_one_in_place() {
    let mut bench = Bench::new().await;
    let broken = bench.folder.path().join("broken.gguf");
    std::fs::write(&broken, b"GGUF\x03\0\0\0").expect("the folder is writable");
    let nothing = bench.folder.path().join("nothing");
    let empty = bench.folder.path().join("empty");
    std::fs::create_dir(&empty).expect("the folder is writable");
    for (path, code) in [
        (&broken, ErrorCode::ModelDamaged),
        (&nothing, ErrorCode::ModelNotFound),
        (&empty, ErrorCode::ModelUnsupported),
    ] {
        let _: Value = bench.call("model_open", json!({ "path": path })).await;
        let failed = loop {
            if let Some(failed) = bench.model_event().await.failed {
                break failed;
            }
        };
        assert_eq!(failed.error.code, code, "{failed:?}");
        assert!(!failed.error.message.is_empty() && !failed.error.remedy.is_empty());
    }
    let view: ModelsView = bench.call("models_list", json!({})).await;
    assert_eq!(view.state.loaded.expect("the starter stays").path, STARTER);
    assert_eq!(view.models[0].path, STARTER);
    let chat = bench.chat("chat", greedy(16)).await;
    let _: ChatView = bench
        .call("chat_send", json!({ "chat_id": chat, "content": "Hello!" }))
        .await;
    assert!(!bench.answered().await.1.content.is_empty());
    let error = bench
        .try_call("model_forget", json!({ "path": STARTER }))
        .await
        .expect_err("it stays");
    assert_eq!(error.code, ErrorCode::BadRequest);
}

/// A copy of the starter that wants to be sampled otherwise.
fn with_own_sampling(folder: &Path, config: &Value) -> String {
    std::fs::create_dir(folder).expect("the folder is writable");
    for file in std::fs::read_dir(super::root().join("assets/starter")).expect("the starter") {
        let path = file.expect("the starter lists").path();
        let name = path.file_name().expect("a file has a name").to_owned();
        std::fs::copy(&path, folder.join(name)).expect("there is room");
    }
    std::fs::write(folder.join("generation_config.json"), config.to_string())
        .expect("there is room");
    let whole = folder.canonicalize().expect("it is there");
    whole.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_sampled_as_the_model_says_until_it_says_otherwise() {
    let mut bench = Bench::new().await;
    let view: ModelsView = bench.call("models_list", json!({})).await;
    let starter = view.state.loaded.expect("the starter").sampling;
    assert_eq!((starter.temperature, starter.top_p), (0.3, 0.9));

    let model = with_own_sampling(
        &bench.folder.path().join("model"),
        &json!({ "do_sample": false, "temperature": "hot", "top_k": 7 }),
    );
    let _: Value = bench.call("model_open", json!({ "path": model })).await;
    bench.loaded(&model).await;
    let view: ModelsView = bench.call("models_list", json!({})).await;
    let own = view.state.loaded.expect("it is loaded").sampling;
    let expected = Sampling {
        temperature: 0.0,
        top_k: 7,
        ..Sampling::default()
    };
    assert_eq!(own, expected);

    let ask = |chat: i64| json!({ "chat_id": chat, "content": "Tell me a story." });
    let created: ChatView = bench
        .call("chat_create", json!({ "kind": "chat", "settings": null }))
        .await;
    assert_eq!(created.settings.sampling, None);
    let chat = created.summary.id;
    let _: ChatView = bench.call("chat_send", ask(chat)).await;
    let (_, as_the_model_says) = bench.answered().await;
    let asked_for = bench.chat("chat", greedy(512)).await;
    let _: ChatView = bench.call("chat_send", ask(asked_for)).await;
    assert_eq!(bench.answered().await.1.content, as_the_model_says.content);

    let settings = json!({ "sampling": { "temperature": 5.0, "seed": 11, "max_new_tokens": 3 } });
    let _: ChatView = bench
        .call(
            "chat_configure",
            json!({ "chat_id": chat, "settings": settings }),
        )
        .await;
    let _: ChatView = bench.call("chat_send", ask(chat)).await;
    let stats = bench.answered().await.1.stats.expect("figures");
    assert_eq!((stats.seed, stats.new_tokens), (11, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_model_continues_texts_and_says_so() {
    let Some(stories) = super::shared("models/stories260k") else {
        return;
    };
    let expected =
        std::fs::read_to_string(stories.join("expected_greedy.txt")).expect("the text lies beside");
    let mut bench = Bench::new().await;
    let path = stories
        .canonicalize()
        .expect("it is there")
        .display()
        .to_string();
    let _: Value = bench.call("model_open", json!({ "path": path })).await;
    bench.loaded(&path).await;

    let chat = bench.chat("chat", greedy(16)).await;
    let error = bench
        .try_call("chat_send", json!({ "chat_id": chat, "content": "Hello" }))
        .await
        .expect_err("a base model has no template");
    assert_eq!(error.code, ErrorCode::NoChatTemplate);

    let text = bench.chat("text", greedy(150)).await;
    let begun = "Once upon a time";
    let _: ChatView = bench
        .call("chat_send", json!({ "chat_id": text, "content": begun }))
        .await;
    let (_, message) = bench.answered().await;
    let whole = format!("{begun}{}", message.content);
    assert!(expected.starts_with(&whole), "{whole}");
    assert!(whole.len() > 300, "{} characters", whole.len());

    // The model used last is opened at the next start.
    let mut again = Bench::in_folder(bench.end().await).await;
    again.loaded(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_are_found_deleted_restored_and_exported() {
    let mut bench = Bench::new().await;
    let chat = bench.chat("chat", greedy(24)).await;
    let _: ChatView = bench
        .call(
            "chat_send",
            json!({ "chat_id": chat, "content": "What is the <b>capital</b> of France?" }),
        )
        .await;
    bench.answered().await;
    let list = |search: &str| json!({ "search": search });
    let found: Vec<Value> = bench.call("chats_list", list("capit")).await;
    assert_eq!(found.len(), 1);
    let none: Vec<Value> = bench.call("chats_list", list("zebra \" OR *")).await;
    assert!(none.is_empty());
    let _: Value = bench.call("chat_delete", json!({ "chat_id": chat })).await;
    let none: Vec<Value> = bench.call("chats_list", list("")).await;
    assert!(none.is_empty());
    let _: Value = bench.call("chat_restore", json!({ "chat_id": chat })).await;

    let file = bench.folder.path().join("out.md");
    let pick =
        |path: Option<&Path>| *bench.picks.0.lock().expect("unpoisoned") = path.map(Path::to_owned);
    pick(None);
    let cancelled: Picked = bench
        .call(
            "chat_export",
            json!({ "chat_id": chat, "format": "markdown" }),
        )
        .await;
    assert_eq!(cancelled.path, None);
    pick(Some(&file));
    let _: Picked = bench
        .call(
            "chat_export",
            json!({ "chat_id": chat, "format": "markdown" }),
        )
        .await;
    let text = std::fs::read_to_string(&file).expect("it was written");
    assert!(
        text.contains("## You\n\nWhat is the <b>capital</b> of France?"),
        "{text}"
    );
    pick(Some(&file));
    let _: Picked = bench
        .call("chat_export", json!({ "chat_id": chat, "format": "json" }))
        .await;
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("it was written"))
            .expect("it is JSON");
    assert_eq!(document["messages"].as_array().map(Vec::len), Some(2));
    pick(Some(&bench.folder.path().join("no/such/folder.md")));
    let error = bench
        .try_call(
            "chat_export",
            json!({ "chat_id": chat, "format": "markdown" }),
        )
        .await
        .expect_err("there is no such folder");
    assert_eq!(error.code, ErrorCode::Storage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_chat_can_be_brought_back_for_thirty_days() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bench = Bench::in_folder_at(folder, start).await;
    let deleted = bench.chat("chat", greedy(4)).await;
    let kept = bench.chat("chat", greedy(4)).await;
    let _: Value = bench
        .call("chat_delete", json!({ "chat_id": deleted }))
        .await;
    // Each start looks; a chat that was brought back begins anew when it is deleted again.
    let bench = Bench::in_folder_at(bench.end().await, start + 29 * DAY).await;
    let chat = json!({ "chat_id": deleted });
    let _: Value = bench.call("chat_restore", chat.clone()).await;
    let _: Value = bench.call("chat_delete", chat.clone()).await;
    let bench = Bench::in_folder_at(bench.end().await, start + 58 * DAY).await;
    let _: Value = bench.call("chat_restore", chat.clone()).await;
    let _: Value = bench.call("chat_delete", chat.clone()).await;
    let bench = Bench::in_folder_at(bench.end().await, start + 89 * DAY).await;
    let error = bench
        .try_call("chat_restore", chat)
        .await
        .expect_err("it is gone for good");
    assert_eq!(error.code, ErrorCode::NotFound);
    assert_eq!(bench.view(kept).await.summary.id, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_commands_are_refused() {
    let bench = Bench::new().await;
    for (name, request) in [
        ("no_such_command", json!({})),
        ("chat_get", json!({})),
        ("chat_get", json!({ "chat_id": "one" })),
        ("model_open", json!({ "path": "  " })),
        ("chat_create", json!({ "kind": "poem", "settings": null })),
    ] {
        let error = bench.try_call(name, request).await.expect_err(name);
        assert_eq!(error.code, ErrorCode::BadRequest, "{name}: {error:?}");
    }
    let error = bench
        .try_call("chat_get", json!({ "chat_id": 999 }))
        .await
        .expect_err("unknown");
    assert_eq!(error.code, ErrorCode::NotFound);
    let chat = bench.chat("chat", greedy(4)).await;
    let error = bench
        .try_call("chat_send", json!({ "chat_id": chat, "content": "  " }))
        .await
        .expect_err("empty");
    assert_eq!(error.code, ErrorCode::BadRequest);
    for command in nc_api::COMMANDS {
        assert!(
            !command.about.trim().is_empty(),
            "{} says what it does",
            command.name
        );
    }
}
