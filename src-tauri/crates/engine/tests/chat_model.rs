//! The embedded chat model: conversations, dropped messages, continued answers, templates that fail, the check.

mod common;

use common::{answer, chat, engine, open, request, root, starter, stories};
use nc_engine::{
    Cancel, Engine, EngineError, EngineErrorKind, FinishReason, ModelError, ModelKind,
    ModelLocation, OpenOptions, OpenStage, OwnSampling, Prompt, Template, check, inspect,
};
use nc_text::{Fallback, Message};

fn messages(prompt: Prompt) -> Vec<Message> {
    match prompt {
        Prompt::Chat { messages, .. } => messages,
        Prompt::Text { .. } | Prompt::Tokens(_) => Vec::new(),
    }
}

#[test]
fn opening_tells_its_stages_in_order() {
    let mut stages = Vec::new();
    let mut last = (0, 0);
    let opened = nc_engine::open(
        &ModelLocation::from_path(starter()),
        &OpenOptions::default(),
        &Cancel::default(),
        &mut |progress| {
            if stages.last() != Some(&progress.stage) {
                stages.push(progress.stage);
            }
            last = (progress.done_bytes, progress.total_bytes);
        },
    )
    .expect("the starter");
    assert_eq!(
        stages,
        [OpenStage::Reading, OpenStage::Loading, OpenStage::Checking]
    );
    assert!(last.0 == last.1 && last.0 > 0, "{last:?}");
    let info = opened.info();
    assert_eq!(info.kind, ModelKind::Chat);
    let end = opened
        .tokenizer()
        .token_id("<|im_end|>")
        .expect("a ChatML vocabulary");
    assert!(info.end_tokens.contains(&end), "{:?}", info.end_tokens);
}

#[test]
fn opening_can_be_stopped() {
    let cancel = Cancel::default();
    cancel.cancel();
    let stopped = nc_engine::open(
        &ModelLocation::from_path(starter()),
        &OpenOptions::default(),
        &cancel,
        &mut |progress| assert_ne!(progress.stage, OpenStage::Checking),
    );
    let error = stopped.expect_err("it was cancelled");
    assert_eq!(error.kind(), EngineErrorKind::Cancelled);
}

#[test]
fn a_conversation_reuses_the_turns_before() {
    let first = "Hello!";
    let warm = engine(starter(), 512);
    let begun = answer(&warm, request(chat(&[first]), 60));
    assert_eq!(
        begun.finished().0,
        FinishReason::EndOfText,
        "{}",
        begun.text()
    );
    assert!(!begun.text().trim().is_empty() && !begun.text().contains("<|"));
    let said = begun.text();
    let next = chat(&[first, &said, "What is 2 + 3?"]);
    let reused = answer(&warm, request(next.clone(), 60));
    let fresh = answer(&engine(starter(), 512), request(next, 60));
    assert_eq!(reused.text(), fresh.text());
    let stats = reused.finished().1;
    assert!(
        stats.cached_tokens > begun.finished().1.prompt_tokens,
        "{stats:?}"
    );
}

#[test]
fn an_answer_cut_in_the_middle_is_continued() {
    let engine = engine(starter(), 512);
    // Its answer is long enough to be cut.
    let question = "What are the days of the week?";
    let whole = answer(&engine, request(chat(&[question]), 60)).text();
    let cut = answer(&engine, request(chat(&[question]), 4));
    assert_eq!(cut.finished().0, FinishReason::Length);
    let prompt = Prompt::Chat {
        system: None,
        messages: messages(chat(&[question, &cut.text()])),
        template: Template::Model,
        continue_last: true,
    };
    let rest = answer(&engine, request(prompt, 60));
    assert_eq!(format!("{}{}", cut.text(), rest.text()), whole);
}

#[test]
fn old_messages_are_dropped_but_never_the_system_prompt_or_the_question() {
    let engine = engine(starter(), 200);
    let turn = "Please tell me something about the weather of today.";
    let reply = "It is warm and dry today, and the wind is weak.";
    let mut said: Vec<&str> = Vec::new();
    for _ in 0..20 {
        said.extend([turn, reply]);
    }
    said.push("What is 2 + 3?");
    let system = "You are brief.".to_owned();
    let with_system = |messages| Prompt::Chat {
        system: Some(system.clone()),
        messages,
        template: Template::Model,
        continue_last: false,
    };
    let all = with_system(messages(chat(&said)));
    let cut = answer(&engine, request(all.clone(), 40));
    let (_, stats) = cut.finished();
    assert!(
        stats.unseen_messages > 0 && stats.unseen_messages % 2 == 0,
        "{stats:?}"
    );
    assert!(stats.prompt_tokens + 40 <= 200, "{stats:?}");
    // What is seen is exactly the system prompt and the end of the conversation, as long as fits.
    let seen = |from: usize| with_system(messages(chat(&said[from..])));
    let from = stats.unseen_messages as usize;
    assert_eq!(
        engine.count(&seen(from)).expect("tokens"),
        stats.prompt_tokens as usize
    );
    assert!(engine.count(&seen(from - 2)).expect("tokens") + 40 > 200);
    assert!(engine.count(&all).expect("tokens") > 200);

    let long = "word ".repeat(300);
    let error = answer(&engine, request(with_system(messages(chat(&[&long]))), 40)).error();
    assert!(
        matches!(error, EngineError::ContextFull { prompt_tokens, context_tokens: 200 } if prompt_tokens > 200),
        "{error:?}"
    );
}

#[test]
fn a_model_without_a_template_can_use_a_built_in_one() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    for kind in Fallback::ALL {
        let prompt = Prompt::Chat {
            system: None,
            messages: messages(chat(&["Tell me a story."])),
            template: Template::Fallback(kind),
            continue_last: false,
        };
        let answer = answer(&engine, request(prompt, 30));
        assert!(answer.finished().1.prompt_tokens > 10, "{kind:?}");
        assert!(!answer.text().is_empty(), "{kind:?}");
    }
}

/// A copy of the starter with another chat template.
fn with_template(template: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(starter()).expect("the starter") {
        let from = entry.expect("a file").path();
        let name = from.file_name().expect("a name").to_owned();
        std::fs::copy(&from, folder.path().join(name)).expect("room");
    }
    std::fs::write(folder.path().join("chat_template.jinja"), template).expect("room");
    folder
}

#[test]
fn a_template_that_fails_is_an_error_and_the_engine_goes_on() {
    let check = |template: &str| {
        let folder = with_template(template);
        let engine = engine(folder.path(), 256);
        assert_eq!(engine.info().kind, ModelKind::Chat);
        let error = answer(&engine, request(chat(&["Hello!"]), 10)).error();
        assert_eq!(
            error.kind(),
            EngineErrorKind::Template,
            "{template}: {error}"
        );
        let text = common::text("Hello");
        assert_eq!(
            answer(&engine, request(text, 3)).finished().1.new_tokens,
            3,
            "{template}"
        );
    };
    check("{{ raise_exception('only even days') }}");
    check(
        "{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}",
    );
    check("{% for message in messages %}");
    check("{{ nothing.at.all() }}");
}

#[test]
fn a_folder_without_a_tokenizer_is_told_as_such() {
    let check = |path: std::path::PathBuf| {
        let error = open(path).expect_err("no tokenizer");
        assert_eq!(error.kind(), EngineErrorKind::TokenizerMissing, "{error}");
    };
    check(root("tests/golden/tiny_llama/base"));
    let folder = with_template("");
    std::fs::write(folder.path().join("tokenizer.json"), "{\"model\": ").expect("room");
    let error = open(folder.path()).expect_err("a damaged tokenizer");
    assert_eq!(error.kind(), EngineErrorKind::Damaged, "{error}");
}

#[test]
fn what_is_wrong_with_files_keeps_its_kind() {
    let check = |path: std::path::PathBuf, kind| {
        let error = open(path).expect_err("an error");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!error.to_string().is_empty() && !error.remedy().is_empty());
    };
    check(root("no/such/model"), EngineErrorKind::NotFound);
    check(root("assets"), EngineErrorKind::Unsupported);
    check(root("Cargo.toml"), EngineErrorKind::Unsupported);
    let folder = with_template("");
    let weights = folder.path().join("model.safetensors");
    std::fs::write(&weights, b"short").expect("room");
    check(folder.path().to_owned(), EngineErrorKind::Damaged);
    std::fs::remove_file(&weights).expect("ours");
    check(folder.path().to_owned(), EngineErrorKind::NotFound);
    let options = OpenOptions {
        available_bytes: Some(1000),
        ..OpenOptions::default()
    };
    let error = common::open_with(starter(), options).expect_err("too large");
    assert!(matches!(
        error,
        EngineError::Model(ModelError::TooLarge {
            available_bytes: 1000,
            ..
        })
    ));
    assert_eq!(error.kind(), EngineErrorKind::TooLarge);
}

#[test]
fn the_makers_sampling_is_read() {
    let own = |config: &str| {
        let folder = with_template("");
        std::fs::write(folder.path().join("generation_config.json"), config).expect("room");
        open(folder.path()).expect("a model").info().sampling
    };
    let found = own(r#"{"temperature": 0.25, "top_k": "many", "top_p": 0.75}"#);
    assert_eq!(
        found,
        OwnSampling {
            temperature: Some(0.25),
            top_p: Some(0.75),
            ..OwnSampling::default()
        }
    );
    assert_eq!(own(r#"{"do_sample": false}"#).temperature, Some(0.0));
    // What does not read at all is no reason to refuse the model.
    assert_eq!(own(r#"{"temperature": "#), OwnSampling::default());
    let without = open(root("tests/golden/tiny_llama/gguf/f32.gguf")).expect("a GGUF file");
    assert_eq!(without.info().sampling, OwnSampling::default());
}

#[test]
fn inspecting_reads_what_opening_finds() {
    let found = inspect(&ModelLocation::from_path(starter())).expect("the starter");
    let engine = Engine::start(open(starter()).expect("the starter")).expect("an engine");
    let info = engine.info();
    assert_eq!(found.chat_template, info.chat_template);
    assert_eq!(found.model.context_tokens, info.context_tokens);
    assert_eq!(found.model.memory_bytes, info.memory_bytes);
    assert_eq!(found.model.format.to_string(), "Hugging Face folder");
    assert_eq!(found.model.weight_type, "BF16");
}

#[test]
fn an_independent_decoder_agrees() {
    // The other decoder computes in f32. Ours rounds the activations of a bf16 model to bf16 where the path has tiles, and
    // those of a quantised one to 8 bits with other scales than candle does; either is up to 0.15 from f32 here.
    let agrees = |path: std::path::PathBuf, bound: f64| {
        let compute = nc_model::Compute::of_process().expect("kernels");
        let report = check(&ModelLocation::from_path(&path), compute).expect("a report");
        assert!(report.agree, "{}: {report:?}", path.display());
        assert_eq!(report.ours, report.independent);
        assert!(
            report.largest_logit_difference < bound,
            "{}: {report:?}",
            path.display()
        );
        assert!(report.tokens > 8 && !report.ours.is_empty());
    };
    agrees(starter(), 0.2);
    for (file, bound) in [("f32.gguf", 1e-4), ("q8_0.gguf", 0.3), ("q4_0.gguf", 0.3)] {
        agrees(root("tests/golden/tiny_llama/gguf").join(file), bound);
    }
    if let Some(folder) = stories() {
        agrees(folder, 1e-4);
    }
}
