//! Spelling and repeating.

use crate::exchange::{Exchange, Kind};
use crate::pattern::{expand, normal};
use crate::random::Random;
use crate::topics::made_up::{WORDS, made_up_word};

/// A word spelt, or words repeated.
pub fn words(random: &mut Random) -> Exchange {
    match random.percent(35) {
        true => spelling(random),
        false => repeating(random),
    }
}

fn spelling(random: &mut Random) -> Exchange {
    let word = random.choose(WORDS);
    let letters: Vec<String> = word.chars().map(String::from).collect();
    let letters = letters.join("-");
    let (ask, answer) = match random.percent(70) {
        true => (
            format!(
                "(how do you spell|spell|can you spell|please spell|how is|spelling of)( the word|) «{word}»?"
            ),
            format!("{letters}."),
        ),
        false => (
            format!("how many letters (does|are in|has|in)( the word|) «{word}»( have|)?"),
            format!("{word} has {} letters: {letters}.", word.len()),
        ),
    };
    let question = expand(random, &ask);
    let key = normal(&question);
    Exchange::new(Kind::Words, question, answer, key)
}

fn repeating(random: &mut Random) -> Exchange {
    let count = 1 + random.below(6);
    let said: Vec<String> = (0..count)
        .map(|_| match random.percent(50) {
            true => made_up_word(random),
            false => random.choose(WORDS).to_owned(),
        })
        .collect();
    let said = said.join(" ");
    let ask = format!(
        "(repeat|say|repeat after me|please repeat|please say|can you say|echo|write)(:|) «{said}»"
    );
    Exchange::new(
        Kind::Words,
        expand(random, &ask),
        said.clone(),
        format!("repeat {said}"),
    )
}
