//! `make-starter`: makes the model inside the program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use nc_kernels::Compute;
use nc_starter::StarterError;
use nc_starter::card::{self, summary};
use nc_starter::pipeline::{STARTER, make};
use nc_starter::stage::Workshop;
use nc_starter::taste::taste;
use nc_train::{Control, Event};

/// Makes the starter: data, tokenizer, pretraining, supervised fine-tuning, preferences, and the first fine-tune that a person
/// is invited to. What an earlier start has made is taken; a stage that was cut off goes on.
#[derive(Parser)]
struct Arguments {
    /// Where everything is kept meanwhile.
    #[arg(long, default_value = "target/starter")]
    folder: PathBuf,
    /// The folder that holds `starter` and `samples`.
    #[arg(long, default_value = "assets")]
    assets: PathBuf,
    /// Measure only, and write nothing into the assets.
    #[arg(long)]
    measure_only: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), StarterError> {
    let compute = Compute::of_process()?;
    let control = Arc::new(Control::default());
    let asked = Arc::clone(&control);
    // A stage that is stopped saves what it has learnt; without a handler only the last checkpoint is left.
    if let Err(error) = ctrlc::set_handler(move || asked.stop()) {
        eprintln!("note: a stop will not be noticed: {error}");
    }
    let workshop = Workshop {
        folder: &arguments.folder,
        compute: &compute,
        control: &control,
        tell: &tell,
    };
    let report = make(&STARTER, workshop)?;
    let taste = taste(workshop, (report.model(), &arguments.assets), STARTER.seed)?;
    print!("{}", summary(&report, &taste));
    if arguments.measure_only {
        return Ok(());
    }
    let starter = arguments.assets.join("starter");
    card::check(&report, &taste, &starter)?;
    card::write_starter(&report, &taste, &starter)?;
    card::write_samples(&report, &taste, &arguments.assets.join("samples"))
}

/// What a person wants to see of a run that takes half an hour.
fn tell(name: &str, event: &Event) {
    match event {
        Event::Step(step) if step.step.is_multiple_of(100) => eprintln!(
            "{name}: step {}, loss {:.4}, {:.0} tokens/s",
            step.step, step.loss, step.tokens_per_second
        ),
        Event::Evaluation(held) => {
            eprintln!("{name}: step {}, held out {:.4}", held.step, held.loss)
        }
        Event::Notice { text } => eprintln!("{name}: {text}"),
        Event::RolledBack { cause, .. } => eprintln!("{name}: rolled back, {cause}"),
        Event::Started {
            total_steps,
            samples,
            ..
        } => {
            eprintln!("{name}: {samples} rows, {total_steps} steps");
        }
        _ => {}
    }
}
