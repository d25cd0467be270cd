//! `demo`: the main job from end to end in the terminal. Each stage is checked; the first that does not do what it should
//! ends the program with status 1.

mod training;

use std::time::Instant;

use nc_api::dto::{Role, STARTER, Sampling, TemplateChoice};
use nc_api::session::{Answer, Ask, Session, Turn, probe};
use nc_api::{ApiError, ErrorCode};
use serde::Serialize;

use crate::output::{print, print_json};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print each stage as an object a line, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the embedded model is asked, and a word that its answer has to hold.
const QUESTIONS: [(&str, &str); 3] = [
    ("What are the days of the week?", "Wednesday"),
    ("Write hello world in Python.", "print("),
    ("How do I open a bigger model?", "Models"),
];

#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    seconds: f64,
    result: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), ApiError> {
    let mut stages = Vec::new();
    stage(arguments, &mut stages, "machine", machine)?;
    let mut session = None;
    stage(arguments, &mut stages, "open the starter", || {
        let opened = Session::open(STARTER)?;
        let result = format!(
            "{}, {:.1} MB in memory",
            opened.name(),
            opened.memory_bytes() as f64 / 1e6
        );
        session = Some(opened);
        Ok(result)
    })?;
    if let Some(session) = &session {
        stage(arguments, &mut stages, "chat", || chat(arguments, session))?;
    }
    let workshop = training::Workshop::new()?;
    stage(arguments, &mut stages, "supervised fine-tuning", || {
        workshop.supervised()
    })?;
    stage(arguments, &mut stages, "preference optimisation", || {
        workshop.preference()
    })?;
    if !arguments.json {
        summary(&stages)?;
    }
    Ok(())
}

fn stage(
    arguments: &Arguments,
    stages: &mut Vec<Stage>,
    name: &'static str,
    work: impl FnOnce() -> Result<String, ApiError>,
) -> Result<(), ApiError> {
    if !arguments.json {
        print(&format!("== {name}\n"))?;
    }
    let begun = Instant::now();
    let result = work()?;
    let done = Stage {
        stage: name,
        seconds: begun.elapsed().as_secs_f64(),
        result,
    };
    if arguments.json {
        print_json(&done)?;
    } else {
        print(&format!("{}\n\n", done.result))?;
    }
    stages.push(done);
    Ok(())
}

fn machine() -> Result<String, ApiError> {
    let machine = probe()?;
    let sets = if machine.instruction_sets.is_empty() {
        "none beyond the baseline".to_owned()
    } else {
        machine.instruction_sets.join(", ")
    };
    Ok(format!(
        "{}, {} logical processors; {sets}\nmemory {:.1} GB, {:.1} GB free, read at {:.1} GB/s\nkernels: {} ({})",
        machine.processor,
        machine.logical_processors,
        machine.memory_total_bytes as f64 / 1e9,
        machine.memory_available_bytes as f64 / 1e9,
        machine.memory_read_gb_per_s,
        machine.kernels,
        machine.kernels_reason,
    ))
}

fn chat(arguments: &Arguments, session: &Session) -> Result<String, ApiError> {
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: 160,
        ..Sampling::default()
    };
    let mut tokens = 0;
    let mut seconds = 0.0;
    for (question, expected) in QUESTIONS {
        if !arguments.json {
            print(&format!("> {question}\n"))?;
        }
        let ask = Ask::Chat {
            system: None,
            turns: vec![Turn {
                role: Role::User,
                content: question.to_owned(),
            }],
            template: TemplateChoice::Model,
        };
        let answer = session.answer(ask, &sampling, |text| {
            if arguments.json { Ok(()) } else { print(text) }
        })?;
        if !arguments.json {
            print("\n\n")?;
        }
        check_answer(question, expected, &answer)?;
        tokens += answer.stats.new_tokens;
        if answer.stats.tokens_per_s > 0.0 {
            seconds += f64::from(answer.stats.new_tokens) / answer.stats.tokens_per_s;
        }
    }
    Ok(format!(
        "{} questions answered as they should be, {tokens} tokens at {:.0} tokens/s",
        QUESTIONS.len(),
        f64::from(tokens) / seconds,
    ))
}

fn check_answer(question: &str, expected: &str, answer: &Answer) -> Result<(), ApiError> {
    if answer.text.contains(expected) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::GenerationFailed,
        format!(
            "The answer to \"{question}\" does not hold \"{expected}\": {:?}.",
            answer.text
        ),
        "The embedded model or its computation is broken on this machine; please report it with this output.",
    ))
}

fn summary(stages: &[Stage]) -> Result<(), ApiError> {
    print("stage               seconds\n")?;
    for stage in stages {
        print(&format!("{:<20}{:>7.2}\n", stage.stage, stage.seconds))?;
    }
    Ok(())
}
