//! `/api/v1/query` and `/api/v1/query_range`.
//!
//! Evaluation is computation only, so it runs beside the asynchronous work, a few queries at once: a costly one
//! delays other queries, but neither probes nor alerts.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use tokio::sync::Semaphore;

use crate::model::{Duration, Timestamp};
use crate::promql::ast::Type;
use crate::promql::{self, Answer, EvalError, Expr, Limits, ParseError};
use crate::tsdb::Tsdb;

use super::super::Sources;
use super::stats::{Stats, Timings};
use super::{ApiError, Data, Params, json};

/// Most points per series of a range query, as in Prometheus.
const MOST_POINTS: i64 = 11_000;

/// Queries at once, of everybody together.
static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));

pub(in crate::web) async fn instant(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let limit = params.limit("limit")?;
    let at = params.time("time")?.unwrap_or_else(|| sources.clock.now());
    let limits = limits(&sources, &params)?;
    let mut stats = Stats::asked(&params);
    let expr = parse(&params)?;
    let work = move |tsdb: &Tsdb| promql::instant(&expr, tsdb, at, &limits);
    let answer = evaluate(&sources.tsdb, limits.timeout, work, &mut stats.timings).await?;
    let stats = stats.json(&answer.usage, (at, Duration::from_secs(1)));
    Ok(data(answer, at, limit, stats.as_ref()))
}

pub(in crate::web) async fn range(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let limit = params.limit("limit")?;
    let (start, end) = (params.required_time("start")?, params.required_time("end")?);
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step =
        params.millis("step")?.ok_or_else(|| ApiError::parameter("step", "cannot parse \"\" to a valid duration"))?;
    if step <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", message));
    }
    if end.millis().saturating_sub(start.millis()) / step > MOST_POINTS {
        let message = "exceeded maximum resolution of 11,000 points per timeseries. \
            Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(message.into()));
    }
    let limits = limits(&sources, &params)?;
    let mut stats = Stats::asked(&params);
    let expr = parse(&params)?;
    // As Prometheus has it: the request is wrong, not its execution.
    if !matches!(expr.value_type(), Type::Scalar | Type::Vector) {
        let kind = expr.value_type().name();
        let problem = format!("invalid expression type {kind:?} for range query, must be Scalar or instant Vector");
        return Err(ApiError::parameter("query", problem));
    }
    let step = Duration::from_millis(step.unsigned_abs());
    let work = move |tsdb: &Tsdb| promql::range(&expr, tsdb, start, end, step, &limits);
    let answer = evaluate(&sources.tsdb, limits.timeout, work, &mut stats.timings).await?;
    let stats = stats.json(&answer.usage, (start, step));
    Ok(data(answer, end, limit, stats.as_ref()))
}

/// The configured limits, lowered where the request asks for less.
fn limits(sources: &Sources, params: &Params) -> Result<Limits, ApiError> {
    let mut limits = sources.limits;
    if let Some(timeout) = params.duration("timeout")? {
        limits.timeout = limits.timeout.min(timeout);
    }
    if let Some(lookback) = params.duration("lookback_delta")? {
        limits.lookback = lookback;
    }
    Ok(limits)
}

fn parse(params: &Params) -> Result<Expr, ApiError> {
    let text = params.get("query").unwrap_or("");
    promql::parse(text).map_err(|error| ApiError::parameter("query", at_place(text, &error)))
}

/// `1:4: parse error: …`, line and column counted from 1, the column in bytes.
pub(super) fn at_place(text: &str, error: &ParseError) -> String {
    let (line, column) = error.place(text);
    format!("{line}:{column}: parse error: {}", error.message)
}

/// Evaluates over memory and file.
async fn evaluate(
    tsdb: &Tsdb,
    timeout: Duration,
    work: impl FnOnce(&Tsdb) -> Result<Answer, EvalError> + Send + 'static,
    timings: &mut Timings,
) -> Result<Answer, ApiError> {
    let timed_out = || ApiError::Timeout(EvalError::Timeout(timeout).to_string());
    timings.prepared();
    let slot = tokio::time::timeout(timeout.std(), SLOTS.acquire()).await.map_err(|_| timed_out())?;
    timings.queued();
    let tsdb = tsdb.with_history();
    let evaluated = tsdb.clone();
    // The evaluator keeps to its own time-out; this one does not wait for ever should it fail to. The slot is given
    // back early then, which is the lesser evil.
    let running = tokio::time::timeout(timeout.std() * 2, tokio::task::spawn_blocking(move || work(&evaluated)));
    let result = running.await;
    drop(slot);
    match result {
        Ok(Ok(Ok(mut answer))) => {
            answer.warnings.extend(tsdb.trouble().map(|error| format!("older samples cannot be read now: {error}")));
            Ok(answer)
        }
        Ok(Ok(Err(EvalError::Timeout(_)))) | Err(_) => Err(timed_out()),
        Ok(Ok(Err(error))) => Err(ApiError::Execution(error.to_string())),
        Ok(Err(error)) => {
            tracing::error!(%error, "a query ended in a panic");
            Err(ApiError::Internal("unexpected error during evaluation".into()))
        }
    }
}

fn data(mut answer: Answer, at: Timestamp, limit: usize, stats: Option<&serde_json::Value>) -> Data {
    let cut = match &mut answer.value {
        promql::Value::Vector(samples) if limit > 0 && samples.len() > limit => {
            samples.truncate(limit);
            true
        }
        promql::Value::Matrix(series) if limit > 0 && series.len() > limit => {
            series.truncate(limit);
            true
        }
        _ => false,
    };
    if cut {
        answer.warnings.push("results truncated due to limit".into());
    }
    let mut json = super::ENVELOPE.to_owned();
    json::push_query_data(&mut json, answer.value, at, stats);
    Data { json, warnings: answer.warnings, infos: answer.infos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_says_line_and_column() {
        let error = ParseError { message: "unexpected <eof>".into(), span: 8..8 };
        assert_eq!(at_place("sum(a\n+ ", &error), "2:3: parse error: unexpected <eof>");
        let error = ParseError { message: "no expression found in input".into(), span: 0..0 };
        assert_eq!(at_place("", &error), "1:1: parse error: no expression found in input");
    }
}
