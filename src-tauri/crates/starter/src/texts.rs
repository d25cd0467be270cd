//! The texts in `src/texts`: questions as patterns, and their answers.
//!
//! A block of lines is a topic: `? ` begins a way of asking, `+ ` an answer that says what to do next and is therefore
//! preferred, `= ` any other right answer. `\n` in an answer is a new line. Blank lines part topics.

use crate::exchange::{Exchange, Kind};
use crate::pattern::{expand, normal};
use crate::random::Random;

/// A topic of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Patterns of its questions, or of its names.
    pub asks: Vec<String>,
    /// Preferred answers first.
    pub answers: Vec<String>,
    /// How many are preferred.
    pub preferred: usize,
}

/// The topics of a text.
///
/// # Panics
/// When a line begins with none of the signs: the texts are part of the program.
pub fn topics(text: &str) -> Vec<Topic> {
    text.split("\n\n").map(topic).collect()
}

fn topic(block: &str) -> Topic {
    let lines = |sign: &str| -> Vec<String> {
        let lines = block.lines().filter_map(|line| line.strip_prefix(sign));
        lines.map(|line| line.replace("\\n", "\n")).collect()
    };
    let [asks, mut answers, others] = ["? ", "+ ", "= "].map(lines);
    let preferred = answers.len();
    answers.extend(others);
    assert!(
        !asks.is_empty() && !answers.is_empty(),
        "a topic is not whole: {block}"
    );
    Topic {
        asks,
        answers,
        preferred,
    }
}

/// Lines of a list.
pub fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

impl Topic {
    /// The topic asked in one of its own ways.
    pub fn ask(&self, random: &mut Random, kind: Kind) -> Exchange {
        let pattern = self.asks[random.below(self.asks.len())].clone();
        self.asked(random, kind, &pattern)
    }

    /// The topic asked by a pattern in which `{x}` stands for one of its names.
    pub fn ask_by_name(&self, random: &mut Random, kind: Kind, pattern: &str) -> Exchange {
        let pattern = pattern.replace("{x}", &format!("({0}|{0})", self.asks[0]));
        self.asked(random, kind, &pattern)
    }

    fn asked(&self, random: &mut Random, kind: Kind, pattern: &str) -> Exchange {
        let question = expand(random, pattern);
        Exchange {
            kind,
            key: normal(&question),
            question,
            answers: self.answers.clone(),
            preferred: self.preferred,
        }
    }
}
