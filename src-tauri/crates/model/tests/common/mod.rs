//! What the tests of this crate share.
#![allow(dead_code)] // each test binary uses a part

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use nc_model::{LoadedDecoder, ModelError, ModelFiles, ModelLocation, OpenOptions};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// A path from the workspace's root.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(path)
}

/// A model of ../shared/data; none, said aloud, where that folder is absent.
pub fn shared_model(name: &str) -> Option<PathBuf> {
    let folder = root("../shared/data/models").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// The random Llama that most tests change one thing of.
pub fn tiny(name: &str) -> PathBuf {
    root("tests/golden/tiny_llama").join(name)
}

pub fn load(path: impl Into<PathBuf>) -> Result<LoadedDecoder, ModelError> {
    let files = ModelFiles::open(&ModelLocation::Path(path.into()))?;
    files.load(&OpenOptions::default(), &mut |_| ControlFlow::Continue(()))
}

/// A copy of the random Llama in a folder of its own.
pub fn copy_of_base() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["config.json", "model.safetensors"] {
        let from = tiny("base").join(file);
        let bytes = std::fs::read(from).expect("the random Llama is committed");
        std::fs::write(folder.path().join(file), bytes).expect("room for a copy");
    }
    folder
}

/// An adapter that PEFT wrote.
pub fn adapter(name: &str) -> PathBuf {
    root("tests/golden/peft_adapter").join(name)
}

pub fn open(path: &Path) -> ModelFiles {
    ModelFiles::open(&ModelLocation::from_path(path)).expect("a model")
}

/// Names, types, shapes and bytes of a file.
pub type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Those of a safetensors file.
pub fn tensors_of(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let all = tensors.tensors().into_iter();
    all.map(|(name, view)| {
        let tensor = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (name, tensor)
    })
    .collect()
}

/// A copy of the random Llama with all weights of a type.
pub fn base_as(dtype: Dtype) -> tempfile::TempDir {
    let folder = copy_of_base();
    let path = folder.path().join("model.safetensors");
    let converted: Vec<_> = tensors_of(&path)
        .into_iter()
        .map(|(name, (_, shape, bytes))| {
            let (values, _) = bytes.as_chunks::<4>();
            let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let bytes: Vec<u8> = match dtype {
                Dtype::F16 => values
                    .flat_map(|x| f16::from_f32(x).to_le_bytes())
                    .collect(),
                Dtype::BF16 => values
                    .flat_map(|x| bf16::from_f32(x).to_le_bytes())
                    .collect(),
                Dtype::F64 => values.flat_map(|x| f64::from(x).to_le_bytes()).collect(),
                _ => bytes,
            };
            (name, shape, bytes)
        })
        .collect();
    let views = converted.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(dtype, shape.clone(), bytes).expect("a tensor"),
        )
    });
    let bytes = safetensors::serialize(views, None).expect("safetensors");
    std::fs::write(path, bytes).expect("room");
    folder
}
