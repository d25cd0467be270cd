//! Runs beside each other.

use std::sync::Arc;

use serde_json::Value;

use super::history::History;
use super::view::Found;
use super::{charts, view};
use crate::dto::{Chart, CompareRuns, ComparisonRow, RunSummary, RunsComparison};
use crate::{Api, ApiError, ErrorCode};

/// Runs that can be told apart in one chart.
const MOST: usize = 6;

/// Two to six runs beside each other.
///
/// # Errors
/// `BadRequest` for another number of runs, `NotFound`, `Storage`.
pub(crate) fn compare(api: &Arc<Api>, request: &CompareRuns) -> Result<RunsComparison, ApiError> {
    if !(2..=MOST).contains(&request.ids.len()) {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("{} runs were chosen.", request.ids.len()),
            "Choose two to six runs.",
        ));
    }
    let mut runs = Vec::new();
    let mut overlaid: Vec<Chart> = Vec::new();
    let mut columns = Vec::new();
    for id in &request.ids {
        let found = Found::open(api, id)?;
        let recipe = &found.recipe;
        let (summary, column) = found.with_history(api, |history, summary| {
            for chart in charts::charts(history, request.smoothing, view::beta(recipe)) {
                overlay(&mut overlaid, chart, &summary.name);
            }
            let column = column(&summary, history, recipe);
            (summary, column)
        })?;
        columns.push(column?);
        runs.push(summary);
    }
    overlaid.sort_by_key(|chart| chart.kind);
    Ok(RunsComparison {
        runs,
        charts: overlaid,
        rows: rows(&columns),
    })
}

/// Adds a run's lines to the chart of the same kind.
fn overlay(charts: &mut Vec<Chart>, mut chart: Chart, run: &str) {
    let only = chart.curves.len() == 1;
    for curve in &mut chart.curves {
        curve.name = match only {
            true => run.to_owned(),
            false => format!("{run}, {}", curve.name),
        };
    }
    match charts.iter_mut().find(|there| there.kind == chart.kind) {
        Some(there) => {
            there.can_be_logarithmic &= chart.can_be_logarithmic;
            there.curves.extend(chart.curves);
        }
        None => charts.push(chart),
    }
}

/// Knobs and figures of a run, by name.
fn column(
    summary: &RunSummary,
    history: &History,
    recipe: &nc_train::Recipe,
) -> Result<Vec<(String, String)>, ApiError> {
    let figure =
        |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.4}"));
    let held = history
        .evaluations
        .iter()
        .map(|held| held.loss)
        .reduce(f64::min);
    let mut column = vec![
        ("Model".to_owned(), summary.model_name.clone()),
        ("Last loss".to_owned(), figure(summary.loss)),
        ("Best held-out loss".to_owned(), figure(held)),
        ("Steps made".to_owned(), history.step().to_string()),
        (
            "Time taken".to_owned(),
            history
                .plan
                .seconds
                .map_or("not finished".to_owned(), |seconds| {
                    format!("{seconds:.0} s")
                }),
        ),
    ];
    let knobs = crate::convert::to_value(recipe)?;
    flatten(&mut column, "", &knobs);
    Ok(column)
}

/// Every knob of a recipe under the name it has in a recipe's file.
fn flatten(into: &mut Vec<(String, String)>, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = match name {
                    "" => field.clone(),
                    name => format!("{name}.{field}"),
                };
                flatten(into, &name, value);
            }
        }
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        Value::Array(items) => {
            let words = items.iter().map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            });
            into.push((name.to_owned(), words.collect::<Vec<_>>().join(", ")));
        }
        other => into.push((name.to_owned(), other.to_string())),
    }
}

/// All names of all columns, each with a value for each run.
fn rows(columns: &[Vec<(String, String)>]) -> Vec<ComparisonRow> {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in columns.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |column: &Vec<(String, String)>, name: &String| {
        let found = column.iter().find(|(other, _)| other == name);
        found.map_or("not set".to_owned(), |(_, value)| value.clone())
    };
    let row = |name: &String| {
        let values: Vec<String> = columns.iter().map(|column| value(column, name)).collect();
        ComparisonRow {
            name: name.clone(),
            same: values.windows(2).all(|pair| pair[0] == pair[1]),
            values,
        }
    };
    names.into_iter().map(row).collect()
}
