//! Writing an adapter.

use std::fs;
use std::path::Path;

use nc_quant::WeightType;

use super::output::{Entry, NewFile, header, sync_folder};
use super::{AdapterError, CONFIG, PREFIX, WEIGHTS, config, module, row_in_files};
use crate::{Lora, ModelError, ModelFiles, ParameterRole, ParameterTensor, Site};

/// Writes an adapter of the model in `files` as PEFT does, into a folder that is made where there is none. `base` is what
/// PEFT will load the model from, a path or a name; parameters lie as [`Lora::tensors`] says.
///
/// Each of the two files is replaced as a whole, the weights first.
///
/// # Errors
/// [`ModelError::Lora`] for an adapter that does not fit the model, [`AdapterError::Write`].
///
/// # Panics
/// When there are fewer or more parameters than the adapter has.
pub fn write_adapter(
    folder: &Path,
    files: &ModelFiles,
    base: &str,
    (lora, parameters): (&Lora, &[f32]),
) -> Result<(), ModelError> {
    lora.check(files.spec())?;
    let tensors = lora.tensors(files.spec());
    let length = tensors.last().map_or(0, |tensor| tensor.range.end);
    assert_eq!(parameters.len(), length, "all parameters of the adapter");

    fs::create_dir_all(folder).map_err(AdapterError::write(folder))?;
    let entries: Vec<Entry> = tensors.iter().map(|tensor| entry(files, tensor)).collect();
    let mut weights = NewFile::create(&folder.join(WEIGHTS))?;
    weights.write(&header(&entries))?;
    for tensor in &tensors {
        let values = &parameters[tensor.range.clone()];
        match tensor.role {
            ParameterRole::LoraB(_, site) => {
                for row in 0..tensor.shape[0] {
                    let row = row_in_files(files, site, row);
                    let row = &values[row * lora.rank..(row + 1) * lora.rank];
                    weights.write(bytemuck::cast_slice(row))?;
                }
            }
            _ => weights.write(bytemuck::cast_slice(values))?,
        }
    }
    weights.publish()?;

    let mut described = NewFile::create(&folder.join(CONFIG))?;
    described.write(config::text(lora, base, &modules(files, lora)).as_bytes())?;
    described.publish()?;
    sync_folder(folder).map_err(AdapterError::write(folder))?;
    Ok(())
}

fn entry(files: &ModelFiles, tensor: &ParameterTensor) -> Entry {
    let (layer, site, factor) = match tensor.role {
        ParameterRole::LoraA(layer, site) => (layer, site, "lora_A"),
        ParameterRole::LoraB(layer, site) => (layer, site, "lora_B"),
        ParameterRole::Weight(_) => unreachable!("an adapter has factors only"),
    };
    Entry {
        name: format!("{PREFIX}{}.{factor}.weight", module(files, layer, site)),
        weight_type: WeightType::F32,
        shape: tensor.shape.clone(),
        bytes: (tensor.range.len() * size_of::<f32>()) as u64,
    }
}

/// The last part of each module's name, which is the same in all layers.
fn modules(files: &ModelFiles, lora: &Lora) -> Vec<(Site, String)> {
    let sites = Site::ALL.into_iter();
    sites
        .filter(|site| lora.sites.contains(site))
        .map(|site| {
            let name = module(files, 0, site);
            let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
            (site, last)
        })
        .collect()
}
