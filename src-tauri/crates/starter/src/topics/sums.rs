//! Sums, differences and the multiplication table.

use crate::exchange::{Exchange, Kind};
use crate::pattern::{expand, normal};
use crate::random::Random;

const ADDITION: &[&str] = &[
    "{a} + {b}",
    "{a} + {b}",
    "{a}+{b}",
    "{a} plus {b}",
    "add {a} and {b}",
    "the sum of {a} and {b}",
    "{a} and {b} together",
];
const SUBTRACTION: &[&str] = &[
    "{a} - {b}",
    "{a} - {b}",
    "{a}-{b}",
    "{a} minus {b}",
    "subtract {b} from {a}",
    "take {b} away from {a}",
    "the difference between {a} and {b}",
];
const MULTIPLICATION: &[&str] = &[
    "{a} * {b}",
    "{a}*{b}",
    "{a} x {b}",
    "{a} times {b}",
    "multiply {a} by {b}",
    "the product of {a} and {b}",
    "{a} × {b}",
];
const DIVISION: &[&str] = &[
    "{a} / {b}",
    "{a}/{b}",
    "{a} divided by {b}",
    "divide {a} by {b}",
    "{a} ÷ {b}",
];

/// What may stand around a problem.
const AROUND: &[&str] = &[
    "{q}",
    "{q}",
    "{q} =",
    "{q}=",
    "{q} = ?",
    "what is {q}?",
    "(what is|what's|whats|how much is|calculate|compute|work out|solve) {q}?",
    "(what is|what's|how much is) {q}?",
    "(please|can you|could you) (calculate|compute|tell me|work out|solve) {q}(?|)",
    "(tell me|i need|give me|do you know) {q}",
    "{q} (please|equals|is what|makes)?",
    "(ok|and|now|hey|so)(,|) (what is|what about|) {q}?",
];

/// What it says of sums beyond what it has learnt.
const TOO_LARGE: [&str; 2] = [
    "That sum is too large for me. You can open a bigger model on the Models page.",
    "That sum is too large for me.",
];

/// The sum, with tens and ones added apart where both numbers have both: `34 + 28 = 50 + 12 = 62.`
pub fn addition_answer(a: u32, b: u32) -> String {
    let sum = a + b;
    match a > 9 && b > 9 {
        true => format!(
            "{a} + {b} = {} + {} = {sum}.",
            a / 10 * 10 + b / 10 * 10,
            a % 10 + b % 10
        ),
        false => format!("{a} + {b} = {sum}."),
    }
}

/// The difference, tens first where both numbers have tens: `52 - 38 = 22 - 8 = 14.`
pub fn subtraction_answer(a: u32, b: u32) -> String {
    let difference = a - b;
    match b > 9 {
        true => format!(
            "{a} - {b} = {} - {} = {difference}.",
            a - b / 10 * 10,
            b % 10
        ),
        false => format!("{a} - {b} = {difference}."),
    }
}

/// What the sum is about, whichever number comes first.
fn addition_key(a: u32, b: u32) -> String {
    format!("sum {} {}", a.min(b), a.max(b))
}

/// Whether a sum or difference of this key is a step in the working of others, `50 + 12` or `22 - 8`, and so learnt with them
/// wherever it is held out itself.
pub fn is_step(key: &str) -> bool {
    let mut words = key.split(' ');
    let kind = words.next();
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    match (kind, &numbers[..]) {
        (Some("sum"), numbers) => numbers.iter().any(|number| number.is_multiple_of(10)),
        (Some("difference"), [_, less]) => *less < 10,
        _ => false,
    }
}

/// A number of one or two digits; two in most cases.
fn number(random: &mut Random) -> u32 {
    match random.percent(25) {
        true => random.between(0, 9),
        false => random.between(10, 99),
    }
}

fn asked(random: &mut Random, ways: &[&str], (a, b): (u32, u32)) -> String {
    let problem = random.choose(ways);
    let problem = problem
        .replace("{a}", &a.to_string())
        .replace("{b}", &b.to_string());
    let around = random.choose(AROUND);
    expand(random, around).replace("{q}", &problem)
}

/// The problem of an addition: its numbers, and what decides whether it is held out. Sums of two digits are all learnt.
pub fn addition_problem(random: &mut Random) -> (u32, u32, String) {
    let (a, b) = (number(random), number(random));
    let key = match a > 9 || b > 9 {
        true => addition_key(a, b),
        false => String::new(),
    };
    (a, b, key)
}

/// The same of a subtraction; nothing below zero.
pub fn subtraction_problem(random: &mut Random) -> (u32, u32, String) {
    let (a, b) = (number(random), number(random));
    let (a, b) = (a.max(b), a.min(b));
    let key = match a > 9 {
        true => format!("difference {a} {b}"),
        false => String::new(),
    };
    (a, b, key)
}

/// An addition.
pub fn addition(random: &mut Random) -> Exchange {
    if random.percent(10) {
        return story(random);
    }
    let (a, b, key) = addition_problem(random);
    let question = asked(random, ADDITION, (a, b));
    Exchange::new(Kind::Addition, question, addition_answer(a, b), key)
}

/// A subtraction.
pub fn subtraction(random: &mut Random) -> Exchange {
    let (a, b, key) = subtraction_problem(random);
    let question = asked(random, SUBTRACTION, (a, b));
    Exchange::new(Kind::Subtraction, question, subtraction_answer(a, b), key)
}

/// A product of the table, or a division that leaves nothing.
pub fn multiplication(random: &mut Random) -> Exchange {
    let (a, b) = (random.between(0, 10), random.between(1, 10));
    let (question, answer) = match random.percent(65) {
        true => (
            asked(random, MULTIPLICATION, (a, b)),
            format!("{a} × {b} = {}.", a * b),
        ),
        false => (
            asked(random, DIVISION, (a * b, b)),
            format!("{} ÷ {b} = {a}.", a * b),
        ),
    };
    let key = normal(&question);
    Exchange::new(Kind::Multiplication, question, answer, key)
}

/// A sum or a product beyond what it has learnt.
pub fn too_large(random: &mut Random) -> Exchange {
    let (ways, a, b) = match random.percent(60) {
        true => {
            let ways = random.choose(&[ADDITION, SUBTRACTION, MULTIPLICATION, DIVISION]);
            let (low, high) = random.choose(&[(100, 999), (1000, 9999), (10_000, 999_999)]);
            (ways, random.between(low, high), random.between(11, 999))
        }
        false => (
            MULTIPLICATION,
            random.between(11, 99),
            random.between(11, 99),
        ),
    };
    let question = asked(random, ways, (a, b));
    Exchange {
        kind: Kind::Refusal,
        key: normal(&question),
        question,
        answers: TOO_LARGE.map(str::to_owned).to_vec(),
        preferred: 1,
    }
}

const THINGS: &[&str] = &[
    "apples", "books", "coins", "pens", "eggs", "cards", "cups", "stones", "keys", "tickets",
    "balls", "shells",
];

/// A sum told as a story.
fn story(random: &mut Random) -> Exchange {
    let (a, b, key) = addition_problem(random);
    let thing = random.choose(THINGS);
    let told = format!(
        "(i have|there are|tom has) {a} {thing}( and|.|,) (i get|i buy|i find|then come) {b} more. how many {thing}( are there| do i have|)( now|)?"
    );
    let question = expand(random, &told);
    Exchange::new(Kind::Addition, question, addition_answer(a, b), key)
}
