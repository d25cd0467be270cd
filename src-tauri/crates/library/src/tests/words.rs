//! How words are cut and folded.

use crate::words::{composed, for_index, words};

fn check(text: &str, expected: &str) {
    assert_eq!(for_index(text), expected, "{text:?}");
}

#[test]
fn words_are_cut_and_folded() {
    for (text, expected) in [
        ("", ""),
        ("  \n\t", ""),
        ("Hello, World!", "hello world"),
        ("don't max_tokens=3.14", "don t max tokens 3 14"),
        // Composed and decomposed are the same.
        ("Café CAFE\u{301} cafe", "cafe cafe cafe"),
        (
            "naïve Ångström Øre Łódź Đà Nẵng",
            "naive angstrom ore lodz da nang",
        ),
        (
            "Straße STRASSE straẞe Œuvre ÆØ",
            "strasse strasse strasse oeuvre aeo",
        ),
        ("İstanbul ISTANBUL ıstanbul", "istanbul istanbul istanbul"),
        ("ΣΊΣΥΦΟΣ Σίσυφος", "σισυφοσ σισυφοσ"),
        ("Ёлка елка Йод", "елка елка иод"),
        // Compatibility forms.
        ("ﬁnal Ｆｕｌｌ ２０２６ x² №", "final full 2026 x2"),
        ("½", "12"),
        // Scripts without spaces: a character a word.
        ("机器学习GPT模型", "机 器 学 习 gpt 模 型"),
        (
            "ガラスを食べます。",
            "カ ラ ス を 食 べ ま す".replace('カ', "ガ").as_str(),
        ),
        ("か\u{3099}", "が"),
        ("한국어를", "한 국 어 를"),
        ("\u{1112}\u{1161}\u{11ab}", "한"),
        ("ไทย", "ไ ท ย"),
        ("𠀀𠀁", "𠀀 𠀁"),
        // Marks that make another word stay; points a reader leaves out go.
        ("हिन्दी में", "हिन्दी में"),
        ("مُحَمَّد محمد", "محمد محمد"),
        ("شָׁלוֹם", "شלום"),
        ("می\u{200c}خواهم", "میخواهم"),
        ("soft\u{ad}hyphen", "softhyphen"),
        ("🙂 ?!", ""),
        ("\u{301}\u{301}", ""),
        ("a\0b", "a b"),
    ] {
        check(text, expected);
    }
}

#[test]
fn words_know_where_they_are() {
    let text = composed("A Cafe\u{301}, 龙!");
    let places: Vec<&str> = words(&text).map(|word| &text[word.at]).collect();
    assert_eq!(places, ["A", "Café", "龙"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever the text, its words lie in it, in order.
    #[test]
    fn any_text_has_words(text in "\\PC{0,40}|(.|\u{301}|é|İ|ﷺ|龙|\u{200d}){0,20}") {
        let text = composed(&text);
        let mut end = 0;
        for word in words(&text) {
            assert!(word.at.start >= end && word.at.end > word.at.start);
            assert!(text.is_char_boundary(word.at.start) && text.is_char_boundary(word.at.end));
            // One word for the index too, which splits at ASCII signs only.
            let whole = |character: char| character.is_ascii_alphanumeric() || !character.is_ascii();
            assert!(!word.folded.is_empty() && word.folded.chars().all(whole), "{word:?}");
            end = word.at.end;
        }
    }
}
