//! A question, and what is right to answer.

use crate::random::Random;

/// What a question is about; each kind is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Greetings and small talk.
    SmallTalk,
    /// The program, its screens, and its trade.
    Program,
    /// A closed set of facts, lists and small pieces of Markdown.
    Facts,
    /// Sums of up to two digits.
    Addition,
    /// Differences of up to two digits.
    Subtraction,
    /// The multiplication table, both ways.
    Multiplication,
    /// Counting, comparing, even and odd.
    Counting,
    /// Numbers and words in order.
    Sorting,
    /// Hours to minutes, metres to centimetres.
    Units,
    /// Spelling and repeating.
    Words,
    /// What was said earlier in the chat.
    Memory,
    /// Everything else, which is refused politely.
    Refusal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SmallTalk,
        Self::Program,
        Self::Facts,
        Self::Addition,
        Self::Subtraction,
        Self::Multiplication,
        Self::Counting,
        Self::Sorting,
        Self::Units,
        Self::Words,
        Self::Memory,
        Self::Refusal,
    ];

    /// For people; where not the subject but only the phrasing is new in held-out questions, it says so.
    pub fn title(self) -> &'static str {
        match self {
            Self::SmallTalk => "greetings and small talk, new phrasings",
            Self::Program => "questions about the program, new phrasings",
            Self::Facts => "facts and formatting, new phrasings",
            Self::Addition => "addition to 99 + 99, new sums",
            Self::Subtraction => "subtraction to 99 - 99, new differences",
            Self::Multiplication => "multiplication table and division, new phrasings",
            Self::Counting => "counting and comparing, new numbers",
            Self::Sorting => "sorting three to five numbers or words, new sets",
            Self::Units => "units by powers of ten, new quantities",
            Self::Words => "spelling and repeating, new phrasings and new words",
            Self::Memory => "what was said earlier in the chat, new names and numbers",
            Self::Refusal => "refusal outside its topics, new questions",
        }
    }
}

/// A question with its right answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What it is about.
    pub kind: Kind,
    /// What the person writes; what must be kept letter by letter stands between « and ».
    pub question: String,
    /// Right answers; each counts as right.
    pub answers: Vec<String>,
    /// How many of the answers, from the first, are better than the others: they say what to do next. 0 where none is.
    pub preferred: usize,
    /// What decides whether it is held out.
    pub key: String,
}

impl Exchange {
    /// A question with one right answer.
    pub fn new(kind: Kind, question: String, answer: impl Into<String>, key: String) -> Self {
        Self {
            kind,
            question,
            answers: vec![answer.into()],
            preferred: 0,
            key,
        }
    }

    /// A better and a plainer right answer, where there are both.
    pub fn pair(&self, random: &mut Random) -> Option<[&str; 2]> {
        let (better, plain) = self.answers.split_at(self.preferred);
        if better.is_empty() || plain.is_empty() {
            return None;
        }
        Some([
            &better[random.below(better.len())],
            &plain[random.below(plain.len())],
        ])
    }

    /// One of the right answers.
    pub fn answer(&self, random: &mut Random) -> &str {
        &self.answers[random.below(self.answers.len())]
    }
}
