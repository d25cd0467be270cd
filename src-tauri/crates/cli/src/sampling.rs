//! The sampling knobs, as options.

use nc_api::dto::Sampling;

/// How tokens are drawn.
#[derive(clap::Args)]
pub(crate) struct SamplingArguments {
    /// Longest answer, tokens.
    #[arg(long, default_value_t = 512)]
    max_new_tokens: u32,
    /// 0 always takes the likeliest token; 1 draws as the model says [default: 0.7; in a chat, the model's own]
    #[arg(long)]
    temperature: Option<f32>,
    /// Draw only from the k likeliest tokens; 0 is off [default: 40; in a chat, the model's own]
    #[arg(long)]
    top_k: Option<u32>,
    /// Draw only from the likeliest tokens that together reach this probability; 1 is off [default: 0.95; in a chat, the model's own]
    #[arg(long)]
    top_p: Option<f32>,
    /// Drop tokens less likely than this share of the likeliest; 0 is off [default: 0.05; in a chat, the model's own]
    #[arg(long)]
    min_p: Option<f32>,
    /// Divide the logits of tokens already seen; 1 is off [default: 1; in a chat, the model's own]
    #[arg(long)]
    repetition_penalty: Option<f32>,
    /// Subtract this for every time a token was seen; 0 is off.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    frequency_penalty: f32,
    /// Subtract this once for a token that was seen; 0 is off.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    presence_penalty: f32,
    /// The same seed gives the same answer; none draws a new one.
    #[arg(long)]
    seed: Option<u32>,
    /// End before this text; may be given several times.
    #[arg(long)]
    stop: Vec<String>,
}

impl SamplingArguments {
    /// The knobs as the program knows them; those that were not given are as in `default`.
    pub(crate) fn sampling(&self, default: &Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.unwrap_or(default.top_k),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            repetition_penalty: self
                .repetition_penalty
                .unwrap_or(default.repetition_penalty),
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            seed: self.seed,
            max_new_tokens: self.max_new_tokens,
            stop: self.stop.clone(),
        }
    }
}
