//! Adapters beside a decoder's projections: `y = W x + scale · B (A x)`, with both factors in f32.
//!
//! The first factor is packed as weights are, and multiplied by the same kernels. Of the second a step of decoding adds rows
//! of Bᵀ to its output, which reads them in order; more than a few rows of activations are a product of their own. So what
//! holds for a row's bits in products with weights holds with an adapter too, and quantised weights stay as they are.

use nc_kernels::{
    Compute, DenseProduct, FEW_ROWS, Matrix, Operand, Precision, Product, Sums, WeightFormat,
    add_scaled, multiply, multiply_dense,
};

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
    /// `scale · Bᵀ`, `(rank, outputs)`.
    second: Vec<f32>,
}

/// What adapters compute on the way.
#[derive(Debug, Default)]
pub(crate) struct AdapterBuffers {
    /// `(T, rank)` of each adapter, one after the other.
    low: Vec<f32>,
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
            let mut transposed = vec![0.0; second.len()];
            for (output, row) in second.chunks_exact(lora.rank).enumerate() {
                for (rank, value) in row.iter().enumerate() {
                    transposed[rank * outputs + output] = lora.scale() * value;
                }
            }
            let pool = &compute.pool;
            let first = &parameters[pair[0].range.clone()];
            let shape = (lora.rank, inputs);
            layers[layer].sites[site as usize] = Some(LowRank {
                first: Matrix::from_f32(
                    compute.paths.decode,
                    pool,
                    WeightFormat::F32,
                    shape,
                    first,
                ),
                second: transposed,
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
        all.map(|adapter| (adapter.first.bytes() + size_of_val(&*adapter.second)) as u64)
            .sum()
    }

    /// Memory such adapters would take at most.
    pub(crate) fn bytes_of(spec: &DecoderSpec, lora: &Lora) -> u64 {
        let tensors = lora.tensors(spec).into_iter();
        tensors
            .map(|tensor| match tensor.role {
                ParameterRole::LoraA(_, site) => {
                    let (_, inputs) = site.shape(spec);
                    WeightFormat::F32.packed_bytes(lora.rank, inputs) as u64
                }
                _ => (tensor.range.len() * size_of::<f32>()) as u64,
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
        let (path, pool) = (lane.path, lane.pool);
        let mut present: Vec<(&LowRank, &mut [f32])> = Vec::with_capacity(N);
        for (site, output) in outputs {
            if let Some(adapter) = &self.sites[site as usize] {
                present.push((adapter, output));
            }
        }
        let Some((first, _)) = present.first() else {
            return;
        };
        // Inputs and rank are the same for all.
        let (rank, inputs) = (first.first.outputs(), first.first.inputs());
        let rows = x.len() / inputs;
        buffers.low.resize(present.len() * rows * rank, 0.0);
        let mut products: Vec<Product> = present
            .iter()
            .zip(buffers.low.chunks_mut(rows * rank))
            .map(|((adapter, _), output)| Product {
                matrix: &adapter.first,
                output,
            })
            .collect();
        multiply(path, pool, lane.scratch, x, &mut products);
        for ((adapter, output), low) in present.into_iter().zip(buffers.low.chunks(rows * rank)) {
            let outputs = output.len() / rows;
            if rows > FEW_ROWS {
                let product = DenseProduct {
                    left: Operand::new(low, (rows, rank)),
                    right: Operand::new(&adapter.second, (rank, outputs)),
                    scale: 1.0,
                    sums: Sums::Add,
                    precision: Precision::F32,
                };
                multiply_dense(path, pool, lane.scratch, &product, output);
                continue;
            }
            for (output, low) in output.chunks_mut(outputs).zip(low.chunks(rank)) {
                for (factor, second) in low.iter().zip(adapter.second.chunks(outputs)) {
                    add_scaled(path, pool, output, *factor, second);
                }
            }
        }
    }
}
