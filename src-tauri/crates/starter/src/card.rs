//! The finished files: the model with its card, and the sample data with theirs.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Result, StarterError};
use crate::evaluation::Score;
use crate::exchange::Kind;
use crate::files::{read, write};
use crate::pipeline::{Measured, Report};
use crate::samples;
use crate::taste::Taste;
use crate::vocabulary::{CONTEXT_TOKENS, TOKENS};

/// Files of the model, beside its card.
const FILES: [&str; 5] = [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];
/// Most bytes of them all.
const MOST_BYTES: usize = 12_000_000;
/// Least share of held-out questions answered right after supervised fine-tuning, of a hundred.
const LEAST_RIGHT: f64 = 80.0;
/// A gain is no chance below this.
const SIGNIFICANT: f64 = 0.05;
/// Least gain of the first fine-tune, of a hundred.
const LEAST_TASTE: f64 = 30.0;

/// Checks what was measured against what a starter must be.
///
/// # Errors
/// [`StarterError::NotGoodEnough`] with the first bound that is missed.
pub fn check(report: &Report, taste: &Taste, out: &Path) -> Result<()> {
    let refuse = |what: String| {
        Err(StarterError::NotGoodEnough {
            what,
            out: out.to_owned(),
        })
    };
    let right = Score::of(&report.stages[2].answered, None).percent();
    if right < LEAST_RIGHT {
        return refuse(format!(
            "{right:.1} % right after supervised fine-tuning, less than {LEAST_RIGHT} %"
        ));
    }
    let gain = report.preferences;
    if gain.gained <= gain.lost || gain.p_value() >= SIGNIFICANT {
        return refuse(format!(
            "the gain of the preference stage is no more than chance: {gain:?}"
        ));
    }
    let change = report.exact_match;
    if change.after < change.before {
        return refuse(format!(
            "the preference stage lost right answers: {change:?}"
        ));
    }
    let points = 100.0 * (taste.after as f64 - taste.before as f64) / taste.asked.max(1) as f64;
    if points < LEAST_TASTE {
        return refuse(format!(
            "the first fine-tune gains only {points:.0} points: {taste:?}"
        ));
    }
    Ok(())
}

/// Writes the model and its card.
///
/// # Errors
/// [`StarterError::NotGoodEnough`] for a model that is too large; those of files.
pub fn write_starter(report: &Report, taste: &Taste, out: &Path) -> Result<()> {
    let files = FILES
        .iter()
        .map(|name| Ok((*name, read(&report.model().join(name))?)))
        .collect::<Result<Vec<_>>>()?;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    if bytes > MOST_BYTES {
        return Err(StarterError::NotGoodEnough {
            what: format!("{bytes} bytes, more than {MOST_BYTES}"),
            out: out.to_owned(),
        });
    }
    let weights = files.iter().find(|(name, _)| *name == "model.safetensors");
    let hash = weights.map_or(String::new(), |(_, bytes)| {
        Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    });
    for (name, bytes) in &files {
        write(&out.join(name), bytes)?;
    }
    write(
        &out.join("README.md"),
        card(report, taste, (&hash, bytes)).as_bytes(),
    )
}

/// Writes the sample data and what is to be known of them.
///
/// # Errors
/// Those of files.
pub fn write_samples(report: &Report, taste: &Taste, out: &Path) -> Result<()> {
    samples::write(out, report.plan.seed)?;
    let text = include_str!("samples.md")
        .replace("{asked}", &taste.asked.to_string())
        .replace("{before}", &taste.before.to_string())
        .replace("{after}", &taste.after.to_string())
        .replace("{seconds}", &format!("{:.0}", taste.seconds))
        .replace("{steps}", &taste.steps.to_string());
    write(&out.join("README.md"), text.as_bytes())
}

/// What was measured, for the terminal.
pub fn summary(report: &Report, taste: &Taste) -> String {
    let stages: Vec<String> = report.stages.iter().map(stage_row).collect();
    format!(
        "{}\n{}\npairs: {:?}, p {:.1e}\nexact match: {:?}\nfirst fine-tune: {taste:?}\n",
        stages.join("\n"),
        score_rows(&report.stages).join("\n"),
        report.preferences,
        report.preferences.p_value(),
        report.exact_match,
    )
}

/// A line of right answers for each kind, and one for all.
fn score_rows(stages: &[Measured; 4]) -> Vec<String> {
    let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
    kinds
        .map(|kind| {
            let title = kind.map_or("**all**", Kind::title);
            let scores = stages
                .each_ref()
                .map(|stage| Score::of(&stage.answered, kind));
            let percent = scores.map(|score| format!("{:.0} %", score.percent()));
            format!(
                "| {title} | {} | {} |",
                scores[0].asked,
                percent.join(" | ")
            )
        })
        .collect()
}

fn card(report: &Report, taste: &Taste, (hash, bytes): (&str, usize)) -> String {
    let shape = report.plan.shape;
    let stages: Vec<String> = report.stages.iter().map(stage_row).collect();
    let minutes: f64 = report
        .stages
        .iter()
        .map(|stage| stage.made.seconds / 60.0)
        .sum();
    let scores = score_rows(&report.stages);
    let (preferences, exact) = (report.preferences, report.exact_match);
    include_str!("card.md")
        .replace("{parameters}", &thousands(shape.parameters() as u64))
        .replace("{megabytes}", &format!("{:.1}", bytes as f64 / 1e6))
        .replace("{layers}", &shape.layers.to_string())
        .replace("{hidden}", &shape.hidden.to_string())
        .replace("{intermediate}", &shape.intermediate.to_string())
        .replace("{heads}", &shape.heads.to_string())
        .replace("{head}", &(shape.hidden / shape.heads).to_string())
        .replace("{kv_heads}", &shape.kv_heads.to_string())
        .replace("{context}", &CONTEXT_TOKENS.to_string())
        .replace("{vocabulary}", &TOKENS.to_string())
        .replace("{seed}", &report.plan.seed.to_string())
        .replace("{kernels}", &report.kernels)
        .replace("{stages}", &stages.join("\n"))
        .replace("{minutes}", &format!("{minutes:.0}"))
        .replace("{hash}", hash)
        .replace("{scores}", &scores.join("\n"))
        .replace("{pairs}", &preferences.count.to_string())
        .replace("{pairs_before}", &preferences.before.to_string())
        .replace("{pairs_after}", &preferences.after.to_string())
        .replace("{gained}", &preferences.gained.to_string())
        .replace("{lost}", &preferences.lost.to_string())
        .replace("{p}", &format!("{:.1e}", preferences.p_value()))
        .replace("{exact_before}", &exact.before.to_string())
        .replace("{exact_after}", &exact.after.to_string())
        .replace("{exact_count}", &exact.count.to_string())
        .replace("{taste_before}", &taste.before.to_string())
        .replace("{taste_after}", &taste.after.to_string())
        .replace("{taste_asked}", &taste.asked.to_string())
}

fn stage_row(stage: &Measured) -> String {
    let made = &stage.made;
    format!(
        "| {} | {} | {} | {} | {:.1} |",
        stage.name,
        thousands(made.rows),
        thousands(made.tokens),
        thousands(made.steps),
        made.seconds / 60.0
    )
}

/// `2296576` as `2,296,576`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
