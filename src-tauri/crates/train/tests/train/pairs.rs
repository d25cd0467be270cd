//! Pairs: what TRL 0.7.1 keeps of them, and what today's keeps.

use nc_data::Pair;
use nc_train::recipe::{TemplateChoice, Truncation};
use nc_train::sample::{
    DropReason, Encoder, EncoderOptions, PairOptions, PairSample, Sample, chat_template,
};

use crate::small::{END, EOS, show, tokenizer, turns};

fn pair(prompt: &[(&str, &str)], chosen: &str, rejected: &str) -> Pair {
    Pair {
        row: 3,
        prompt: turns(prompt),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
    }
}

fn encode(
    pair: &Pair,
    max_tokens: usize,
    truncation: Truncation,
    max_prompt_tokens: usize,
) -> Result<PairSample, DropReason> {
    let tokenizer = tokenizer(false);
    let template = chat_template(TemplateChoice::Raw, None, &tokenizer).expect("a template");
    let options = EncoderOptions {
        answers_only: true,
        max_tokens,
        writes_input: false,
    };
    let encoder = Encoder::new(tokenizer, template, options);
    let options = PairOptions {
        truncation,
        max_prompt_tokens,
    };
    encoder
        .encode_pair(pair, options)
        .map_err(|drop| drop.reason)
}

fn shown(sample: &Sample) -> String {
    let text = show(&tokenizer(false), &sample.tokens, &sample.trained);
    text.trim_end().to_owned()
}

#[test]
fn what_trl_0_7_1_keeps() {
    // 6 tokens of prompt; answers of 4 and 3 tokens with their end.
    let given = pair(&[("system", "abc"), ("user", "def")], "123", "45");
    let check = |max_tokens, max_prompt, chosen: &str, rejected: &str| {
        let found = encode(&given, max_tokens, Truncation::Trl071, max_prompt).expect("a pair");
        assert_eq!(shown(&found.chosen), chosen, "{max_tokens}, {max_prompt}");
        assert_eq!(
            shown(&found.rejected),
            rejected,
            "{max_tokens}, {max_prompt}"
        );
    };
    let whole = (
        "a b c d e f [ 1 2 3 <|eos|> ]",
        "a b c d e f [ 4 5 <|eos|> ]",
    );
    // All of it fits: a small prompt limit does not matter.
    check(10, 2, whole.0, whole.1);
    // One too many: the prompt keeps its last tokens, and with that it fits.
    check(
        9,
        5,
        "b c d e f [ 1 2 3 <|eos|> ]",
        "b c d e f [ 4 5 <|eos|> ]",
    );
    check(9, 2, "e f [ 1 2 3 <|eos|> ]", "e f [ 4 5 <|eos|> ]");
    // Not enough: the answers keep max_tokens - max_prompt, the longer one without its end.
    check(6, 3, "d e f [ 1 2 3 ]", "d e f [ 4 5 <|eos|> ]");
    check(6, 4, "c d e f [ 1 2 ]", "c d e f [ 4 5 ]");
    // A limit above the prompt's length cuts answers to it all the same, as TRL does.
    check(8, 7, "a b c d e f [ 1 ]", "a b c d e f [ 4 ]");
}

#[test]
fn what_keep_start_keeps() {
    let given = pair(
        &[("user", "ab"), ("assistant", "c"), ("user", "de")],
        "123",
        "45",
    );
    let check = |max_tokens, chosen: &str, rejected: &str| {
        let found = encode(&given, max_tokens, Truncation::KeepStart, 1).expect("a pair");
        assert_eq!(shown(&found.chosen), chosen);
        assert_eq!(shown(&found.rejected), rejected);
    };
    check(
        10,
        "a b c <|eos|> d e [ 1 2 3 <|eos|> ]",
        "a b c <|eos|> d e [ 4 5 <|eos|> ]",
    );
    check(8, "a b c <|eos|> d e [ 1 2 ]", "a b c <|eos|> d e [ 4 5 ]");
    let cut = encode(&given, 6, Truncation::KeepStart, 1);
    assert_eq!(cut, Err(DropReason::NothingTrained));
}

#[test]
fn tokens_do_not_merge_across_the_boundary_where_tokenised_apart() {
    let given = pair(&[("user", "h")], "el", "x");
    let apart = encode(&given, 10, Truncation::Trl071, 5).expect("a pair");
    assert_eq!(shown(&apart.chosen), "h [ e l <|eos|> ]");
    // As one text they do; the token belongs to the answer, and is the first, so it is not trained.
    let together = encode(&given, 10, Truncation::KeepStart, 5).expect("a pair");
    assert_eq!(shown(&together.chosen), "hel [ <|eos|> ]");
}

#[test]
fn pairs_that_teach_nothing_are_dropped() {
    let same = pair(&[("user", "ab")], "12x", "12y");
    let check = |truncation, max_tokens| {
        let found = encode(&same, max_tokens, truncation, 2);
        assert_eq!(found, Err(DropReason::SameAnswers));
    };
    check(Truncation::Trl071, 4);
    check(Truncation::KeepStart, 4);
}

#[test]
fn the_end_is_the_templates_own() {
    let check = |choice, end: u32| {
        let tokenizer = tokenizer(false);
        let template = chat_template(choice, None, &tokenizer).expect("a template");
        let options = EncoderOptions {
            answers_only: true,
            max_tokens: 1000,
            writes_input: false,
        };
        let encoder = Encoder::new(tokenizer, template, options);
        for truncation in [Truncation::Trl071, Truncation::KeepStart] {
            let options = PairOptions {
                truncation,
                max_prompt_tokens: 500,
            };
            let found = encoder
                .encode_pair(&pair(&[("user", "ab")], "1", "2"), options)
                .expect("a pair");
            let trained = found.chosen.tokens.iter().zip(&found.chosen.trained);
            let trained: Vec<u32> = trained.filter(|(_, t)| **t).map(|(id, _)| *id).collect();
            assert_eq!(trained, [u32::from(b'1'), end], "{choice:?}");
        }
    };
    check(TemplateChoice::Chatml, END);
    check(TemplateChoice::Neuralchat, EOS);
    check(TemplateChoice::Alpaca, EOS);
}

#[test]
fn prompts_meet_other_answers() {
    let one = |prompt: &str, answer: &str| {
        encode(
            &pair(&[("user", prompt)], answer, "z"),
            10,
            Truncation::Trl071,
            5,
        )
        .expect("a pair")
    };
    let pairs = [one("ab", "1"), one("c", "23"), one("d", "4")];
    let all: Vec<&PairSample> = pairs.iter().collect();
    let found: Vec<String> = PairSample::mismatched(&all, 3).iter().map(shown).collect();
    assert_eq!(found, ["a b [ 2 ]", "c [ 4 <|eos|> ]", "d [ 1 <|eos|> ]"]);
    assert!(PairSample::mismatched(&all[..1], 3).is_empty());
}
