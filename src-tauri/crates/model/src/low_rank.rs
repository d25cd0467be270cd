//! Adapters beside a decoder's projections: `y = W x + scale · B (A x)`, with both factors in f32.
//!
//! Factors are packed as weights are, and multiplied by the same kernels: what holds for a row's bits in products with
//! weights holds with an adapter too, and quantised weights stay as they are.

use nc_kernels::{Compute, Matrix, Product, WeightFormat, multiply};

use crate::workspace::Lane;
use crate::{DecoderSpec, Lora, ParameterRole, Site};

/// The adapters of all layers.
#[derive(Debug)]
pub(crate) struct Adapters {
    layers: Vec<LayerAdapters>,
}

/// The adapters of one layer, in the order of [`Site::ALL`]; none where a projection has none, or one that adds nothing.
#[derive(Debug, Default)]
pub(crate) struct LayerAdapters {
    sites: [Option<LowRank>; Site::ALL.len()],
}

#[derive(Debug)]
struct LowRank {
    /// A, `(rank, inputs)`.
    first: Matrix,
    /// `scale · B`, `(outputs, rank)`.
    second: Matrix,
}

/// What adapters compute on the way.
#[derive(Debug, Default)]
pub(crate) struct AdapterBuffers {
    /// `(T, rank)` of each adapter, one after the other.
    low: Vec<f32>,
    /// `(T, outputs)` of one adapter.
    product: Vec<f32>,
}

impl Adapters {
    /// # Panics
    /// When there are fewer or more parameters than the adapter has.
    pub(crate) fn new(
        spec: &DecoderSpec,
        compute: &Compute,
        lora: &Lora,
        parameters: &[f32],
    ) -> Self {
        let tensors = lora.tensors(spec);
        let length = tensors.last().map_or(0, |tensor| tensor.range.end);
        assert_eq!(parameters.len(), length, "all parameters of the adapter");
        let pack = |shape, values: &[f32]| {
            let Compute { path, pool } = compute;
            Matrix::from_f32(*path, pool, WeightFormat::F32, shape, values)
        };
        let mut layers: Vec<LayerAdapters> = Vec::new();
        layers.resize_with(spec.layers, LayerAdapters::default);
        // Both factors of an adapter follow each other.
        for pair in tensors.chunks_exact(2) {
            let &ParameterRole::LoraA(layer, site) = &pair[0].role else {
                continue;
            };
            let second = &parameters[pair[1].range.clone()];
            if second.iter().all(|value| *value == 0.0) {
                continue;
            }
            let (outputs, inputs) = site.shape(spec);
            let scaled: Vec<f32> = second.iter().map(|value| lora.scale() * value).collect();
            layers[layer].sites[site as usize] = Some(LowRank {
                first: pack((lora.rank, inputs), &parameters[pair[0].range.clone()]),
                second: pack((outputs, lora.rank), &scaled),
            });
        }
        Self { layers }
    }

    pub(crate) fn layer(&self, index: usize) -> &LayerAdapters {
        &self.layers[index]
    }

    /// Memory they take.
    pub(crate) fn bytes(&self) -> u64 {
        let all = self.layers.iter().flat_map(|layer| &layer.sites).flatten();
        all.map(|adapter| (adapter.first.bytes() + adapter.second.bytes()) as u64)
            .sum()
    }

    /// Memory such adapters would take at most.
    pub(crate) fn bytes_of(spec: &DecoderSpec, lora: &Lora) -> u64 {
        let tensors = lora.tensors(spec).into_iter();
        tensors
            .map(|tensor| match *tensor.shape {
                [outputs, inputs] => WeightFormat::F32.packed_bytes(outputs, inputs) as u64,
                _ => 0,
            })
            .sum()
    }
}

impl LayerAdapters {
    /// Adds to each output what the projection's adapter makes of `x`, `(T, inputs)`.
    pub(crate) fn add<const N: usize>(
        &self,
        lane: &mut Lane,
        buffers: &mut AdapterBuffers,
        x: &[f32],
        outputs: [(Site, &mut [f32]); N],
    ) {
        let Compute { path, pool } = lane.compute;
        let mut present: Vec<(&LowRank, &mut [f32])> = Vec::with_capacity(N);
        for (site, output) in outputs {
            if let Some(adapter) = &self.sites[site as usize] {
                present.push((adapter, output));
            }
        }
        let Some((first, _)) = present.first() else {
            return;
        };
        // The rank is the same for all.
        let length = x.len() / first.first.inputs() * first.first.outputs();
        let AdapterBuffers { low, product } = buffers;
        low.resize(present.len() * length, 0.0);
        let mut products: Vec<Product> = present
            .iter()
            .zip(low.chunks_mut(length))
            .map(|((adapter, _), output)| Product {
                matrix: &adapter.first,
                output,
            })
            .collect();
        multiply(*path, pool, lane.scratch, x, &mut products);
        for ((adapter, output), low) in present.into_iter().zip(low.chunks(length)) {
            product.resize(output.len(), 0.0);
            let second = Product {
                matrix: &adapter.second,
                output: product,
            };
            multiply(*path, pool, lane.scratch, low, &mut [second]);
            nc_kernels::add(*path, pool, output, product);
        }
    }
}
