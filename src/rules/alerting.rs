//! The life of the alerts of one rule: pending, firing, resolved.
//!
//! Follows `rules/alerting.go` of Prometheus. Pure: takes what the expression answered at an instant and moves
//! its alerts on. An alert that was read back after a restart and is not seen again is held for a while,
//! because the series it was seen in may not be there yet ([`Active::unseen_until`]).

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use crate::model::labels::{ALERT_NAME, METRIC_NAME};
use crate::model::{Duration, Labels, Timestamp};
use crate::promql::VectorSample;

use super::text::{self, Text, World};

/// How long an alert that is over is kept and told again.
pub(super) const RESOLVED_RETENTION: StdDuration = StdDuration::from_mins(15);

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Seen, but not for long enough.
    Pending,
    /// Fires.
    Firing,
    /// Fired and is over.
    Resolved,
}

/// One label set of one rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Active {
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) value: f64,
    pub(super) phase: Phase,
    /// Since when the expression holds.
    pub(super) active_at: Timestamp,
    pub(super) fired_at: Option<Timestamp>,
    /// Since when it fires only because of `keep_firing_for`.
    pub(super) keep_firing_since: Option<Timestamp>,
    pub(super) resolved_at: Option<Timestamp>,
    /// The rule's value at that time, as far as it is known.
    pub(super) resolved_value: Option<f64>,
    /// After a restart: not seeing it before this time does not mean that it is over.
    pub(super) unseen_until: Option<Timestamp>,
}

impl Active {
    fn pending(at: Timestamp, value: f64, annotations: BTreeMap<String, String>) -> Self {
        Self {
            annotations,
            value,
            phase: Phase::Pending,
            active_at: at,
            fired_at: None,
            keep_firing_since: None,
            resolved_at: None,
            resolved_value: None,
            unseen_until: None,
        }
    }

    /// What has to outlive the process: everything but value and annotations, which the next evaluation renews.
    pub(super) fn lasting(&self) -> (Phase, [Option<Timestamp>; 4]) {
        (self.phase, [Some(self.active_at), self.fired_at, self.keep_firing_since, self.resolved_at])
    }
}

/// An alerting rule with its alerts.
#[derive(Debug, Clone)]
pub(super) struct AlertingRule {
    pub(super) name: String,
    pub(super) hold: Duration,
    pub(super) keep_firing_for: Duration,
    pub(super) labels: Vec<(String, Text)>,
    pub(super) annotations: Vec<(String, Text)>,
    pub(super) active: BTreeMap<Labels, Active>,
}

/// An answer of the expression, with labels and annotations expanded.
struct Seen {
    value: f64,
    annotations: BTreeMap<String, String>,
}

impl AlertingRule {
    /// Moves the alerts on to `at`, given what the expression answered; answers with the series to write.
    /// `judgeable` says whether the expression had all the samples that it looks at.
    ///
    /// # Errors
    /// Two results with one label set: nothing changes. Over `limit`: all alerts are dropped.
    pub(super) fn step(
        &mut self,
        at: Timestamp,
        result: Vec<VectorSample>,
        judgeable: bool,
        limit: usize,
        world: &World<'_>,
        template_errors: &mut Vec<String>,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let mut seen = self.expand(result, world, template_errors)?;
        let keep_firing_for = self.keep_firing_for.std();
        self.active.retain(|labels, active| {
            let Some(seen) = seen.remove(labels) else {
                return unseen(active, at, keep_firing_for, judgeable);
            };
            if active.phase == Phase::Resolved {
                *active = Active::pending(at, seen.value, seen.annotations);
            } else {
                active.value = seen.value;
                active.annotations = seen.annotations;
                active.keep_firing_since = None;
                active.unseen_until = None;
            }
            fire_if_due(active, at, self.hold);
            true
        });
        for (labels, seen) in seen {
            let mut active = Active::pending(at, seen.value, seen.annotations);
            fire_if_due(&mut active, at, self.hold);
            self.active.insert(labels, active);
        }
        let alive = self.active.values().filter(|active| active.phase != Phase::Resolved).count();
        if limit > 0 && alive > limit {
            self.active.clear();
            return Err(format!("exceeded limit of {limit} with {alive} alerts"));
        }
        Ok(self.series())
    }

    fn expand(
        &self,
        result: Vec<VectorSample>,
        world: &World<'_>,
        errors: &mut Vec<String>,
    ) -> Result<BTreeMap<Labels, Seen>, String> {
        let mut seen = BTreeMap::new();
        let plain = self.labels.iter().chain(&self.annotations).all(|(_, text)| text.is_plain());
        for element in result {
            let data = match plain {
                true => crate::template::Value::Nil,
                false => text::data(&element.labels, element.sample.value, world),
            };
            let labels = self.labels_of(&element.labels, &data, world, errors);
            let annotations =
                self.annotations.iter().map(|(name, text)| (name.clone(), text.expand(&data, world, errors)));
            let seen_now = Seen { value: element.sample.value, annotations: annotations.collect() };
            if seen.insert(labels, seen_now).is_some() {
                return Err("vector contains metrics with the same labelset after applying alert labels".into());
            }
        }
        Ok(seen)
    }

    /// The alert's labels for a result with these; `data` is what its templates see.
    pub(super) fn labels_of(
        &self,
        of: &Labels,
        data: &crate::template::Value,
        world: &World<'_>,
        errors: &mut Vec<String>,
    ) -> Labels {
        let own = self.labels.iter().map(|(name, text)| (name.clone(), text.expand(data, world, errors)));
        let kept = of.iter().filter(|(name, _)| *name != METRIC_NAME);
        kept.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(own)
            .chain(std::iter::once((ALERT_NAME.to_owned(), self.name.clone())))
            .collect()
    }

    /// `ALERTS` and `ALERTS_FOR_STATE` of every alert that is pending or fires.
    fn series(&self) -> Vec<(Labels, f64)> {
        let mut series = Vec::new();
        for (labels, active) in &self.active {
            let state = match active.phase {
                Phase::Pending => "pending",
                Phase::Firing => "firing",
                Phase::Resolved => continue,
            };
            series.push((labels.with(METRIC_NAME, "ALERTS").with("alertstate", state), 1.0));
            // Whole seconds, as Prometheus writes them.
            let since = (active.active_at.seconds()).floor();
            series.push((labels.with(METRIC_NAME, "ALERTS_FOR_STATE"), since));
        }
        series
    }
}

fn fire_if_due(active: &mut Active, at: Timestamp, hold: Duration) {
    if active.phase == Phase::Pending && at.since(active.active_at) >= hold.std() {
        active.phase = Phase::Firing;
        active.fired_at = Some(at);
    }
}

/// Moves an alert on that the expression no longer answers with; whether it stays.
fn unseen(active: &mut Active, at: Timestamp, keep_firing_for: StdDuration, judgeable: bool) -> bool {
    if active.phase != Phase::Resolved && !judgeable && active.unseen_until.is_some_and(|until| at < until) {
        return true;
    }
    match active.phase {
        Phase::Pending => false,
        Phase::Resolved => active.resolved_at.is_none_or(|end| at.since(end) <= RESOLVED_RETENTION),
        Phase::Firing => {
            if !keep_firing_for.is_zero() {
                let since = *active.keep_firing_since.get_or_insert(at);
                if at.since(since) < keep_firing_for {
                    return true;
                }
            }
            active.phase = Phase::Resolved;
            active.resolved_at = Some(at);
            true
        }
    }
}
