//! Unseen questions, answered by the model before and after a run, as a chat would answer them.

use std::path::Path;

use nc_engine::Cancel;
use nc_kernels::Compute;
use nc_train::{Question, Recipe};

use crate::dto::{BeforeAfter, BeforeAfterRow, Role, Sampling, TemplateChoice};
use crate::session::{Ask, Session, Turn};
use crate::{ApiError, convert, registry, training};

const FILE: &str = "before_after.json";
/// Questions asked at most.
const QUESTIONS: usize = 50;
/// Longest answer, tokens.
const ANSWER_TOKENS: u32 = 160;
/// Of each model's answers, at most this long in all: a large model answers fewer questions.
const SECONDS: u64 = 180;

/// A conversation up to where an answer is to come, and what that should be.
struct Asked {
    system: Option<String>,
    turns: Vec<Turn>,
    prompt: String,
    expected: Option<String>,
}

/// What was found, if it was.
pub(super) fn read(folder: &Path) -> Option<BeforeAfter> {
    let bytes = std::fs::read(folder.join(FILE)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Asks both models, keeps their answers with the run, and tells how many are written. A `cancel` keeps what both have answered so far.
///
/// # Errors
/// Those of opening either model, of reading the data and of writing.
pub(super) fn find(
    (folder, recipe, result): (&Path, &Recipe, &Path),
    compute: &Compute,
    cancel: &Cancel,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<(), ApiError> {
    let (asked, source) = questions(recipe)?;
    if asked.is_empty() {
        return Ok(());
    }
    let total = asked.len() as u64 * 2;
    let base = recipe.model.to_string_lossy().into_owned();
    let after_path = result.to_string_lossy().into_owned();
    let template = template(recipe);
    tell(0, total);
    let mut answers = Vec::new();
    for (place, path) in [base.as_str(), &after_path].into_iter().enumerate() {
        let session = Session::open_with(path, compute.clone())?;
        let begun = std::time::Instant::now();
        let limit = match place {
            0 => asked.len(),
            // What the first had no time for is not asked of the second.
            _ => answers.first().map_or(0, Vec::len),
        };
        let mut said = Vec::new();
        for asked in &asked[..limit] {
            if cancel.is_cancelled() || (place == 0 && begun.elapsed().as_secs() > SECONDS) {
                break;
            }
            said.push(answer(&session, asked, template)?);
            tell((place * limit + said.len()) as u64, limit as u64 * 2);
        }
        answers.push(said);
    }
    let mut both = answers.into_iter();
    let (before, after) = (
        both.next().unwrap_or_default(),
        both.next().unwrap_or_default(),
    );
    let rows: Vec<BeforeAfterRow> = asked
        .into_iter()
        .zip(before.into_iter().zip(after))
        .map(|(asked, (before, after))| BeforeAfterRow {
            prompt: asked.prompt,
            expected: asked.expected,
            before,
            after,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let found = BeforeAfter {
        before_name: registry::name_of(&base),
        after_name: registry::name_of(&after_path),
        compared: rows.iter().filter(|row| row.expected.is_some()).count() as u64,
        right_before: right(&rows, |row| &row.before),
        right_after: right(&rows, |row| &row.after),
        rows,
        source: source.to_owned(),
    };
    let bytes = convert::to_value(&found)?.to_string();
    Ok(nc_library::write_atomically(
        &folder.join(FILE),
        bytes.as_bytes(),
    )?)
}

/// One question of a person's own, to both.
///
/// # Errors
/// Those of opening and of answering.
pub(super) fn ask(
    (recipe, result): (&Recipe, &str),
    prompt: String,
    compute: &Compute,
) -> Result<BeforeAfterRow, ApiError> {
    let asked = Asked {
        system: None,
        turns: vec![user(&prompt)],
        prompt: prompt.clone(),
        expected: None,
    };
    let template = template(recipe);
    let base = recipe.model.to_string_lossy();
    let before = answer(
        &Session::open_with(&base, compute.clone())?,
        &asked,
        template,
    )?;
    let after = answer(
        &Session::open_with(result, compute.clone())?,
        &asked,
        template,
    )?;
    Ok(BeforeAfterRow {
        prompt,
        expected: None,
        before,
        after,
    })
}

/// How many answers are word for word what was expected.
fn right(rows: &[BeforeAfterRow], said: impl Fn(&BeforeAfterRow) -> &String) -> u64 {
    let right = rows.iter().filter(|row| {
        row.expected
            .as_ref()
            .is_some_and(|expected| expected.trim() == said(row).trim())
    });
    right.count() as u64
}

fn questions(recipe: &Recipe) -> Result<(Vec<Asked>, &'static str), ApiError> {
    let held_out = training::held_out_questions(recipe, QUESTIONS)?;
    if !held_out.is_empty() {
        let asked = held_out.into_iter().filter_map(of_row).collect();
        return Ok((asked, "rows held out from training"));
    }
    let prompts = recipe.samples.prompts.iter();
    let asked = prompts.map(|prompt| Asked {
        system: None,
        turns: vec![user(prompt)],
        prompt: prompt.clone(),
        expected: None,
    });
    Ok((asked.collect(), "the recipe's prompts"))
}

fn user(text: &str) -> Turn {
    Turn {
        role: Role::User,
        content: text.to_owned(),
    }
}

/// A row as a chat; none for turns that a chat does not have, such as those of tools.
fn of_row(question: Question) -> Option<Asked> {
    let mut system = None;
    let mut turns = Vec::new();
    for message in question.messages {
        match message.role.as_str() {
            "system" if turns.is_empty() => system = Some(message.content),
            "user" => turns.push(user(&message.content)),
            "assistant" => turns.push(Turn {
                role: Role::Assistant,
                content: message.content,
            }),
            _ => return None,
        }
    }
    Some(Asked {
        system,
        prompt: turns.last()?.content.clone(),
        turns,
        expected: Some(question.answer),
    })
}

/// The template of a chat that is nearest to the one trained with.
fn template(recipe: &Recipe) -> TemplateChoice {
    use nc_train::recipe::TemplateChoice as Trained;
    match recipe.template {
        Trained::Chatml => TemplateChoice::Chatml,
        Trained::Neuralchat => TemplateChoice::NeuralChat,
        Trained::Alpaca => TemplateChoice::Alpaca,
        Trained::Model | Trained::Raw => TemplateChoice::Model,
    }
}

fn answer(session: &Session, asked: &Asked, template: TemplateChoice) -> Result<String, ApiError> {
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: ANSWER_TOKENS,
        ..session.sampling().clone()
    };
    let ask = Ask::Chat {
        system: asked.system.clone(),
        turns: asked.turns.clone(),
        template,
    };
    Ok(session.answer(ask, &sampling, |_| Ok(()))?.text)
}
