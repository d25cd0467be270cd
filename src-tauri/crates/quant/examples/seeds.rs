//! Writes the seeds of the fuzz targets with the builders of the tests: `cargo run -p nc-quant --example seeds`.

#[allow(dead_code)]
#[path = "../tests/files/builders.rs"]
mod builders;

use builders::{GgufBuilder, safetensors, safetensors_sample};
use nc_quant::WeightType;
use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(seeds.join(target))?;
        fs::write(seeds.join(target).join(name), bytes)
    };
    write("gguf", "sample", &GgufBuilder::sample().build())?;
    write(
        "gguf",
        "version-2",
        &GgufBuilder {
            version: 2,
            ..GgufBuilder::sample()
        }
        .build(),
    )?;
    write("gguf", "empty", &GgufBuilder::default().build())?;
    for weight_type in WeightType::ALL {
        let Some(id) = weight_type.ggml_id() else {
            continue;
        };
        let (weights, data) = (
            weight_type.block_weights() as u64,
            vec![0x3c; weight_type.block_bytes()],
        );
        let file = GgufBuilder::default()
            .tensor("w", &[weights], id, &data)
            .build();
        write("gguf", weight_type.name(), &file)?;
    }
    write("safetensors", "sample", &safetensors_sample())?;
    write("safetensors", "empty", &safetensors("{}", &[]))?;
    for (dtype, bytes) in [
        ("F64", 8),
        ("F32", 4),
        ("F16", 2),
        ("F8_E4M3", 1),
        ("F8_E5M2", 1),
        ("I64", 8),
    ] {
        let header =
            format!(r#"{{"w":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{bytes}]}}}}"#);
        write(
            "safetensors",
            dtype,
            &safetensors(&header, &vec![0x3c; bytes]),
        )?;
    }
    write(
        "safetensors",
        "index",
        br#"{"metadata":{"total_size":1},"weight_map":{"w":"part"}}"#,
    )
}
