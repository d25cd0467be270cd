//! From a recipe and files to samples, our own and other people's.

use std::fs;
use std::path::{Path, PathBuf};

use nc_data::Refusal;
use nc_text::{Tokenizer, find_chat_template};
use nc_train::recipe::{Stage, TemplateChoice};
use nc_train::sample::{DropReason, PairSample, Sample};
use nc_train::{Prepared, Recipe, Result, TrainError};
use tempfile::tempdir;

use crate::small::tokenizer;

fn recipe(files: &[PathBuf]) -> Recipe {
    let text = "model = \"m\"\ntemplate = \"chatml\"\n[data]\nfiles = [\"x\"]\n";
    let mut recipe = Recipe::parse(text).expect("a recipe");
    recipe.data.files = files.to_vec();
    recipe
}

fn samples(recipe: &Recipe, tokenizer: Tokenizer) -> Result<Prepared<Sample>> {
    recipe.samples(&recipe.encoder(tokenizer, None)?)
}

fn pairs(recipe: &Recipe, tokenizer: Tokenizer) -> Result<Prepared<PairSample>> {
    recipe.pairs(&recipe.encoder(tokenizer, None)?)
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("it is written");
    path
}

#[test]
fn every_row_is_accounted_for() {
    let folder = tempdir().expect("a folder");
    let row = |prompt: &str| format!("{{\"prompt\": \"{prompt}\", \"response\": \"R\"}}\n");
    let text: String = (0..20).map(|number| row(&number.to_string())).collect();
    let long = row(&"x".repeat(5000));
    let first = file(folder.path(), "a.jsonl", &format!("{text}{long}not json\n"));
    let second = file(folder.path(), "b.jsonl", &text);

    let mut recipe = recipe(&[first.clone(), second.clone()]);
    recipe.data.held_out = 0.1;
    let found = samples(&recipe, tokenizer(false)).expect("samples");
    assert_eq!((found.train.len(), found.held_out.len()), (36, 4));
    let report = &found.files[0];
    assert_eq!((report.reading.rows, report.reading.used), (22, 21));
    assert_eq!(report.reading.refused.count(Refusal::Malformed), 1);
    let (count, drop) = &report.dropped[&DropReason::NothingTrained];
    assert_eq!((*count, drop.row), (1, 21));
    assert_eq!(
        found,
        samples(&recipe, tokenizer(false)).expect("the same again")
    );

    recipe.data.max_rows = Some(25);
    let fewer = samples(&recipe, tokenizer(false)).expect("samples");
    assert_eq!(fewer.train.len() + fewer.held_out.len(), 24);
    recipe.data.max_rows = Some(5);
    let one = samples(&recipe, tokenizer(false)).expect("samples");
    assert_eq!((one.files.len(), one.train.len()), (1, 4));

    recipe.data.held_out = 0.0;
    recipe.data.held_out_file = Some(second);
    let beside = samples(&recipe, tokenizer(false)).expect("samples");
    assert_eq!((beside.train.len(), beside.held_out.len()), (5, 20));
}

#[test]
fn what_leaves_nothing_names_file_row_and_remedy() {
    let folder = tempdir().expect("a folder");
    let check = |text: &str, change: fn(&mut Recipe), said: &[&str]| {
        let path = file(folder.path(), "rows.jsonl", text);
        let mut recipe = recipe(&[path]);
        change(&mut recipe);
        let error = match recipe.stage {
            Stage::Sft => samples(&recipe, tokenizer(false)).expect_err(text),
            Stage::Preference => pairs(&recipe, tokenizer(false)).expect_err(text),
        };
        let whole = format!("{error}\n{}", error.remedy());
        for said in said {
            assert!(whole.contains(said), "{whole}");
        }
    };
    let row = "{\"prompt\": \"P\", \"response\": \"R\"}";
    let preference = |recipe: &mut Recipe| recipe.stage = Stage::Preference;
    check("", |_| (), &["rows.jsonl", "empty"]);
    check(
        row,
        |recipe| recipe.optimisation.max_tokens = 9,
        &["rows.jsonl", "row 1", "Raise"],
    );
    check(row, preference, &["rows.jsonl", "row 1", "known format"]);
    let same = "{\"prompt\": \"P\", \"chosen\": \"C\", \"rejected\": \"C\"}";
    check(same, preference, &["row 1", "the same", "Take the row out"]);
    check(
        row,
        |recipe| recipe.template = TemplateChoice::Model,
        &["no chat template", "chatml"],
    );
    check(
        row,
        |recipe| recipe.data.files = vec!["no/such.jsonl".into()],
        &["such.jsonl", "Check that the file is there"],
    );
}

/// The model inside the program, with its own template: what it is taught ends as its answers end.
#[test]
fn the_starters_own_template_gives_exact_masks() {
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/starter");
    let read = |name: &str| fs::read(starter.join(name)).ok();
    let config = read("tokenizer_config.json");
    let json = read("tokenizer.json").expect("the starter has a tokenizer");
    let tokenizer = Tokenizer::from_bytes(&json, config.as_deref()).expect("a tokenizer");
    let own = find_chat_template(
        config.as_deref(),
        read("chat_template.jinja").as_deref(),
        None,
    );

    let folder = tempdir().expect("a folder");
    let rows = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", \"content\": \"Hello there\"}, \
        {\"role\": \"user\", \"content\": \"More\"}, {\"role\": \"assistant\", \"content\": \"Bye\"}]}";
    let mut recipe = recipe(&[file(folder.path(), "rows.jsonl", rows)]);
    recipe.template = TemplateChoice::Model;
    let encoder = recipe
        .encoder(tokenizer.clone(), own.as_deref())
        .expect("an encoder");
    let found = recipe.samples(&encoder).expect("a sample");
    let sample = &found.train[0];
    let mut answers = Vec::new();
    let mut answer = Vec::new();
    for (&id, &trained) in sample.tokens.iter().zip(&sample.trained) {
        if trained {
            answer.push(id);
        } else if !answer.is_empty() {
            answers.push(std::mem::take(&mut answer));
        }
    }
    answers.extend((!answer.is_empty()).then_some(answer));
    let texts: Vec<String> = answers
        .iter()
        .map(|answer| tokenizer.decode(answer).expect("decodes").trim().to_owned())
        .collect();
    assert_eq!(texts, ["Hello there", "Bye"]);
    for answer in &answers {
        let ends = answer
            .iter()
            .filter(|&&id| tokenizer.is_special(id))
            .count();
        assert_eq!(ends, 1, "{answer:?}");
        assert!(tokenizer.is_special(answer[answer.len() - 1]));
    }
}

/// Third-party rows through a real model's tokenizer.
#[test]
fn real_rows_become_samples() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let model = shared.join("models/stories260k");
    let Ok(json) = fs::read(model.join("tokenizer.json")) else {
        eprintln!(
            "NOT RUN on third-party data: there is no {}",
            model.display()
        );
        return;
    };
    let config = fs::read(model.join("tokenizer_config.json")).ok();
    let tokenizer = Tokenizer::from_bytes(&json, config.as_deref()).expect("a tokenizer");
    let mut sft = recipe(&[shared.join("sft/instruction-data.json")]);
    sft.template = TemplateChoice::Alpaca;
    sft.optimisation.max_tokens = 512;
    let found = samples(&sft, tokenizer.clone()).expect("samples");
    assert!(found.train.len() > 1000, "{:?}", found.files[0].dropped);
    let ended = |sample: &Sample| {
        let ends = sample.tokens.iter().zip(&sample.trained);
        let ends = ends.filter(|(id, trained)| **trained && Some(**id) == tokenizer.eos());
        ends.count() == usize::from(!sample.cut)
    };
    assert!(found.train.iter().all(ended));

    let mut dpo = recipe(&[shared.join("preference/instruction-data-with-preference.json")]);
    dpo.template = TemplateChoice::Alpaca;
    dpo.stage = Stage::Preference;
    dpo.optimisation.max_tokens = 1024;
    let found = pairs(&dpo, tokenizer.clone()).expect("pairs");
    let report = &found.files[0];
    let dropped: u64 = report.dropped.values().map(|(count, _)| count).sum();
    assert_eq!(found.train.len() as u64 + dropped, 1094);
    assert_eq!(report.reading.refused.count(Refusal::EqualAnswers), 6);
}

#[test]
fn broken_templates_are_told_before_any_row() {
    let mut recipe = recipe(&["x".into()]);
    recipe.template = TemplateChoice::Model;
    let error = recipe
        .encoder(tokenizer(false), Some("{% if %}"))
        .expect_err("broken");
    assert!(matches!(error, TrainError::Text(_)), "{error}");
}
