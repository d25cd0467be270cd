//! What the starter can talk about: one generator a topic.

pub mod counting;
pub mod facts;
pub mod made_up;
pub mod memory;
pub mod sorting;
pub mod sums;
pub mod units;
pub mod words;
pub mod written;

use crate::exchange::{Exchange, Kind};
use crate::random::Random;

pub use written::Written;

/// A question of a kind, held out or not. Memory needs a chat: see [`memory`].
pub fn question(written: &Written, random: &mut Random, kind: Kind) -> Exchange {
    match kind {
        Kind::SmallTalk => written.small_talk(random),
        Kind::Program => written.program(random),
        Kind::Facts => match random.percent(80) {
            true => facts::facts(random),
            false => written.formatting(random),
        },
        Kind::Addition => sums::addition(random),
        Kind::Subtraction => sums::subtraction(random),
        Kind::Multiplication => sums::multiplication(random),
        Kind::Counting => counting::counting(random),
        Kind::Sorting => sorting::sorting(random),
        Kind::Units => units::units(random),
        Kind::Words => words::words(random),
        Kind::Memory => memory::tell(random).exchange,
        Kind::Refusal => match random.percent(85) {
            true => written.refusal(random),
            false => sums::too_large(random),
        },
    }
}
