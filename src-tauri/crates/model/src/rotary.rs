//! The angles of rotary positions (Su et al., arXiv:2104.09864), computed in f32 as the reference implementations do.

use nc_kernels::{HeadRows, Path, Pool, RotaryPairing, RotaryTable, Turn};

use crate::{Pairing, Rotary, RotaryScaling};

/// The frequencies of one decoder.
#[derive(Debug, Clone)]
pub(crate) struct Frequencies {
    pairing: Pairing,
    /// Radians a position adds, for each pair of a head.
    radians: Vec<f32>,
}

/// Cosines and sines of the positions of one forward pass, each `(T, head_dim / 2)`.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) cosines: Vec<f32>,
    pub(crate) sines: Vec<f32>,
    /// The rows of the tables: 0, 1, 2 …
    pub(crate) rows: Vec<u32>,
}

impl Frequencies {
    /// `divisors` are those that the checkpoint holds, for [`RotaryScaling::Stored`].
    pub(crate) fn new(rotary: &Rotary, head_dim: usize, divisors: Option<&[f32]>) -> Self {
        let radians = (0..head_dim / 2)
            .map(|pair| {
                let plain = 1.0 / rotary.theta.powf((2 * pair) as f32 / head_dim as f32);
                match divisors {
                    Some(divisors) => plain / divisors[pair],
                    None => scaled(plain, &rotary.scaling),
                }
            })
            .collect();
        Self {
            pairing: rotary.pairing,
            radians,
        }
    }

    pub(crate) fn pairing(&self) -> Pairing {
        self.pairing
    }

    /// Fills `turns` with the angles of `tokens` positions from `first` on.
    pub(crate) fn fill(&self, turns: &mut Turns, first: usize, tokens: usize) {
        turns.cosines.clear();
        turns.sines.clear();
        turns.rows.clear();
        turns.rows.extend(0..tokens as u32);
        for position in first..first + tokens {
            for radians in &self.radians {
                let (sine, cosine) = (position as f32 * radians).sin_cos();
                turns.cosines.push(cosine);
                turns.sines.push(sine);
            }
        }
    }

    /// Turns heads of queries and keys, `(T, heads, head_dim)` each with its number of heads, by the angles of their tokens.
    pub(crate) fn turn(
        &self,
        (path, pool): (Path, &Pool),
        turn: Turn,
        turns: &Turns,
        (values, head_dim): ([(&mut [f32], usize); 2], usize),
    ) {
        let table = self.table(turns);
        for (values, heads) in values {
            let rows = HeadRows {
                values,
                heads,
                head_dim,
                stride: heads * head_dim,
            };
            table.turn(path, pool, turn, rows, &turns.rows);
        }
    }

    /// The kernels' view of them.
    fn table<'a>(&self, turns: &'a Turns) -> RotaryTable<'a> {
        RotaryTable {
            pairing: match self.pairing {
                Pairing::Halves => RotaryPairing::Halves,
                Pairing::Neighbours => RotaryPairing::Neighbours,
            },
            width: 2 * self.radians.len(),
            cosines: &turns.cosines,
            sines: &turns.sines,
        }
    }
}

fn scaled(frequency: f32, scaling: &RotaryScaling) -> f32 {
    match *scaling {
        RotaryScaling::Plain | RotaryScaling::Stored => frequency,
        RotaryScaling::Linear { factor } => frequency / factor,
        RotaryScaling::Llama3 {
            factor,
            low,
            high,
            original_context,
        } => {
            let wavelength = 2.0 * std::f32::consts::PI / frequency;
            if wavelength < original_context / high {
                frequency
            } else if wavelength > original_context / low {
                frequency / factor
            } else {
                let kept = (original_context / wavelength - low) / (high - low);
                (1.0 - kept) * frequency / factor + kept * frequency
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scaling: RotaryScaling, divisors: Option<&[f32]>, expected: [f32; 4]) {
        let rotary = Rotary {
            theta: 10_000.0,
            pairing: Pairing::Halves,
            scaling,
        };
        let table = Frequencies::new(&rotary, 8, divisors);
        for (found, expected) in table.radians.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-7,
                "{scaling:?}: {found} against {expected}"
            );
        }
    }

    #[test]
    fn frequencies_are_scaled_as_configured() {
        check(RotaryScaling::Plain, None, [1.0, 0.1, 0.01, 0.001]);
        check(
            RotaryScaling::Linear { factor: 4.0 },
            None,
            [0.25, 0.025, 0.0025, 0.00025],
        );
        check(
            RotaryScaling::Stored,
            Some(&[1.0, 2.0, 4.0, 8.0]),
            [1.0, 0.05, 0.0025, 0.000125],
        );
        // Wavelengths 6.28, 62.8, 628, 6283 against a kept band below 25 and a divided one above 100:
        // the second blends with (100 / 62.83 - 1) / 3 = 0.197184.
        check(
            RotaryScaling::Llama3 {
                factor: 8.0,
                low: 1.0,
                high: 4.0,
                original_context: 100.0,
            },
            None,
            [
                1.0,
                0.1 * (0.197_183_1 + 0.802_816_9 / 8.0),
                0.00125,
                0.000125,
            ],
        );
    }
}
