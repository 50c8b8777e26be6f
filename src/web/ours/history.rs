//! `/api/v1/memsentry/history`: what happened to alerts, and every attempt to tell somebody, the newest first.
//!
//! `alert` is a name or a fingerprint; `event` may repeat. A page ends with `next`: give it as `before` to read on.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::notify::history::{Event, Facts, HistoryFilter, HistoryRow, MOST_READ};

use super::super::Sources;
use super::super::api::params::Params;
use super::super::api::{ApiError, Data};

/// Entries of one page, unless asked for otherwise.
const PAGE: u32 = 100;

pub(in crate::web) async fn list(State(sources): State<Arc<Sources>>, params: Params) -> Result<Data, ApiError> {
    let filter = filter(&params)?;
    let rows = sources.notify.history(&filter).await.map_err(|error| ApiError::Unavailable(error.to_string()))?;
    let full = u32::try_from(rows.len()).is_ok_and(|count| count == filter.limit);
    let next = rows.last().filter(|_| full).map(|row| row.number);
    let entries: Vec<Value> = rows.iter().map(entry).collect();
    Data::of(&json!({ "entries": entries, "next": next }))
}

fn filter(params: &Params) -> Result<HistoryFilter, ApiError> {
    let number = |name: &str| {
        let text = params.get(name);
        let wrong = |_| ApiError::parameter(name, "is not a number");
        text.map(|text| text.parse::<i64>().map_err(wrong)).transpose()
    };
    let events: Vec<String> = params.all("event").filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let known = Event::ALL.map(Event::as_str);
    if let Some(unknown) = events.iter().find(|word| !known.contains(&word.as_str())) {
        return Err(ApiError::parameter("event", format!("unknown event {unknown:?}; known: {}", known.join(", "))));
    }
    let limit = match number("limit")? {
        None => PAGE,
        Some(limit) => u32::try_from(limit)
            .ok()
            .filter(|limit| (1..=MOST_READ).contains(limit))
            .ok_or_else(|| ApiError::parameter("limit", format!("is not between 1 and {}", MOST_READ)))?,
    };
    Ok(HistoryFilter {
        before: number("before")?,
        since: params.time("since")?,
        until: params.time("until")?,
        subject: params.get("alert").map(str::to_owned),
        receiver: params.get("receiver").map(str::to_owned),
        events,
        limit,
    })
}

/// One entry: its number, time, event and receiver, and its facts beside them.
fn entry(row: &HistoryRow) -> Value {
    let facts = Facts::read(&row.entry);
    let mut entry = json!({
        "id": row.number,
        "at": row.entry.at.rfc3339(),
        "event": row.entry.event,
        "receiver": row.entry.receiver,
        "alert": facts.name(),
        "alerts": facts.alerts.map(|(firing, resolved)| json!({"firing": firing, "resolved": resolved})),
    });
    let mut rest = serde_json::to_value(&facts).unwrap_or_default();
    let times = [("starts_at", facts.starts_at), ("next_attempt_at", facts.next_attempt_at)];
    if let (Some(entry), Some(rest)) = (entry.as_object_mut(), rest.as_object_mut()) {
        rest.remove("alerts");
        for (name, at) in times {
            if let Some(at) = at {
                rest.insert(name.to_owned(), Timestamp::rfc3339(at).into());
            }
        }
        entry.append(rest);
        entry.retain(|_, value| !value.is_null());
    }
    entry
}
