//! `plan`: what a recipe would take here, before anything is trained.

use std::path::PathBuf;

use nc_api::ApiError;
use nc_api::training::{Plan, plan};

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recipe, a TOML file.
    recipe: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let plan = plan(&arguments.recipe)?;
    match arguments.json {
        true => print_json(&plan),
        false => print(&words(&plan)),
    }
}

fn words(plan: &Plan) -> String {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let mut text = format!(
        "{} rows, {} steps, {} tokens; {} parameters learn\nmemory {:.2} GB, {:.2} GB free; disk {:.2} GB, {:.2} GB free\n",
        plan.rows,
        plan.steps,
        plan.tokens,
        plan.parameters,
        gigabytes(plan.memory_bytes),
        gigabytes(plan.available_bytes),
        gigabytes(plan.disk_bytes),
        gigabytes(plan.disk_free_bytes),
    );
    if let Some(seconds) = plan.seconds {
        text += &format!(
            "about {} ({} to {})\n",
            time(seconds.expected),
            time(seconds.low),
            time(seconds.high)
        );
    }
    for warning in &plan.warnings {
        text += &format!("note: {warning}\n");
    }
    for blocker in &plan.blockers {
        text += &format!("in the way: {}\n    {}\n", blocker.cause, blocker.remedy);
    }
    text
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}
