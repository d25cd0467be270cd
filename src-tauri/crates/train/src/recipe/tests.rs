//! The recipes that come with the program, and recipes that must be refused.

use super::*;
use crate::loss::{PairObjective, PairObjectiveKind};
use crate::schedule::ScheduleKind;

fn shipped(name: &str) -> Recipe {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/recipes");
    Recipe::read(&folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

const LEAST: &str = "model = \"m\"\n[data]\nfiles = [\"rows.jsonl\"]\n";

#[test]
fn every_shipped_recipe_parses_and_survives_writing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/recipes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the recipes list") {
        let path = entry.expect("the recipes list").path();
        let recipe = Recipe::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let text = recipe.to_toml().expect("it is written");
        assert_eq!(Recipe::parse(&text).expect("and read"), recipe, "{text}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn the_articles_recipes_say_what_the_article_says() {
    let sft = shipped("article-sft.toml");
    let steps = &sft.optimisation;
    assert_eq!(
        (steps.learning_rate, steps.batch(), steps.epochs),
        (1e-5, 64, Some(3))
    );
    assert_eq!((steps.max_tokens, steps.warmup_ratio), (2048, Some(0.02)));
    assert_eq!(steps.schedule, ScheduleKind::Linear);
    let schedule = steps.schedule(steps.total_steps(|_| 1000 * 8));
    assert_eq!((schedule.total_steps, schedule.warmup_steps), (3000, 60));

    let dpo = shipped("article-dpo.toml");
    let steps = &dpo.optimisation;
    assert_eq!(dpo.stage, Stage::Preference);
    assert_eq!(
        (steps.learning_rate, steps.batch(), steps.max_steps),
        (5e-4, 64, Some(1000))
    );
    assert_eq!(
        (steps.schedule, steps.warmup_steps),
        (ScheduleKind::Cosine, Some(100))
    );
    assert_eq!(
        (steps.max_tokens, dpo.preference.max_prompt_tokens),
        (1024, Some(512))
    );
    let Method::Lora(lora) = &dpo.method else {
        panic!("the article trains an adapter");
    };
    assert_eq!((lora.rank, lora.alpha, lora.scale()), (16, 16.0, 1.0));
    let objective = PairObjective {
        kind: PairObjectiveKind::Sigmoid {
            label_smoothing: 0.0,
        },
        beta: 0.1,
        reference_free: false,
    };
    assert_eq!(dpo.preference.objective(), Objective::Pairs(objective));

    let v3 = shipped("v3-sft.toml");
    let Method::Lora(lora) = &v3.method else {
        panic!("v3 trains an adapter");
    };
    assert_eq!((lora.rank, lora.alpha, lora.dropout), (16, 64.0, 0.05));
    assert_eq!(
        (v3.optimisation.max_tokens, v3.optimisation.epochs),
        (2560, Some(2))
    );
    assert_eq!(
        shipped("v3-dpo.toml").preference.max_prompt_tokens,
        Some(1024)
    );
}

#[test]
fn defaults_fill_what_is_not_said() {
    let recipe = Recipe::parse(LEAST).expect("model and data are enough");
    assert_eq!(recipe.stage, Stage::Sft);
    assert_eq!(
        (recipe.data.shuffle, recipe.data.seed, recipe.data.format),
        (true, 42, None)
    );
    assert_eq!(recipe.optimisation.total_steps(|_| 17), 3);
    let forced = format!("{LEAST}format = \"preference-pairs\"\n");
    let recipe = Recipe::parse(&forced).expect("a format by name");
    assert_eq!(recipe.data.format, Some(Format::PreferencePairs));
    let rslora = Lora {
        rank: 16,
        alpha: 16.0,
        rslora: true,
        ..Lora::default()
    };
    assert_eq!(rslora.scale(), 4.0);
}

#[test]
fn what_is_refused_names_its_field() {
    let check = |more: &str, named: &str| {
        // Top-level keys stand before tables.
        let text = match more.strip_prefix("top ") {
            Some(top) => format!("{top}\n{LEAST}"),
            None => format!("{LEAST}{more}"),
        };
        let error = Recipe::parse(&text).expect_err(&text);
        assert!(error.to_string().contains(named), "{text}\n{error}");
        assert!(!error.remedy().is_empty());
    };
    check("rowz = 3", "rowz");
    check("top stag = 3", "stag");
    check("[method]\nkind = \"lora\"\nranks = 8", "ranks");
    check("[method]\nkind = \"full\"\nrank = 8", "rank");
    check("[method]\nkind = \"lora\"\ntargets = 3", "targets");
    check("[method]\nkind = \"lora\"\nrank = 0", "method.rank");
    check("[method]\nkind = \"lora\"\ntargets = []", "method.targets");
    check("[method]\nkind = \"lora\"\ndropout = 1.0", "method.dropout");
    check("[optimisation]\nlearning_rat = 1.0", "learning_rat");
    check(
        "[optimisation]\nlearning_rate = nan",
        "optimisation.learning_rate",
    );
    check(
        "[optimisation]\nlearning_rate = 0.0",
        "optimisation.learning_rate",
    );
    check(
        "[optimisation]\nepochs = 1\nmax_steps = 2",
        "optimisation.epochs",
    );
    check(
        "[optimisation]\nwarmup_steps = 1\nwarmup_ratio = 0.1",
        "optimisation.warmup_ratio",
    );
    check(
        "[optimisation]\nmicro_batch = 0",
        "optimisation.micro_batch",
    );
    check("[optimisation]\nmax_tokens = 1", "optimisation.max_tokens");
    check("[optimisation]\nbetas = [0.9, 1.0]", "optimisation.betas");
    check("held_out = 1.0", "data.held_out");
    check("held_out = 0.1\nheld_out_file = \"x\"", "data.held_out");
    check("max_rows = 0", "data.max_rows");
    check("format = \"parquet\"", "parquet");
    check(
        "[evaluation]\nearly_stopping = 2",
        "evaluation.early_stopping",
    );
    check("[checkpoints]\nkeep = 0", "checkpoints.keep");
    check("[preference]\nbeta = 0.2", "preference");
    check("[sft]\npacking = \"tight\"", "tight");
    let preference = |more: &str, named: &str| {
        let text = format!("stage = \"preference\"\n{LEAST}{more}");
        let error = Recipe::parse(&text).expect_err(&text);
        assert!(error.to_string().contains(named), "{text}\n{error}");
    };
    preference("format = \"alpaca\"", "data.format");
    preference("[preference]\nbeta = 0.0", "preference.beta");
    preference("[preference]\ngamma = 1.0", "preference.gamma");
    preference(
        "[preference]\nloss = \"orpo\"\nbeta = 0.1",
        "preference.beta",
    );
    preference(
        "[preference]\nloss = \"simpo\"\nreference_free = true",
        "preference.reference_free",
    );
    preference(
        "[preference]\nlabel_smoothing = 0.5",
        "preference.label_smoothing",
    );
    preference("[preference]\nloss = \"kto\"", "optimisation.micro_batch");
    preference(
        "[preference]\nmax_prompt_tokens = 1024",
        "preference.max_prompt_tokens",
    );
    preference(
        "[preference]\ntruncation = \"keep-start\"\nmax_prompt_tokens = 9",
        "preference.max_prompt_tokens",
    );
    preference("[sft]\npacking = \"flat\"", "sft.packing");
}
