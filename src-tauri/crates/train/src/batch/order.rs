//! Orders that a seed decides, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of random numbers is for: streams of one seed must not repeat each other.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 1,
    HeldOut = 2,
}

fn stream(seed: u64, purpose: Purpose, epoch: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16] = purpose as u8;
    ChaCha8Rng::from_seed(key)
}

/// A number below `bound`, each with the same probability (Lemire 2019).
fn below(random: &mut ChaCha8Rng, bound: u64) -> u64 {
    loop {
        let product = u128::from(random.next_u64()) * u128::from(bound);
        // The share of the last numbers that would make some results likelier.
        if product as u64 >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

fn shuffled(count: usize, mut random: ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let chosen = below(&mut random, last as u64 + 1) as usize;
        order.swap(last, chosen);
    }
    order
}

/// The order of an epoch: each of `count` units once; as they come where `shuffle` is off.
pub fn order(count: usize, shuffle: bool, seed: u64, epoch: u64) -> Vec<usize> {
    match shuffle {
        true => shuffled(count, stream(seed, Purpose::Order, epoch)),
        false => (0..count).collect(),
    }
}

/// Which of `count` rows are held out, as a share of them. Where there is a share, at least one is held out and at least one is not, if there
/// are two.
pub fn held_out(count: usize, share: f64, seed: u64) -> Vec<bool> {
    let mut held = vec![false; count];
    if share <= 0.0 || count < 2 {
        return held;
    }
    let some = ((count as f64 * share).round() as usize).clamp(1, count - 1);
    for &row in &shuffled(count, stream(seed, Purpose::HeldOut, 0))[..some] {
        held[row] = true;
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_hold_every_row_once_and_differ_by_seed_and_epoch() {
        for count in [0, 1, 2, 3, 100] {
            let found = order(count, true, 7, 0);
            let mut sorted = found.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, order(count, false, 7, 0));
            assert_eq!(found, order(count, true, 7, 0));
        }
        let first = order(100, true, 7, 0);
        assert_ne!(first, order(100, true, 7, 1));
        assert_ne!(first, order(100, true, 8, 0));
        // Written down: a resumed run must find the same order in every version.
        assert_eq!(order(8, true, 42, 0), [0, 4, 6, 3, 1, 2, 5, 7]);
    }

    #[test]
    fn every_place_is_as_likely_as_every_other() {
        let mut places = [[0u32; 4]; 4];
        for seed in 0..4000 {
            for (place, row) in order(4, true, seed, 0).into_iter().enumerate() {
                places[place][row] += 1;
            }
        }
        // 1000 expected, with a standard deviation of 27.
        let fair = places
            .iter()
            .flatten()
            .all(|count| (860..1140).contains(count));
        assert!(fair, "{places:?}");
    }

    #[test]
    fn a_share_is_held_out() {
        let check = |count, share, expected: usize| {
            let held = held_out(count, share, 1);
            assert_eq!(held.iter().filter(|&&held| held).count(), expected);
            assert_eq!(held, held_out(count, share, 1));
        };
        check(100, 0.1, 10);
        check(100, 0.0, 0);
        check(100, 0.001, 1);
        check(3, 0.99, 2);
        check(1, 0.5, 0);
        check(0, 0.5, 0);
        assert_ne!(held_out(100, 0.1, 1), held_out(100, 0.1, 2));
    }
}
