//! A trained base model through the engine: text, stops, context, reuse, queue, faults.

mod common;

use std::sync::mpsc::channel;

use common::{answer, ask, collect, engine, request, root, stories, text};
use nc_engine::{
    EngineError, EngineErrorKind, Event, FinishReason, Prompt, Request, Sampling, Template,
};
use nc_text::Message;

fn expected() -> String {
    let path = root("../shared/data/models/stories260k/expected_greedy.txt");
    std::fs::read_to_string(path).expect("it lies beside the model")
}

#[test]
fn the_story_from_nothing_is_the_expected_one() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let answer = answer(&engine, request(text(""), 199));
    let (reason, stats) = answer.finished();
    assert_eq!(
        (reason, stats.new_tokens, stats.prompt_tokens),
        (FinishReason::Length, 199, 1)
    );
    assert_eq!(answer.text(), expected()[..answer.text().len()]);
    assert!(
        answer.text().len() > 400,
        "199 tokens are several sentences"
    );
    assert_eq!(answer.pieces.len(), 199, "one event a token");
}

#[test]
fn the_story_goes_on_from_its_first_words() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    for begin in [
        "Once",
        "Once upon a time",
        "Once upon a time, there was a little girl named Lily.",
    ] {
        let answer = answer(&engine, request(text(begin), 60));
        let story = expected();
        let rest = story.strip_prefix(begin).expect("the story begins so");
        assert_eq!(
            answer.text(),
            rest[..answer.text().len()],
            "after {begin:?}"
        );
    }
}

/// Asks for the story with one more thing to stop at.
fn check_stop(stop: &[&str], shown: &str, reason: FinishReason) {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let request = Request {
        stop: stop.iter().map(|&stop| stop.to_owned()).collect(),
        ..request(text(""), 40)
    };
    let answer = answer(&engine, request);
    assert_eq!(
        (answer.text().as_str(), answer.finished().0),
        (shown, reason),
        "{stop:?}"
    );
}

#[test]
fn answers_end_before_stop_strings() {
    check_stop(
        &["Lily"],
        "Once upon a time, there was a little girl named ",
        FinishReason::StopString,
    );
    // Straddles several tokens, and begins and ends within one.
    check_stop(&["ce upon a ti"], "On", FinishReason::StopString);
    check_stop(
        &["never", "little girl"],
        "Once upon a time, there was a ",
        FinishReason::StopString,
    );
    // Held back as a possible stop string, then shown after all.
    check_stop(
        &["Once upon a tiger", ", th"],
        "Once upon a time",
        FinishReason::StopString,
    );
    let forty = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, r";
    check_stop(&[""], forty, FinishReason::Length);
}

#[test]
fn answers_end_before_stop_tokens() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let comma = engine
        .tokenizer()
        .encode("a,", nc_text::Special::Plain)
        .expect("tokens");
    let request = Request {
        stop_ids: vec![*comma.last().expect("a comma")],
        ..request(text(""), 40)
    };
    let answer = answer(&engine, request);
    assert_eq!(answer.text(), "Once upon a time");
    assert_eq!(answer.finished().0, FinishReason::StopString);
}

#[test]
fn a_full_context_ends_the_answer() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 20);
    let cut = answer(&engine, request(text(""), 100));
    let (reason, stats) = cut.finished();
    // BOS and 19 tokens are read; the twentieth token written is the last that can be drawn.
    assert_eq!((reason, stats.new_tokens), (FinishReason::ContextFull, 20));
    let tokens = Prompt::Tokens(vec![1; 21]);
    let error = answer(&engine, request(tokens, 10)).error();
    assert!(matches!(
        error,
        EngineError::ContextFull {
            context_tokens: 20,
            prompt_tokens: 21
        }
    ));
    let again = answer(&engine, request(text(""), 5));
    assert_eq!(
        again.finished().0,
        FinishReason::Length,
        "the engine still answers"
    );
}

#[test]
fn a_text_longer_than_the_context_loses_its_oldest_tokens() {
    let Some(folder) = stories() else { return };
    let long = "Once upon a time, there was a little girl named Lily. She loved to play outside.";
    let check = |context_tokens: usize, max_new_tokens: u32, add_bos: bool| {
        let engine = engine(&folder, context_tokens);
        let prompt = |text: &str| Prompt::Text {
            text: text.to_owned(),
            add_bos,
        };
        let all = engine
            .tokenizer()
            .encode(long, nc_text::Special::Plain)
            .expect("tokens");
        let cut = answer(&engine, request(prompt(long), max_new_tokens));
        let (_, stats) = cut.finished();
        let room = (max_new_tokens as usize).min(context_tokens / 4).max(1);
        let seen = (context_tokens - room - usize::from(add_bos)).min(all.len());
        assert_eq!(stats.unseen_tokens as usize, all.len() - seen, "{stats:?}");
        assert_eq!(stats.prompt_tokens as usize, seen + usize::from(add_bos));
        assert_eq!(stats.unseen_messages, 0);
        assert!(stats.new_tokens > 0);
        // What is seen is the beginning-of-text token and the end of the text.
        let begin = add_bos.then_some(engine.info().bos.expect("BOS"));
        let end = all[all.len() - seen..].iter().copied();
        let tokens = Prompt::Tokens(begin.into_iter().chain(end).collect());
        let same = answer(&engine, request(tokens, max_new_tokens));
        assert_eq!(same.text(), cut.text());
        assert_eq!(same.finished().1.unseen_tokens, 0);
    };
    check(20, 10, true);
    check(20, 2, true);
    check(20, 10, false);
    check(4, 1, true);
    // Fits whole.
    check(512, 10, true);
}

#[test]
fn what_is_read_again_comes_from_the_cache_and_changes_nothing() {
    let Some(folder) = stories() else { return };
    let warm = engine(&folder, 512);
    let mut prompt = "Once upon a time".to_owned();
    for turn in 0..4 {
        let reused = answer(&warm, request(text(&prompt), 30));
        let fresh = answer(&engine(&folder, 512), request(text(&prompt), 30));
        assert_eq!(reused.text(), fresh.text(), "turn {turn}");
        let stats = reused.finished().1;
        assert_eq!(fresh.finished().1.cached_tokens, 0);
        assert!(
            turn == 0 || stats.cached_tokens > stats.prompt_tokens / 2,
            "{stats:?}"
        );
        assert!(
            stats.cached_tokens < stats.prompt_tokens,
            "one token is always read"
        );
        prompt = format!("{prompt}{} Then", reused.text());
    }
    // The same again, and a beginning of it.
    let all = answer(&warm, request(text(&prompt), 5)).finished().1;
    let same = answer(&warm, request(text(&prompt), 5)).finished().1;
    assert_eq!(same.cached_tokens, all.prompt_tokens - 1);
    let shorter = answer(&warm, request(text("Once upon"), 5));
    assert!(shorter.finished().1.cached_tokens > 0);
    assert_eq!(
        shorter.text(),
        answer(&engine(&folder, 512), request(text("Once upon"), 5)).text()
    );
}

#[test]
fn a_seed_repeats_an_answer_and_is_told() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let draw = |seed| {
        let sampling = Sampling {
            seed,
            ..Sampling::default()
        };
        let answer = answer(
            &engine,
            Request {
                sampling,
                ..request(text(""), 40)
            },
        );
        (answer.text(), answer.finished().1.seed)
    };
    let (first, seed) = draw(None);
    assert_eq!(draw(Some(seed)), (first.clone(), seed));
    assert_ne!(draw(Some(seed.wrapping_add(1))).0, first);
}

#[test]
fn an_answer_can_be_stopped_while_it_is_written() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let (go_on, wait) = channel::<()>();
    let (sender, events) = channel();
    // The third piece waits until the answer has been cancelled: what comes after it shows how fast that works.
    let mut pieces = 0;
    let generation = engine.generate(
        request(text(""), 400),
        Box::new(move |event| {
            if matches!(event, Event::Text(_)) {
                pieces += 1;
                if pieces == 3 {
                    let _ = wait.recv();
                }
            }
            drop(sender.send(event));
        }),
    );
    generation.cancel();
    drop(go_on);
    let answer = collect(&events);
    let (reason, stats) = answer.finished();
    assert_eq!(reason, FinishReason::Cancelled);
    assert!(stats.new_tokens <= 3, "{stats:?}");
    assert!(
        expected().starts_with(&answer.text()),
        "what was written is kept"
    );
}

#[test]
fn requests_wait_for_each_other_and_can_be_dropped_meanwhile() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let (go_on, wait) = channel::<()>();
    let (sender, first) = channel();
    let mut held = false;
    engine.generate(
        request(text(""), 20),
        Box::new(move |event| {
            if matches!(event, Event::Reading { .. }) && !held {
                held = true;
                let _ = wait.recv();
            }
            drop(sender.send(event));
        }),
    );
    let (dropped, second) = ask(&engine, request(text("Once"), 20));
    let (_, third) = ask(&engine, request(text("Once upon"), 20));
    dropped.cancel();
    drop(go_on);
    assert_eq!(collect(&first).finished().0, FinishReason::Length);
    let second = collect(&second);
    assert_eq!(
        (second.finished().0, second.pieces.len()),
        (FinishReason::Cancelled, 0)
    );
    let third = collect(&third);
    assert!(third.waited);
    assert_eq!(third.finished().0, FinishReason::Length);
}

#[test]
fn dropping_the_engine_ends_what_is_under_way() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let (go_on, wait) = channel::<()>();
    let (sender, events) = channel();
    let mut held = false;
    engine.generate(
        request(text(""), 400),
        Box::new(move |event| {
            if matches!(event, Event::Reading { .. }) && !held {
                held = true;
                let _ = wait.recv();
            }
            drop(sender.send(event));
        }),
    );
    let (_, queued) = ask(&engine, request(text("Once"), 400));
    drop(engine);
    drop(go_on);
    assert_eq!(collect(&events).finished().0, FinishReason::Cancelled);
    assert_eq!(collect(&queued).finished().0, FinishReason::Cancelled);
    // The thread drops the handler last of all, so that a closed channel means that it is gone.
    assert!(events.recv().is_err());
}

#[test]
fn a_panic_in_an_answer_is_an_error_and_the_next_one_works() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 512);
    let (sender, events) = channel();
    engine.generate(
        request(text(""), 20),
        Box::new(move |event| {
            assert!(
                !matches!(event, Event::Text(_)),
                "this handler dislikes text"
            );
            drop(sender.send(event));
        }),
    );
    let error = collect(&events).error();
    assert_eq!(error.kind(), EngineErrorKind::Generation);
    assert!(error.to_string().contains("dislikes text"), "{error}");
    let next = answer(&engine, request(text(""), 5)).text();
    assert!(!next.is_empty() && expected().starts_with(&next), "{next}");
}

#[test]
fn requests_that_cannot_be_answered_are_refused() {
    let Some(folder) = stories() else { return };
    let engine = engine(folder, 64);
    let check = |request: Request, kind: EngineErrorKind| {
        let error = answer(&engine, request.clone()).error();
        assert_eq!(error.kind(), kind, "{request:?}: {error}");
        assert!(!error.remedy().is_empty());
    };
    let chat = |template, messages| Prompt::Chat {
        system: None,
        messages,
        template,
        continue_last: false,
    };
    let hello = || vec![Message::new("user", "Hello")];
    check(
        request(chat(Template::Model, hello()), 5),
        EngineErrorKind::NoTemplate,
    );
    check(
        request(
            chat(Template::Fallback(nc_text::Fallback::Alpaca), Vec::new()),
            5,
        ),
        EngineErrorKind::Request,
    );
    check(
        request(Prompt::Tokens(Vec::new()), 5),
        EngineErrorKind::Request,
    );
    check(
        request(Prompt::Tokens(vec![1, 512]), 5),
        EngineErrorKind::Damaged,
    );
    let sampling = Sampling {
        top_p: -1.0,
        ..Sampling::default()
    };
    check(
        Request {
            sampling,
            ..request(text(""), 5)
        },
        EngineErrorKind::Request,
    );
    let none = answer(&engine, request(text(""), 0));
    assert_eq!(
        (none.finished().0, none.pieces.len()),
        (FinishReason::Length, 0)
    );
}
