//! Words and names: some that everybody knows, some that nobody does, so that copying is learnt as copying.

use crate::random::Random;

const SYLLABLES: &[&str] = &[
    "ba", "be", "bo", "da", "de", "do", "fa", "fi", "ga", "go", "ka", "ko", "la", "le", "li", "lo",
    "ma", "mi", "mo", "na", "ne", "no", "pa", "pe", "ra", "ri", "ro", "sa", "so", "ta", "te", "ti",
    "va", "vi", "za", "zo",
];

/// First names of people.
const NAMES: &[&str] = &[
    "Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Karen",
    "Leo", "Maria", "Nina", "Oscar", "Paul", "Rosa", "Simon", "Tina", "Victor", "Wendy", "Yara",
    "Alice", "Bob", "Charlie", "Diana", "Eve", "Frank", "Gina", "Hans", "Iris", "John", "Kate",
    "Lisa", "Mike", "Nora", "Olga", "Peter", "Quinn", "Robert", "Sarah", "Tom", "Ursula", "Vera",
    "Will", "Zoe", "Adam", "Bella", "Chris", "Dora", "Eric", "Fiona", "George", "Helen", "Ivan",
    "Julia", "Kevin", "Laura", "Mark", "Natalie", "Oliver", "Pia", "Rita", "Sam", "Theo", "Uma",
    "Walter", "Amir", "Chen", "Fatima", "Hiro", "Ingrid", "Jose", "Kofi", "Luca", "Mei", "Omar",
    "Priya", "Raj", "Sofia", "Tariq", "Yuki", "Lena", "Max", "Mary", "James", "Linda", "Daniel",
    "Susan", "Thomas", "Lucy",
];

/// Words that everybody knows.
pub const WORDS: &[&str] = &[
    "apple", "bird", "book", "cat", "chair", "cloud", "cold", "dog", "door", "fish", "flower",
    "garden", "green", "hand", "happy", "hello", "horse", "house", "kite", "lamp", "lemon",
    "light", "lion", "model", "moon", "mouse", "music", "night", "orange", "paper", "pen", "plant",
    "queen", "rain", "river", "rose", "sand", "ship", "snow", "star", "stone", "sun", "table",
    "tiger", "train", "tree", "water", "window", "winter", "world", "yellow", "zebra",
];

/// A word that nobody knows.
pub fn made_up_word(random: &mut Random) -> String {
    let count = 2 + random.below(2);
    let mut word: String = (0..count).map(|_| random.choose(SYLLABLES)).collect();
    word += random.choose(&["", "", "n", "s", "r", "l"]);
    word
}

/// A name: half of them nobody has.
pub fn name(random: &mut Random) -> String {
    let name = match random.percent(50) {
        true => crate::pattern::capital(&made_up_word(random)),
        false => random.choose(NAMES).to_owned(),
    };
    match random.percent(15) {
        true => name.to_lowercase(),
        false => name,
    }
}

/// One of these words, or one that nobody knows.
pub fn word_of(random: &mut Random, words: &[&str]) -> String {
    match random.percent(30) {
        true => made_up_word(random),
        false => random.choose(words).to_owned(),
    }
}
