//! Rotary positions (Su et al., arXiv:2104.09864), computed in f32 as the reference implementations do.

use candle_core::{Device, Tensor};
use candle_nn::rotary_emb;

use crate::{ModelError, Pairing, Rotary, RotaryScaling};

/// The frequencies of one decoder, ready to turn queries and keys.
#[derive(Debug, Clone)]
pub(crate) struct RotaryTable {
    pairing: Pairing,
    /// Radians a position adds, for each pair of a head.
    frequencies: Vec<f32>,
}

/// Cosines and sines of the positions of one forward pass, each `(T, head_dim / 2)`.
pub(crate) struct Turns {
    pairing: Pairing,
    cosines: Tensor,
    sines: Tensor,
}

impl RotaryTable {
    /// `divisors` are those that the checkpoint holds, for [`RotaryScaling::Stored`].
    pub(crate) fn new(rotary: &Rotary, head_dim: usize, divisors: Option<&[f32]>) -> Self {
        let frequencies = (0..head_dim / 2)
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
            frequencies,
        }
    }

    /// The turns of `tokens` positions from `first` on.
    pub(crate) fn turns(&self, first: usize, tokens: usize) -> Result<Turns, ModelError> {
        let angles: Vec<f32> = (first..first + tokens)
            .flat_map(|position| self.frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        let shape = (tokens, self.frequencies.len());
        let table = |function: fn(f32) -> f32| {
            Tensor::from_vec(
                angles.iter().map(|&a| function(a)).collect::<Vec<_>>(),
                shape,
                &Device::Cpu,
            )
        };
        Ok(Turns {
            pairing: self.pairing,
            cosines: table(f32::cos)?,
            sines: table(f32::sin)?,
        })
    }
}

impl Turns {
    /// Turns `(heads, T, head_dim)`.
    pub(crate) fn apply(&self, heads: &Tensor) -> Result<Tensor, ModelError> {
        let heads = heads.contiguous()?.unsqueeze(0)?;
        let turned = match self.pairing {
            Pairing::Halves => rotary_emb::rope(&heads, &self.cosines, &self.sines)?,
            Pairing::Neighbours => rotary_emb::rope_i(&heads, &self.cosines, &self.sines)?,
        };
        Ok(turned.squeeze(0)?)
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
        let table = RotaryTable::new(&rotary, 8, divisors);
        for (found, expected) in table.frequencies.iter().zip(expected) {
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
