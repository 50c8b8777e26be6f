//! The life of the alerts of one rule: pending, firing, resolved.
//!
//! Follows `rules/alerting.go` of Prometheus. Pure: takes what the expression answered at an instant and moves
//! its alerts on. An alert that was read back after a restart and is not seen again is held for a while,
//! because the series it was seen in may not be there yet ([`Active::unseen_until`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration as StdDuration;

use crate::model::labels::{ALERT_NAME, METRIC_NAME};
use crate::model::{Duration, Labels, Timestamp};
use crate::promql::VectorSample;

use super::no_data::{self, Feeds, NoData, Shared};
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
    /// The selectors that had data for it when it began, by their numbers; nothing where that is of no use.
    pub(super) fed_by: Vec<usize>,
    /// Since when it stands still because its data are missing.
    pub(super) no_data_since: Option<Timestamp>,
}

impl Active {
    fn pending(at: Timestamp, seen: Seen, fed_by: impl FnOnce() -> Vec<usize>) -> Self {
        Self {
            annotations: seen.annotations,
            value: seen.value,
            phase: Phase::Pending,
            active_at: at,
            fired_at: None,
            keep_firing_since: None,
            resolved_at: None,
            resolved_value: None,
            unseen_until: None,
            fed_by: seen.fed_by.unwrap_or_else(fed_by),
            no_data_since: None,
        }
    }

    /// Goes on after its data were missing: that time counts for nothing.
    fn resume(&mut self, at: Timestamp) {
        let Some(since) = self.no_data_since.take() else { return };
        let gap = at.since(since);
        if self.phase == Phase::Pending {
            self.active_at = self.active_at + gap;
        }
        self.keep_firing_since = self.keep_firing_since.map(|since| since + gap);
    }

    /// `ALERTS` and `ALERTS_FOR_STATE` while it is pending or fires.
    pub(super) fn series(&self, labels: &Labels) -> Option<[(Labels, f64); 2]> {
        let state = match self.phase {
            Phase::Pending => "pending",
            Phase::Firing => "firing",
            Phase::Resolved => return None,
        };
        // Whole seconds, as Prometheus writes them.
        let since = self.active_at.seconds().floor();
        let alerts = labels.with(METRIC_NAME, "ALERTS").with("alertstate", state);
        Some([(alerts, 1.0), (labels.with(METRIC_NAME, "ALERTS_FOR_STATE"), since)])
    }

    /// What has to outlive the process: everything but value and annotations, which the next evaluation renews.
    pub(super) fn lasting(&self) -> Lasting {
        let times = [Some(self.active_at), self.fired_at, self.keep_firing_since, self.resolved_at, self.no_data_since];
        (self.phase, times)
    }
}

/// See [`Active::lasting`].
pub(super) type Lasting = (Phase, [Option<Timestamp>; 5]);

/// An alerting rule with its alerts.
#[derive(Debug, Clone)]
pub(super) struct AlertingRule {
    pub(super) name: String,
    pub(super) hold: Duration,
    pub(super) keep_firing_for: Duration,
    pub(super) labels: Vec<(String, Text)>,
    pub(super) annotations: Vec<(String, Text)>,
    pub(super) active: BTreeMap<Labels, Active>,
    /// What happens without data, where the rule says so.
    pub(super) no_data: Option<NoData>,
    /// For `alert`: what could become an alert, by its labels, and the selectors that had data for it.
    pub(super) known: BTreeMap<Labels, Vec<usize>>,
}

/// An answer of the expression, with labels and annotations expanded.
pub(super) struct Seen {
    value: f64,
    annotations: BTreeMap<String, String>,
    /// For an alert about missing data: the selectors that had some.
    fed_by: Option<Vec<usize>>,
}

/// What one evaluation goes by, beside the expression's answer.
pub(super) struct Moment<'a> {
    pub(super) at: Timestamp,
    /// Whether the expression had all the samples that it looks at.
    pub(super) judgeable: bool,
    /// Most alerts; 0 for any number.
    pub(super) limit: usize,
    pub(super) no_data: &'a Shared,
    /// The labels, without the rule's own, for which a value to compare exists; `None` where that says nothing.
    pub(super) valued: Option<BTreeSet<Labels>>,
}

impl AlertingRule {
    /// Moves the alerts on, given what was seen; answers with the series to write.
    ///
    /// # Errors
    /// Over the limit: all alerts are dropped.
    pub(super) fn step(
        &mut self,
        moment: &Moment<'_>,
        mut seen: BTreeMap<Labels, Seen>,
        feeds: &mut Feeds,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let (at, hold) = (moment.at, self.hold);
        let mut active = std::mem::take(&mut self.active);
        active.retain(|labels, active| {
            let Some(seen) = seen.remove(labels) else {
                return self.unseen(labels, active, moment, feeds);
            };
            if active.phase == Phase::Resolved {
                *active = Active::pending(at, seen, || feeds.of(labels));
            } else {
                active.resume(at);
                active.value = seen.value;
                active.annotations = seen.annotations;
                active.keep_firing_since = None;
                active.unseen_until = None;
            }
            fire_if_due(active, at, hold);
            true
        });
        for (labels, seen) in seen {
            let mut new = Active::pending(at, seen, || feeds.of(&labels));
            fire_if_due(&mut new, at, hold);
            active.insert(labels, new);
        }
        self.active = active;
        let alive = self.active.values().filter(|active| active.phase != Phase::Resolved).count();
        if moment.limit > 0 && alive > moment.limit {
            self.active.clear();
            return Err(format!("exceeded limit of {} with {alive} alerts", moment.limit));
        }
        Ok(self.series())
    }

    /// The alerts that the expression's answer stands for.
    ///
    /// # Errors
    /// Two results with one label set.
    pub(super) fn expand(
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
            let seen_now = Seen { value: element.sample.value, annotations: annotations.collect(), fed_by: None };
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

    /// The labels that tell results apart: those of an alert less what the rule adds.
    pub(super) fn base(&self, labels: &Labels) -> Labels {
        labels.without(|name| name == ALERT_NAME || self.labels.iter().any(|(own, _)| own == name))
    }

    /// The alert that tells of missing data, for one that could have been.
    pub(super) fn no_data_alert(&self, labels: &Labels, fed_by: &[usize]) -> (Labels, Seen) {
        let plain = self.annotations.iter().filter(|(_, text)| text.is_plain());
        let mut annotations: BTreeMap<String, String> =
            plain.map(|(name, text)| (name.clone(), text.raw().to_owned())).collect();
        annotations.insert("summary".into(), format!("{}: no data", self.name));
        let description = "What this alert is judged by is not measured any more. Nobody knows whether all is well.";
        annotations.insert("description".into(), description.into());
        (labels.with(no_data::LABEL, "true"), Seen { value: f64::NAN, annotations, fed_by: Some(fed_by.to_vec()) })
    }

    /// Moves an alert on that the expression no longer answers with; whether it stays.
    fn unseen(&self, labels: &Labels, active: &mut Active, moment: &Moment<'_>, feeds: &mut Feeds) -> bool {
        let at = moment.at;
        let alive = active.phase != Phase::Resolved;
        if alive && !moment.judgeable && active.unseen_until.is_some_and(|until| at < until) {
            return true;
        }
        if alive && self.lacks_data(labels, active, moment, feeds) {
            let since = *active.no_data_since.get_or_insert(at);
            let at_most = moment.no_data.at_most;
            if at_most.is_zero() || at.since(since) < at_most.std() {
                return true;
            }
        }
        active.resume(at);
        match active.phase {
            Phase::Pending => false,
            Phase::Resolved => active.resolved_at.is_none_or(|end| at.since(end) <= RESOLVED_RETENTION),
            Phase::Firing => {
                if !self.keep_firing_for.is_zero() {
                    let since = *active.keep_firing_since.get_or_insert(at);
                    if at.since(since) < self.keep_firing_for.std() {
                        return true;
                    }
                }
                active.phase = Phase::Resolved;
                active.resolved_at = Some(at);
                true
            }
        }
    }

    /// Whether an alert is not seen because there is nothing to judge it by, and is to be held for that.
    fn lacks_data(&self, labels: &Labels, active: &Active, moment: &Moment<'_>, feeds: &mut Feeds) -> bool {
        self.no_data.unwrap_or(moment.no_data.default) != NoData::Ok
            && labels.get(no_data::LABEL).is_none()
            && moment.no_data.exists(labels)
            && (feeds.are_lost(&active.fed_by, labels)
                || moment.valued.as_ref().is_some_and(|valued| !valued.contains(&self.base(labels))))
    }

    /// `ALERTS` and `ALERTS_FOR_STATE` of every alert that is pending or fires.
    pub(super) fn series(&self) -> Vec<(Labels, f64)> {
        self.active.iter().flat_map(|(labels, active)| active.series(labels)).flatten().collect()
    }
}

fn fire_if_due(active: &mut Active, at: Timestamp, hold: Duration) {
    if active.phase == Phase::Pending && at.since(active.active_at) >= hold.std() {
        active.phase = Phase::Firing;
        active.fired_at = Some(at);
    }
}

/// Whether an alert stood still for lack of data.
pub(super) fn lacked_data((_, times): &Lasting) -> bool {
    times[4].is_some()
}
