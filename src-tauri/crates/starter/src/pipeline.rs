//! From nothing to the starter: data, tokenizer, three stages of training, and what each of them came to.

use std::path::{Path, PathBuf};

use nc_kernels::Compute;

use crate::conversation::Asked;
use crate::corpus::{
    Sizes, answers, more_answers, pairs, practice, pretraining, questions, vocabulary_texts,
};
use crate::error::Result;
use crate::evaluation::{Answered, evaluate};
use crate::exchange::Kind;
use crate::files::{read_json, write, write_rows};
use crate::preferences::{Change, prefers_chosen};
use crate::shape::{SHAPE, Shape};
use crate::stage::{Made, Workshop, short_hash};
use crate::topics::Written;
use crate::vocabulary::write_tokenizer;

/// What is made, and of how much.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// The model.
    pub shape: Shape,
    /// Rows and questions.
    pub sizes: Sizes,
}

/// The starter's.
pub const STARTER: Plan = Plan {
    seed: 2026,
    shape: SHAPE,
    sizes: Sizes {
        pretraining_chats: 70_000,
        worksheets: 16_000,
        practice: 12_000,
        answers: 20_000,
        more_answers: 40_000,
        pairs: 1000,
        questions: 40,
        held_out_pairs: 300,
        vocabulary_texts: 12_000,
    },
};

/// A stage with what its model answers.
#[derive(Debug)]
pub struct Measured {
    /// What it is called.
    pub name: &'static str,
    /// What came of it.
    pub made: Made,
    /// Held-out questions, answered.
    pub answered: Vec<Answered>,
}

/// Everything that was measured on the way.
#[derive(Debug)]
pub struct Report {
    /// The plan.
    pub plan: Plan,
    /// The kernels it was trained with.
    pub kernels: String,
    /// The stages in their order, supervised fine-tuning in two rounds.
    pub stages: [Measured; 4],
    /// Held-out pairs before and after the preference stage.
    pub preferences: Change,
    /// Held-out questions answered right before and after it.
    pub exact_match: Change,
}

impl Report {
    /// The folder of the finished model.
    pub fn model(&self) -> &Path {
        &self.stages[3].made.model
    }
}

/// All of it. What is already there from an earlier start is taken.
///
/// # Errors
/// What any of the parts can meet; [`nc_train::TrainError::Stopped`] where it was stopped.
pub fn make(plan: &Plan, workshop: Workshop) -> Result<Report> {
    let written = Written::default();
    let Plan { seed, sizes, .. } = *plan;
    let Workshop {
        folder, compute, ..
    } = workshop;
    let data = Data::write(&written, plan, &folder.join("data"))?;
    let first = folder.join("first");
    write_tokenizer(
        &vocabulary_texts(&written, seed, sizes.vocabulary_texts),
        &first,
    )?;
    plan.shape.write(seed, &first)?;
    let questions = questions(&written, seed, sizes.questions);

    // Other questions are asked anew.
    let asked = format!(
        "answered-{}.json",
        short_hash(format!("{questions:?}").as_bytes())
    );
    let measured = |name, made: Made| -> Result<Measured> {
        let path = made.model.with_file_name(&asked);
        let answered = answered(&path, (&made.model, compute), &questions)?;
        Ok(Measured {
            name,
            made,
            answered,
        })
    };
    let made = workshop.stage(
        "pretraining",
        &pretraining_recipe(&first, [&data.chats, &data.worksheets], seed),
    )?;
    let pretrained = measured("pretraining", made)?;
    let made = workshop.stage(
        "answers",
        &answers_recipe(
            &pretrained.made.model,
            &[&data.practice, &data.answers],
            seed,
        ),
    )?;
    let first_round = measured("supervised fine-tuning, first round", made)?;
    let made = workshop.stage(
        "more-answers",
        &answers_recipe(&first_round.made.model, &[&data.more_answers], seed),
    )?;
    let tuned = measured("supervised fine-tuning, second round", made)?;
    let made = workshop.stage(
        "preferences",
        &preferences_recipe(&tuned.made.model, &data.pairs, seed),
    )?;
    let preferring = measured("preference optimisation", made)?;

    let before = prefers_chosen(&tuned.made.model, compute, &data.held_out_pairs)?;
    let after = prefers_chosen(&preferring.made.model, compute, &data.held_out_pairs)?;
    let right = |stage: &Measured| -> Vec<bool> {
        stage.answered.iter().map(|answer| answer.right).collect()
    };
    Ok(Report {
        plan: *plan,
        kernels: compute.training().0.to_string(),
        preferences: Change::between(&before, &after),
        exact_match: Change::between(&right(&tuned), &right(&preferring)),
        stages: [pretrained, first_round, tuned, preferring],
    })
}

/// Where the rows lie.
struct Data {
    chats: PathBuf,
    worksheets: PathBuf,
    practice: PathBuf,
    answers: PathBuf,
    more_answers: PathBuf,
    pairs: PathBuf,
    held_out_pairs: PathBuf,
}

impl Data {
    /// Writes all rows; the same ones each time.
    fn write(written: &Written, plan: &Plan, folder: &Path) -> Result<Self> {
        let Plan { seed, sizes, .. } = *plan;
        let path = |name: &str| folder.join(name);
        let data = Self {
            chats: path("chats.jsonl"),
            worksheets: path("worksheets.jsonl"),
            practice: path("practice.jsonl"),
            answers: path("answers.jsonl"),
            more_answers: path("more-answers.jsonl"),
            pairs: path("pairs.jsonl"),
            held_out_pairs: path("held-out-pairs.jsonl"),
        };
        let (chats, worksheets) = pretraining(written, seed, sizes);
        write_rows(&data.chats, &chats)?;
        write_rows(&data.worksheets, &worksheets)?;
        write_rows(&data.practice, &practice(written, seed, sizes))?;
        write_rows(&data.more_answers, &more_answers(written, seed, sizes))?;
        write_rows(&data.answers, &answers(written, seed, sizes))?;
        write_rows(&data.pairs, &pairs(written, seed, (sizes.pairs, false)))?;
        write_rows(
            &data.held_out_pairs,
            &pairs(written, seed, (sizes.held_out_pairs, true)),
        )?;
        Ok(data)
    }
}

/// The answers of a finished stage's model, asked once.
fn answered(
    path: &Path,
    (model, compute): (&Path, &Compute),
    questions: &[(Kind, Asked)],
) -> Result<Vec<Answered>> {
    if path.is_file() {
        return read_json(path);
    }
    let answered = evaluate(model, compute, questions)?;
    write(
        path,
        serde_json::to_string_pretty(&answered)
            .unwrap_or_default()
            .as_bytes(),
    )?;
    Ok(answered)
}

/// Every token of chats and worksheets is learnt, by all weights.
fn pretraining_recipe(model: &Path, [chats, worksheets]: [&Path; 2], seed: u64) -> String {
    format!(
        "model = {model:?}\n\
         [data]\nfiles = [{chats:?}, {worksheets:?}]\nheld_out = 0.003\nseed = {seed}\n\
         [method]\nkind = \"full\"\n\
         [sft]\nanswers_only = false\npacking = \"isolated\"\n\
         [optimisation]\nepochs = 1\nlearning_rate = 4e-3\nschedule = \"cosine\"\nwarmup_steps = 100\n\
         micro_batch = 4\naccumulation = 1\nmax_tokens = 512\nweight_decay = 0.05\nbetas = [0.9, 0.95]\n\
         [evaluation]\nevery_steps = 500\n[checkpoints]\nevery_steps = 500\nkeep = 1\n",
        model = model.display().to_string(),
        chats = chats.display().to_string(),
        worksheets = worksheets.display().to_string(),
    )
}

/// The answers of chats are learnt, by all weights, in the order of the files.
fn answers_recipe(model: &Path, files: &[&Path], seed: u64) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    format!(
        "model = {model:?}\n\
         [data]\nfiles = {files:?}\nshuffle = false\nheld_out = 0.005\nseed = {seed}\n\
         [method]\nkind = \"full\"\n\
         [sft]\npacking = \"isolated\"\n\
         [optimisation]\nepochs = 1\nlearning_rate = 2e-3\nschedule = \"cosine\"\nwarmup_steps = 50\n\
         micro_batch = 4\naccumulation = 1\nmax_tokens = 512\nweight_decay = 0.05\nbetas = [0.9, 0.95]\n\
         [evaluation]\nevery_steps = 500\n[checkpoints]\nevery_steps = 500\nkeep = 1\n",
        model = model.display().to_string(),
    )
}

/// Better answers are preferred, by an adapter that is merged afterwards.
fn preferences_recipe(model: &Path, pairs: &Path, seed: u64) -> String {
    format!(
        "model = {model:?}\nstage = \"preference\"\n\
         [data]\nfiles = [{pairs:?}]\nheld_out = 0.05\nseed = {seed}\n\
         [method]\nkind = \"lora\"\nrank = 16\nalpha = 16\n\
         [preference]\nloss = \"sigmoid\"\nbeta = 0.1\n\
         [optimisation]\nepochs = 1\nlearning_rate = 1e-4\nschedule = \"cosine\"\nwarmup_ratio = 0.1\n\
         micro_batch = 8\naccumulation = 1\nmax_tokens = 256\n\
         [evaluation]\nevery_steps = 50\n[checkpoints]\nevery_steps = 50\nkeep = 1\n",
        model = model.display().to_string(),
        pairs = pairs.display().to_string(),
    )
}
