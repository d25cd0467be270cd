//! `chat`: talk with a model.

use nc_api::dto::{Role, TemplateChoice};
use nc_api::session::{Ask, Session, Turn};
use nc_api::{ApiError, ErrorCode};

use crate::ask::next_line;
use crate::output::print;
use crate::sampling::SamplingArguments;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A Hugging Face folder, a .gguf file, or `starter`.
    #[arg(long, default_value = nc_api::dto::STARTER)]
    model: String,
    /// Ask this, print the answer, and end.
    #[arg(long)]
    once: Option<String>,
    /// What the model is told before the conversation.
    #[arg(long)]
    system: Option<String>,
    /// The template that turns messages into a prompt.
    #[arg(long, value_enum, default_value_t = Template::Model)]
    template: Template,
    #[command(flatten)]
    sampling: SamplingArguments,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Template {
    /// The model's own.
    Model,
    /// `<|im_start|>` … `<|im_end|>`.
    Chatml,
    /// `### System:` / `### User:` / `### Assistant:`.
    NeuralChat,
    /// `### Instruction:` / `### Response:`.
    Alpaca,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let session = Session::open(&arguments.model)?;
    let mut turns = Vec::new();
    if let Some(question) = &arguments.once {
        answer(arguments, &session, &mut turns, question.clone())?;
        return Ok(());
    }
    eprintln!("{} (an empty line ends the chat)", session.name());
    while let Some(question) = next_line()?.filter(|line| !line.trim().is_empty()) {
        match answer(arguments, &session, &mut turns, question) {
            // The conversation goes on: the person can say it otherwise.
            Err(error)
                if error.code == ErrorCode::TemplateFailed
                    || error.code == ErrorCode::ContextFull =>
            {
                eprintln!("{error}");
                turns.pop();
            }
            other => other?,
        }
    }
    Ok(())
}

fn answer(
    arguments: &Arguments,
    session: &Session,
    turns: &mut Vec<Turn>,
    question: String,
) -> Result<(), ApiError> {
    turns.push(Turn {
        role: Role::User,
        content: question,
    });
    let ask = Ask::Chat {
        system: arguments.system.clone(),
        turns: turns.clone(),
        template: match arguments.template {
            Template::Model => TemplateChoice::Model,
            Template::Chatml => TemplateChoice::Chatml,
            Template::NeuralChat => TemplateChoice::NeuralChat,
            Template::Alpaca => TemplateChoice::Alpaca,
        },
    };
    let sampling = arguments.sampling.sampling(session.sampling());
    let answer = session.answer(ask, &sampling, print)?;
    print("\n")?;
    turns.push(Turn {
        role: Role::Assistant,
        content: answer.text,
    });
    Ok(())
}
