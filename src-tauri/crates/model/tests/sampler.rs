//! Which tokens may be drawn, how often, and what penalties do.

use nc_model::{ModelError, Sampler, Sampling};

/// Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625.
fn halves() -> Vec<f32> {
    [0.5f32, 0.25, 0.125, 0.0625, 0.0625]
        .iter()
        .map(|p| p.ln())
        .collect()
}

fn sampling(change: impl FnOnce(&mut Sampling)) -> Sampling {
    let mut sampling = Sampling {
        seed: Some(7),
        ..Sampling::default()
    };
    change(&mut sampling);
    sampling
}

/// How often each token is drawn, of 20,000.
fn shares(sampling: &Sampling, logits: &[f32]) -> Vec<f64> {
    const DRAWS: u32 = 20_000;
    let mut counts = vec![0u32; logits.len()];
    let mut sampler = Sampler::new(sampling.clone(), &[]).expect("a sampler");
    for _ in 0..DRAWS {
        counts[sampler.draw(&mut logits.to_vec()).expect("a token") as usize] += 1;
    }
    counts
        .into_iter()
        .map(|count| f64::from(count) / f64::from(DRAWS))
        .collect()
}

fn check_shares(change: impl FnOnce(&mut Sampling), expected: &[f64]) {
    let sampling = sampling(change);
    let found = shares(&sampling, &halves());
    for (found, expected) in found.iter().zip(expected) {
        // Four standard deviations of 20,000 draws are at most 0.0142; what is cut off must never be drawn.
        let close = (found - expected).abs() < 0.0142 && (*expected > 0.0 || *found == 0.0);
        assert!(close, "{sampling:?}: {found} against {expected}");
    }
}

#[test]
fn tokens_are_drawn_as_often_as_their_probability_says() {
    check_shares(|_| (), &[0.5, 0.25, 0.125, 0.0625, 0.0625]);
    // Temperature 0.5 squares the probabilities.
    let squares = [0.25, 0.0625, 0.015_625, 0.003_906, 0.003_906];
    let total: f64 = squares.iter().sum();
    check_shares(
        |s| s.temperature = 0.5,
        &squares.map(|square| square / total),
    );
    check_shares(|s| s.top_k = 2, &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0, 0.0]);
    check_shares(|s| s.top_k = 1, &[1.0, 0.0, 0.0, 0.0, 0.0]);
    check_shares(|s| s.top_k = 99, &[0.5, 0.25, 0.125, 0.0625, 0.0625]);
    check_shares(|s| s.top_p = 0.74, &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0, 0.0]);
    check_shares(
        |s| s.top_p = 0.76,
        &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0, 0.0],
    );
    check_shares(|s| s.top_p = 1e-6, &[1.0, 0.0, 0.0, 0.0, 0.0]);
    check_shares(
        |s| s.min_p = 0.24,
        &[4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0, 0.0, 0.0],
    );
    check_shares(|s| s.min_p = 1.0, &[1.0, 0.0, 0.0, 0.0, 0.0]);
    // Top-p counts what top-k left: 0.5 and 0.25 become 2/3 and 1/3, and 2/3 reaches 0.6.
    check_shares(
        |s| {
            s.top_k = 2;
            s.top_p = 0.6;
        },
        &[1.0, 0.0, 0.0, 0.0, 0.0],
    );
    check_shares(|s| s.temperature = 1e-30, &[1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_seed_repeats_and_another_does_not() {
    let draw = |seed| {
        let mut sampler = Sampler::new(sampling(|s| s.seed = seed), &[]).expect("a sampler");
        let tokens: Vec<u32> = (0..64)
            .map(|_| sampler.draw(&mut halves()).expect("a token"))
            .collect();
        (sampler.seed(), tokens)
    };
    assert_eq!(draw(Some(1)), draw(Some(1)));
    assert_ne!(draw(Some(1)).1, draw(Some(2)).1);
    let (seed, tokens) = draw(None);
    assert_eq!(draw(Some(seed)).1, tokens, "a seed that was drawn is told");
}

/// Draws greedily from the same logits again and again.
fn check_greedy(
    change: impl FnOnce(&mut Sampling),
    prompt: &[u32],
    logits: &[f32],
    expected: &[u32],
) {
    let sampling = sampling(|s| {
        s.temperature = 0.0;
        change(s);
    });
    let mut sampler = Sampler::new(sampling.clone(), prompt).expect("a sampler");
    let drawn: Vec<u32> = expected
        .iter()
        .map(|_| sampler.draw(&mut logits.to_vec()).expect("a token"))
        .collect();
    assert_eq!(drawn, expected, "{sampling:?} after {prompt:?}");
}

#[test]
fn penalties_push_repeated_tokens_down() {
    check_greedy(|_| (), &[], &[1.0, 3.0, 2.0], &[1, 1, 1]);
    check_greedy(|_| (), &[], &[3.0, 3.0, 3.0], &[0, 0]);
    check_greedy(|_| (), &[], &[f32::NEG_INFINITY, -5.0, -5.0], &[1]);
    check_greedy(
        |s| s.repetition_penalty = 2.0,
        &[],
        &[1.0, 3.0, 2.0],
        &[1, 2, 1],
    );
    check_greedy(
        |s| s.repetition_penalty = 2.0,
        &[1],
        &[1.0, 3.0, 2.0],
        &[2, 1],
    );
    // Negative logits are multiplied, not divided.
    check_greedy(|s| s.repetition_penalty = 2.0, &[0], &[-1.0, -1.5], &[1, 0]);
    // Once, however often: the token stays in front when the penalty is smaller than the lead.
    check_greedy(
        |s| s.presence_penalty = 0.9,
        &[],
        &[1.0, 3.0, 2.0],
        &[1, 1, 1, 1],
    );
    check_greedy(
        |s| s.presence_penalty = 1.1,
        &[],
        &[1.0, 3.0, 2.0],
        &[1, 2, 1],
    );
    // Each time: 3, 2.4, 1.8 lets 2.0 through at the third.
    check_greedy(
        |s| s.frequency_penalty = 0.6,
        &[],
        &[1.0, 3.0, 2.0],
        &[1, 1, 2, 1],
    );
    // The prompt counts for repetition only.
    check_greedy(|s| s.presence_penalty = 1.1, &[1], &[1.0, 3.0, 2.0], &[1]);
    // Prompt tokens beyond the logits are nothing to penalise.
    check_greedy(|s| s.repetition_penalty = 2.0, &[99], &[1.0, 3.0], &[1]);
}

#[test]
fn what_cannot_be_sampled_is_an_error() {
    for logits in [
        vec![0.0, f32::NAN],
        vec![f32::INFINITY, 0.0],
        vec![f32::NEG_INFINITY; 3],
        vec![],
    ] {
        for temperature in [0.0, 1.0] {
            let mut sampler =
                Sampler::new(sampling(|s| s.temperature = temperature), &[]).expect("a sampler");
            let drawn = sampler.draw(&mut logits.clone());
            assert!(
                matches!(drawn, Err(ModelError::LogitsNotFinite)),
                "{logits:?}"
            );
        }
    }
}

#[test]
fn knobs_outside_their_range_are_refused() {
    let check = |change: fn(&mut Sampling), knob: &str| {
        let refused = Sampler::new(sampling(change), &[]).map(|sampler| sampler.seed());
        assert!(
            matches!(&refused, Err(ModelError::Sampling { knob: found, .. }) if *found == knob),
            "{knob}: {refused:?}"
        );
    };
    check(|s| s.temperature = -1.0, "temperature");
    check(|s| s.temperature = f32::NAN, "temperature");
    check(|s| s.temperature = f32::INFINITY, "temperature");
    check(|s| s.top_p = 0.0, "top-p");
    check(|s| s.top_p = 1.5, "top-p");
    check(|s| s.min_p = -0.1, "min-p");
    check(|s| s.repetition_penalty = 0.0, "repetition penalty");
    check(|s| s.frequency_penalty = f32::NAN, "frequency penalty");
    check(
        |s| s.presence_penalty = f32::NEG_INFINITY,
        "presence penalty",
    );
}
