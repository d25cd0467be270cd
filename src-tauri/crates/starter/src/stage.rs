//! One stage of training, made by the program's own trainer: done once, and gone on with where it was cut off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nc_kernels::Compute;
use nc_model::{MergeOptions, Method, ModelFiles, ModelLocation, merge, read_adapter};
use nc_train::run::Journal;
use nc_train::{Control, Event, Job, Recipe, train};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::files::{read, read_json, write};

/// What a stage is run with.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// Where everything is kept meanwhile.
    pub folder: &'a Path,
    /// What to compute with.
    pub compute: &'a Compute,
    /// How to stop it.
    pub control: &'a Control,
    /// Told what happens: the stage's name, and the trainer's event.
    pub tell: &'a dyn Fn(&str, &Event),
}

/// What came of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Steps of the optimizer.
    pub steps: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Rows it learnt from.
    pub rows: u64,
    /// Seconds its steps took, over all attempts.
    pub seconds: f64,
    /// The loss of held-out rows in the end, where it held any out.
    pub held_out_loss: Option<f64>,
    /// The folder of the model it left.
    pub model: PathBuf,
}

impl Workshop<'_> {
    /// Runs a recipe, or says what came of it when it was run before. A stage is known by its recipe, its data and the model it
    /// begins with: where any of them is another, it is run anew.
    ///
    /// # Errors
    /// What the trainer can meet, with [`TrainError::Stopped`](nc_train::TrainError::Stopped) among it.
    pub fn stage(self, name: &str, recipe: &str) -> Result<Made> {
        let recipe = Recipe::parse(recipe)?;
        let folder = self
            .folder
            .join(format!("{name}-{}", fingerprint(&recipe)?));
        let made_path = folder.join("made.json");
        if made_path.is_file() {
            return read_json(&made_path);
        }
        let resume = folder.join("manifest.json").is_file();
        let files = ModelFiles::open(&ModelLocation::from_path(&recipe.model))?;
        let (tokenizer, template) = nc_engine::tokenizer_and_template(&files)?;
        let job = Job {
            files,
            tokenizer,
            template,
            compute: self.compute.clone(),
            folder: folder.clone(),
            recipe: recipe.clone(),
            resume,
            measure: false,
        };
        let outcome = train(job, self.control, &mut |event| (self.tell)(name, event))?;
        let model = match outcome.decoder.method() {
            Method::Full => outcome.result,
            Method::Lora(_) => self.merged(&recipe, &folder, &outcome.result)?,
        };
        let made = figures(&folder, model)?;
        write(
            &made_path,
            serde_json::to_string(&made).unwrap_or_default().as_bytes(),
        )?;
        Ok(made)
    }

    /// The model of the recipe with the adapter in its weights.
    fn merged(self, recipe: &Recipe, folder: &Path, adapter: &Path) -> Result<PathBuf> {
        let out = folder.join("merged");
        // One that is there already was written before the stage was done.
        if out.exists() {
            std::fs::remove_dir_all(&out).map_err(crate::StarterError::file(&out))?;
        }
        let files = ModelFiles::open(&ModelLocation::from_path(&recipe.model))?;
        let (lora, parameters) = read_adapter(adapter, &files)?;
        let options = MergeOptions {
            compute: Some(self.compute.clone()),
            ..MergeOptions::default()
        };
        merge(&files, (&lora, &parameters), &options, &out, &mut |_| {
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(out)
    }
}

/// Eight hexadecimal digits of the hash of all that goes into a stage.
fn fingerprint(recipe: &Recipe) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(recipe.to_toml()?);
    hash.update(read(&recipe.model.join("model.safetensors"))?);
    hash.update(read(&recipe.model.join("tokenizer.json"))?);
    for path in &recipe.data.files {
        hash.update(read(path)?);
    }
    Ok(hexadecimal(&hash.finalize()))
}

/// Eight hexadecimal digits of the hash of some bytes.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(digest: &[u8]) -> String {
    let bytes = digest.iter().take(4);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// What the run's journal says of all its attempts.
fn figures(folder: &Path, model: PathBuf) -> Result<Made> {
    let history = Journal::read::<Event>(&folder.join("journal.jsonl"))?;
    let mut made = Made {
        steps: 0,
        tokens: 0,
        rows: 0,
        seconds: 0.0,
        held_out_loss: None,
        model,
    };
    // Of a step made twice, the last counts.
    let mut steps = BTreeMap::new();
    for entry in history.entries {
        match entry.event {
            Event::Started { samples, .. } => made.rows = samples,
            Event::Step(step) => drop(steps.insert(step.step, step)),
            Event::Evaluation(evaluation) => made.held_out_loss = Some(evaluation.loss),
            _ => {}
        }
    }
    for step in steps.values() {
        made.steps += 1;
        made.tokens += step.tokens;
        made.seconds += step.tokens as f64 / step.tokens_per_second;
    }
    Ok(made)
}
