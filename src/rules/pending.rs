//! Which alerts of a rule begin to wait for their `for`, and which stop waiting without having fired.
//!
//! Nobody is told of these, so they are no part of what goes on to notifications; history records them.

use std::collections::BTreeMap;

use crate::model::{Labels, PendingChange, Timestamp};

use super::alerting::{Active, Lasting, Phase};

/// What one evaluation at `at` changed, given the alerts before and after it.
pub(super) fn changes(
    before: &BTreeMap<Labels, Lasting>,
    after: &BTreeMap<Labels, Active>,
    at: Timestamp,
) -> Vec<PendingChange> {
    let waited = |labels: &Labels| before.get(labels).is_some_and(|(phase, _)| *phase == Phase::Pending);
    let began = after.iter().filter(|(labels, active)| active.phase == Phase::Pending && !waited(labels));
    let began = began.map(|(labels, active)| PendingChange {
        labels: labels.clone(),
        since: active.active_at,
        at,
        value: Some(active.value),
        summary: active.annotations.get("summary").cloned(),
        over: false,
    });
    let stopped = before.iter().filter(|(labels, (phase, _))| *phase == Phase::Pending && !after.contains_key(*labels));
    let stopped = stopped.map(|(labels, (_, times))| PendingChange {
        labels: labels.clone(),
        since: times[0].unwrap_or(at),
        at,
        value: None,
        summary: None,
        over: true,
    });
    began.chain(stopped).collect()
}
