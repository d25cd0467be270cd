//! The small language in which the starter's texts are written.
//!
//! `(hi|hello)( there|)!` is any of `hi!`, `hello!`, `hi there!`, `hello there!`. Text between « and » is kept letter by
//! letter: a name, a word to be copied.

use crate::random::Random;

/// One reading of a pattern. Inner choices first; brackets without a bar stay as they are.
pub fn expand(random: &mut Random, pattern: &str) -> String {
    let mut text = pattern.to_owned();
    while let Some((open, close)) = innermost_choice(&text) {
        let options: Vec<&str> = text[open + 1..close].split('|').collect();
        let chosen = random.choose(&options).to_owned();
        text.replace_range(open..=close, &chosen);
    }
    text
}

/// The brackets of a choice that holds no other brackets.
fn innermost_choice(text: &str) -> Option<(usize, usize)> {
    let mut open = None;
    for (at, sign) in text.char_indices() {
        match (sign, open) {
            ('(', _) => open = Some(at),
            (')', Some(begin)) if text[begin..at].contains('|') => return Some((begin, at)),
            (')', _) => open = None,
            _ => {}
        }
    }
    None
}

/// A line as a person types it: often in small letters, often without its full stop, now and then with a slip.
pub fn as_typed(random: &mut Random, line: &str) -> String {
    let small = random.percent(40);
    let slip = random.percent(6);
    let bare = random.percent(35);
    let mut text = String::new();
    for (at, piece) in line.split(['«', '»']).enumerate() {
        // Every second piece was between the marks.
        if at % 2 == 1 {
            text += piece;
            continue;
        }
        let piece = if slip {
            slipped(random, piece)
        } else {
            piece.to_owned()
        };
        text += &if small { piece.to_lowercase() } else { piece };
    }
    let text = text.trim();
    let text = if bare {
        text.trim_end_matches(['?', '.', '!'])
    } else {
        text
    };
    if small {
        text.to_owned()
    } else {
        capital(text)
    }
}

/// The line without its marks, as it would be printed.
pub fn plain(line: &str) -> String {
    capital(line.replace(['«', '»'], "").trim())
}

/// The first letter as a capital.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// What makes two lines the same question: letters, digits and signs of arithmetic, without case, marks and stops.
pub fn normal(line: &str) -> String {
    let kept = |sign: char| sign.is_alphanumeric() || "+-*/×÷ \n".contains(sign);
    let text: String = line
        .to_lowercase()
        .chars()
        .filter(|&sign| kept(sign))
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One slip of the fingers in one longer word: a letter lost, doubled, or exchanged with the next.
fn slipped(random: &mut Random, text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long =
        |word: &String| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let places: Vec<usize> = (0..words.len()).filter(|&at| long(&words[at])).collect();
    if !places.is_empty() {
        let word = &mut words[random.choose(&places)];
        let at = 1 + random.below(word.len() - 2);
        let mut letters: Vec<char> = word.chars().collect();
        match random.below(3) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letters[at]),
            _ => letters.swap(at, at + 1),
        }
        *word = letters.into_iter().collect();
    }
    words.join(" ")
}
