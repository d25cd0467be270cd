//! Any bytes as a safetensors file: opened and, where it is sound, read whole. The bytes serve as an index, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nc_quant::{Safetensors, ShardedSafetensors, Source};

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("nc-fuzz-safetensors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    // Each file of the folder is read in one way; an index names `part` often enough to be found.
    for name in ["part", "model.safetensors.index.json"] {
        std::fs::write(folder.join(name), bytes).expect("a temporary file");
    }
    if let Ok(file) = Safetensors::open(Source::open(&folder.join("part")).expect("a file")) {
        for (name, info) in file.tensors() {
            assert!(info.offset + info.bytes <= bytes.len() as u64);
            assert_eq!(
                file.read_bytes(name).expect("bytes").len() as u64,
                info.bytes
            );
            assert_eq!(file.read_f32(name).is_ok(), info.weight_type.is_decodable());
        }
    }
    if let Err(error) = ShardedSafetensors::open(&folder) {
        assert!(!error.to_string().contains('\n') && !error.remedy().is_empty());
    }
});
