//! `adapter_config.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::{AdapterError, CONFIG};
use crate::config::Config;
use crate::location::small_file;
use crate::{Lora, ModelError, Site};

const LIMIT_BYTES: u64 = 1 << 20;

/// Settings that change what an adapter computes, and what they are. Others only matter to those who train, or say in which
/// modules adapters are, which the tensors say too.
const REFUSED: [(&str, &str); 15] = [
    ("modules_to_save", "modules trained in full"),
    ("rank_pattern", "several ranks"),
    ("alpha_pattern", "several alphas"),
    ("use_dora", "DoRA"),
    ("use_qalora", "QALoRA"),
    ("use_bdlora", "BD-LoRA"),
    ("kasa_config", "KaSA"),
    ("monteclora_config", "MonteCLoRA"),
    ("alora_invocation_tokens", "aLoRA"),
    ("arrow_config", "Arrow routing"),
    ("lora_bias", "biases beside its factors"),
    ("layer_replication", "layers used several times"),
    ("target_parameters", "adapters of single parameters"),
    ("trainable_token_indices", "tokens trained in full"),
    ("megatron_config", "Megatron's layers"),
];

/// Ways to begin that leave the model's own weights alone. Others (PiSSA, OLoRA, LoftQ …) change those, so that the factors
/// alone do not say what was trained.
const BEGINNINGS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// The adapter that the configuration in a folder describes, with no sites yet.
pub(super) fn read(folder: &Path) -> Result<Lora, ModelError> {
    let Some(bytes) = small_file(folder, CONFIG, LIMIT_BYTES)? else {
        return Err(AdapterError::NotAnAdapter {
            folder: folder.to_owned(),
            missing: CONFIG,
        }
        .into());
    };
    let json: Value = serde_json::from_slice(&bytes).map_err(|error| ModelError::Json {
        file: CONFIG.to_owned(),
        reason: error.to_string(),
    })?;
    parse(Config::new(&json)).map_err(|error| match error {
        // Fields are read as a model's are; the error says whose they are.
        ModelError::Config { field, reason } => AdapterError::Config { field, reason }.into(),
        other => other,
    })
}

fn parse(config: Config<'_>) -> Result<Lora, ModelError> {
    let unsupported = |feature: String| Err(AdapterError::Unsupported { feature }.into());
    let kind = config
        .word("peft_type")?
        .ok_or_else(|| ModelError::config("peft_type", "it is missing"))?;
    if kind != "LORA" {
        return unsupported(format!("the method {}", shown(kind)));
    }
    match config.word("task_type")? {
        None | Some("CAUSAL_LM") => {}
        Some(task) => return unsupported(format!("the task {}", shown(task))),
    }
    match config.word("bias")? {
        None | Some("none") => {}
        Some(bias) => return unsupported(format!("trained biases (bias = {})", shown(bias))),
    }
    for (field, feature) in REFUSED {
        if config.get(field).is_some_and(is_set) {
            return unsupported(format!("{feature} ({field})"));
        }
    }
    match config.get("init_lora_weights") {
        None | Some(Value::Bool(_)) => {}
        Some(Value::String(way)) if BEGINNINGS.contains(&way.as_str()) => {}
        Some(way) => {
            let way = shown(&way.to_string());
            return unsupported(format!(
                "a beginning that changes the model (init_lora_weights = {way})"
            ));
        }
    }
    Ok(Lora {
        rank: config.needed_count("r")?,
        alpha: config.needed_number("lora_alpha")?,
        rank_stabilized: config.flag("use_rslora")?,
        dropout: config.number("lora_dropout")?.unwrap_or(0.0),
        sites: Vec::new(),
    })
}

/// Whether Python would take a value for true.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(set) => *set,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The configuration as PEFT 0.5 and later read it. `modules` are the last parts of the modules' names, in the order of the
/// sites.
pub(super) fn text(lora: &Lora, base: &str, modules: &[(Site, String)]) -> String {
    let modules: Vec<&str> = modules.iter().map(|(_, name)| name.as_str()).collect();
    // PEFT says that alpha is a whole number, and reads others as well.
    let alpha = match lora.alpha.fract() == 0.0 && lora.alpha < 1e9 {
        true => json!(lora.alpha as u64),
        false => json!(lora.alpha),
    };
    let config = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "auto_mapping": null,
        "base_model_name_or_path": base,
        "revision": null,
        "inference_mode": true,
        "r": lora.rank,
        "lora_alpha": alpha,
        // Through its shortest decimal: 0.05 rather than 0.05000000074505806.
        "lora_dropout": lora.dropout.to_string().parse::<f64>().unwrap_or(f64::from(lora.dropout)),
        "use_rslora": lora.rank_stabilized,
        "use_dora": false,
        "target_modules": modules,
        "modules_to_save": null,
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "layers_pattern": null,
        "layers_to_transform": null,
        "layer_replication": null,
        "rank_pattern": {},
        "alpha_pattern": {},
        "loftq_config": {},
        "megatron_config": null,
        "megatron_core": "megatron.core",
    });
    format!("{config:#}\n")
}
