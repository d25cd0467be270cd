//! The sampling knobs, as options.

use nc_api::dto::Sampling;

/// How tokens are drawn.
#[derive(clap::Args)]
pub(crate) struct SamplingArguments {
    /// Longest answer, tokens.
    #[arg(long, default_value_t = 512)]
    max_new_tokens: u32,
    /// 0 always takes the likeliest token; 1 draws as the model says.
    #[arg(long, default_value_t = 0.7)]
    temperature: f32,
    /// Draw only from the k likeliest tokens; 0 is off.
    #[arg(long, default_value_t = 40)]
    top_k: u32,
    /// Draw only from the likeliest tokens that together reach this probability; 1 is off.
    #[arg(long, default_value_t = 0.95)]
    top_p: f32,
    /// Drop tokens less likely than this share of the likeliest; 0 is off.
    #[arg(long, default_value_t = 0.05)]
    min_p: f32,
    /// Divide the logits of tokens already seen; 1 is off.
    #[arg(long, default_value_t = 1.0)]
    repetition_penalty: f32,
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
    /// The knobs as the program knows them.
    pub(crate) fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            seed: self.seed,
            max_new_tokens: self.max_new_tokens,
            stop: self.stop.clone(),
        }
    }
}
