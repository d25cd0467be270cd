//! `call`: one command of the program, as the window gives it.

use nc_api::{Api, ApiError, COMMANDS, ErrorCode, Headless};

use crate::output::print_json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The command's name; without one, all are listed.
    name: Option<String>,
    /// Its request, a JSON object.
    #[arg(default_value = "{}")]
    request: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let Some(name) = &arguments.name else {
        let list: Vec<_> = COMMANDS
            .iter()
            .map(|command| serde_json::json!({ "name": command.name, "about": command.about.trim() }))
            .collect();
        return print_json(&list);
    };
    let request = serde_json::from_str(&arguments.request).map_err(|error| {
        ApiError::new(
            ErrorCode::BadRequest,
            format!("The request is not JSON: {error}."),
            "Quote it for the shell, for example '{\"chat_id\": 1}'.",
        )
    })?;
    let api = Api::open(&nc_api::default_folder()?, Box::new(Headless))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| {
        ApiError::new(
            ErrorCode::Internal,
            format!("No threads could be started: {error}."),
            "Close other programs and try again.",
        )
    })?;
    print_json(&runtime.block_on(nc_api::call(&api, name, request))?)
}
