//! Gradients and training steps against PyTorch (tests/golden/tiny_llama_training), and against each other.

mod common;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::{root, tiny};
use nc_kernels::{AdamW, AdamWSlices, Compute, Path as KernelPath};
use nc_model::{
    Decoder, Lora, Method, MicroBatch, ModelFiles, ModelLocation, Objective, OpenOptions,
    ParameterRole, Site, StepOptions, TrainingDecoder,
};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

fn decoder(folder: &Path, compute: &Compute) -> (Decoder, ModelFiles) {
    let files = ModelFiles::open(&ModelLocation::from_path(folder)).expect("a model");
    let options = OpenOptions {
        compute: Some(compute.clone()),
        ..OpenOptions::default()
    };
    let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()));
    (loaded.expect("a decoder").decoder, files)
}

fn lora(sites: &[Site]) -> Method {
    Method::Lora(Lora {
        rank: 4,
        alpha: 8.0,
        rank_stabilized: false,
        dropout: 0.0,
        sites: sites.to_vec(),
    })
}

/// Sequences as one flat row.
struct Row {
    tokens: Vec<u32>,
    starts: Vec<usize>,
    targets: Vec<Option<u32>>,
}

impl Row {
    fn batch(&self) -> MicroBatch<'_> {
        MicroBatch {
            tokens: &self.tokens,
            starts: &self.starts,
            targets: &self.targets,
        }
    }
}

fn row(sequences: &[(Vec<u32>, Vec<bool>)]) -> Row {
    let mut row = Row {
        tokens: Vec::new(),
        starts: Vec::new(),
        targets: Vec::new(),
    };
    for (ids, counted) in sequences {
        let start = row.tokens.len();
        row.tokens.extend(ids);
        row.starts.extend(ids.iter().map(|_| start));
        let next = ids.iter().zip(counted).skip(1);
        row.targets
            .extend(next.map(|(id, counted)| counted.then_some(*id)));
        row.targets.push(None);
    }
    row
}

fn golden() -> Value {
    let text = std::fs::read_to_string(root("tests/golden/tiny_llama_training/golden.json"));
    serde_json::from_str(&text.expect("golden losses")).expect("JSON")
}

fn sequences(golden: &Value) -> Vec<(Vec<u32>, Vec<bool>)> {
    let entries = golden["sequences"].as_array().expect("sequences");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let each = entries.iter().map(|entry| {
        let ids = list(&entry["ids"])
            .iter()
            .map(|id| id.as_u64().expect("an id") as u32)
            .collect();
        let counted = list(&entry["counted"])
            .iter()
            .map(|c| c.as_bool().expect("a mask"))
            .collect();
        (ids, counted)
    });
    each.collect()
}

fn numbers(value: &Value) -> Vec<f32> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers
        .map(|n| n.as_f64().expect("a number") as f32)
        .collect()
}

fn tensors(name: &str) -> HashMap<String, Vec<f32>> {
    let path = root("tests/golden/tiny_llama_training").join(name);
    let bytes = std::fs::read(path).expect("golden gradients");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let f32s = |view: TensorView| {
        let (numbers, rest) = view.data().as_chunks::<4>();
        assert!(rest.is_empty() && view.dtype() == Dtype::F32);
        numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    };
    tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, f32s(view)))
        .collect()
}

/// The name of a parameter in the golden files.
fn name(role: ParameterRole, files: &ModelFiles) -> String {
    let site_name = |site: Site| match site {
        Site::AttentionOutput => "attention_output".to_owned(),
        site => format!("{site:?}").to_lowercase(),
    };
    match role {
        ParameterRole::Weight(role) => files.tensor_name(role),
        ParameterRole::LoraA(layer, site) => format!("{layer}.{}.a", site_name(site)),
        ParameterRole::LoraB(layer, site) => format!("{layer}.{}.b", site_name(site)),
    }
}

/// The largest difference, relative to the largest magnitude of what is expected.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0f32, |largest, x| largest.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0f32, |worst, d| {
        if d.is_nan() {
            f32::INFINITY
        } else {
            worst.max(d)
        }
    });
    worst / largest.max(1e-20)
}

/// Ten steps as PyTorch made them.
fn check_against_pytorch(variant: &str, method: &Method, kernels: KernelPath) {
    let golden = golden();
    let (entry, gradient_file) = match method {
        Method::Full => ("full", format!("full_{variant}.safetensors")),
        Method::Lora(_) => ("lora", "lora.safetensors".to_owned()),
    };
    let case = format!("{variant} {entry} {}", kernels.name());
    let compute = Compute::new(kernels, 2);
    let (decoder, files) = decoder(&tiny(variant), &compute);
    let mut training = TrainingDecoder::new(decoder, method.clone()).expect("a method that fits");
    let row = row(&sequences(&golden[variant]["full"]));
    let expected = &golden[variant][entry];
    let gradients_of_pytorch = tensors(&gradient_file);

    let mut parameters = training.initial_parameters(1);
    for tensor in training.tensors() {
        if let Some(start) =
            gradients_of_pytorch.get(&format!("start.{}", name(tensor.role, &files)))
        {
            parameters[tensor.range.clone()].copy_from_slice(start);
        }
    }
    let (mut first, mut second) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
    let weights = vec![-1.0 / row.batch().counted() as f32; row.batch().counted()];
    for (step, loss) in numbers(&expected["losses"]).into_iter().enumerate() {
        let mut gradients = vec![0.0; parameters.len()];
        let found = training
            .gradients(
                &parameters,
                &row.batch(),
                Objective::Weighted(&weights),
                StepOptions::default(),
                &mut gradients,
            )
            .expect("gradients");
        let mean = -found.iter().sum::<f32>() / found.len() as f32;
        assert!(
            (mean - loss).abs() < 1e-4 * loss.max(1.0),
            "{case}, step {step}: {mean}, PyTorch {loss}"
        );
        if step == 0 {
            let expected = numbers(&expected["log_probabilities"]);
            assert!(
                distance(&found, &expected) < 1e-4,
                "{case}: log-probabilities"
            );
            let mut compared = 0;
            for tensor in training.tensors() {
                let name = name(tensor.role, &files);
                let Some(expected) = gradients_of_pytorch.get(&name) else {
                    continue;
                };
                let distance = distance(&gradients[tensor.range.clone()], expected);
                assert!(
                    distance < 1e-4,
                    "{case}: the gradient of {name} is {distance} away"
                );
                compared += 1;
            }
            let starts = gradients_of_pytorch
                .keys()
                .filter(|key| key.starts_with("start."))
                .count();
            assert_eq!(
                compared,
                gradients_of_pytorch.len() - starts,
                "{case}: all were compared"
            );
        }
        for tensor in training.tensors() {
            let optimizer = AdamW {
                learning_rate: golden["learning_rate"].as_f64().expect("a rate") as f32,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: if tensor.decays {
                    golden["weight_decay"].as_f64().expect("a decay") as f32
                } else {
                    0.0
                },
            };
            let range = || tensor.range.clone();
            let slices = AdamWSlices {
                parameters: &mut parameters[range()],
                first_moments: &mut first[range()],
                second_moments: &mut second[range()],
                gradients: &gradients[range()],
                gradient_scale: 1.0,
            };
            optimizer.step(compute.path, &compute.pool, step as u64 + 1, slices);
        }
        training.update(&parameters);
    }
}

#[test]
fn ten_steps_and_all_gradients_are_those_of_pytorch() {
    for kernels in KernelPath::all() {
        check_against_pytorch("base", &Method::Full, kernels);
        check_against_pytorch("base", &lora(&Site::ALL), kernels);
        check_against_pytorch("tied", &Method::Full, kernels);
        check_against_pytorch("bias", &Method::Full, kernels);
    }
}
