//! `tokenize`: the tokens of a text.

use std::io::Read as _;

use nc_api::session::tokenize;
use nc_api::{ApiError, ErrorCode};

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Hugging Face folder, a .gguf file, or `starter`.
    #[arg(long, default_value = nc_api::dto::STARTER)]
    model: String,
    /// The text; without it, standard input.
    #[arg(long)]
    text: Option<String>,
    /// Leave out the tokens that the model puts around every text (BOS, EOS).
    #[arg(long)]
    no_special: bool,
    /// Print one line of JSON: the ids and their texts.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let text = match &arguments.text {
        Some(text) => text.clone(),
        None => standard_input()?,
    };
    let tokens = tokenize(&arguments.model, &text, !arguments.no_special)?;
    if arguments.json {
        return print_json(&tokens);
    }
    for token in tokens {
        print(&format!("{:>8}  {:?}\n", token.id, token.text))?;
    }
    Ok(())
}

fn standard_input() -> Result<String, ApiError> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| {
            ApiError::new(
                ErrorCode::BadRequest,
                format!("Standard input could not be read: {error}."),
                "Send plain UTF-8 text, or use --text.",
            )
        })?;
    Ok(text)
}
