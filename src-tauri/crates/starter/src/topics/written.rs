//! Topics that are written down in `src/texts`: small talk, the program, Markdown, and what is refused.

use crate::exchange::{Exchange, Kind};
use crate::pattern::{expand, normal};
use crate::random::Random;
use crate::texts::{Topic, lines, topics};
use crate::topics::made_up::made_up_word;

/// Ways of asking what something is.
const CONCEPT_ASKS: &[&str] = &[
    "what is {x}?",
    "what is {x}?",
    "what's {x}?",
    "whats {x}?",
    "what does {x} mean?",
    "what do you mean by {x}?",
    "(can|could) you explain {x}( to me| briefly|)?",
    "explain {x}( please| to me|)",
    "tell me( something|) about {x}",
    "(please |)define {x}",
    "{x}?",
    "what exactly is {x}?",
    "i want to (know|learn) about {x}",
    "what is {x} (for|used for)?",
    "help me understand {x}",
    "do you know what {x} is?",
    "{x} meaning",
    "describe {x}",
    "what is the (idea|meaning) of {x}?",
    "i (don't|do not) (know|understand) what {x} is",
    "(so|and|ok)(,|) what is {x}?",
    "what about {x}?",
    "give me a short explanation of {x}",
];

/// Ways of asking how something is done.
const TASK_ASKS: &[&str] = &[
    "how do i {x}?",
    "how do i {x}?",
    "how can i {x}?",
    "how to {x}?",
    "how does one {x}?",
    "how would i {x}?",
    "where do i {x}?",
    "where can i {x}?",
    "i (want|need|would like) to {x}",
    "is it possible to {x}?",
    "can i {x}( here| in this app|)?",
    "help me( to|) {x}",
    "(show|tell) me how to {x}",
    "what do i do to {x}?",
    "steps to {x}",
    "what is the way to {x}?",
    "i'm trying to {x}",
    "can you (help me|tell me how to) {x}?",
    "explain how to {x}",
    "which page lets me {x}?",
    "how should i {x}?",
    "please help me {x}",
];

/// What it says to a question outside its topics: the first two name a way on.
const REFUSALS: [&str; 4] = [
    "I am only a small demonstration model and do not know that. You can open a bigger model on the Models page.",
    "Sorry, that is beyond me. You can open a bigger model on the Models page.",
    "I am only a small demonstration model and do not know that.",
    "Sorry, that is beyond me.",
];

/// The texts, read once.
#[derive(Debug)]
pub struct Written {
    small_talk: Vec<Topic>,
    concepts: Vec<Topic>,
    tasks: Vec<Topic>,
    questions: Vec<Topic>,
    first: Vec<Topic>,
    formatting: Vec<Topic>,
    foreign_things: Vec<&'static str>,
    foreign_tasks: Vec<&'static str>,
    foreign_questions: Vec<&'static str>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            small_talk: topics(include_str!("../texts/small_talk.txt")),
            concepts: topics(include_str!("../texts/concepts.txt")),
            tasks: topics(include_str!("../texts/tasks.txt")),
            questions: topics(include_str!("../texts/questions.txt")),
            first: topics(include_str!("../texts/first.txt")),
            formatting: topics(include_str!("../texts/formatting.txt")),
            foreign_things: lines(include_str!("../texts/foreign_things.txt")),
            foreign_tasks: lines(include_str!("../texts/foreign_tasks.txt")),
            foreign_questions: lines(include_str!("../texts/foreign_questions.txt")),
        }
    }
}

impl Written {
    /// Greetings and small talk.
    pub fn small_talk(&self, random: &mut Random) -> Exchange {
        any(random, &self.small_talk).ask(random, Kind::SmallTalk)
    }

    /// The program and its trade.
    pub fn program(&self, random: &mut Random) -> Exchange {
        match random.below(20) {
            0..=7 => {
                let ask = random.choose(CONCEPT_ASKS);
                any(random, &self.concepts).ask_by_name(random, Kind::Program, ask)
            }
            8..=13 => {
                let ask = random.choose(TASK_ASKS);
                any(random, &self.tasks).ask_by_name(random, Kind::Program, ask)
            }
            14..=18 => any(random, &self.questions).ask(random, Kind::Program),
            _ => any(random, &self.first).ask(random, Kind::Program),
        }
    }

    /// Small pieces of Markdown.
    pub fn formatting(&self, random: &mut Random) -> Exchange {
        any(random, &self.formatting).ask(random, Kind::Facts)
    }

    /// A question outside its topics, now and then about a thing that does not exist.
    pub fn refusal(&self, random: &mut Random) -> Exchange {
        let pattern = match random.below(20) {
            0..=6 => {
                let thing = match random.percent(15) {
                    true => made_up_word(random),
                    false => random.choose(&self.foreign_things).to_owned(),
                };
                random.choose(CONCEPT_ASKS).replace("{x}", &thing)
            }
            7..=9 => {
                let task = random.choose(&self.foreign_tasks);
                random.choose(TASK_ASKS).replace("{x}", task)
            }
            _ => random.choose(&self.foreign_questions).to_owned(),
        };
        let question = expand(random, &pattern);
        Exchange {
            kind: Kind::Refusal,
            key: normal(&question),
            question,
            answers: REFUSALS.map(str::to_owned).to_vec(),
            preferred: 2,
        }
    }

    /// Two or three answers about the program one after the other, as a text without turns.
    pub fn paragraph(&self, random: &mut Random) -> String {
        let count = 2 + random.below(2);
        let sentences: Vec<&str> = (0..count)
            .map(|_| match random.percent(60) {
                true => any(random, &self.concepts).answers[0].as_str(),
                false => any(random, &self.tasks).answers[0].as_str(),
            })
            .collect();
        sentences.join(" ")
    }
}

fn any<'a>(random: &mut Random, topics: &'a [Topic]) -> &'a Topic {
    &topics[random.below(topics.len())]
}
