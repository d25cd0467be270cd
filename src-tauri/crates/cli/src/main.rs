//! `neuralchat-cli`: the commands of the window, for terminals, scripts and clusters.
//!
//! With `--json` a command prints one line of JSON on standard output and nothing else; everything else goes to standard
//! error. An error is `{"error": {"code", "message", "remedy"}}` and status 1.

mod ask;
mod bench;
mod call;
mod chat;
mod demo;
mod generate;
mod inspect;
mod kernels;
mod merge;
mod output;
mod plan;
mod sampling;
mod tokenize;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chat with, fine-tune, inspect and prove local language models on the processor you have.
#[derive(Parser)]
#[command(name = "neuralchat-cli", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Continue a text; prints only what the model writes, as it writes.
    Generate(generate::Arguments),
    /// Talk with a model, turn by turn or once.
    Chat(chat::Arguments),
    /// Show the tokens of a text.
    Tokenize(tokenize::Arguments),
    /// Show what a model's files say, without loading its weights.
    Inspect(inspect::Arguments),
    /// The main job from end to end in the terminal: this machine, then a chat with the embedded model.
    Demo(demo::Arguments),
    /// Show which instruction sets the processor offers, which kernels were chosen, and why.
    Kernels(kernels::Arguments),
    /// Measure how fast this machine computes.
    Bench(bench::Arguments),
    /// Fine-tune a model as a recipe says, or go on with a run.
    Train(train::Arguments),
    /// Foretell a recipe's memory, time and disk, and what stands in its way.
    Plan(plan::Arguments),
    /// Write a model with an adapter added to its weights.
    Merge(merge::Arguments),
    /// Run one command of the program, as the window does: a name and a JSON request.
    Call(call::Arguments),
    /// Print the page's TypeScript types.
    Types,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Generate(arguments) => (arguments.json, generate::run(&arguments)),
        Command::Chat(arguments) => (false, chat::run(&arguments)),
        Command::Tokenize(arguments) => (arguments.json, tokenize::run(&arguments)),
        Command::Inspect(arguments) => (arguments.json, inspect::run(&arguments)),
        Command::Demo(arguments) => (arguments.json, demo::run(&arguments)),
        Command::Kernels(arguments) => (arguments.json, kernels::run(&arguments)),
        Command::Bench(arguments) => (arguments.json(), bench::run(&arguments)),
        Command::Train(arguments) => (arguments.json, train::run(&arguments)),
        Command::Plan(arguments) => (arguments.json, plan::run(&arguments)),
        Command::Merge(arguments) => (arguments.json, merge::run(&arguments)),
        Command::Call(arguments) => (true, call::run(&arguments)),
        Command::Types => (false, output::print(&nc_api::typescript())),
    };
    output::ended(result.0, result.1)
}
