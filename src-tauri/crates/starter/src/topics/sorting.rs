//! Numbers and words in order.

use crate::exchange::{Exchange, Kind};
use crate::pattern::expand;
use crate::random::Random;
use crate::topics::made_up::WORDS;

/// Three to five numbers, or three or four words that begin with different letters.
pub fn sorting(random: &mut Random) -> Exchange {
    match random.percent(70) {
        true => numbers(random),
        false => words(random),
    }
}

fn numbers(random: &mut Random) -> Exchange {
    let count = 3 + random.below(3);
    let mut found: Vec<u32> = Vec::new();
    while found.len() < count {
        let next = random.between(0, 99);
        if !found.contains(&next) {
            found.push(next);
        }
    }
    let listed = list(random, &found);
    let mut sorted = found;
    sorted.sort_unstable();
    let key = format!("sort {}", joined(&sorted, " "));
    let ask = match random.below(10) {
        0..=5 => {
            "(sort|please sort|can you sort|order|put in order|sort these numbers|please sort these numbers|sort the numbers)(:| )"
        }
        6 => "(sort|put) these numbers from (small to large|low to high|smallest to largest):",
        7..=8 => {
            sorted.reverse();
            "(sort these numbers from large to small|sort from high to low|sort descending|sort in descending order):"
        }
        _ => {
            let (which, value) = match random.percent(50) {
                true => ("(largest|biggest|highest)", sorted[count - 1]),
                false => ("(smallest|lowest)", sorted[0]),
            };
            let ask = format!("(which|what) (number |)is the {which}(:| of) {listed}?");
            let answer = format!("{value}.");
            return Exchange::new(Kind::Sorting, expand(random, &ask), answer, key);
        }
    };
    let question = format!("{} {listed}", expand(random, ask).trim_end());
    Exchange::new(
        Kind::Sorting,
        question,
        format!("{}.", joined(&sorted, ", ")),
        key,
    )
}

fn words(random: &mut Random) -> Exchange {
    let count = 3 + random.below(2);
    let mut found: Vec<&str> = Vec::new();
    while found.len() < count {
        let next = random.choose(WORDS);
        if !found
            .iter()
            .any(|word| word.as_bytes()[0] == next.as_bytes()[0])
        {
            found.push(next);
        }
    }
    let listed = list(random, &found);
    let mut sorted = found;
    sorted.sort_unstable();
    let ask = "(sort|please sort|sort alphabetically|sort these words|please sort these words|put these words in order|put in alphabetical order):";
    let question = format!("{} {listed}", expand(random, ask));
    let key = format!("sort {}", joined(&sorted, " "));
    Exchange::new(
        Kind::Sorting,
        question,
        format!("{}.", joined(&sorted, ", ")),
        key,
    )
}

/// As a person writes a list.
fn list<T: ToString>(random: &mut Random, items: &[T]) -> String {
    match random.percent(75) {
        true => joined(items, ", "),
        false => joined(items, " "),
    }
}

fn joined<T: ToString>(items: &[T], between: &str) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    items.join(between)
}
