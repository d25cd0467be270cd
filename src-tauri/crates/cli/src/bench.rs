//! `bench`: how fast this machine computes, beside what it could do at most.

use nc_api::ApiError;
use nc_api::bench::{
    InferFigures, InferRequest, ProductFigure, TrainFigures, TrainLoss, TrainMethod, TrainRequest,
    infer, kernels, train,
};

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The products a model is made of, for each kind of weights and several numbers of rows.
    Kernels {
        /// Print one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// A whole model with random weights made in memory, or a model's files.
    Infer {
        /// The model's shape: llama-1.1b or llama-7b.
        #[arg(long, default_value = "llama-1.1b")]
        preset: String,
        /// Its weights: q4_0, q4_k_m, q8_0, bf16, int4-g128 …
        #[arg(long, default_value = "q4_0")]
        weights: String,
        /// A Hugging Face folder or .gguf file instead of both.
        #[arg(long)]
        model: Option<String>,
        /// Tokens to read.
        #[arg(long, default_value_t = 512)]
        prompt: usize,
        /// Tokens to write after them.
        #[arg(long, default_value_t = 64)]
        generate: usize,
        /// Print one line of JSON.
        #[arg(long)]
        json: bool,
    },
    /// Training steps of a model with random weights; every token is trained.
    Train {
        /// The model's shape: llama-1.1b or llama-7b.
        #[arg(long, default_value = "llama-1.1b")]
        preset: String,
        /// What learns.
        #[arg(long, value_enum, default_value = "lora")]
        method: MethodName,
        /// What it is trained for.
        #[arg(long, value_enum, default_value = "sft")]
        loss: LossName,
        /// Sequences a step; for dpo, pairs.
        #[arg(long, default_value_t = 1)]
        batch: usize,
        /// Tokens of a sequence.
        #[arg(long, default_value_t = 512)]
        seq: usize,
        /// Steps to measure.
        #[arg(long, default_value_t = 3)]
        steps: usize,
        /// Print one line of JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum MethodName {
    /// Adapters of rank 16 on all projections of bfloat16 weights.
    Lora,
    /// The same, of weights of 4 bits.
    #[value(name = "lora-4bit")]
    Lora4Bit,
    /// All weights.
    Full,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LossName {
    /// Supervised.
    Sft,
    /// Preferences.
    Dpo,
}

impl Arguments {
    pub(crate) fn json(&self) -> bool {
        match self.what {
            What::Kernels { json } | What::Infer { json, .. } | What::Train { json, .. } => json,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    match &arguments.what {
        What::Kernels { json } => {
            let figures = kernels()?;
            match json {
                true => print_json(&figures),
                false => print(&products(&figures)),
            }
        }
        What::Infer {
            preset,
            weights,
            model,
            prompt,
            generate,
            json,
        } => {
            let figures = infer(&InferRequest {
                preset: preset.clone(),
                weights: weights.clone(),
                model: model.clone(),
                prompt_tokens: *prompt,
                generate_tokens: *generate,
            })?;
            match json {
                true => print_json(&figures),
                false => print(&whole(&figures)),
            }
        }
        What::Train {
            preset,
            method,
            loss,
            batch,
            seq,
            steps,
            json,
        } => {
            let figures = train(&TrainRequest {
                preset: preset.clone(),
                method: match method {
                    MethodName::Lora => TrainMethod::Lora,
                    MethodName::Lora4Bit => TrainMethod::Lora4Bit,
                    MethodName::Full => TrainMethod::Full,
                },
                loss: match loss {
                    LossName::Sft => TrainLoss::Sft,
                    LossName::Dpo => TrainLoss::Dpo,
                },
                batch: *batch,
                sequence: *seq,
                steps: *steps,
            })?;
            match json {
                true => print_json(&figures),
                false => print(&training(&figures)),
            }
        }
    }
}

fn products(figures: &[ProductFigure]) -> String {
    let mut table = format!(
        "{:<18} {:>5} {:>5} {:>5}  {:<12} {:>8} {:<8} {:>9}\n",
        "product", "m", "n", "k", "kernels", "rate", "", "of limit"
    );
    for figure in figures {
        let ProductFigure {
            op,
            m,
            n,
            k,
            path,
            value,
            unit,
            fraction,
            ..
        } = figure;
        let percent = fraction * 100.0;
        table += &format!(
            "{op:<18} {m:>5} {n:>5} {k:>5}  {path:<12} {value:>8.1} {unit:<8} {percent:>7.0} %\n"
        );
    }
    table
}

fn whole(figures: &InferFigures) -> String {
    format!(
        "reads {:.1} tokens/s ({:.0} % of the arithmetic's limit; {})\nwrites {:.1} tokens/s ({:.0} % of the memory's limit; {})\n\
         weights read for a token: {:.0} MB; in place after {:.1} s; memory at most {:.0} MB\n",
        figures.prefill_tokens_per_second,
        figures.prefill_fraction * 100.0,
        figures.paths[0],
        figures.decode_tokens_per_second,
        figures.decode_fraction * 100.0,
        figures.paths[1],
        figures.bytes_per_token as f64 / 1e6,
        figures.load_seconds,
        figures.peak_pss_bytes as f64 / 1e6,
    )
}

fn training(figures: &TrainFigures) -> String {
    format!(
        "trains {:.1} tokens/s ({:.0} % of the arithmetic's limit; {}); memory at most {:.0} MB\n",
        figures.tokens_per_second,
        figures.fraction * 100.0,
        figures.paths.join(", "),
        figures.peak_pss_bytes as f64 / 1e6,
    )
}
