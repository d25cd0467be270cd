//! Reading an adapter, as hostile input.

use std::collections::HashMap;
use std::path::Path;

use nc_quant::{FileErrorKind, Safetensors, Source, WeightType};

use super::{AdapterError, PREFIX, WEIGHTS, config, module, row_in_files};
use crate::{Lora, ModelError, ModelFiles, ParameterRole, Site};

/// Reads an adapter for the model in `files`, with parameters as [`Lora::tensors`] says. Projections and layers are those
/// the weights name; where only some layers have an adapter, the factors of the others are zero and change nothing.
///
/// # Errors
/// Every [`AdapterError`] of reading: what the adapter uses and this program does not compute is named, and nothing is
/// allocated before all shapes fit the model. [`ModelError::Lora`] for values no adapter can have, [`ModelError::Json`],
/// [`ModelError::File`] and [`ModelError::NotFinite`] for damaged files.
pub fn read_adapter(folder: &Path, files: &ModelFiles) -> Result<(Lora, Vec<f32>), ModelError> {
    let mut lora = config::read(folder)?;
    let source = match Source::open(&folder.join(WEIGHTS)) {
        Ok(source) => source,
        Err(error) if error.kind() == FileErrorKind::NotFound => {
            let folder = folder.to_owned();
            return Err(match folder.join("adapter_model.bin").exists() {
                true => AdapterError::Pickled { folder },
                false => AdapterError::NotAnAdapter {
                    folder,
                    missing: WEIGHTS,
                },
            }
            .into());
        }
        Err(error) => return Err(error.into()),
    };
    let weights = Safetensors::open(source)?;
    let names = names_in_file(&weights, files)?;
    lora.sites = Site::ALL
        .into_iter()
        .filter(|site| names.keys().any(|role| site_of(*role) == Some(*site)))
        .collect();
    lora.check(files.spec())?;

    let tensors = lora.tensors(files.spec());
    for tensor in &tensors {
        let Some(name) = names.get(&tensor.role) else {
            check_absence(&names, files, tensor.role)?;
            continue;
        };
        let info = &weights.tensors()[name];
        if info.shape != tensor.shape {
            return Err(AdapterError::Shape {
                tensor: name.clone(),
                expected: tensor.shape.clone(),
                found: info.shape.clone(),
            }
            .into());
        }
        if !matches!(
            info.weight_type,
            WeightType::F32 | WeightType::BF16 | WeightType::F16
        ) {
            return Err(AdapterError::WeightType {
                tensor: name.clone(),
                found: info.weight_type,
            }
            .into());
        }
    }

    let length = tensors.last().map_or(0, |tensor| tensor.range.end);
    let mut parameters = Vec::new();
    if parameters.try_reserve_exact(length).is_err() {
        let bytes = (length as u64).saturating_mul(size_of::<f32>() as u64);
        return Err(AdapterError::OutOfMemory { bytes }.into());
    }
    parameters.resize(length, 0.0);
    for tensor in &tensors {
        let Some(name) = names.get(&tensor.role) else {
            continue;
        };
        let values: Vec<f32> = weights.read_f32(name)?.flatten_all()?.to_vec1()?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ModelError::NotFinite {
                tensor: name.clone(),
            });
        }
        let target = &mut parameters[tensor.range.clone()];
        match tensor.role {
            ParameterRole::LoraB(_, site) => {
                for (row, values) in values.chunks_exact(lora.rank).enumerate() {
                    let row = row_in_files(files, site, row);
                    target[row * lora.rank..(row + 1) * lora.rank].copy_from_slice(values);
                }
            }
            _ => target.copy_from_slice(&values),
        }
    }
    Ok((lora, parameters))
}

/// What each tensor of the file is.
fn names_in_file(
    weights: &Safetensors,
    files: &ModelFiles,
) -> Result<HashMap<ParameterRole, String>, ModelError> {
    let mut known = HashMap::new();
    for layer in 0..files.spec().layers {
        for site in Site::ALL {
            let module = module(files, layer, site);
            known.insert(
                format!("{module}.lora_A"),
                ParameterRole::LoraA(layer, site),
            );
            known.insert(
                format!("{module}.lora_B"),
                ParameterRole::LoraB(layer, site),
            );
        }
    }
    let mut names = HashMap::new();
    for name in weights.tensors().keys() {
        // A name of the adapter stands between in files that were not written by PEFT's own function.
        let role = name.strip_prefix(PREFIX).and_then(|name| {
            let factor = name.strip_suffix(".weight")?;
            known.get(factor.strip_suffix(".default").unwrap_or(factor))
        });
        let Some(role) = role else {
            return Err(AdapterError::UnknownTensor {
                tensor: name.chars().take(200).collect(),
            }
            .into());
        };
        if names.insert(*role, name.clone()).is_some() {
            return Err(AdapterError::Unsupported {
                feature: format!("two tensors for one factor ({name})"),
            }
            .into());
        }
    }
    Ok(names)
}

/// That the other factor is absent too.
fn check_absence(
    names: &HashMap<ParameterRole, String>,
    files: &ModelFiles,
    role: ParameterRole,
) -> Result<(), AdapterError> {
    let (other, (layer, site), missing) = match role {
        ParameterRole::LoraA(layer, site) => {
            (ParameterRole::LoraB(layer, site), (layer, site), "lora_A")
        }
        ParameterRole::LoraB(layer, site) => {
            (ParameterRole::LoraA(layer, site), (layer, site), "lora_B")
        }
        ParameterRole::Weight(_) => return Ok(()),
    };
    match names.contains_key(&other) {
        true => Err(AdapterError::MissingTensor {
            tensor: format!("{PREFIX}{}.{missing}.weight", module(files, layer, site)),
        }),
        false => Ok(()),
    }
}

fn site_of(role: ParameterRole) -> Option<Site> {
    match role {
        ParameterRole::LoraA(_, site) | ParameterRole::LoraB(_, site) => Some(site),
        ParameterRole::Weight(_) => None,
    }
}
