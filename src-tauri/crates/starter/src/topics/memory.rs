//! What a person tells about themselves, and asks for again.

use std::collections::BTreeMap;

use crate::exchange::{Exchange, Kind};
use crate::pattern::{capital, expand, normal};
use crate::random::Random;
use crate::topics::made_up::{name, word_of};

/// Something that can be told: ways of telling, the answer, ways of asking, the answer then, the answer where it was not told.
#[derive(Debug)]
struct Matter {
    tell: &'static str,
    thanks: &'static str,
    ask: &'static str,
    answer: &'static str,
    missing: &'static str,
    value: fn(&mut Random) -> String,
}

const PETS: &[&str] = &[
    "cat", "dog", "horse", "rabbit", "parrot", "hamster", "turtle", "goat", "pony",
];
const COLOURS: &[&str] = &[
    "red", "blue", "green", "yellow", "orange", "purple", "pink", "black", "white", "brown", "grey",
];
const PLACES: &[&str] = &[
    "Berlin", "Paris", "London", "Rome", "Madrid", "Vienna", "Oslo", "Tokyo", "Cairo", "Dublin",
    "Athens", "Warsaw", "Lisbon", "Hamburg", "Boston", "Lyon", "Milan", "Porto", "Leeds", "Bergen",
];
const JOBS: &[&str] = &[
    "teacher",
    "nurse",
    "baker",
    "farmer",
    "student",
    "lawyer",
    "doctor",
    "writer",
    "driver",
    "cook",
    "gardener",
    "painter",
    "singer",
    "pilot",
    "programmer",
];

const MATTERS: [Matter; 7] = [
    Matter {
        tell: "(my name is «{v}»(.|)|(i am|i'm|im) «{v}»(.|)|(hi|hello|hey)(,|!|) (i am|i'm|my name is|this is) «{v}»(.|)|call me «{v}»(.|)|(you can|please) call me «{v}»(.|)|«{v}» is my name|my name's «{v}»(.|)|(hi|hello), my name is «{v}»(. nice to meet you|, how are you|)(.|?|))",
        thanks: "Nice to meet you, {v}!",
        ask: "(what is my name?|what is my name?|what's my name?|whats my name|who am i?|do you (know|remember) my name?|(tell me|say) my name|(can you|do you) (tell me|still know) (what my name is|my name)?|what did i say my name was?|remember my name?|how am i called?)",
        answer: "Your name is {v}.",
        missing: "You have not told me your name yet.",
        value: name,
    },
    Matter {
        tell: "(my (favourite|favorite) colo(u|)r is «{v}»(.|)|i (like|love) the colo(u|)r «{v}»( best| most|)(.|))",
        thanks: "{v} is a beautiful colour!",
        ask: "(what('s| is) my (favourite|favorite) colo(u|)r?|(which|what) colo(u|)r do i like( best|)?|do you (remember|know) my favo(u|)rite colo(u|)r?)",
        answer: "Your favourite colour is {v}.",
        missing: "You have not told me your favourite colour yet.",
        value: |random| word_of(random, COLOURS),
    },
    Matter {
        tell: "(i live in «{v}»(.|)|(i am|i'm) from «{v}»(.|)|my (home|city|town) is «{v}»(.|))",
        thanks: "{v} sounds like a nice place!",
        ask: "(where do i live?|where am i from?|(what|which)( city| town|) do i live in?|do you (remember|know) where i live?)",
        answer: "You live in {v}.",
        missing: "You have not told me where you live.",
        value: |random| capital(&word_of(random, PLACES)),
    },
    Matter {
        tell: "(i have a «{v}»(.|)|my pet is a «{v}»(.|)|i (own|got) a «{v}»(.|))",
        thanks: "A {v} is a lovely pet!",
        ask: "(what pet do i have?|(which|what) (animal|pet) do i (have|own)?|what is my pet?|do you remember my pet?)",
        answer: "You have a {v}.",
        missing: "You have not told me about a pet.",
        value: |random| word_of(random, PETS),
    },
    Matter {
        tell: "(i am «{v}» years old(.|)|(i'm|im) «{v}» years old(.|)|my age is «{v}»(.|))",
        thanks: "Thank you for telling me that you are {v} years old.",
        ask: "(how old am i?|what('s| is) my age?|do you (remember|know) (my age|how old i am)?)",
        answer: "You are {v} years old.",
        missing: "You have not told me your age yet.",
        value: |random| random.between(6, 94).to_string(),
    },
    Matter {
        tell: "(i am a «{v}»(.|)|i work as a «{v}»(.|)|my job is «{v}»(.|)|i'm a «{v}»(.|))",
        thanks: "Being a {v} is important work!",
        ask: "(what('s| is) my (job|profession)?|what do i do( for a living|)?|do you (remember|know) (my job|what i do)?)",
        answer: "You are a {v}.",
        missing: "You have not told me about your work.",
        value: |random| word_of(random, JOBS),
    },
    Matter {
        tell: "((please |)remember the number «{v}»(.|)|my (lucky |)number is «{v}»(.|)|(keep in mind|the secret number is|the code is) «{v}»(.|))",
        thanks: "I will remember the number {v}.",
        ask: "((what|which)( number|) did i (tell|give) you?|what (was|is) (the|my)( lucky| secret|) (number|code)?|do you remember the number?)",
        answer: "The number is {v}.",
        missing: "You have not told me a number.",
        value: |random| random.between(2, 999).to_string(),
    },
];

/// What is told most often.
const WEIGHTS: [u32; 7] = [4, 1, 1, 1, 1, 1, 2];

/// What has been told so far: matters by number, with their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<usize, String>);

/// Something told: the exchange, and what is known by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was said.
    pub exchange: Exchange,
    matter: usize,
    value: String,
}

impl Known {
    /// Keeps what was told.
    pub fn keep(&mut self, told: &Told) {
        self.0.insert(told.matter, told.value.clone());
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of the things that were told, asked for.
    pub fn recall(&self, random: &mut Random) -> Option<Exchange> {
        let known: Vec<(&usize, &String)> = self.0.iter().collect();
        if known.is_empty() {
            return None;
        }
        let (matter, value) = known[random.below(known.len())];
        let question = expand(random, MATTERS[*matter].ask);
        let answer = MATTERS[*matter].answer.replace("{v}", value);
        Some(Exchange::new(
            Kind::Memory,
            question,
            answer,
            key(*matter, value),
        ))
    }

    /// Something asked for that was not told, if there is any.
    pub fn missing(&self, random: &mut Random) -> Option<Exchange> {
        let matter = random.weighted(&WEIGHTS);
        if self.0.contains_key(&matter) {
            return None;
        }
        let question = expand(random, MATTERS[matter].ask);
        let key = normal(&question);
        Some(Exchange::new(
            Kind::Memory,
            question,
            MATTERS[matter].missing,
            key,
        ))
    }
}

/// Something told about oneself.
pub fn tell(random: &mut Random) -> Told {
    let matter = random.weighted(&WEIGHTS);
    let Matter {
        tell,
        thanks,
        value,
        ..
    } = &MATTERS[matter];
    let value = value(random);
    let question = expand(random, tell).replace("{v}", &value);
    let thanks = match thanks.starts_with("{v}") {
        true => capital(&thanks.replace("{v}", &value)),
        false => thanks.replace("{v}", &value),
    };
    Told {
        exchange: Exchange::new(Kind::Memory, question, thanks, key(matter, &value)),
        matter,
        value,
    }
}

fn key(matter: usize, value: &str) -> String {
    format!("told {matter} {}", value.to_lowercase())
}
