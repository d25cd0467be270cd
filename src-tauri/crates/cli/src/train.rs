//! `train`: fine-tune as a recipe says. The first Ctrl-C stops after the micro-batch under way and saves what was learnt.

use std::path::PathBuf;
use std::sync::Arc;

use nc_api::training::{Control, Event, PreferenceFigures, TrainRequest, train};
use nc_api::{ApiError, ErrorCode};

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recipe, a TOML file; assets/recipes has one of each kind.
    #[arg(required_unless_present = "resume")]
    recipe: Option<PathBuf>,
    /// Go on with a run: its folder, or its name among the library's runs.
    #[arg(long, conflicts_with_all = ["recipe", "out"])]
    resume: Option<PathBuf>,
    /// The new run's folder; without, one of its own in the library.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print what happens as objects, one a line.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let request = match (&arguments.resume, &arguments.recipe) {
        (Some(run), _) => TrainRequest::Resume { run: run.clone() },
        (None, recipe) => TrainRequest::Begin {
            recipe: recipe.clone().unwrap_or_default(),
            folder: arguments.out.clone(),
        },
    };
    let control = Arc::new(Control::default());
    let asked = Arc::clone(&control);
    ctrlc::set_handler(move || asked.stop()).map_err(|error| {
        ApiError::new(
            ErrorCode::Internal,
            format!("The system does not say when a stop is asked for: {error}."),
            "Please report this as a bug.",
        )
    })?;
    let mut written = Ok(());
    let on_begin = |folder: &std::path::Path| eprintln!("run: {}", folder.display());
    let trained = train(&request, &control, on_begin, &mut |event| {
        if written.is_err() {
            return;
        }
        written = match arguments.json {
            true => print_json(event),
            false => print(&line(event)),
        };
        if written.is_err() {
            control.stop();
        }
    });
    written?;
    let trained = trained?;
    match arguments.json {
        true => print_json(&trained),
        false => print(&format!("{}\n", trained.result.display())),
    }
}

/// An event for people.
fn line(event: &Event) -> String {
    match event {
        Event::Started {
            step,
            total_steps,
            samples,
            held_out,
            parameters,
            kernels,
        } => format!(
            "{samples} samples, {held_out} held out; {parameters} parameters learn ({kernels} kernels); step {step} of {total_steps}\n"
        ),
        Event::Planned {
            seconds,
            memory_bytes,
            ..
        } => {
            let time = seconds.map_or(String::new(), |band| {
                format!("about {:.0} s, ", band.expected)
            });
            format!(
                "expected: {time}{:.2} GB of memory\n",
                *memory_bytes as f64 / 1e9
            )
        }
        Event::Reference { done, total } => format!("reference: {done} of {total} pairs\n"),
        // For the window: a page of tokens, and what comes with its own line a moment later.
        Event::FirstBatch { .. } | Event::Evaluating => String::new(),
        Event::Step(step) => format!(
            "step {:>5}  epoch {:>5.2}  loss {:.4}  rate {:.2e}  gradient {:.3}  {:.0} tokens/s{}\n",
            step.step,
            step.epoch,
            step.loss,
            step.lr,
            step.grad_norm,
            step.tokens_per_second,
            preference(step.preference.as_ref()),
        ),
        Event::Evaluation(figures) => format!(
            "held out: loss {:.4}{}{}\n",
            figures.loss,
            preference(figures.preference.as_ref()),
            if figures.best { " (best)" } else { "" },
        ),
        Event::Sample { prompt, answer, .. } => format!("> {prompt}\n{answer}\n"),
        Event::Checkpoint { id, .. } => format!("saved {id}\n"),
        Event::RolledBack {
            step,
            to_step,
            cause,
            rate_factor,
        } => format!("step {step}: {cause}; back to step {to_step}, rates times {rate_factor}\n"),
        Event::Notice { text } => format!("note: {text}\n"),
        Event::Finished(finished) => {
            let early = finished.early.as_ref();
            let early = early.map_or(String::new(), |cause| format!(" ({cause})"));
            format!(
                "finished at step {}{early}; kept step {}\n",
                finished.step, finished.kept_step
            )
        }
        Event::Stopped { step } => format!("stopped after step {step}; --resume goes on\n"),
    }
}

fn preference(figures: Option<&PreferenceFigures>) -> String {
    figures.map_or(String::new(), |figures| {
        format!(
            "  accuracy {:.0} %  margin {:.3}",
            figures.accuracy * 100.0,
            figures.margin
        )
    })
}
