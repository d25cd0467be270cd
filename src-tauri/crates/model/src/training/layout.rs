//! Which parameters learn, and where each lies in the slice of all.

use std::collections::HashMap;
use std::ops::Range;

use super::{Lora, Method, Site};
use crate::{DecoderSpec, TensorRole};

/// What a tensor of parameters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterRole {
    /// One of the model's own.
    Weight(TensorRole),
    /// An adapter's first factor in a layer, `(rank, inputs)`.
    LoraA(usize, Site),
    /// Its second, `(outputs, rank)`.
    LoraB(usize, Site),
}

/// A tensor of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterTensor {
    /// What it is.
    pub role: ParameterRole,
    /// Row-major.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub range: Range<usize>,
    /// Weight decay applies: it is a matrix, not a norm's weight or a bias.
    pub decays: bool,
}

impl Lora {
    /// The tensors of the adapters of such a decoder, in the order in which they lie in the slice of parameters.
    pub fn tensors(&self, spec: &DecoderSpec) -> Vec<ParameterTensor> {
        Layout::new(spec, &Method::Lora(self.clone())).tensors
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Layout {
    tensors: Vec<ParameterTensor>,
    places: HashMap<ParameterRole, Range<usize>>,
    length: usize,
}

impl Layout {
    pub(super) fn new(spec: &DecoderSpec, method: &Method) -> Self {
        let mut layout = Self {
            tensors: Vec::new(),
            places: HashMap::new(),
            length: 0,
        };
        match method {
            Method::Full => {
                for (role, shape) in spec.tensors() {
                    if role != TensorRole::RotaryDivisors {
                        layout.add(ParameterRole::Weight(role), shape);
                    }
                }
            }
            Method::Lora(lora) => {
                for layer in 0..spec.layers {
                    // In the order of the sites, whatever the order and number they were asked for in.
                    for site in Site::ALL
                        .into_iter()
                        .filter(|site| lora.sites.contains(site))
                    {
                        let (outputs, inputs) = site.shape(spec);
                        layout.add(ParameterRole::LoraA(layer, site), vec![lora.rank, inputs]);
                        layout.add(ParameterRole::LoraB(layer, site), vec![outputs, lora.rank]);
                    }
                }
            }
        }
        layout
    }

    fn add(&mut self, role: ParameterRole, shape: Vec<usize>) {
        let end = self.length + shape.iter().product::<usize>();
        let range = self.length..end;
        self.length = end;
        self.places.insert(role, range.clone());
        self.tensors.push(ParameterTensor {
            decays: shape.len() > 1,
            role,
            shape,
            range,
        });
    }

    pub(super) fn tensors(&self) -> &[ParameterTensor] {
        &self.tensors
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Where a tensor lies; none where it does not learn.
    pub(super) fn place(&self, role: ParameterRole) -> Option<Range<usize>> {
        self.places.get(&role).cloned()
    }

    /// The gradient of one of the model's own weights.
    pub(super) fn weight<'a>(
        &self,
        role: TensorRole,
        gradients: &'a mut [f32],
    ) -> Option<&'a mut [f32]> {
        let place = self.place(ParameterRole::Weight(role))?;
        Some(&mut gradients[place])
    }
}
