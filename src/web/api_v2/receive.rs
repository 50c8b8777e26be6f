//! `POST /api/v2/alerts`: alerts of others, such as a Prometheus that has memsentry as its Alertmanager.
//!
//! What is right is taken in, also where something else is wrong; then the answer is 400 with every mistake, as in
//! Alertmanager, and the wrong ones are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use crate::model::{Alert, Labels, Timestamp};
use crate::notify::Received;

use super::super::{Sources, metrics};
use super::{Refused, given};

/// Longest body.
pub(in crate::web) const MOST_BYTES: usize = 4 << 20;
/// Longest text of one alert, labels and annotations together.
const MOST_TEXT: usize = 64 * 1024;
/// How long an alert counts as firing whose end nobody names; Alertmanager's `resolve_timeout`.
const RESOLVE_TIMEOUT: StdDuration = StdDuration::from_secs(5 * 60);
/// Most mistakes that an answer names.
const MOST_NAMED: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

pub(in crate::web) async fn post(State(sources): State<Arc<Sources>>, body: Bytes) -> Result<(), Refused> {
    let posted: Vec<Value> = serde_json::from_slice(&body)
        .map_err(|error| Refused::bad(format!("the body is not a JSON array of alerts: {error}")))?;
    let now = sources.clock.now();
    let received = sources.registry.counter(&metrics::ALERTS_RECEIVED);
    let mut alerts = Vec::new();
    let mut mistakes = Vec::new();
    for (index, value) in posted.into_iter().enumerate() {
        match read(value, now) {
            Ok(alert) => {
                received.with_label_values(&[alert.alert.status(now).as_str()]).inc();
                alerts.push(alert);
            }
            Err(mistake) => mistakes.push(format!("alert {index}: {mistake}")),
        }
    }
    if !alerts.is_empty() {
        sources.notify.receive(alerts);
    }
    if mistakes.is_empty() {
        return Ok(());
    }
    let none: &[&str] = &[];
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    sources.registry.counter(&metrics::ALERTS_INVALID).with_label_values(none).inc_by(mistakes.len() as f64);
    tracing::warn!(invalid = mistakes.len(), first = mistakes[0], "alerts that were posted are not valid");
    let more = mistakes.len().saturating_sub(MOST_NAMED);
    mistakes.truncate(MOST_NAMED);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    Err(Refused::bad(mistakes.join("; ")))
}

fn read(value: Value, now: Timestamp) -> Result<Received, String> {
    let posted: Posted = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let annotations = posted.annotations.unwrap_or_default();
    let bytes: usize = posted.labels.iter().chain(&annotations).map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MOST_TEXT {
        return Err(format!("{bytes} bytes of labels and annotations, at most {MOST_TEXT}"));
    }
    if posted.labels.contains_key("") {
        return Err("a label without a name".to_owned());
    }
    let labels = Labels::from_pairs(posted.labels);
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    let end = given(posted.ends_at.as_deref()).map_err(|problem| format!("endsAt: {problem}"))?;
    let start = given(posted.starts_at.as_deref()).map_err(|problem| format!("startsAt: {problem}"))?;
    let starts_at = start.or(end).unwrap_or(now);
    if end.is_some_and(|end| end < starts_at) {
        return Err("start time must be before end time".to_owned());
    }
    let over = end.filter(|end| *end <= now);
    let alert = Alert {
        labels,
        annotations,
        starts_at,
        ends_at: over,
        valid_until: end.unwrap_or(now + RESOLVE_TIMEOUT),
        generator_url: posted.generator_url.unwrap_or_default(),
        value: f64::NAN,
        resolved_value: None,
    };
    Ok(Received { alert, explicit_end: end.is_some() })
}
