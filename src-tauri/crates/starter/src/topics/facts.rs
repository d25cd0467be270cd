//! A closed set of facts, made from tables.

use crate::exchange::Exchange;
use crate::exchange::Kind;
use crate::pattern::{capital, expand, normal};
use crate::random::Random;

const DAYS: &[&str] = &[
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const ORDINALS: &[&str] = &[
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
];
const CAPITALS: &[(&str, &str)] = &[
    ("France", "Paris"),
    ("Germany", "Berlin"),
    ("Italy", "Rome"),
    ("Spain", "Madrid"),
    ("England", "London"),
    ("Poland", "Warsaw"),
    ("Japan", "Tokyo"),
    ("China", "Beijing"),
    ("Russia", "Moscow"),
    ("Egypt", "Cairo"),
    ("Greece", "Athens"),
    ("Austria", "Vienna"),
    ("Portugal", "Lisbon"),
    ("Norway", "Oslo"),
    ("Sweden", "Stockholm"),
    ("Canada", "Ottawa"),
    ("India", "New Delhi"),
    ("Ireland", "Dublin"),
];
const COLOURS: &[(&str, &str)] = &[
    ("the sky", "blue"),
    ("grass", "green"),
    ("snow", "white"),
    ("a lemon", "yellow"),
    ("blood", "red"),
    ("coal", "black"),
    ("a banana", "yellow"),
    ("milk", "white"),
    ("a tomato", "red"),
    ("a leaf", "green"),
    ("the sun", "yellow"),
];
const OPPOSITES: &[(&str, &str)] = &[
    ("hot", "cold"),
    ("big", "small"),
    ("up", "down"),
    ("day", "night"),
    ("fast", "slow"),
    ("old", "new"),
    ("good", "bad"),
    ("happy", "sad"),
    ("light", "dark"),
    ("open", "closed"),
    ("high", "low"),
    ("long", "short"),
    ("left", "right"),
    ("early", "late"),
    ("full", "empty"),
    ("hard", "soft"),
    ("rich", "poor"),
    ("strong", "weak"),
    ("black", "white"),
];
const SOUNDS: &[(&str, &str)] = &[
    ("cat", "meow"),
    ("dog", "woof"),
    ("cow", "moo"),
    ("sheep", "baa"),
    ("duck", "quack"),
    ("pig", "oink"),
    ("lion", "roar"),
];
const HOW_MANY: &[(&str, &str)] = &[
    ("days are in a week", "A week has seven days."),
    ("months are in a year", "A year has twelve months."),
    (
        "days are in a year",
        "A year has 365 days, and 366 in a leap year.",
    ),
    ("hours are in a day", "A day has 24 hours."),
    (
        "letters are in the alphabet",
        "The English alphabet has 26 letters.",
    ),
    ("legs does a dog have", "A dog has four legs."),
    ("legs does a spider have", "A spider has eight legs."),
    ("legs does a cat have", "A cat has four legs."),
    ("planets are there", "There are eight planets."),
    ("continents are there", "There are seven continents."),
    ("seasons are there", "There are four seasons."),
    ("wheels does a car have", "A car has four wheels."),
];
/// Lists by their names.
const LISTS: &[(&str, &[&str])] = &[
    ("the (days of the week|weekdays|days)", DAYS),
    ("the months( of the year|)", MONTHS),
    (
        "the( eight|) planets",
        &[
            "Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune",
        ],
    ),
    (
        "the( four|) seasons",
        &["Spring", "Summer", "Autumn", "Winter"],
    ),
    (
        "(some|five|the main) colo(u|)rs",
        &["Red", "Blue", "Green", "Yellow", "Orange"],
    ),
    (
        "(some|five) fruits",
        &["Apple", "Banana", "Orange", "Pear", "Grape"],
    ),
    (
        "(some|five) animals",
        &["Cat", "Dog", "Horse", "Lion", "Elephant"],
    ),
    (
        "the( seven|) continents",
        &[
            "Africa",
            "Antarctica",
            "Asia",
            "Australia",
            "Europe",
            "North America",
            "South America",
        ],
    ),
];
/// Single facts.
const SINGLE: &[(&str, &str)] = &[
    (
        "((say|write|recite|what is|tell me|list) the alphabet|the alphabet|the abc)",
        "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    ),
    (
        "(what is water( made of|)?|(tell me|say something) about water)",
        "Water is a clear liquid that all living things need. It is made of hydrogen and oxygen.",
    ),
    (
        "(what is the sun?|(tell me|say something) about the sun)",
        "The sun is a star. It gives light and warmth to the earth.",
    ),
    (
        "(what is the moon?|(tell me|say something) about the moon)",
        "The moon goes around the earth about once a month. It shines because the sun lights it.",
    ),
    (
        "(what is the (largest|biggest) planet?|which planet is the (largest|biggest)?)",
        "Jupiter is the largest planet.",
    ),
    (
        "(what is a (computer|pc)?|what does a computer do?)",
        "A computer is a machine that follows the steps of a program very quickly.",
    ),
    (
        "((at what temperature|when) does water (boil|freeze)?)",
        "Water freezes at 0 degrees Celsius and boils at 100 degrees Celsius.",
    ),
    (
        "(what (day|date|time) is it( today| now|)?|what('s| is) the (time|date)( today| now|)?|what('s| is) today's date?)",
        "I have no clock, so I do not know. Please look at the clock of your computer.",
    ),
];

/// One of the facts.
pub fn facts(random: &mut Random) -> Exchange {
    let (ask, answer) = match random.below(20) {
        0..=3 => list(random),
        4..=6 => neighbour(random, "day", DAYS),
        7..=8 => neighbour(random, "month", MONTHS),
        9..=12 => capital_city(random),
        13..=14 => opposite(random),
        15 => colour(random),
        16 => sound(random),
        17 => {
            let (what, answer) = random.choose(HOW_MANY);
            (
                format!("(how many {what}?|(do you know|tell me) how many {what})"),
                answer.to_owned(),
            )
        }
        18 => ordinal(random),
        _ => {
            let (ask, answer) = random.choose(SINGLE);
            (ask.to_owned(), answer.to_owned())
        }
    };
    let question = expand(random, &ask);
    let key = normal(&question);
    Exchange::new(Kind::Facts, question, answer, key)
}

fn list(random: &mut Random) -> (String, String) {
    let (what, items) = random.choose(LISTS);
    let items: Vec<String> = items.iter().map(|item| format!("- {item}")).collect();
    let ask = format!(
        "((what are|what are|list|name|tell me|write|say|can you list|give me)( all|) {what}( please|)?|(make|give me|write|show me) a( short|) list of {what}|{what}?)"
    );
    (ask, items.join("\n"))
}

fn neighbour(random: &mut Random, what: &str, ring: &[&str]) -> (String, String) {
    let at = random.below(ring.len());
    let item = ring[at];
    match random.percent(55) {
        true => (
            format!("(what|which) ({what} |)(comes|is) (after|next after) {item}?"),
            format!("{} comes after {item}.", ring[(at + 1) % ring.len()]),
        ),
        false => (
            format!("(what|which) ({what} |)(comes|is) before {item}?"),
            format!(
                "{} comes before {item}.",
                ring[(at + ring.len() - 1) % ring.len()]
            ),
        ),
    }
}

fn capital_city(random: &mut Random) -> (String, String) {
    let (country, city) = random.choose(CAPITALS);
    match random.percent(75) {
        true => (
            format!(
                "(what('s| is) the capital( city|) of {country}?|whats the capital of {country}|(tell me|name|do you know) the capital of {country}|(capital of {country}|{country} capital)|which city is the capital of {country}?)"
            ),
            format!("The capital of {country} is {city}."),
        ),
        false => (
            format!("(where is|in which country is|what country is) {city}?"),
            format!("{city} is the capital of {country}."),
        ),
    }
}

fn opposite(random: &mut Random) -> (String, String) {
    let (one, other) = random.choose(OPPOSITES);
    let (one, other) = if random.percent(50) {
        (one, other)
    } else {
        (other, one)
    };
    (
        format!("(what('s| is) the opposite of {one}?|(tell me the |)opposite of {one})"),
        format!("The opposite of {one} is {other}."),
    )
}

fn colour(random: &mut Random) -> (String, String) {
    let (thing, colour) = random.choose(COLOURS);
    (
        format!(
            "(what colo(u|)r is {thing}?|(which|what) colo(u|)r does {thing} have?|the colo(u|)r of {thing}?)"
        ),
        format!("{} is {colour}.", capital(thing)),
    )
}

fn sound(random: &mut Random) -> (String, String) {
    let (animal, sound) = random.choose(SOUNDS);
    (
        format!("(what (sound|noise) does a {animal} make?|what does a {animal} say?)"),
        format!("A {animal} says {sound}."),
    )
}

fn ordinal(random: &mut Random) -> (String, String) {
    let at = random.below(MONTHS.len());
    let (month, nth) = (MONTHS[at], ORDINALS[at]);
    (
        format!("(what|which) (is|month is) the {nth} month( of the year|)?"),
        format!("{month} is the {nth} month of the year."),
    )
}
