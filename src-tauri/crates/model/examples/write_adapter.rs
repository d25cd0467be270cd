//! Writes an adapter for a model, and the logits it leads to: what `make interop` shows to PEFT.
//!
//!     write_adapter MODEL FOLDER
//!
//! FOLDER gets `adapter`; `merged`, unless the model is a GGUF file; and `logits.json` with the tokens of a sequence and the
//! logits of the model with the adapter, a row for each token.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use nc_model::{
    ElementType, Logits, Lora, MergeOptions, ModelFiles, ModelLocation, OpenOptions, Site, merge,
    write_adapter,
};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(model), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("write_adapter MODEL FOLDER".into());
    };
    let files = ModelFiles::open(&ModelLocation::from_path(&model))?;
    let lora = Lora {
        rank: 3,
        alpha: 7.5,
        rank_stabilized: true,
        dropout: 0.05,
        sites: Site::ALL.to_vec(),
    };
    let tensors = lora.tensors(files.spec());
    let length = tensors.last().map_or(0, |tensor| tensor.range.end);
    // No pattern that a wrong order of rows or layers would keep.
    let parameters: Vec<f32> = (0..length)
        .map(|index| (index as f32 * 0.7).sin() * 0.1)
        .collect();
    let adapter = folder.join("adapter");
    let base = model.display().to_string();
    write_adapter(&adapter, &files, &base, (&lora, &parameters))?;
    if files.gguf().is_none() {
        merge(
            &files,
            (&lora, &parameters),
            &MergeOptions::default(),
            &folder.join("merged"),
            &mut |_| ControlFlow::Continue(()),
        )?;
    }

    let options = OpenOptions {
        cache_element: Some(ElementType::F32),
        adapter: Some(adapter),
        ..OpenOptions::default()
    };
    let loaded = files.load(&options, &mut |_| ControlFlow::Continue(()))?;
    let vocabulary = files.spec().vocabulary;
    let tokens: Vec<u32> = (0..40)
        .map(|index| index * 7 % vocabulary.min(1000) as u32)
        .collect();
    let mut cache = loaded.decoder.new_cache(tokens.len());
    let logits = loaded.decoder.forward(&tokens, &mut cache, Logits::All)?;
    let rows: Vec<&[f32]> = logits.chunks(vocabulary).collect();
    let told = json!({ "tokens": tokens, "logits": rows });
    std::fs::write(folder.join("logits.json"), told.to_string())?;
    Ok(())
}
