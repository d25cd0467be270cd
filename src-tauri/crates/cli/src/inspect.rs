//! `inspect`: what a model's files say.

use nc_api::ApiError;
use nc_api::dto::{ModelInspection, ModelKind};
use nc_api::session::inspect;

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Hugging Face folder, a .gguf file, or `starter`.
    path: String,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let found = inspect(&arguments.path)?;
    if arguments.json {
        return print_json(&found);
    }
    print(&table(&found))
}

fn table(found: &ModelInspection) -> String {
    let kind = match found.kind {
        ModelKind::Chat => "chat (it has a chat template)",
        ModelKind::Base => "base (it continues texts)",
    };
    let rows = [
        ("name", found.name.clone()),
        ("format", found.format.clone()),
        ("architecture", found.architecture.clone()),
        ("kind", kind.to_owned()),
        (
            "parameters",
            format!("{:.1} M", found.parameters as f64 / 1e6),
        ),
        (
            "weights",
            format!(
                "{}, {:.1} MB on disk",
                found.weight_type,
                found.file_bytes as f64 / 1e6
            ),
        ),
        (
            "memory",
            format!(
                "{:.1} MB with a full context",
                found.memory_bytes as f64 / 1e6
            ),
        ),
        ("layers", found.layers.to_string()),
        ("hidden size", found.hidden_size.to_string()),
        (
            "heads",
            format!("{} ({} for keys and values)", found.heads, found.kv_heads),
        ),
        ("vocabulary", found.vocabulary.to_string()),
        ("context", format!("{} tokens", found.context_tokens)),
        ("tensors", found.tensors.to_string()),
    ];
    rows.iter()
        .map(|(name, value)| format!("{name:<14}{value}\n"))
        .collect()
}
