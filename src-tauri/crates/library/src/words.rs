//! Words as the search sees them.
//!
//! Text and query go through the same steps: composed (NFC); cut into words at everything that is neither letter, digit
//! nor mark; scripts that write no spaces, and Hangul, whose words carry endings, cut into single characters; then each
//! word folded, so that case, accents and compatibility forms make no difference. What is left over is searched as a
//! phrase of these words, by the index and by the excerpt alike, so both agree on what a hit is.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// A word of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Bytes of the composed text.
    pub(crate) at: Range<usize>,
    /// What is compared.
    pub(crate) folded: String,
}

/// The text with composed characters, in which [`words`] finds its places.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// The words of a composed text, in order.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Word> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let start = rest + text[rest..].find(begins_word)?;
            let end = word_end(text, start);
            rest = end;
            let folded = fold(&text[start..end]);
            if !folded.is_empty() {
                return Some(Word {
                    at: start..end,
                    folded,
                });
            }
        }
    })
}

/// Where the word that begins at `start` ends.
fn word_end(text: &str, start: usize) -> usize {
    let mut alone = false;
    for (offset, character) in text[start..].char_indices() {
        let goes_on = if offset == 0 {
            alone = stands_alone(character);
            true
        } else if joins(character) {
            true
        } else {
            !alone && character.is_alphanumeric() && !stands_alone(character)
        };
        if !goes_on {
            return start + offset;
        }
    }
    text.len()
}

fn begins_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// Belongs to the character before it: marks, joiners, soft hyphens.
fn joins(character: char) -> bool {
    is_combining_mark(character) || matches!(character, '\u{ad}' | '\u{200c}' | '\u{200d}')
}

/// Characters that are words of their own: Han, kana, bopomofo, Hangul, Thai, Lao, Myanmar, Khmer, Tibetan.
fn stands_alone(character: char) -> bool {
    matches!(u32::from(character),
        0x0e00..=0x0eff | 0x0f00..=0x0fff | 0x1000..=0x109f | 0x1780..=0x17ff
        | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3021..=0x3029 | 0x3031..=0x3035 | 0x3041..=0x30ff
        | 0x3105..=0x312f | 0x31a0..=0x31bf | 0x31f0..=0x31ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xff66..=0xff9f | 0x1b000..=0x1b16f | 0x20000..=0x3ffff)
}

/// Case, accents and compatibility forms taken away.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(word.len());
    let bare = word
        .nfkd()
        .filter(|&character| !is_accent(character))
        .flat_map(char::to_lowercase);
    // Lower case can bring marks of its own (İ), hence the second look.
    for character in bare.filter(|&character| !is_accent(character)).nfc() {
        match character {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            // A compatibility form may have brought a bracket or a dot.
            _ if character.is_alphanumeric() || is_combining_mark(character) => {
                folded.push(character)
            }
            _ => {}
        }
    }
    folded
}

/// Marks a reader may leave out and still mean the same word: accents, Hebrew points, Arabic vowel signs and tatweel.
/// Not the vowels of Indic and South-East Asian scripts, nor the voicing marks of kana.
fn is_accent(character: char) -> bool {
    matches!(u32::from(character),
        0x0300..=0x036f | 0x0591..=0x05bd | 0x05bf | 0x05c1..=0x05c2 | 0x05c4..=0x05c5 | 0x05c7
        | 0x0610..=0x061a | 0x0640 | 0x064b..=0x065f | 0x0670 | 0x06d6..=0x06dc
        | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f)
}

/// A text as the index takes it: its folded words, parted by spaces.
pub(crate) fn for_index(text: &str) -> String {
    let text = composed(text);
    let mut line = String::with_capacity(text.len());
    for word in words(&text) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word.folded);
    }
    line
}
