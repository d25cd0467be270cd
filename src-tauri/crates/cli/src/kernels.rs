//! `kernels`: what the processor offers, what was measured, what was chosen, and why.

use std::fmt::Write as _;

use nc_api::ApiError;
use nc_api::dto::MachineInfo;
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
    print(&table(&machine))
}

fn table(machine: &MachineInfo) -> String {
    let sets = match machine.instruction_sets.is_empty() {
        true => "none beyond the plainest".to_owned(),
        false => machine.instruction_sets.join(", "),
    };
    let report = &machine.kernel_report;
    let mut text = format!(
        "processor         {}, {} logical processors\ninstruction sets  {sets}\n\n",
        machine.processor, machine.logical_processors
    );
    text.push_str("measured          prefill, GFLOP/s   decode, GB/s   backward, GFLOP/s\n");
    // Writing to a string does not fail.
    for trial in &report.trials {
        let _ = match (&trial.rates, &trial.fault) {
            (Some(rates), _) => writeln!(
                text,
                "  {:<14}  {:>16.1} {:>14.1} {:>19.1}",
                trial.path.as_str(),
                rates.prefill_gflop_per_s,
                rates.decode_gb_per_s,
                rates.backward_gflop_per_s
            ),
            (None, fault) => writeln!(
                text,
                "  {:<14}  failed its self-check: {}",
                trial.path.as_str(),
                fault.as_deref().unwrap_or("no figures")
            ),
        };
    }
    text.push_str("\nchosen\n");
    for choice in &report.choices {
        let _ = writeln!(
            text,
            "  {:<14}  {}: {}",
            choice.work.as_str(),
            choice.path.as_str(),
            choice.why
        );
    }
    if let Some(notice) = &report.notice {
        let _ = writeln!(text, "\n{notice}");
    }
    text
}
