//! What a recipe calls a method, as the decoder knows it.

use nc_model::{Lora, Method, Site};

use crate::error::TrainError;
use crate::recipe;

/// A layer that the recipe names and no decoder has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTarget {
    /// As the recipe has it.
    pub name: String,
}

impl From<UnknownTarget> for TrainError {
    fn from(unknown: UnknownTarget) -> Self {
        Self::RecipeInvalid {
            field: "method.targets",
            cause: format!("this model has no layer called {}", unknown.name),
            remedy: "Choose from q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj and down_proj, or \"all\".",
        }
    }
}

/// The method with the projections that the recipe names.
pub(crate) fn learning(method: &recipe::Method) -> Result<Method, UnknownTarget> {
    let lora = match method {
        recipe::Method::Full(_) => return Ok(Method::Full),
        recipe::Method::Lora(lora) => lora,
    };
    Ok(Method::Lora(Lora {
        rank: lora.rank,
        alpha: lora.alpha as f32,
        rank_stabilized: lora.rslora,
        dropout: lora.dropout as f32,
        sites: sites(&lora.targets)?,
    }))
}

fn sites(targets: &recipe::Targets) -> Result<Vec<Site>, UnknownTarget> {
    let names = match targets {
        recipe::Targets::Word(_) => return Ok(Site::ALL.to_vec()),
        recipe::Targets::Named(names) => names,
    };
    let mut wanted = Vec::new();
    for name in names {
        // As Hugging Face's Llama and MPT and as GGUF call them.
        let named: &[Site] = match name.as_str() {
            "q_proj" | "attn_q" => &[Site::Query],
            "k_proj" | "attn_k" => &[Site::Key],
            "v_proj" | "attn_v" => &[Site::Value],
            "Wqkv" | "attn_qkv" => &[Site::Query, Site::Key, Site::Value],
            "o_proj" | "out_proj" | "attn_output" => &[Site::AttentionOutput],
            "gate_proj" | "ffn_gate" => &[Site::Gate],
            "up_proj" | "ffn_up" => &[Site::Up],
            "down_proj" | "ffn_down" => &[Site::Down],
            _ => return Err(UnknownTarget { name: name.clone() }),
        };
        wanted.extend_from_slice(named);
    }
    let sites = Site::ALL.into_iter();
    Ok(sites.filter(|site| wanted.contains(site)).collect())
}
