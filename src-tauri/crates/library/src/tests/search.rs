//! What a search finds, and the words it shows.

use proptest::prelude::*;

use super::{begin, in_memory, say};
use crate::Library;
use crate::search::around;

/// Title and messages of each chat searched here, oldest first.
const CHATS: &[(&str, &[&str])] = &[
    (
        "Breakfast",
        &[
            "How long do I boil an egg?",
            "Seven minutes for a firm yolk. Café crème goes well with it.",
        ],
    ),
    (
        "Machine learning 101",
        &[
            "Explain gradient descent",
            "It goes downhill, step by step.",
        ],
    ),
    (
        "机器学习入门",
        &["什么是深度学习?", "深度学习是机器学习的一个分支。"],
    ),
    (
        "日本語",
        &["東京タワーはどこですか", "東京都港区にあります。"],
    ),
    (
        "한국어",
        &["서울은 어디에 있나요?", "대한민국의 수도입니다."],
    ),
    ("Русский", &["Что такое ёлка?", "Это дерево."]),
    ("Türkçe", &["İstanbul'da hava nasıl?", "Güneşli."]),
    (
        "C++ and \"quotes\"",
        &[
            "NEAR(a, b) AND NOT c* OR ^title:x -y",
            "{column} : (nothing) 🙂",
        ],
    ),
    (
        "Shopping",
        &["eggs and egg cups", "The eggplant is good this week."],
    ),
];

fn filled() -> Library {
    let library = in_memory();
    for (title, messages) in CHATS {
        let chat = begin(&library, title).id;
        let mut parent = None;
        for content in *messages {
            parent = Some(say(&library, chat, parent, content).id);
        }
    }
    library
}

/// The titles found, last used first.
fn check(library: &Library, search: &str, expected: &[&str]) {
    let found = library
        .chats(search)
        .unwrap_or_else(|error| panic!("{search:?}: {error:?}"));
    let titles: Vec<&str> = found
        .iter()
        .map(|found| found.chat.title.as_str())
        .collect();
    assert_eq!(titles, expected, "{search:?}");
}

#[test]
fn a_search_finds_words_in_titles_and_messages() {
    let library = filled();
    for (search, expected) in [
        // Any case, any accents, on either side; the last word may be only begun.
        ("boil", &["Breakfast"] as &[&str]),
        ("BOIL an Egg", &["Breakfast"]),
        ("egg", &["Shopping", "Breakfast"]),
        ("egg cups", &["Shopping"]),
        ("eg cups", &[]),
        ("cups eg", &["Shopping"]),
        ("cafe creme", &["Breakfast"]),
        ("CAFÉ", &["Breakfast"]),
        ("cafe\u{301} cr", &["Breakfast"]),
        ("gradient breakfast", &[]),
        ("machine 1", &["Machine learning 101"]),
        // No spaces between words: any run of characters.
        ("机器", &["机器学习入门"]),
        ("学习", &["机器学习入门"]),
        ("器学", &["机器学习入门"]),
        ("习学", &[]),
        ("分支 深度", &["机器学习入门"]),
        ("東京", &["日本語"]),
        ("タワー", &["日本語"]),
        ("港区", &["日本語"]),
        ("서울", &["한국어"]),
        ("수도", &["한국어"]),
        ("елка", &["Русский"]),
        ("ДЕРЕВО", &["Русский"]),
        ("istanbul", &["Türkçe"]),
        ("ISTANBUL", &["Türkçe"]),
        ("gunesli", &["Türkçe"]),
        // Nothing typed is an operator.
        ("\"", &["C++ and \"quotes\""]),
        ("c++ and", &["C++ and \"quotes\""]),
        ("NOT c*", &["C++ and \"quotes\""]),
        ("NEAR(a, b)", &["C++ and \"quotes\""]),
        ("egg OR yolk", &[]),
        ("title:x", &["C++ and \"quotes\""]),
        ("-y", &["C++ and \"quotes\"", "Breakfast"]),
        ("{column} : (nothing)", &["C++ and \"quotes\""]),
        ("\"quotes", &["C++ and \"quotes\""]),
        ("🙂", &["C++ and \"quotes\""]),
        ("🙃", &[]),
        ("*", &["C++ and \"quotes\""]),
        ("\0", &[]),
        ("'; DROP TABLE chats; --", &[]),
    ] {
        check(&library, search, expected);
    }
    let all: Vec<&str> = CHATS.iter().rev().map(|(title, _)| *title).collect();
    check(&library, "", &all);
    check(&library, " \n ", &all);
}

#[test]
fn a_renamed_chat_is_found_by_its_new_title_only() {
    let library = filled();
    let chat = library.chats("breakfast").unwrap()[0].chat.id;
    library.rename_chat(chat, "Petit déjeuner").unwrap();
    check(&library, "breakfast", &[]);
    check(&library, "dejeuner", &["Petit déjeuner"]);
}

#[test]
fn a_very_long_search_is_answered() {
    let library = filled();
    check(&library, &"egg ".repeat(10_000), &["Shopping", "Breakfast"]);
    check(&library, &"习".repeat(10_000), &[]);
    check(&library, &"\"(".repeat(10_000), &[]);
}

#[test]
fn an_excerpt_shows_the_words_around_the_hit() {
    let library = in_memory();
    let long = format!(
        "{}the needle, found\nin\t the  hay {}",
        "straw ".repeat(50),
        "more straw ".repeat(50)
    );
    let characters = format!("{}针{}", "草".repeat(200), "堆".repeat(200));
    for (title, content, search, expected) in [
        ("t", "A short one.", "short", "A short one."),
        (
            "Only the title",
            "something else",
            "title",
            "Only the title",
        ),
        (
            "both egg",
            "egg in the message",
            "egg",
            "egg in the message",
        ),
        ("t2", "Un cafe\u{301} noir", "CAFE", "Un café noir"),
        ("t3", "  padded\n\n text  ", "text", "padded text"),
        ("t4", "smile 🙂 now", "🙂", "smile 🙂 now"),
        (
            "t5",
            &long,
            "needle",
            "…straw straw straw straw straw the needle, found in the hay more straw more straw more straw more straw more straw more straw more…",
        ),
        (
            "t6",
            &characters,
            "针",
            &format!("…{}针{}…", "草".repeat(40), "堆".repeat(99)),
        ),
    ] {
        let chat = begin(&library, title).id;
        say(&library, chat, None, content);
        let found = library.chats(search).unwrap();
        let found = found.iter().find(|found| found.chat.id == chat).unwrap();
        assert_eq!(found.excerpt, expected, "{search:?} in {content:?}");
        assert_eq!(library.chats("").unwrap()[0].excerpt, "");
        library.delete_chat(chat).unwrap();
    }
}

#[test]
fn the_newest_message_that_matches_is_shown() {
    let library = in_memory();
    let chat = begin(&library, "chat").id;
    let first = say(&library, chat, None, "alpha one").id;
    say(&library, chat, Some(first), "alpha two");
    say(&library, chat, Some(first), "another version");
    assert_eq!(
        library.chats("alpha").unwrap()[0].excerpt,
        "alpha two",
        "another branch is searched too"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// No search is an error, and a message is found by any of its own words.
    #[test]
    fn any_search_is_answered(search in "\\PC{0,30}|[\"*()^:{}+\\- a-cA-Z~.'\u{0}]{0,20}|(AND |OR |NOT |NEAR/2 ){1,4}") {
        let library = in_memory();
        let chat = begin(&library, "title").id;
        library.chats(&search).unwrap();
        say(&library, chat, None, &search);
        let found = library.chats(&search).unwrap();
        prop_assert_eq!(found.len(), 1);
        for word in search.split_whitespace() {
            prop_assert_eq!(library.chats(word).unwrap().len(), 1, "{:?}", word);
        }
    }

    /// An excerpt is one line of bounded length, wherever the hit is.
    #[test]
    fn any_excerpt_is_short(text in "(\\PC|[ \n🙂龙\u{301}]){0,300}", at in any::<prop::sample::Index>()) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let line = around(&text, *at.get(&places));
        prop_assert!(line.chars().count() <= 142);
        prop_assert!(!line.contains('\n'));
    }
}
