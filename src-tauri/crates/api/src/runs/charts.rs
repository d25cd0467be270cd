//! A run's figures as charts: chosen, smoothed and down-sampled.

use nc_train::{EvaluationFigures, PreferenceFigures, StepFigures};

use super::history::History;
use crate::dto::{Chart, ChartKind, Curve};

/// Most points of a line: more than a chart is wide gives nothing but work.
const POINTS: usize = 600;

/// A value of a step, and one of the held-out rows.
type Value<F> = fn(&F) -> Option<f64>;

/// A line of a chart: its name, and where its values come from.
struct Line {
    name: &'static str,
    of_step: Option<Value<StepFigures>>,
    of_held_out: Option<Value<EvaluationFigures>>,
}

/// A chart that a run may have.
struct Definition {
    kind: ChartKind,
    title: &'static str,
    unit: &'static str,
    about: &'static str,
    lines: &'static [Line],
}

const fn of_steps(name: &'static str, value: Value<StepFigures>) -> Line {
    Line {
        name,
        of_step: Some(value),
        of_held_out: None,
    }
}

const fn of_held_out(name: &'static str, value: Value<EvaluationFigures>) -> Line {
    Line {
        name,
        of_step: None,
        of_held_out: Some(value),
    }
}

fn pairs(figures: &StepFigures, value: fn(&PreferenceFigures) -> f64) -> Option<f64> {
    figures.preference.as_ref().map(value)
}

fn held_pairs(figures: &EvaluationFigures, value: fn(&PreferenceFigures) -> f64) -> Option<f64> {
    figures.preference.as_ref().map(value)
}

const DEFINITIONS: &[Definition] = &[
    Definition {
        kind: ChartKind::Loss,
        title: "Loss",
        unit: "nats",
        about: "How surprised the model is by what it should say: lower is better. When the line of held-out rows rises while the other falls, \
                the model learns its rows by heart.",
        lines: &[
            of_steps("each step", |step| Some(step.loss)),
            of_held_out("held-out rows", |held| Some(held.loss)),
        ],
    },
    Definition {
        kind: ChartKind::Accuracy,
        title: "Accuracy",
        unit: "share of pairs",
        about: "How often the chosen answer has the larger reward: 0.5 is chance, 1 is always.",
        lines: &[
            of_steps("each step", |step| pairs(step, |pair| pair.accuracy)),
            of_held_out("held-out pairs", |held| {
                held_pairs(held, |pair| pair.accuracy)
            }),
        ],
    },
    Definition {
        kind: ChartKind::Margin,
        title: "Reward margin",
        unit: "nats × β",
        about: "By how much the chosen answer's reward exceeds the rejected one's: it should grow.",
        lines: &[
            of_steps("each step", |step| pairs(step, |pair| pair.margin)),
            of_held_out("held-out pairs", |held| {
                held_pairs(held, |pair| pair.margin)
            }),
        ],
    },
    Definition {
        kind: ChartKind::Rewards,
        title: "Rewards",
        unit: "nats × β",
        about: "How much likelier the model finds each answer than it did at the start. Both falling together means that it forgets how to \
                answer.",
        lines: &[
            of_steps("chosen", |step| pairs(step, |pair| pair.rewards_chosen)),
            of_steps("rejected", |step| pairs(step, |pair| pair.rewards_rejected)),
        ],
    },
    Definition {
        kind: ChartKind::Drift,
        title: "Chosen answers against the start",
        unit: "nats per token",
        about: "How far the model has moved away from the answers it should prefer: above -0.1 is healthy, to -0.5 drifting, below collapsing.",
        lines: &[
            of_steps("each step", |step| step.preference?.chosen_drift),
            of_held_out("held-out pairs", |held| held.preference?.chosen_drift),
        ],
    },
    Definition {
        kind: ChartKind::LearningRate,
        title: "Learning rate",
        unit: "per step",
        about: "How far each step may go: it rises in the warm-up, then falls as the schedule says.",
        lines: &[of_steps("each step", |step| Some(step.lr))],
    },
    Definition {
        kind: ChartKind::GradientNorm,
        title: "Gradient norm",
        unit: "before clipping",
        about: "How strongly a step pulls: peaks are held down by clipping; a line that keeps rising is a warning.",
        lines: &[of_steps("each step", |step| Some(step.grad_norm))],
    },
    Definition {
        kind: ChartKind::Speed,
        title: "Speed",
        unit: "tokens per second",
        about: "Tokens read a second; other work on this computer shows as dips.",
        lines: &[of_steps("each step", |step| Some(step.tokens_per_second))],
    },
];

/// The charts of a run, in the order in which they matter; those without values are left out. `beta` turns rewards into log-ratios.
pub(crate) fn charts(history: &History, smoothing: f64, beta: Option<f64>) -> Vec<Chart> {
    let mut charts: Vec<Chart> = DEFINITIONS
        .iter()
        .filter_map(|definition| chart(definition, history, smoothing))
        .collect();
    charts.extend(divergence(history, smoothing, beta));
    charts
}

fn chart(definition: &Definition, history: &History, smoothing: f64) -> Option<Chart> {
    let curves: Vec<Curve> = definition
        .lines
        .iter()
        .filter_map(|line| {
            let steps = line.of_step.into_iter().flat_map(|value| {
                let points = history.steps.iter();
                points.filter_map(move |figures| Some((figures.step, value(figures)?)))
            });
            let held = line.of_held_out.into_iter().flat_map(|value| {
                let points = history.evaluations.iter();
                points.filter_map(move |figures| Some((figures.step, value(figures)?)))
            });
            let points: Vec<(u64, f64)> = steps.chain(held).collect();
            curve(line.name, line.of_held_out.is_some(), &points, smoothing)
        })
        .collect();
    (!curves.is_empty()).then(|| {
        finished(Chart {
            kind: definition.kind,
            title: definition.title.to_owned(),
            unit: definition.unit.to_owned(),
            about: definition.about.to_owned(),
            can_be_logarithmic: false,
            curves,
        })
    })
}

/// Rewards are `β` times log-ratios; their mean over both answers tells how far the policy has gone from its reference.
fn divergence(history: &History, smoothing: f64, beta: Option<f64>) -> Option<Chart> {
    let beta = beta.filter(|beta| *beta > 0.0)?;
    let points: Vec<(u64, f64)> = history
        .steps
        .iter()
        .filter_map(|step| {
            let pair = step.preference?;
            pair.chosen_drift?;
            let mean = (pair.rewards_chosen + pair.rewards_rejected) / (2.0 * beta);
            Some((step.step, -mean))
        })
        .collect();
    let curve = curve("each step", false, &points, smoothing)?;
    Some(finished(Chart {
        kind: ChartKind::Divergence,
        title: "KL to the reference, estimated".to_owned(),
        unit: "nats per answer".to_owned(),
        about: "The mean log-ratio of reference to model over both answers of each pair: an estimate of how far the model has gone from \
                where it began. It should stay small beside the length of an answer."
            .to_owned(),
        can_be_logarithmic: false,
        curves: vec![curve],
    }))
}

fn finished(mut chart: Chart) -> Chart {
    let mut values = chart.curves.iter().flat_map(|curve| &curve.values);
    chart.can_be_logarithmic = values.all(|value| *value > 0.0);
    chart
}

/// A line through points; none without any. JSON has no infinite numbers, so points that are none are left out.
fn curve(name: &str, held_out: bool, points: &[(u64, f64)], smoothing: f64) -> Option<Curve> {
    let points: Vec<(u64, f64)> = points
        .iter()
        .copied()
        .filter(|(_, value)| value.is_finite())
        .collect();
    if points.is_empty() {
        return None;
    }
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let smoothed = match held_out {
        true => values.clone(),
        false => smooth(&values, smoothing),
    };
    let kept = down_sample(&values, POINTS);
    Some(Curve {
        name: name.to_owned(),
        held_out,
        steps: kept.iter().map(|&at| points[at].0).collect(),
        values: kept.iter().map(|&at| values[at]).collect(),
        smoothed: kept.iter().map(|&at| smoothed[at]).collect(),
    })
}

/// An exponential moving mean, corrected for its start: the first values are means of what there is, not pulled to 0.
fn smooth(values: &[f64], kept: f64) -> Vec<f64> {
    let kept = if kept.is_finite() {
        kept.clamp(0.0, 0.999)
    } else {
        0.0
    };
    let (mut mean, mut weight) = (0.0, 0.0);
    values
        .iter()
        .map(|value| {
            mean = kept * mean + (1.0 - kept) * value;
            weight = kept * weight + (1.0 - kept);
            mean / weight
        })
        .collect()
}

/// Indices of at most `most` values that keep a line's shape: its ends, and of each stretch the smallest and the largest.
fn down_sample(values: &[f64], most: usize) -> Vec<usize> {
    if values.len() <= most {
        return (0..values.len()).collect();
    }
    let stretches = (most - 2) / 2;
    let inner = 1..values.len() - 1;
    let mut kept = vec![0];
    for stretch in 0..stretches {
        let begin = inner.start + inner.len() * stretch / stretches;
        let end = inner.start + inner.len() * (stretch + 1) / stretches;
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let smallest = (begin..end).min_by(by_value);
        let largest = (begin..end).max_by(by_value);
        let mut both: Vec<usize> = smallest.into_iter().chain(largest).collect();
        both.sort_unstable();
        both.dedup();
        kept.extend(both);
    }
    kept.push(values.len() - 1);
    kept
}

/// At most `most` values of a line, for a small picture of it.
pub(crate) fn line(history: &History, most: usize) -> Vec<f64> {
    let losses: Vec<f64> = history
        .steps
        .iter()
        .map(|step| step.loss)
        .filter(|loss| loss.is_finite())
        .collect();
    let smoothed = smooth(&losses, 0.6);
    down_sample(&smoothed, most)
        .into_iter()
        .map(|at| smoothed[at])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoothed_line_is_a_mean_of_what_came_before() {
        let check = |values: &[f64], kept: f64, expected: &[f64]| {
            let found = smooth(values, kept);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        };
        check(&[], 0.9, &[]);
        check(&[4.0, 2.0], 0.0, &[4.0, 2.0]);
        // (0.5 · 4 + 2) / (0.5 + 1)
        check(&[4.0, 2.0], 0.5, &[4.0, 8.0 / 3.0]);
        check(&[3.0; 5], 0.9, &[3.0; 5]);
        check(&[1.0, 2.0], f64::NAN, &[1.0, 2.0]);
    }

    #[test]
    fn a_line_keeps_its_ends_and_its_peaks() {
        let mut values: Vec<f64> = (0..10_000).map(|at| f64::from(at) / 1e4).collect();
        values[4_321] = 50.0;
        values[6_789] = -50.0;
        let kept = down_sample(&values, 600);
        assert!(kept.len() <= 600, "{}", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "in order");
        for peak in [0, 4_321, 6_789, 9_999] {
            assert!(kept.contains(&peak), "{peak}");
        }
        assert_eq!(down_sample(&values[..5], 600), [0, 1, 2, 3, 4]);
    }
}
