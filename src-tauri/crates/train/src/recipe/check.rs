//! Values that make no sense, before anything is loaded.

use super::{Lora, Method, Preference, PreferenceLoss, Recipe, Stage, Targets, Truncation};
use crate::error::{Result, TrainError};

fn refuse(field: &'static str, cause: impl Into<String>, remedy: &'static str) -> Result<()> {
    Err(TrainError::RecipeInvalid {
        field,
        cause: cause.into(),
        remedy,
    })
}

/// A number that must be finite and inside a range.
fn inside(
    field: &'static str,
    value: f64,
    accepted: impl Fn(f64) -> bool,
    remedy: &'static str,
) -> Result<()> {
    match value.is_finite() && accepted(value) {
        true => Ok(()),
        false => refuse(field, format!("{value} is out of range"), remedy),
    }
}

impl Recipe {
    /// Checks what can be told without looking at files.
    ///
    /// # Errors
    /// [`TrainError::RecipeInvalid`] with the first field that makes no sense.
    pub fn check(&self) -> Result<()> {
        if self.model.as_os_str().is_empty() {
            return refuse("model", "it is empty", "Name a model's folder or file.");
        }
        self.check_data()?;
        self.check_optimisation()?;
        if let Method::Lora(lora) = &self.method {
            check_lora(lora)?;
        }
        if self.start_adapter.is_some() && matches!(self.method, Method::Full(_)) {
            return refuse(
                "start_adapter",
                "full fine-tuning has no adapter",
                "Merge the adapter into the model first, or use the method lora.",
            );
        }
        if self.stage == Stage::Preference {
            if self.sft.packing != Default::default() {
                return refuse(
                    "sft.packing",
                    "a preference run keeps pairs apart",
                    "Take out packing; rows of a preference run never waste tokens on padding.",
                );
            }
            check_preference(&self.preference, self)?;
        } else if self.preference != Preference::default() {
            return refuse(
                "preference",
                "the stage is sft",
                "Set stage = \"preference\", or take the table out.",
            );
        }
        if self.evaluation.early_stopping > 0
            && self.data.held_out == 0.0
            && self.data.held_out_file.is_none()
        {
            return refuse(
                "evaluation.early_stopping",
                "there are no held-out rows to judge by",
                "Set data.held_out to a share such as 0.02, or name data.held_out_file.",
            );
        }
        if self.checkpoints.keep == 0 {
            return refuse(
                "checkpoints.keep",
                "0 would leave nothing to go on from",
                "Keep at least 1.",
            );
        }
        Ok(())
    }

    fn check_data(&self) -> Result<()> {
        let data = &self.data;
        if data.files.is_empty() {
            return refuse("data.files", "the list is empty", "Name at least one file.");
        }
        let share = |share| (0.0..1.0).contains(&share);
        inside(
            "data.held_out",
            data.held_out,
            share,
            "Give a share of the rows from 0 to below 1, such as 0.02.",
        )?;
        if data.held_out > 0.0 && data.held_out_file.is_some() {
            return refuse(
                "data.held_out",
                "a share and a file are both given",
                "Keep either held_out or held_out_file.",
            );
        }
        if data.max_rows == Some(0) {
            return refuse(
                "data.max_rows",
                "it is 0",
                "Take it out, or give at least 1.",
            );
        }
        let preference = self.stage == Stage::Preference;
        match data.format {
            Some(format) if preference && !format.is_preference() => refuse(
                "data.format",
                "these rows have no chosen and rejected answers",
                "Use a preference format, or set stage = \"sft\".",
            ),
            _ => Ok(()),
        }
    }

    fn check_optimisation(&self) -> Result<()> {
        let given = &self.optimisation;
        if given.epochs.is_some() && given.max_steps.is_some() {
            return refuse(
                "optimisation.epochs",
                "epochs and max_steps are both given",
                "Keep one of them.",
            );
        }
        for (field, value) in [
            ("optimisation.epochs", given.epochs),
            ("optimisation.max_steps", given.max_steps),
            ("optimisation.micro_batch", Some(given.micro_batch as u64)),
            ("optimisation.accumulation", Some(given.accumulation as u64)),
        ] {
            if value == Some(0) {
                return refuse(field, "it is 0", "Give at least 1.");
            }
        }
        if given.micro_batch.checked_mul(given.accumulation).is_none() {
            return refuse(
                "optimisation.accumulation",
                "the batch is too large to count",
                "Give smaller numbers; a batch of 64 is common.",
            );
        }
        if given.max_tokens < 2 {
            return refuse(
                "optimisation.max_tokens",
                format!("{} tokens leave nothing to predict", given.max_tokens),
                "Give at least 2; 512 to 2048 is common.",
            );
        }
        if given.warmup_steps.is_some() && given.warmup_ratio.is_some() {
            return refuse(
                "optimisation.warmup_ratio",
                "warmup_steps and warmup_ratio are both given",
                "Keep one of them.",
            );
        }
        inside(
            "optimisation.learning_rate",
            given.learning_rate,
            |rate| rate > 0.0 && rate <= 1.0,
            "Give a rate above 0 and up to 1; 1e-5 to 5e-4 is common.",
        )?;
        inside(
            "optimisation.warmup_ratio",
            given.warmup_ratio.unwrap_or(0.0),
            |ratio| (0.0..=1.0).contains(&ratio),
            "Give a share from 0 to 1, such as 0.03.",
        )?;
        for beta in given.betas {
            inside(
                "optimisation.betas",
                beta,
                |beta| (0.0..1.0).contains(&beta),
                "Give two numbers from 0 to below 1, such as [0.9, 0.999].",
            )?;
        }
        inside(
            "optimisation.epsilon",
            given.epsilon,
            |epsilon| epsilon > 0.0,
            "Give a small number above 0, such as 1e-8.",
        )?;
        for (field, value) in [
            ("optimisation.weight_decay", given.weight_decay),
            ("optimisation.clip", given.clip),
        ] {
            inside(field, value, |value| value >= 0.0, "Give 0 or more.")?;
        }
        Ok(())
    }
}

fn check_lora(lora: &Lora) -> Result<()> {
    if lora.rank == 0 {
        return refuse(
            "method.rank",
            "an adapter of rank 0 learns nothing",
            "Give at least 1; 8 to 64 is common.",
        );
    }
    inside(
        "method.alpha",
        lora.alpha,
        |alpha| alpha > 0.0,
        "Give a number above 0; once or twice the rank is common.",
    )?;
    inside(
        "method.dropout",
        lora.dropout,
        |dropout| (0.0..1.0).contains(&dropout),
        "Give a share from 0 to below 1, such as 0.05.",
    )?;
    match &lora.targets {
        Targets::Named(names) if names.is_empty() => refuse(
            "method.targets",
            "the list is empty",
            "Name layers, or write \"all\".",
        ),
        _ => Ok(()),
    }
}

fn check_preference(given: &Preference, recipe: &Recipe) -> Result<()> {
    use PreferenceLoss::{Kto, KtoPair, Orpo, Robust, Sigmoid, Simpo};
    let loss = given.loss;
    let unknown = "This loss does not know it: take it out, or choose the loss that does.";
    for (field, is_given, known) in [
        (
            "preference.label_smoothing",
            given.label_smoothing.is_some(),
            matches!(loss, Sigmoid | Robust),
        ),
        ("preference.gamma", given.gamma.is_some(), loss == Simpo),
        ("preference.lambda", given.lambda.is_some(), loss == Orpo),
        (
            "preference.desirable_weight",
            given.desirable_weight.is_some(),
            loss == Kto,
        ),
        (
            "preference.undesirable_weight",
            given.undesirable_weight.is_some(),
            loss == Kto,
        ),
        ("preference.beta", given.beta.is_some(), loss != Orpo),
        (
            "preference.reference_free",
            given.reference_free,
            !matches!(loss, Orpo | Simpo | Kto | KtoPair),
        ),
    ] {
        if is_given && !known {
            return refuse(field, format!("it does not belong to {loss:?}"), unknown);
        }
    }
    inside(
        "preference.beta",
        given.beta(),
        |beta| beta > 0.0,
        "Give a number above 0; 0.1 is common, 2 for simpo.",
    )?;
    inside(
        "preference.label_smoothing",
        given.label_smoothing.unwrap_or(0.0),
        |share| (0.0..0.5).contains(&share),
        "Give a share from 0 to below 0.5.",
    )?;
    for (field, value) in [
        ("preference.gamma", given.gamma),
        ("preference.lambda", given.lambda),
        ("preference.desirable_weight", given.desirable_weight),
        ("preference.undesirable_weight", given.undesirable_weight),
    ] {
        inside(
            field,
            value.unwrap_or(0.0),
            |value| value >= 0.0,
            "Give 0 or more.",
        )?;
    }
    if loss == Kto && recipe.optimisation.micro_batch < 2 {
        return refuse(
            "optimisation.micro_batch",
            "kto compares each answer with another one's prompt, and a micro-batch of 1 has no other",
            "Give at least 2.",
        );
    }
    let max_tokens = recipe.optimisation.max_tokens;
    let prompt = given.max_prompt_tokens(max_tokens);
    match given.truncation {
        Truncation::Trl071 if prompt == 0 || prompt >= max_tokens => refuse(
            "preference.max_prompt_tokens",
            format!("a prompt of {prompt} tokens in a sequence of {max_tokens} leaves no room"),
            "Give at least 1 and less than optimisation.max_tokens; half of it is common.",
        ),
        Truncation::KeepStart if given.max_prompt_tokens.is_some() => refuse(
            "preference.max_prompt_tokens",
            "keep-start cuts at max_tokens only",
            "Take it out, or set truncation = \"trl-0.7.1\".",
        ),
        _ => Ok(()),
    }
}
