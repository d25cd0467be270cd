//! Gradients and training steps against PyTorch (tests/golden/tiny_llama_training), and against each other.

mod common;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::{root, tiny};
use nc_kernels::{AdamW, AdamWSlices, Compute, Path as KernelPath, WeightFormat, rounds_to_bf16};
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
            optimizer.step(
                compute.paths.backward,
                &compute.pool,
                step as u64 + 1,
                slices,
            );
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

/// Three sequences of different lengths, every token of which counts.
fn three_sequences() -> Vec<(Vec<u32>, Vec<bool>)> {
    let sequence = |length: u32, factor: u32| {
        let ids = (0..length).map(|index| 3 + index * factor % 90).collect();
        (ids, vec![true; length as usize])
    };
    vec![sequence(40, 7), sequence(19, 11), sequence(33, 29)]
}

struct Run<'a> {
    folder: &'a Path,
    compute: Compute,
    method: Method,
    options: StepOptions,
}

impl Run<'_> {
    /// Log-probabilities and gradients of a micro-batch, by a function of the log-probabilities that weighs each differently.
    fn gradients(&self, row: &Row) -> (Vec<f32>, Vec<f32>) {
        let (decoder, _) = decoder(self.folder, &self.compute);
        let mut training = TrainingDecoder::new(decoder, self.method.clone()).expect("fits");
        let mut parameters = training.initial_parameters(5);
        if let Method::Lora(_) = self.method {
            // Second factors that are not zero, or the first have no gradients.
            for (index, value) in parameters.iter_mut().enumerate() {
                *value += ((index * 37 % 101) as f32 - 50.0) * 1e-3;
            }
        }
        let mut gradients = vec![0.0; parameters.len()];
        let mut objective = |found: &[f32]| {
            let slope = |(index, value): (usize, &f32)| -value * (0.2 + (index % 5) as f32 * 0.1);
            found.iter().enumerate().map(slope).collect()
        };
        let objective = Objective::Function(&mut objective);
        let found = training
            .gradients(
                &parameters,
                &row.batch(),
                objective,
                self.options,
                &mut gradients,
            )
            .expect("gradients");
        (found, gradients)
    }
}

fn adapters(dropout: f32) -> Method {
    let Method::Lora(all) = lora(&Site::ALL) else {
        unreachable!("adapters are adapters")
    };
    Method::Lora(Lora { dropout, ..all })
}

#[test]
fn neither_threads_nor_recomputing_nor_the_order_of_calls_changes_a_bit() {
    let row = row(&three_sequences());
    for kernels in KernelPath::all() {
        for method in [adapters(0.0), adapters(0.3), Method::Full] {
            let run = |threads, recompute| {
                let run = Run {
                    folder: &tiny("base"),
                    compute: Compute::new(kernels, threads),
                    method: method.clone(),
                    options: StepOptions {
                        recompute,
                        dropout_seed: Some(9),
                    },
                };
                run.gradients(&row)
            };
            let (found, gradients) = run(1, false);
            assert!(gradients.iter().any(|gradient| *gradient != 0.0));
            for (threads, recompute) in [(3, false), (1, true), (2, true)] {
                let other = run(threads, recompute);
                let same = other.0 == found && other.1 == gradients;
                assert!(
                    same,
                    "{} {method:?}, {threads} threads, recompute {recompute}",
                    kernels.name()
                );
            }
        }
    }
}

#[test]
fn sequences_in_one_row_are_trained_as_if_alone() {
    let sequences = three_sequences();
    for kernels in KernelPath::all() {
        let run = Run {
            folder: &tiny("base"),
            compute: Compute::new(kernels, 2),
            method: Method::Full,
            options: StepOptions::default(),
        };
        let alone: Vec<_> = sequences
            .iter()
            .map(|sequence| run.gradients(&row(std::slice::from_ref(sequence))).0)
            .collect();
        let (together, _) = run.gradients(&row(&sequences));
        let distance = distance(&together, &alone.concat());
        assert!(distance < 1e-5, "{}: {distance}", kernels.name());
    }
}

#[test]
fn dropout_drops_its_share_and_keeps_the_mean() {
    let row = row(&three_sequences());
    let run = |dropout, seed| {
        let run = Run {
            folder: &tiny("base"),
            compute: Compute::new(KernelPath::strongest(), 2),
            method: adapters(dropout),
            options: StepOptions {
                recompute: false,
                dropout_seed: seed,
            },
        };
        run.gradients(&row).0
    };
    let without = run(0.4, None);
    assert_eq!(run(0.0, Some(1)), without, "nothing is dropped of nothing");
    let dropped = run(0.4, Some(1));
    assert_ne!(dropped, without);
    assert_ne!(dropped, run(0.4, Some(2)), "another seed drops others");
    // What is kept makes up for what is dropped: many draws come near to none.
    let draws = 200;
    let mut mean = vec![0.0; without.len()];
    for seed in 0..draws {
        for (mean, value) in mean.iter_mut().zip(run(0.4, Some(seed))) {
            *mean += value / draws as f32;
        }
    }
    let (one, many) = (distance(&dropped, &without), distance(&mean, &without));
    assert!(
        many < one / 3.0,
        "one draw is {one} away, the mean of many {many}"
    );
}

/// A copy of a folder with its weights rounded to bfloat16, stored as such or as f32.
fn rounded(folder: &Path, as_bf16: bool) -> tempfile::TempDir {
    let copy = common::copy_of_base();
    let bytes = std::fs::read(folder.join("model.safetensors")).expect("weights");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let numbers = view.data().as_chunks::<4>().0.iter();
            let bytes = numbers.flat_map(|bytes| {
                let rounded = (f32::from_le_bytes(*bytes).to_bits() + 0x8000) & 0xffff_0000;
                let bytes = rounded.to_le_bytes();
                if as_bf16 {
                    bytes[2..].to_vec()
                } else {
                    bytes.to_vec()
                }
            });
            (name, view.shape().to_vec(), bytes.collect())
        })
        .collect();
    let dtype = if as_bf16 { Dtype::BF16 } else { Dtype::F32 };
    let views = data.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(dtype, shape.clone(), bytes).expect("a view"),
        )
    });
    let file = safetensors::serialize(views, None).expect("a file");
    std::fs::write(copy.path().join("model.safetensors"), file).expect("room");
    copy
}

#[test]
fn gradients_in_bfloat16_are_near_those_in_f32() {
    let row = row(&three_sequences());
    let (exact, narrow) = (rounded(&tiny("base"), false), rounded(&tiny("base"), true));
    for kernels in KernelPath::all() {
        for method in [adapters(0.0), Method::Full] {
            let run = |folder: &Path| {
                let run = Run {
                    folder,
                    compute: Compute::new(kernels, 2),
                    method: method.clone(),
                    options: StepOptions::default(),
                };
                run.gradients(&row)
            };
            let (exact, narrow) = (run(exact.path()), run(narrow.path()));
            let error = |(a, b): (&[f32], &[f32])| {
                let square = |values: &mut dyn Iterator<Item = f32>| {
                    values.map(|x| x * x).sum::<f32>().sqrt()
                };
                square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut b.iter().copied())
            };
            let (log_probabilities, gradients) =
                (error((&narrow.0, &exact.0)), error((&narrow.1, &exact.1)));
            eprintln!(
                "{} {}: log-probabilities {log_probabilities:.1e}, gradients {gradients:.1e}",
                kernels.name(),
                if method == Method::Full {
                    "full"
                } else {
                    "lora"
                }
            );
            assert!(
                log_probabilities < 0.01 && gradients < 0.03,
                "{}: {log_probabilities}, {gradients}",
                kernels.name()
            );
            // Without tiles of bfloat16 full training is in f32, whatever the weights come in.
            let rounds = method != Method::Full || rounds_to_bf16(kernels, WeightFormat::Bf16);
            assert_eq!(gradients > 0.0, rounds, "{}", kernels.name());
        }
    }
}

#[test]
fn adapters_learn_beside_quantised_weights_and_nothing_else_does() {
    let compute = Compute::new(KernelPath::strongest(), 2);
    let folder = root("tests/golden/tiny_llama/gguf/q4_0.gguf");
    let (whole, _) = decoder(&folder, &compute);
    let refused =
        TrainingDecoder::new(whole, Method::Full).expect_err("quantised weights are frozen");
    assert!(refused.to_string().contains("q4_0"), "{refused}");

    let (base, _) = decoder(&folder, &compute);
    let mut training = TrainingDecoder::new(base, adapters(0.0)).expect("fits");
    let sequences: Vec<_> = three_sequences()
        .into_iter()
        .map(|(ids, counted)| (ids.iter().map(|id| id % 64).collect(), counted))
        .collect();
    let row = row(&sequences);
    let counted = row.batch().counted();
    let weights = vec![-1.0 / counted as f32; counted];
    let mut parameters = training.initial_parameters(3);
    let before = training
        .log_probabilities(None, &row.batch())
        .expect("log-probabilities");
    let untrained = training
        .log_probabilities(Some(&parameters), &row.batch())
        .expect("log-probabilities");
    assert_eq!(before, untrained, "a new adapter changes nothing");
    let (mut first, mut second) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
    let optimizer = AdamW {
        learning_rate: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
    };
    let mut losses = Vec::new();
    for step in 1..=30 {
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
        losses.push(-found.iter().sum::<f32>() / counted as f32);
        let slices = AdamWSlices {
            parameters: &mut parameters,
            first_moments: &mut first,
            second_moments: &mut second,
            gradients: &gradients,
            gradient_scale: 1.0,
        };
        optimizer.step(compute.paths.backward, &compute.pool, step, slices);
    }
    assert!(losses[29] < losses[0] / 4.0, "{losses:?}");
    let after = training
        .log_probabilities(None, &row.batch())
        .expect("log-probabilities");
    assert_eq!(before, after, "the base is as it was");
}
