//! Texts without turns for the first stage: dense practice of what chats ask for now and then.

use crate::held_out::is_held_out;
use crate::random::Random;
use crate::topics::made_up::{WORDS, made_up_word, name};
use crate::topics::sums::{
    addition_answer, addition_problem, subtraction_answer, subtraction_problem,
};
use crate::topics::{Written, facts};

/// One text.
pub fn worksheet(written: &Written, random: &mut Random) -> String {
    match random.below(20) {
        0..=8 => sums(random),
        9..=12 => repeats(random),
        13..=15 => records(random),
        16..=17 => orders(random),
        18 => written.paragraph(random),
        _ => statements(random),
    }
}

/// Sums and differences, one a line.
fn sums(random: &mut Random) -> String {
    let mut lines = Vec::new();
    while lines.len() < 12 {
        let (line, key) = match random.percent(50) {
            true => {
                let (a, b, key) = addition_problem(random);
                (addition_answer(a, b), key)
            }
            false => {
                let (a, b, key) = subtraction_problem(random);
                (subtraction_answer(a, b), key)
            }
        };
        if !is_held_out(&key) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Words nobody knows, said twice or three times over.
fn repeats(random: &mut Random) -> String {
    let count = 3 + random.below(10);
    let words: Vec<String> = (0..count)
        .map(|_| match random.below(4) {
            0 => random.between(2, 999).to_string(),
            1 => random.choose(WORDS).to_owned(),
            2 => name(random),
            _ => made_up_word(random),
        })
        .collect();
    let line = words.join(" ");
    vec![line; 2 + random.below(2)].join("\n")
}

/// Who has which number, and then who was asked for.
fn records(random: &mut Random) -> String {
    let count = 2 + random.below(5);
    let mut people: Vec<(String, u32)> = Vec::new();
    while people.len() < count {
        let next = name(random);
        if !people.iter().any(|(name, _)| *name == next) {
            people.push((next, random.between(2, 999)));
        }
    }
    let mut lines: Vec<String> = people
        .iter()
        .map(|(name, number)| format!("{name}: {number}"))
        .collect();
    random.shuffle(&mut people);
    lines.extend(
        people
            .iter()
            .map(|(name, number)| format!("{name} has {number}.")),
    );
    lines.join("\n")
}

/// Numbers, and then in order.
fn orders(random: &mut Random) -> String {
    let mut lines = Vec::new();
    while lines.len() < 8 {
        let count = 2 + random.below(4);
        let mut numbers: Vec<u32> = (0..count).map(|_| random.between(0, 99)).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let text = |numbers: &[u32], between: &str| {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            numbers.join(between)
        };
        if sorted.len() < count || is_held_out(&format!("sort {}", text(&sorted, " "))) {
            continue;
        }
        random.shuffle(&mut numbers);
        lines.push(format!(
            "{} -> {}.",
            text(&numbers, ", "),
            text(&sorted, ", ")
        ));
    }
    lines.join("\n")
}

/// Facts, one after the other.
fn statements(random: &mut Random) -> String {
    let facts: Vec<String> = (0..6)
        .map(|_| facts::facts(random).answers.swap_remove(0))
        .collect();
    facts.join("\n")
}
