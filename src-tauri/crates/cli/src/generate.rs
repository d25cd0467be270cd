//! `generate`: continue a text.

use nc_api::ApiError;
use nc_api::dto::Sampling;
use nc_api::session::{Ask, Session};

use crate::output::{print, print_json};
use crate::sampling::SamplingArguments;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Hugging Face folder, a .gguf file, or `starter`.
    #[arg(long, default_value = nc_api::dto::STARTER)]
    model: String,
    /// The text to continue; empty starts from the beginning-of-text token.
    #[arg(long, default_value = "")]
    prompt: String,
    #[command(flatten)]
    sampling: SamplingArguments,
    /// Print one line of JSON: text, why it ended, figures.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let session = Session::open(&arguments.model)?;
    let ask = Ask::Text(arguments.prompt.clone());
    let sampling = arguments.sampling.sampling(&Sampling::default());
    if arguments.json {
        return print_json(&session.answer(ask, &sampling, |_| Ok(()))?);
    }
    let unseen = session.answer(ask, &sampling, print)?.stats.unseen_tokens;
    if unseen > 0 {
        eprintln!(
            "\nThe prompt is longer than the context: its oldest {unseen} tokens were not seen."
        );
    }
    Ok(())
}
