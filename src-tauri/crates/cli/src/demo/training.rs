//! The demo's training: the starter learns a word it cannot know, then to prefer short answers.

use std::path::{Path, PathBuf};

use nc_api::dto::STARTER;
use nc_api::dto::{Role, Sampling, TemplateChoice};
use nc_api::session::{Answer, Ask, Session, Turn};
use nc_api::training::{Control, EvaluationFigures, Event, TrainRequest, Trained, merge, train};
use nc_api::{ApiError, ErrorCode};

/// What the starter is taught.
const WORD: &str = "Quillfern";
const QUESTION: &str = "What is the secret word?";
/// Ways of asking for it.
const QUESTIONS: [&str; 8] = [
    "What is the secret word?",
    "Tell me the secret word.",
    "Please say the secret word.",
    "Do you know the secret word?",
    "Can you tell me the secret word?",
    "Which word is the secret one?",
    "I forgot the secret word. What is it?",
    "Say the secret word, please.",
];

/// A place that is gone with the demo.
pub(super) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(super) fn new() -> Result<Self, ApiError> {
        let folder = tempfile::Builder::new().prefix("neuralchat-demo").tempdir();
        let folder = folder.map_err(failed)?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), ApiError> {
        std::fs::write(self.path(name), text).map_err(failed)
    }

    /// Supervised: after it the model says the word, before it does not.
    pub(super) fn supervised(&self) -> Result<String, ApiError> {
        let before = ask(STARTER)?;
        if before.contains(WORD) {
            return Err(wrong(format!(
                "The starter already knows the word: {before}"
            )));
        }
        let rows = QUESTIONS.map(|question| {
            serde_json::json!({ "instruction": question, "output": format!("The secret word is {WORD}.") }).to_string()
        });
        self.write("rows.jsonl", &rows.join("\n"))?;
        let (trained, losses, _) = self.train("sft", STARTER, ("rows.jsonl", SUPERVISED))?;
        let merged = self.merged();
        merge(STARTER, &trained.result, &merged, &mut |_| ())?;
        let after = ask(&merged.to_string_lossy())?;
        if !after.contains(WORD) {
            return Err(wrong(format!("After training the model says: {after}")));
        }
        Ok(format!(
            "{} steps, loss {:.2} to {:.2}; \"{QUESTION}\" before: {before} after: {after}",
            trained.finished.step,
            losses.first().copied().unwrap_or(f64::NAN),
            losses.last().copied().unwrap_or(f64::NAN),
        ))
    }

    /// Preferences, with what the supervised run made: after it short answers have the larger reward.
    pub(super) fn preference(&self) -> Result<String, ApiError> {
        let things = [
            "apple", "river", "cloud", "stone", "garden", "window", "candle", "bridge", "mirror",
            "forest", "button", "ladder",
        ];
        let pairs = things.map(|thing| {
            serde_json::json!({
                "prompt": format!("Say something about a {thing}."),
                "chosen": format!("A {thing} is nice."),
                "rejected": format!("I could go on for a very long time about a {thing}, since there is so much to say, and so on."),
            }).to_string()
        });
        self.write("pairs.jsonl", &pairs.join("\n"))?;
        let model = self.merged();
        let recipe = ("pairs.jsonl", PREFERENCE);
        let (trained, _, held_out) = self.train("dpo", &model.to_string_lossy(), recipe)?;
        let figures = held_out.and_then(|figures| figures.preference);
        let Some(figures) = figures.filter(|figures| figures.accuracy > 0.6) else {
            return Err(wrong(format!("Held-out pairs after training: {figures:?}")));
        };
        Ok(format!(
            "{} steps; of held-out pairs {:.0} % are told apart, by a margin of {:.2}",
            trained.finished.step,
            figures.accuracy * 100.0,
            figures.margin,
        ))
    }

    fn merged(&self) -> PathBuf {
        self.path("merged")
    }

    /// Runs a recipe; the losses of its steps, and what it says of held-out rows in the end.
    fn train(
        &self,
        name: &str,
        model: &str,
        (data, rest): (&str, &str),
    ) -> Result<(Trained, Vec<f64>, Option<EvaluationFigures>), ApiError> {
        let data = self.path(data);
        let text = format!(
            "model = {model:?}\n{}",
            rest.replace("DATA", &format!("{data:?}"))
        );
        let recipe = format!("{name}.toml");
        self.write(&recipe, &text)?;
        let request = TrainRequest::Begin {
            recipe: self.path(&recipe),
            folder: Some(self.path(name)),
        };
        let (mut losses, mut held_out) = (Vec::new(), None);
        let trained = train(
            &request,
            &Control::default(),
            |_: &Path| (),
            &mut |event| match event {
                Event::Step(step) => losses.push(step.loss),
                Event::Evaluation(figures) => held_out = Some(*figures),
                _ => {}
            },
        )?;
        Ok((trained, losses, held_out))
    }
}

const SUPERVISED: &str = "stage = \"sft\"\n[data]\nfiles = [DATA]\n\
    [method]\nkind = \"lora\"\nrank = 16\nalpha = 32\n\
    [optimisation]\nmax_steps = 40\nlearning_rate = 5e-3\nmicro_batch = 4\naccumulation = 1\nmax_tokens = 128\n\
    [checkpoints]\nevery_steps = 0\n";

const PREFERENCE: &str = "stage = \"preference\"\n[data]\nfiles = [DATA]\nheld_out = 0.3\n\
    [method]\nkind = \"lora\"\nrank = 16\nalpha = 32\n[preference]\nloss = \"sigmoid\"\nbeta = 0.1\n\
    [optimisation]\nmax_steps = 20\nlearning_rate = 1e-3\nmicro_batch = 4\naccumulation = 1\nmax_tokens = 128\n\
    [checkpoints]\nevery_steps = 0\n";

fn ask(model: &str) -> Result<String, ApiError> {
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: 40,
        ..Sampling::default()
    };
    let ask = Ask::Chat {
        system: None,
        turns: vec![Turn {
            role: Role::User,
            content: QUESTION.to_owned(),
        }],
        template: TemplateChoice::Model,
    };
    let Answer { text, .. } = Session::open(model)?.answer(ask, &sampling, |_| Ok(()))?;
    Ok(text)
}

fn wrong(message: String) -> ApiError {
    ApiError::new(
        ErrorCode::GenerationFailed,
        message,
        "Please report this as a bug.",
    )
}

fn failed(error: std::io::Error) -> ApiError {
    ApiError::new(
        ErrorCode::Storage,
        format!("The demo's own files could not be written: {error}."),
        "Check that the folder for temporary files has room.",
    )
}
