//! Chats: exchanges on different topics strung together, so that the model learns to look back only where the question asks
//! for it.

use serde::{Deserialize, Serialize};

use crate::exchange::{Exchange, Kind};
use crate::held_out::is_held_out;
use crate::pattern::{as_typed, capital, expand, normal, plain};
use crate::random::Random;
use crate::topics::memory::{Known, tell};
use crate::topics::sums::is_step;
use crate::topics::units::is_table;
use crate::topics::{Written, made_up, question};

/// What the template says where a chat has no system message.
pub const DEFAULT_SYSTEM: &str = "You are a small, friendly assistant.";

const SYSTEMS: &[&str] = &[
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are a helpful, respectful and honest assistant.",
    "You are the starter model of NeuralChat Desktop.",
    "Answer briefly.",
    "You are a helpful assistant. Answer in short sentences.",
    "Be kind and answer in plain English.",
    "You are a careful assistant. If you do not know something, say so.",
];

/// How often each of [`Kind::ALL`] is asked about.
pub type Mix = [u32; Kind::ALL.len()];

/// A turn, as training files have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The words.
    pub content: String,
}

impl Turn {
    /// A turn.
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self {
            role: role.to_owned(),
            content: content.into(),
        }
    }
}

/// A held-out question, with what was said before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The chat up to and with the question.
    pub turns: Vec<Turn>,
    /// Right answers.
    pub answers: Vec<String>,
}

/// An exchange that may be trained: a question of this kind that is not held out, as a person types it.
fn trained(
    random: &mut Random,
    mut draw: impl FnMut(&mut Random) -> Exchange,
) -> (String, Exchange) {
    loop {
        let exchange = draw(random);
        let typed = as_typed(random, &exchange.question);
        // A slip may turn one line into another.
        if !is_held_out(&exchange.key) && !is_held_out(&normal(&typed)) {
            return (typed, exchange);
        }
    }
}

/// A chat of so many exchanges to learn from.
pub fn conversation(
    written: &Written,
    random: &mut Random,
    (mix, exchanges): (&Mix, usize),
) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut named = None;
    match random.below(20) {
        0..=12 => turns.push(Turn::new("system", DEFAULT_SYSTEM)),
        13..=17 => turns.push(Turn::new("system", random.choose(SYSTEMS))),
        _ => {
            let name = capital(&made_up::name(random));
            let system = format!(
                "(Your name is {name}.|You are {name}, a (helpful|friendly|small) assistant.|You are called {name}. Be (kind|brief|helpful).)"
            );
            turns.push(Turn::new("system", expand(random, &system)));
            named = Some((name, random.below(exchanges)));
        }
    }
    let mut known = Known::default();
    for at in 0..exchanges {
        let (typed, answer) = match &named {
            // A name given by the system message is the model's name in this chat.
            Some((name, place)) if *place == at => own_name(random, name),
            _ => exchange(written, random, (mix, &mut known, named.is_some())),
        };
        turns.push(Turn::new("user", typed));
        turns.push(Turn::new("assistant", answer));
    }
    turns
}

fn own_name(random: &mut Random, name: &str) -> (String, String) {
    let ask = "((what is|what's|tell me) your name?|who are you?|(do you have|have you got) a name?|(what|how) (should|can) i call you?)";
    let question = expand(random, ask);
    let typed = as_typed(random, &question);
    (
        typed,
        format!("My name is {name}. I am a small model that runs on your computer."),
    )
}

/// One question and its answer. A model that was given another name does not say its usual one.
fn exchange(
    written: &Written,
    random: &mut Random,
    (mix, known, named): (&Mix, &mut Known, bool),
) -> (String, String) {
    loop {
        let kind = Kind::ALL[random.weighted(mix)];
        let (typed, exchange) = match kind {
            Kind::Memory => personal(random, known),
            kind => trained(random, |random| question(written, random, kind)),
        };
        let answer = exchange.answer(random);
        if !(named && answer.to_lowercase().contains("starter")) {
            return (typed, answer.to_owned());
        }
    }
}

/// Something told, or something asked for that was or was not told.
fn personal(random: &mut Random, known: &mut Known) -> (String, Exchange) {
    loop {
        let recalled = match random.below(20) {
            0 => known.missing(random),
            1..=12 => known.recall(random),
            _ => None,
        };
        // What is known was not held out when it was told.
        if let Some(recalled) = recalled {
            return (as_typed(random, &recalled.question), recalled);
        }
        let told = tell(random);
        if !is_held_out(&told.exchange.key) {
            known.keep(&told);
            return (as_typed(random, &told.exchange.question), told.exchange);
        }
    }
}

/// A held-out question of a kind, none of which has been `seen` before.
pub fn held_out_question(
    written: &Written,
    random: &mut Random,
    (kind, seen): (Kind, &mut std::collections::BTreeSet<String>),
) -> Asked {
    loop {
        let (turns, exchange) = match kind {
            Kind::Memory => remembered(written, random),
            kind => (Vec::new(), question(written, random, kind)),
        };
        let line = plain(&exchange.question);
        let once = match kind {
            Kind::Memory => exchange.key.clone(),
            _ => normal(&line),
        };
        if !is_held_out(&exchange.key)
            || is_step(&exchange.key)
            || is_table(&exchange.key)
            || !seen.insert(once)
        {
            continue;
        }
        let mut turns = turns;
        turns.push(Turn::new("user", line));
        return Asked {
            turns,
            answers: exchange.answers,
        };
    }
}

/// A chat in which something is told, up to three other things are said, and it is asked for.
fn remembered(written: &Written, random: &mut Random) -> (Vec<Turn>, Exchange) {
    let told = tell(random);
    let mut known = Known::default();
    known.keep(&told);
    let mut turns = said(&told.exchange);
    for _ in 0..random.below(4) {
        let kind = random.choose(&[Kind::SmallTalk, Kind::Program, Kind::Facts, Kind::Addition]);
        turns.extend(said(&question(written, random, kind)));
    }
    let recalled = known.recall(random).unwrap_or(told.exchange);
    (turns, recalled)
}

fn said(exchange: &Exchange) -> Vec<Turn> {
    vec![
        Turn::new("user", plain(&exchange.question)),
        Turn::new("assistant", exchange.answers[0].clone()),
    ]
}

/// What may be said at the end of an answer that needs no such end.
const ENDS: &[&str] = &[
    "Is there anything else I can help with?",
    "You can open a bigger model on the Models page.",
    "What would you like to know?",
    "How can I help you today?",
];

/// A question with a better and a worse answer, for the preference stage or held out from it: where there is nothing to
/// answer, the better one says what to do next; where the answer is whole, the better one ends with it.
pub fn preference(written: &Written, random: &mut Random, held_out: bool) -> (String, [String; 2]) {
    loop {
        let open = random.percent(50);
        let kind = match open {
            true => random.choose(&[Kind::SmallTalk, Kind::SmallTalk, Kind::Refusal]),
            false => random.choose(&Kind::ALL),
        };
        let exchange = question(written, random, kind);
        let pair = match (open, exchange.preferred) {
            (true, _) => exchange.pair(random).map(|pair| pair.map(str::to_owned)),
            (false, 0) => Some([
                exchange.answers[0].clone(),
                format!("{} {}", exchange.answers[0], random.choose(ENDS)),
            ]),
            (false, _) => None,
        };
        let typed = match held_out {
            true => plain(&exchange.question),
            false => as_typed(random, &exchange.question),
        };
        let kept = is_held_out(&exchange.key) || is_held_out(&normal(&typed));
        if let Some(pair) = pair
            && is_held_out(&exchange.key) == held_out
            && kept == held_out
        {
            return (typed, pair);
        }
    }
}
