//! Any bytes as a GGUF file: opened and, where it is sound, read whole.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nc_quant::{Gguf, Source};

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("nc-fuzz-gguf-{}", std::process::id()));
    std::fs::write(&folder, bytes).expect("a temporary file");
    let source = Source::open(&folder).expect("a file");
    let opened = Gguf::open(source);
    if let Ok(file) = &opened {
        for (key, value) in file.metadata().iter() {
            let _ = (
                value.to_string(),
                file.metadata().strings(key),
                file.metadata().u64s(key),
            );
        }
        for (name, info) in file.tensors() {
            assert!(info.offset + info.bytes <= bytes.len() as u64);
            assert_eq!(
                file.read_bytes(name).expect("bytes").len() as u64,
                info.bytes
            );
            assert_eq!(file.read_f32(name).is_ok(), info.weight_type.is_decodable());
            let _ = file.read_quantized(name);
        }
    }
    if let Err(error) = &opened {
        assert!(!error.to_string().contains('\n') && !error.remedy().is_empty());
    }
});
