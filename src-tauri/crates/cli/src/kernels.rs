//! `kernels`: what the processor offers, what was chosen, and why.

use nc_api::ApiError;
use nc_api::session::probe;

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let machine = probe()?;
    if arguments.json {
        return print_json(&machine);
    }
    let sets = match machine.instruction_sets.is_empty() {
        true => "none beyond the plainest".to_owned(),
        false => machine.instruction_sets.join(", "),
    };
    print(&format!(
        "processor         {}, {} logical processors\ninstruction sets  {sets}\nkernels           {}: {}\n",
        machine.processor, machine.logical_processors, machine.kernels, machine.kernels_reason
    ))
}
