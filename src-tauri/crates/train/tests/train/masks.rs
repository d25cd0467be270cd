//! Which tokens are trained: every template against a fixture that was checked by hand.
//!
//! A fixture shows the tokens with spaces between, what is trained in brackets (`Ġ` is a space, `Ċ` a line break). What to look for: each answer
//! whole, its end token once and inside the brackets, and nothing else in them.

use nc_data::{Content, Example};
use nc_text::{ChatTemplate, Message, Tokenizer};
use nc_train::TrainError;
use nc_train::recipe::TemplateChoice;
use nc_train::sample::{DropReason, Encoder, EncoderOptions, Sample, chat_template};

use crate::small::{BOS, END, EOS, show, tokenizer, turns};

const OPTIONS: EncoderOptions = EncoderOptions {
    answers_only: true,
    max_tokens: 1000,
    writes_input: false,
};

fn example(messages: &[Message]) -> Example {
    Example {
        row: 7,
        content: Content::Conversation {
            messages: messages.to_vec(),
            tools: None,
        },
    }
}

fn talk() -> Vec<Message> {
    turns(&[
        ("system", "us"),
        ("user", "hello <|eos|>"),
        ("assistant", "hey"),
        ("user", "x"),
        ("assistant", "hel\n"),
    ])
}

fn encode(tokenizer: &Tokenizer, template: ChatTemplate, options: EncoderOptions) -> Sample {
    let encoder = Encoder::new(tokenizer.clone(), template, options);
    encoder.encode(&example(&talk())).expect("a sample")
}

#[test]
fn masks_of_every_template() {
    let check = |choice: TemplateChoice, own: Option<&str>, adds_bos: bool, fixture: &str| {
        let tokenizer = tokenizer(adds_bos);
        let template = chat_template(choice, own, &tokenizer).expect("a template");
        let sample = encode(&tokenizer, template, OPTIONS);
        let shown = show(&tokenizer, &sample.tokens, &sample.trained);
        println!("{choice:?}\n{shown}");
        assert_eq!(shown, fixture, "{choice:?}");
    };
    use TemplateChoice::{Alpaca, Chatml, Model, Neuralchat, Raw};
    check(Chatml, None, false, include_str!("masks/chatml.txt"));
    check(Neuralchat, None, true, include_str!("masks/neuralchat.txt"));
    check(Alpaca, None, false, include_str!("masks/alpaca.txt"));
    check(Raw, None, true, include_str!("masks/raw.txt"));
    // A template without generation blocks, and with no end token of its own.
    let bare = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
    check(Model, Some(bare), true, include_str!("masks/model.txt"));
}

#[test]
fn an_answer_has_one_end_however_the_template_writes_it() {
    let check = |answer: &str, ids: &[u32]| {
        let source = format!(
            "{{% for m in messages %}}{{% if m.role == 'assistant' %}}{answer}{{% else %}}u{{% endif %}}{{% endfor %}}"
        );
        let tokenizer = tokenizer(false);
        let template =
            ChatTemplate::new(&source, Some("<|bos|>"), Some("<|eos|>")).expect("compiles");
        let encoder = Encoder::new(tokenizer, template, OPTIONS);
        let talk = turns(&[("user", "q"), ("assistant", "h"), ("user", "q")]);
        let sample = encoder.encode(&example(&talk)).expect("a sample");
        let said = sample.tokens.iter().zip(&sample.trained);
        let said: Vec<u32> = said
            .filter(|(_, trained)| **trained)
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(said, ids, "{answer}");
        let ends = sample.tokens.iter().filter(|&&id| id == EOS || id == END);
        assert_eq!(ends.count(), 1, "{answer}");
    };
    let h = u32::from(b'h');
    check(
        "{% generation %}{{ m.content }}{% endgeneration %}",
        &[h, EOS],
    );
    check(
        "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}",
        &[h, END],
    );
    check(
        "{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}",
        &[h, EOS],
    );
    check(
        "{% generation %}{{ m.content }}{{ eos_token }}{{ eos_token }}{% endgeneration %}",
        &[h, EOS],
    );
    check(
        "{% generation %}{{ m.content }}<|im_end|>{{ '\\n' }}{% endgeneration %}",
        &[h, END],
    );
    check(
        "{% generation %}{{ m.content }}{% endgeneration %}{{ eos_token }}",
        &[h, EOS],
    );
    check(
        "{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{{ eos_token }}",
        &[h, EOS],
    );
    check(
        "{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>\n",
        &[h, END],
    );
}

#[test]
fn what_is_too_long_is_cut_from_the_right() {
    let tokenizer = tokenizer(false);
    let template = |_| chat_template(TemplateChoice::Raw, None, &tokenizer).expect("a template");
    let whole = encode(&tokenizer, template(0), OPTIONS);
    assert!(!whole.cut);
    for max_tokens in 1..whole.tokens.len() {
        let options = EncoderOptions {
            max_tokens,
            ..OPTIONS
        };
        let encoder = Encoder::new(tokenizer.clone(), template(0), options);
        match encoder.encode(&example(&talk())) {
            Ok(sample) => {
                assert!(sample.cut);
                assert_eq!(sample.tokens, whole.tokens[..max_tokens]);
                assert_eq!(sample.trained, whole.trained[..max_tokens]);
            }
            Err(drop) => {
                assert_eq!((drop.row, drop.reason), (7, DropReason::NothingTrained));
                assert!(!whole.trained[..max_tokens].contains(&true));
                assert!(drop.reason.remedy().contains("max_tokens"));
            }
        }
    }
}

#[test]
fn everything_is_trained_where_that_is_asked_for() {
    let tokenizer = tokenizer(true);
    let all = EncoderOptions {
        answers_only: false,
        ..OPTIONS
    };
    let template = chat_template(TemplateChoice::Chatml, None, &tokenizer).expect("a template");
    let sample = encode(&tokenizer, template, all);
    assert_eq!(sample.trained_tokens(), sample.tokens.len() - 1);
    assert!(!sample.trained[0]);
    // A text is trained whole either way: BOS in front, EOS behind, and what it spells stays text.
    let template = chat_template(TemplateChoice::Chatml, None, &tokenizer).expect("a template");
    let encoder = Encoder::new(tokenizer, template, OPTIONS);
    let text = Example {
        row: 1,
        content: Content::Text("h<|eos|>".to_owned()),
    };
    let sample = encoder.encode(&text).expect("a sample");
    assert_eq!((sample.tokens[0], sample.tokens.last()), (BOS, Some(&EOS)));
    assert_eq!(sample.tokens.iter().filter(|&&id| id == EOS).count(), 1);
    assert_eq!(sample.trained_tokens(), sample.tokens.len() - 1);
}

#[test]
fn rows_that_cannot_be_used_say_why() {
    let tokenizer = tokenizer(false);
    let check = |source: &str, reason: DropReason, details: &str| {
        let template = ChatTemplate::new(source, None, None).expect("compiles");
        let encoder = Encoder::new(tokenizer.clone(), template, OPTIONS);
        let drop = encoder.encode(&example(&talk())).expect_err(source);
        assert_eq!(drop.reason, reason, "{source}");
        assert!(drop.details.contains(details), "{drop:?}");
        assert!(!reason.remedy().is_empty());
    };
    check(
        "{{ raise_exception('no system') }}",
        DropReason::TemplateFailed,
        "no system",
    );
    check(
        "{% for m in messages %}{{ 'last' if loop.last }}{{ m.content }}{% endfor %}",
        DropReason::AnswersUnknown,
        "",
    );
    check("{{ messages[0].content }}", DropReason::NothingTrained, "");
    let error = chat_template(TemplateChoice::Model, None, &tokenizer).expect_err("none");
    assert!(matches!(error, TrainError::NoTemplate), "{error}");
}

/// The `input` of an instruction is part of the prompt in every template.
#[test]
fn an_input_is_never_lost() {
    let tokenizer = tokenizer(false);
    for (choice, writes_input, words) in [
        (TemplateChoice::Alpaca, true, "### Input:\nINPUT\n\n"),
        (TemplateChoice::Chatml, false, "user\nhello\n\nINPUT"),
        (TemplateChoice::Raw, false, "hello\n\nINPUT"),
    ] {
        let template = chat_template(choice, None, &tokenizer).expect("a template");
        let options = EncoderOptions {
            writes_input,
            ..OPTIONS
        };
        let mut talk = turns(&[("user", "hello"), ("assistant", "h")]);
        talk[0].extra.insert("input".to_owned(), "INPUT".into());
        let encoder = Encoder::new(tokenizer.clone(), template, options);
        let sample = encoder.encode(&example(&talk)).expect("a sample");
        let text = tokenizer.decode(&sample.tokens).expect("decodes");
        assert!(text.contains(words), "{choice:?}: {text}");
    }
}
