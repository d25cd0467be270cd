//! Counting, comparing, even and odd.

use crate::exchange::{Exchange, Kind};
use crate::pattern::expand;
use crate::random::Random;

/// One of them.
pub fn counting(random: &mut Random) -> Exchange {
    match random.below(10) {
        0..=2 => count(random),
        3..=5 => compare(random),
        6..=7 => even_or_odd(random),
        _ => neighbour(random),
    }
}

fn count(random: &mut Random) -> Exchange {
    let first = match random.percent(50) {
        true => 1,
        false => random.between(2, 40),
    };
    let last = first + random.between(2, 14);
    let (ask, numbers): (String, Vec<u32>) = match random.below(4) {
        0 => (
            format!("count (down|backwards|back) from {last} to {first}"),
            (first..=last).rev().collect(),
        ),
        1 if first == 1 => (
            format!("(count|please count|can you count) (up |)to {last}"),
            (first..=last).collect(),
        ),
        _ => (
            format!("(count|please count|can you count) from {first} to {last}"),
            (first..=last).collect(),
        ),
    };
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let answer = format!("{}.", numbers.join(", "));
    let key = format!("count {}", numbers.join(" "));
    Exchange::new(Kind::Counting, expand(random, &ask), answer, key)
}

fn compare(random: &mut Random) -> Exchange {
    let a = random.between(0, 99);
    let b = (a + random.between(1, 99)) % 100;
    let big = random.percent(60);
    let (words, said) = match big {
        true => ("(bigger|larger|greater|more)", "larger"),
        false => ("(smaller|less)", "smaller"),
    };
    let (high, low) = (a.max(b), a.min(b));
    let (winner, loser) = if big { (high, low) } else { (low, high) };
    let fact = format!("{winner} is {said} than {loser}.");
    let (ask, answer) = match random.percent(60) {
        true => (
            format!("(which|what)( number|) is {words}(:|,) {a} or {b}?"),
            fact,
        ),
        false => {
            let yes = if winner == a { "Yes" } else { "No" };
            (
                format!("is {a} {words} than {b}?"),
                format!("{yes}, {fact}"),
            )
        }
    };
    let key = format!("compare {low} {high}");
    Exchange::new(Kind::Counting, expand(random, &ask), answer, key)
}

fn even_or_odd(random: &mut Random) -> Exchange {
    let number = random.between(0, 299);
    let question = expand(random, &format!("is {number} (even|odd)( or (odd|even)|)?"));
    let which = if number.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    };
    Exchange::new(
        Kind::Counting,
        question,
        format!("{number} is {which}."),
        format!("even {number}"),
    )
}

fn neighbour(random: &mut Random) -> Exchange {
    let number = random.between(1, 298);
    let (ask, answer) = match random.percent(50) {
        true => (
            format!("(what|which number) comes (after|next after) {number}?"),
            format!("{} comes after {number}.", number + 1),
        ),
        false => (
            format!("(what|which number) comes before {number}?"),
            format!("{} comes before {number}.", number - 1),
        ),
    };
    Exchange::new(
        Kind::Counting,
        expand(random, &ask),
        answer,
        format!("neighbour {number}"),
    )
}
