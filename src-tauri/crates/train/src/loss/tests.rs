//! Published values, finite differences, and arguments far out.

use std::f64::consts::LN_2;

use super::*;
use PairObjectiveKind as Kind;

const KINDS: [Kind; 9] = [
    Kind::Sigmoid {
        label_smoothing: 0.0,
    },
    Kind::Sigmoid {
        label_smoothing: 0.1,
    },
    Kind::Robust {
        label_smoothing: 0.1,
    },
    Kind::Hinge,
    Kind::Ipo,
    Kind::IpoAveraged,
    Kind::KtoPair,
    Kind::Orpo { lambda: 0.3 },
    Kind::SimPo { gamma: 1.0 },
];

fn sequence(sum: f64, tokens: usize) -> SequenceLogProbability {
    SequenceLogProbability { sum, tokens }
}

fn pair(chosen: f64, rejected: f64, reference: (f64, f64)) -> PairLogProbabilities {
    PairLogProbabilities {
        policy_chosen: sequence(chosen, 5),
        policy_rejected: sequence(rejected, 8),
        reference_chosen: reference.0,
        reference_rejected: reference.1,
    }
}

fn objective(kind: Kind, beta: f64) -> PairObjective {
    PairObjective {
        kind,
        beta,
        reference_free: false,
    }
}

fn near(found: f64, expected: f64, bound: f64, what: &str) {
    let off = (found - expected).abs();
    assert!(off <= bound, "{what}: {found} is not {expected}");
}

#[test]
fn published_values() {
    let check = |kind: Kind, expected: [f64; 4]| {
        for (difference, expected) in [0.0, 10.0, -10.0, 3.7].into_iter().zip(expected) {
            // D is the difference of differences: 7 of it lies with the reference.
            let pair = pair(difference - 27.0, -20.0, (-30.0, -23.0));
            let loss = objective(kind, 0.1).losses(&[pair])[0];
            near(
                loss.loss,
                expected,
                1e-6,
                &format!("{kind:?} at {difference}"),
            );
            near(loss.margin(), 0.1 * difference, 1e-12, "the margin");
            near(loss.reward_rejected, 0.3, 1e-12, "the reward");
            assert_eq!(loss.accurate(), difference > 0.0);
        }
    };
    let smooth = |label_smoothing| Kind::Sigmoid { label_smoothing };
    check(
        smooth(0.0),
        [LN_2, 0.313_261_688, 1.313_261_688, 0.525_162_6],
    );
    check(
        smooth(0.1),
        [LN_2, 0.413_261_688, 1.213_261_688, 0.562_162_6],
    );
    let robust = Kind::Robust {
        label_smoothing: 0.1,
    };
    check(robust, [LN_2, 0.188_261_688, 1.438_261_688, 0.478_912_6]);
    check(Kind::Hinge, [1.0, 0.0, 2.0, 0.63]);
    check(Kind::Ipo, [25.0, 25.0, 225.0, 1.69]);
}

#[test]
fn losses_of_means() {
    let means = |chosen: f64, rejected: f64| PairLogProbabilities {
        policy_chosen: sequence(chosen * 4.0, 4),
        policy_rejected: sequence(rejected * 6.0, 6),
        // What has no reference must not read it.
        reference_chosen: f64::NAN,
        reference_rejected: f64::NAN,
    };
    let loss = |kind, beta| objective(kind, beta).losses(&[means(-1.0, -2.0)])[0].loss;
    near(
        loss(Kind::Orpo { lambda: 1.0 }, 0.0),
        1.238_183,
        1e-6,
        "ORPO",
    );
    near(
        loss(Kind::Orpo { lambda: 0.5 }, 0.0),
        1.119_091_6,
        1e-6,
        "ORPO, half",
    );
    near(
        loss(Kind::SimPo { gamma: 1.0 }, 2.0),
        0.313_262,
        1e-6,
        "SimPO",
    );
    // Means of 0.5 and -0.25 above the reference: (0.75 - 5)^2.
    let pair = PairLogProbabilities {
        policy_chosen: sequence(-8.0, 4),
        policy_rejected: sequence(-14.0, 8),
        reference_chosen: -10.0,
        reference_rejected: -12.0,
    };
    let averaged = objective(Kind::IpoAveraged, 0.1).losses(&[pair])[0];
    near(averaged.loss, 18.0625, 1e-12, "IPO, averaged");
    near(averaged.reward_chosen, 0.05, 1e-12, "its reward");
}

#[test]
fn paired_kto() {
    // d_w = 4, 2 (mean 3); d_l = -2, -4 (mean below 0, so 0).
    let pairs = [
        pair(-6.0, -12.0, (-10.0, -10.0)),
        pair(-8.0, -14.0, (-10.0, -10.0)),
    ];
    let losses = objective(Kind::KtoPair, 0.1).losses(&pairs);
    // (1 - s(0.4) + 1 - s(0.5)) / 2 and (1 - s(0.2) + 1 - s(0.7)) / 2.
    near(losses[0].loss, 0.389_426_1, 1e-6, "the first");
    near(losses[1].loss, 0.390_989, 1e-6, "the second");
    let mean = PairFigures::of(&losses);
    near(mean.reward_chosen, 0.3, 1e-12, "mean reward");
    near(mean.margin, 0.6, 1e-12, "mean margin");
    near(mean.accuracy, 1.0, 0.0, "accuracy");
}

#[test]
fn single_answers() {
    let kto = Desirability {
        beta: 0.1,
        desirable_weight: 1.0,
        undesirable_weight: 2.0,
    };
    let answer = |policy, desirable| Judged {
        policy,
        reference: -10.0,
        desirable,
    };
    let answers = [
        answer(-6.0, true),
        answer(-6.0, false),
        answer(-14.0, false),
    ];
    let divergence = Desirability::divergence(&[3.0, -1.0]);
    near(divergence, 1.0, 0.0, "z");
    near(
        Desirability::divergence(&[-3.0, 1.0]),
        0.0,
        0.0,
        "z, clamped",
    );
    near(Desirability::divergence(&[]), 0.0, 0.0, "z of nothing");
    let losses = kto.losses(&answers, divergence);
    // 1 - s(0.3), 2 (1 - s(-0.3)), 2 (1 - s(0.5)).
    near(losses[0].loss, 0.425_557_5, 1e-6, "desirable");
    near(losses[1].loss, 1.148_885, 1e-6, "undesirable");
    near(losses[2].loss, 0.755_081_3, 1e-6, "undesirable, unlikely");
    near(losses[0].reward, 0.4, 1e-12, "reward");
    let step = 1e-5;
    for (at, loss) in losses.iter().enumerate() {
        let moved = |by: f64| {
            let mut answers = answers;
            answers[at].policy += by;
            kto.losses(&answers, divergence)[at].loss
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        near(loss.gradient, slope, 1e-9, "gradient");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let pairs = [
        pair(-3.0, -9.0, (-4.0, -6.0)),
        pair(-7.5, -4.0, (-6.0, -6.5)),
        pair(-1.0, -2.0, (-3.0, -3.0)),
    ];
    let step = 1e-5;
    for kind in KINDS {
        for reference_free in [false, true] {
            let objective = PairObjective {
                kind,
                beta: 0.3,
                reference_free,
            };
            let total = |at: usize, chosen: f64, rejected: f64| -> f64 {
                let mut pairs = pairs;
                pairs[at].policy_chosen.sum += chosen;
                pairs[at].policy_rejected.sum += rejected;
                objective.losses(&pairs).iter().map(|pair| pair.loss).sum()
            };
            for (at, loss) in objective.losses(&pairs).iter().enumerate() {
                let chosen = (total(at, step, 0.0) - total(at, -step, 0.0)) / (2.0 * step);
                let rejected = (total(at, 0.0, step) - total(at, 0.0, -step)) / (2.0 * step);
                let what = format!("{kind:?}, pair {at}, reference free: {reference_free}");
                near(loss.chosen_gradient, chosen, 1e-7, &what);
                near(loss.rejected_gradient, rejected, 1e-7, &what);
            }
        }
    }
}

#[test]
fn far_out_arguments_stay_finite() {
    for kind in KINDS {
        for (chosen, rejected) in [
            (-1.0, -1e4),
            (-1e4, -1.0),
            (-1e4, -1e4),
            (0.0, -1e4),
            (-1e4, 0.0),
        ] {
            let objective = objective(kind, 1.0);
            let loss = objective.losses(&[pair(chosen, rejected, (-5.0, -5.0))])[0];
            let values = [loss.loss, loss.chosen_gradient, loss.rejected_gradient];
            let finite = values.iter().all(|value| value.is_finite());
            assert!(finite, "{kind:?} at {chosen}, {rejected}: {loss:?}");
        }
    }
    // Where the logistic function has long been flat, its logarithm still is a line.
    near(log_sigmoid(-1e4), -1e4, 0.0, "far left");
    near(log_sigmoid(1e4), 0.0, 0.0, "far right");
    near(sigmoid(-1e4) + sigmoid(1e4), 1.0, 0.0, "both");
}

#[test]
fn a_reference_free_loss_reads_no_reference() {
    for kind in KINDS {
        let objective = PairObjective {
            kind,
            beta: 0.1,
            reference_free: true,
        };
        assert!(!objective.needs_reference());
        let free = objective.losses(&[pair(-3.0, -5.0, (f64::NAN, f64::NAN))]);
        let zero = self::objective(kind, 0.1).losses(&[pair(-3.0, -5.0, (0.0, 0.0))]);
        assert_eq!(free, zero, "{kind:?}");
    }
}

#[test]
fn every_token_weighs_the_same() {
    let mut mean = TokenMean::default();
    assert_eq!(mean.mean(), None);
    mean.add(2.0, 1);
    mean.add(3.0, 9);
    // Not (2 + 1/3) / 2.
    assert_eq!(mean.mean(), Some(0.5));
    assert_eq!(mean.tokens(), 10);
    assert_eq!(TokenMean::weight(mean.tokens()), 0.1);
}
