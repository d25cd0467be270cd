//! Low-rank adapters (Hu et al., arXiv:2106.09685): `y = W x + scale · B (A dropped(x))`.

use nc_kernels::{Compute, scale};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::Site;
use crate::DecoderSpec;

/// The adapters of a decoder, the same in each layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// `r`: A is `(r, inputs)`, B `(outputs, r)`.
    pub rank: usize,
    /// The product counts `alpha / r` times.
    pub alpha: f32,
    /// It counts `alpha / √r` times instead (rsLoRA: Kalajdzievski, arXiv:2312.03732).
    pub rank_stabilized: bool,
    /// How much of A's input is dropped while training: from 0 to below 1.
    pub dropout: f32,
    /// Which projections have an adapter.
    pub sites: Vec<Site>,
}

/// Adapters that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LoraError {
    /// No projection has one.
    #[error("no projection is chosen for an adapter")]
    NoSites,
    /// A rank of zero, or above what a projection can have.
    #[error("a rank of {rank} is not between 1 and {largest}, the smaller side of {site:?}")]
    Rank {
        /// What was asked for.
        rank: usize,
        /// The most there can be.
        largest: usize,
        /// Where.
        site: Site,
    },
    /// Not from 0 to below 1.
    #[error("a dropout of {0} is not from 0 to below 1")]
    Dropout(f32),
    /// Not a positive number.
    #[error("an alpha of {0} is not a positive number")]
    Alpha(f32),
}

impl Lora {
    /// What the product of both factors is multiplied by.
    pub fn scale(&self) -> f32 {
        match self.rank_stabilized {
            true => self.alpha / (self.rank as f32).sqrt(),
            false => self.alpha / self.rank as f32,
        }
    }

    pub(crate) fn check(&self, spec: &DecoderSpec) -> Result<(), LoraError> {
        if self.sites.is_empty() {
            return Err(LoraError::NoSites);
        }
        for &site in &self.sites {
            let (outputs, inputs) = site.shape(spec);
            let largest = outputs.min(inputs);
            if !(1..=largest).contains(&self.rank) {
                return Err(LoraError::Rank {
                    rank: self.rank,
                    largest,
                    site,
                });
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(LoraError::Dropout(self.dropout));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(LoraError::Alpha(self.alpha));
        }
        Ok(())
    }
}

/// Uniform within `±1/√inputs`: what PyTorch's `kaiming_uniform_` with `a = √5` gives.
pub(super) fn fill_first_factor(
    values: &mut [f32],
    inputs: usize,
    (seed, layer, site): (u64, usize, Site),
) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream((layer * Site::ALL.len() + site as usize) as u64);
    let bound = 1.0 / (inputs as f32).sqrt();
    for value in values {
        let unit = (random.next_u32() >> 8) as f32 / (1 << 24) as f32;
        *value = (2.0 * unit - 1.0) * bound;
    }
}

/// Which values of A's input are dropped: the same on the way forward and back, whatever the threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    pub(super) seed: u64,
    pub(super) share: f32,
}

impl Dropout {
    /// For the adapter of one projection.
    pub(super) fn of_site(self, layer: usize, site: Site) -> Self {
        let place = (layer * Site::ALL.len() + site as usize) as u64;
        Self {
            seed: mixed(self.seed ^ mixed(place)),
            ..self
        }
    }

    /// Zeroes those that are dropped, and makes up for them in the others.
    pub(super) fn apply(&self, compute: &Compute, values: &mut [f32]) {
        /// Values of a task.
        const PIECE: usize = 1 << 14;
        // Four values share 64 random bits.
        let limit = (f64::from(self.share) * 65536.0).round() as u16;
        compute.pool.pieces(values, PIECE, |piece, values| {
            for (index, values) in values.chunks_mut(4).enumerate() {
                let number = (piece * PIECE / 4 + index) as u64;
                let mut bits = mixed(self.seed.wrapping_add(number));
                for value in values {
                    if (bits as u16) < limit {
                        *value = 0.0;
                    }
                    bits >>= 16;
                }
            }
        });
        let kept = 1.0 - f32::from(limit) / 65536.0;
        let (path, pool) = compute.training();
        scale(path, pool, values, 1.0 / kept);
    }
}

/// SplitMix64's step (Steele, Lea and Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
