//! Quantities in other units.

use crate::exchange::{Exchange, Kind};
use crate::pattern::expand;
use crate::random::Random;

/// One and many of the larger unit, the smaller one, how many of it, and the largest quantity asked for.
const UNITS: &[(&str, &str, &str, u32, u32)] = &[
    ("hour", "hours", "minutes", 60, 12),
    ("minute", "minutes", "seconds", 60, 12),
    ("day", "days", "hours", 24, 10),
    ("week", "weeks", "days", 7, 20),
    ("year", "years", "months", 12, 10),
    ("kilometre", "kilometres", "metres", 1000, 99),
    ("metre", "metres", "centimetres", 100, 99),
    ("centimetre", "centimetres", "millimetres", 10, 99),
    ("kilogram", "kilograms", "grams", 1000, 99),
    ("tonne", "tonnes", "kilograms", 1000, 99),
    ("litre", "litres", "millilitres", 1000, 99),
    ("euro", "euros", "cents", 100, 99),
];

/// Whether a key is of units that a table connects and no power of ten: these are learnt by heart, 7 weeks being 49 days.
pub fn is_table(key: &str) -> bool {
    let mut words = key.split(' ');
    let many = words.nth(2).filter(|_| key.starts_with("units "));
    let each = UNITS.iter().find(|unit| Some(unit.1) == many);
    each.is_some_and(|unit| !unit.3.is_multiple_of(10) || unit.3 == 60)
}

/// So many of the larger unit in the smaller one, or back.
pub fn units(random: &mut Random) -> Exchange {
    let (one, many, small, each, most) = random.choose(UNITS);
    let count = random.between(1, most);
    let (large, is) = if count == 1 {
        (one, "is")
    } else {
        (many, "are")
    };
    let total = count * each;
    let (ask, answer) = match random.percent(70) {
        true => (
            format!(
                "(how many {small} are (in |){count} {large}?|how many {small} (is|are|make) {count} {large}?|(convert|change) {count} {large} (to|into) {small}|{count} {large} in {small}(?|)|what (is|are) {count} {large} in {small}?)"
            ),
            format!("{count} {large} {is} {total} {small}."),
        ),
        false => (
            format!(
                "(how many {many} are (in |){total} {small}?|how many {many} (is|are|make) {total} {small}?|(convert|change) {total} {small} (to|into) {many}|{total} {small} in {many}(?|)|what (is|are) {total} {small} in {many}?)"
            ),
            format!("{total} {small} are {count} {large}."),
        ),
    };
    let key = match count {
        // What one of them is must be known.
        1 => String::new(),
        _ => format!("units {count} {many} {small}"),
    };
    Exchange::new(Kind::Units, expand(random, &ask), answer, key)
}
