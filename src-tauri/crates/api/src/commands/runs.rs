//! Runs: list, look, begin, pause, stop, resume, compare, adopt.

use std::sync::Arc;

use crate::dto::{
    AskRun, BeforeAfterRow, Chart, CompareRuns, GetRun, Nothing, Picked, PictureFormat, RunId,
    RunSummary, RunView, RunsComparison, RunsView, SaveChart, StartRun,
};
use crate::{Api, ApiError, ErrorCode, SaveRequest, off_thread, runs};

/// All runs, and which one's result is the chat's default model.
///
/// # Errors
/// `Storage` when the library cannot be read.
pub async fn runs_list(api: &Arc<Api>, _request: Nothing) -> Result<RunsView, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::list(&api)).await
}

/// Everything a run's page shows.
///
/// # Errors
/// `NotFound`, `Storage`.
pub async fn run_get(api: &Arc<Api>, request: GetRun) -> Result<RunView, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::view(&api, &request)).await
}

/// Two to six runs beside each other.
///
/// # Errors
/// `BadRequest` for another number of runs, `NotFound`, `Storage`.
pub async fn runs_compare(
    api: &Arc<Api>,
    request: CompareRuns,
) -> Result<RunsComparison, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::compare(&api, &request)).await
}

/// Begins a run, or puts it in the queue; `run` events tell how it goes.
///
/// # Errors
/// `BadRequest` for a recipe that cannot be, `Storage`. What stands in its way otherwise comes as an event.
pub async fn run_start(api: &Arc<Api>, request: StartRun) -> Result<RunSummary, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::start(&api, request)).await
}

/// Pauses a run before its next micro-batch, with everything in memory.
///
/// # Errors
/// `BadRequest` for a run that is not going.
pub async fn run_pause(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    runs::pause(api, &request.id, true)
}

/// Goes on after a pause, or with a queue that an earlier start of the program left.
///
/// # Errors
/// `BadRequest` for a run that is not going.
pub async fn run_go_on(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    runs::pause(api, &request.id, false)
}

/// Saves what whole steps have learnt, and ends; a queued run leaves the queue.
///
/// # Errors
/// `BadRequest` for a run that does neither.
pub async fn run_stop(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    runs::stop(api, &request.id)
}

/// Goes on with a run that was stopped, interrupted or failed; it queues behind the one that is going.
///
/// # Errors
/// `NotFound`, `Busy` for one that is going, `BadRequest` for one that is over.
pub async fn run_resume(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::resume(&api, &request.id)).await
}

/// Puts a run away; `run_restore` brings it back within 30 days.
///
/// # Errors
/// `NotFound`, `Busy` for a run that is going, `Storage`.
pub async fn run_discard(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    runs::discard(api, &request.id, true)
}

/// Brings a discarded run back.
///
/// # Errors
/// `NotFound`, `Storage`.
pub async fn run_restore(api: &Arc<Api>, request: RunId) -> Result<RunSummary, ApiError> {
    runs::discard(api, &request.id, false)
}

/// Makes what a run learnt the chat's default model.
///
/// # Errors
/// `NotFound`, `BadRequest` for a run that has not finished.
pub async fn run_adopt(api: &Arc<Api>, request: RunId) -> Result<RunsView, ApiError> {
    runs::adopt(api, &request.id)?;
    runs::list(api)
}

/// Makes the model before an adoption the chat's default again.
///
/// # Errors
/// `BadRequest` where nothing is adopted.
pub async fn run_roll_back(api: &Arc<Api>, _request: Nothing) -> Result<RunsView, ApiError> {
    runs::roll_back(api)?;
    runs::list(api)
}

/// Asks the model before and after a run the same question.
///
/// # Errors
/// `BadRequest` for a run without a result, and those of opening and of answering.
pub async fn run_ask(api: &Arc<Api>, request: AskRun) -> Result<BeforeAfterRow, ApiError> {
    let api = Arc::clone(api);
    off_thread(move || runs::ask(&api, request)).await
}

/// Draws a chart, asks where to write it and writes it; a cancelled dialog writes nothing.
///
/// # Errors
/// `NotFound`, `DialogFailed` without a window, `Storage` when the file cannot be written.
pub async fn run_chart_save(api: &Arc<Api>, request: SaveChart) -> Result<Picked, ApiError> {
    let drawing = Arc::clone(api);
    let asked = request.clone();
    let (chart, bytes) = off_thread(move || {
        let chart = chart(&drawing, &asked)?;
        let bytes = runs::draw(&chart, asked.logarithmic, asked.format)?;
        Ok((chart, bytes))
    })
    .await?;
    let (kind, extension) = match request.format {
        PictureFormat::Png => ("PNG picture", "png"),
        PictureFormat::Svg => ("SVG picture", "svg"),
    };
    let save = SaveRequest {
        title: "Save chart".to_owned(),
        file_name: format!(
            "{}.{extension}",
            chart.title.to_lowercase().replace(' ', "-")
        ),
        kind,
        extension,
    };
    super::save(api, save, bytes).await
}

/// The chart of one run, with the run's name in its title, or of several.
fn chart(api: &Arc<Api>, request: &SaveChart) -> Result<Chart, ApiError> {
    let smoothing = request.smoothing;
    let (charts, name) = match &request.ids[..] {
        [id] => {
            let view = runs::view(
                api,
                &GetRun {
                    id: id.clone(),
                    smoothing,
                },
            )?;
            (view.charts, Some(view.summary.name))
        }
        ids => {
            let ids = ids.to_vec();
            (
                runs::compare(api, &CompareRuns { ids, smoothing })?.charts,
                None,
            )
        }
    };
    let chart = charts.into_iter().find(|chart| chart.kind == request.chart);
    let mut chart = chart.ok_or_else(|| {
        ApiError::new(
            ErrorCode::NotFound,
            "There are no values for this chart yet.",
            "Wait for the first step.",
        )
    })?;
    if let Some(name) = name {
        chart.title = format!("{}: {name}", chart.title);
    }
    Ok(chart)
}
