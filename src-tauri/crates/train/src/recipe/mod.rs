//! What a run is to do, as a TOML file says it: written by a person or by the wizard, the same on a desktop and on a cluster.
//!
//! Every key has a default except `model` and `data.files`. A key that is not known is an error, so that a misspelt one is not taken
//! for a default. Documented examples are in `assets/recipes`. Relative paths count from the folder the program is started in.

mod check;
mod method;
mod optimisation;
mod preference;
mod running;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use crate::error::{Result, TrainError};
use nc_data::Format;

pub use method::{All, Full, Lora, Method, Targets};
pub use optimisation::Optimisation;
pub use preference::{Objective, Preference, PreferenceLoss, Truncation};
pub use running::{CheckpointRule, Evaluation, Machine, Precision, SamplePrompts};

/// Largest recipe file read, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// A recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The model to begin with: a folder or a GGUF file.
    pub model: PathBuf,
    /// An adapter to begin with (a folder as PEFT writes it). The reference of a preference run is the model with this adapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub start_adapter: Option<PathBuf>,
    /// What is trained for.
    #[serde(default)]
    pub stage: Stage,
    /// How conversations become text.
    #[serde(default)]
    pub template: TemplateChoice,
    /// The rows to train on.
    pub data: Data,
    /// Which numbers of the model change.
    #[serde(default)]
    pub method: Method,
    /// Knobs of supervised fine-tuning.
    #[serde(default)]
    pub sft: Sft,
    /// Knobs of preference optimisation.
    #[serde(default)]
    pub preference: Preference,
    /// Steps, rates and batches.
    #[serde(default)]
    pub optimisation: Optimisation,
    /// Looking at held-out rows.
    #[serde(default)]
    pub evaluation: Evaluation,
    /// What is kept to go on from.
    #[serde(default)]
    pub checkpoints: CheckpointRule,
    /// Prompts answered as training goes.
    #[serde(default)]
    pub samples: SamplePrompts,
    /// What the run may use of the machine.
    #[serde(default)]
    pub machine: Machine,
}

/// What is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Supervised fine-tuning: to say what the data says.
    #[default]
    Sft,
    /// To prefer chosen answers to rejected ones.
    Preference,
}

/// How conversations become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(rename = "RecipeTemplate")]
pub enum TemplateChoice {
    /// The template that comes with the model.
    #[default]
    Model,
    /// ChatML.
    Chatml,
    /// `### System:`, `### User:`, `### Assistant:`.
    Neuralchat,
    /// Alpaca's two forms, with an input and without.
    Alpaca,
    /// No template: what is said, without anything between, each answer ended by EOS.
    Raw,
}

/// The rows to train on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Files, read one after the other.
    pub files: Vec<PathBuf>,
    /// What their rows are; `auto` looks.
    #[serde(default, with = "automatic")]
    #[ts(type = "Format | \"auto\"")]
    pub format: Option<Format>,
    /// Share of the rows that is not trained on and measured instead.
    #[serde(default)]
    pub held_out: f64,
    /// A file of rows to measure on, instead of a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub held_out_file: Option<PathBuf>,
    /// Whether each epoch has an order of its own; without, rows are taken as the files have them.
    #[serde(default = "yes")]
    pub shuffle: bool,
    /// Decides orders, the held-out share and dropout.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Most rows taken from the files together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub max_rows: Option<u64>,
}

/// Knobs of supervised fine-tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sft {
    /// Whether only answers are trained; without, every token is.
    pub answers_only: bool,
    /// Whether several samples share a row.
    pub packing: Packing,
}

impl Default for Sft {
    fn default() -> Self {
        Self {
            answers_only: true,
            packing: Packing::None,
        }
    }
}

/// Whether several samples share a row of up to `max_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// One sample a row.
    #[default]
    None,
    /// As many as fit; attention and positions stay inside each sample, so results are those of `none` with other batches.
    Isolated,
    /// All samples joined and cut into blocks of `max_tokens`; attention crosses samples, as in the article.
    Flat,
}

fn yes() -> bool {
    true
}

fn seed() -> u64 {
    42
}

/// `auto` for none.
mod automatic {
    use super::{Deserialize, Deserializer, Format, Serialize, Serializer};
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error as ValueError, StringDeserializer};

    pub(super) fn serialize<S: Serializer>(
        format: &Option<Format>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match format {
            None => "auto".serialize(serializer),
            Some(format) => format.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Format>, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "auto" {
            return Ok(None);
        }
        let word: StringDeserializer<ValueError> = word.into_deserializer();
        Format::deserialize(word)
            .map(Some)
            .map_err(serde::de::Error::custom)
    }
}

impl Recipe {
    /// Reads and checks a recipe file.
    ///
    /// # Errors
    /// [`TrainError::File`], [`TrainError::RecipeSyntax`] with line and key, or [`TrainError::RecipeInvalid`].
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| TrainError::File {
            path: path.to_path_buf(),
            source,
        };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > FILE_BYTES {
            return Err(TrainError::RecipeSyntax {
                cause: format!("it has {size} bytes, more than any recipe"),
            });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
    }

    /// Parses and checks a recipe.
    ///
    /// # Errors
    /// [`TrainError::RecipeSyntax`] or [`TrainError::RecipeInvalid`].
    pub fn parse(text: &str) -> Result<Self> {
        let recipe: Self = toml::from_str(text).map_err(|error| TrainError::RecipeSyntax {
            cause: error.to_string().trim_end().to_owned(),
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The recipe as TOML, every knob spelt out.
    ///
    /// # Errors
    /// [`TrainError::RecipeInvalid`] where a path is not Unicode, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| TrainError::RecipeInvalid {
            field: "recipe",
            cause: error.to_string(),
            remedy: "Give files and folders names in Unicode.",
        })
    }
}
