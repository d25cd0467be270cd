//! `merge`: a model with an adapter added to its weights.

use std::path::PathBuf;

use nc_api::ApiError;
use nc_api::training::merge;
use serde::Serialize;

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Hugging Face folder, or `starter`.
    #[arg(long)]
    model: String,
    /// A folder with adapter_config.json and adapter_model.safetensors, as PEFT writes it.
    #[arg(long)]
    adapter: PathBuf,
    /// The folder to write; it must not be there, or be empty.
    #[arg(long)]
    out: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Merged<'a> {
    out: &'a PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let mut told = 0;
    merge(
        &arguments.model,
        &arguments.adapter,
        &arguments.out,
        &mut |share| {
            let tenth = (share * 10.0) as u32;
            if tenth > told {
                told = tenth;
                eprintln!("{} %", 10 * tenth);
            }
        },
    )?;
    match arguments.json {
        true => print_json(&Merged {
            out: &arguments.out,
        }),
        false => print(&format!("{}\n", arguments.out.display())),
    }
}
