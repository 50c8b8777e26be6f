//! Where alerts stand in a run that is killed again and again, beside a run that is not.
//!
//! Both see the same samples. What a killed run may have other is what the lost intervals explain: while nobody looked,
//! `for` does not go on, so an alert is active later by at most as much, and may still be pending for as long. And an alert
//! that ends with the restart is held while its expression misses a series, until its longest window has passed.

use std::collections::{BTreeMap, BTreeSet};

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, Timestamp};
use memsentry::promql::Limits;
use memsentry::rules::{Evaluation, Options, RuleKind, RuleSet, SHIPPED, SHIPPED_NAME, Source, State};
use memsentry::tsdb::Tsdb;
use serde::{Deserialize, Serialize};

use super::workload::{TICK_MILLIS, at};

pub(super) const LIMITS: Limits =
    Limits { max_samples: 50_000_000, timeout: Duration::from_secs(60), lookback: Duration::from_secs(300) };

/// The longest window of a shipped rule, and an evaluation.
const LONGEST_HOLD: i64 = 15 * 60_000 + TICK_MILLIS;

/// One alert of the shipped rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alert {
    /// All that identifies it, its name among it.
    labels: String,
    fires: bool,
    /// In milliseconds.
    active_at: i64,
    /// How long it is pending, in milliseconds.
    hold: i64,
    /// As bits.
    value: u64,
    summary: String,
}

/// The shipped rules.
pub(super) struct Rules(pub(super) RuleSet);

impl Rules {
    pub(super) fn new() -> Self {
        let options = Options {
            evaluation_interval: Duration::from_millis(TICK_MILLIS.unsigned_abs()),
            external_labels: Labels::empty(),
            external_url: String::new(),
        };
        let source = Source { name: SHIPPED_NAME.into(), text: SHIPPED.into() };
        Self(RuleSet::parse(&[source], &options, &Registry::new()).expect("the shipped rules"))
    }

    pub(super) fn evaluate(&mut self, tick: i64, tsdb: &Tsdb) -> Evaluation {
        let evaluation = self.0.evaluate_due(at(tick), tsdb, &LIMITS);
        assert!(evaluation.failures.is_empty(), "{:?}", evaluation.failures);
        evaluation
    }

    /// Every alert that is pending or fires.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        let mut all = Vec::new();
        for rule in self.0.view().into_iter().flat_map(|group| group.rules) {
            let RuleKind::Alerting { alerts, duration, .. } = rule.kind else { continue };
            all.extend(alerts.into_iter().map(|alert| Alert {
                labels: alert.labels.to_string(),
                fires: alert.state == State::Firing,
                active_at: alert.active_at.millis(),
                hold: i64::try_from(duration.std().as_millis()).expect("short"),
                value: alert.value.to_bits(),
                summary: alert.annotations.get("summary").cloned().unwrap_or_default(),
            }));
        }
        all
    }
}

/// Whether two values, as bits, are the same but for the order in which numbers were added: series that come back after
/// a restart may stand elsewhere.
pub(super) fn same_value(ours: u64, theirs: u64) -> bool {
    let (a, b) = (f64::from_bits(ours), f64::from_bits(theirs));
    ours == theirs || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

/// A run that nobody kills; it has the intervals that the other has.
pub(super) struct Undisturbed {
    pub(super) tsdb: Tsdb,
    rules: Rules,
    ticks: BTreeSet<i64>,
    alerts: BTreeMap<i64, Vec<Alert>>,
    pub(super) fired: BTreeSet<String>,
    pub(super) compared: usize,
    pub(super) held: usize,
    /// The first tick of each life of the killed run.
    pub(super) restarts: Vec<i64>,
}

impl Undisturbed {
    pub(super) fn new(tsdb: Tsdb) -> Self {
        let none = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        Self {
            tsdb,
            rules: Rules::new(),
            ticks: none.0,
            alerts: none.1,
            fired: none.2,
            compared: 0,
            held: 0,
            restarts: Vec::new(),
        }
    }

    pub(super) fn go(&mut self, tick: i64, batch: Vec<(Labels, f64)>) {
        self.tsdb.append(at(tick), batch);
        self.rules.evaluate(tick, &self.tsdb);
        self.ticks.insert(tick);
        let alerts = self.rules.alerts();
        let name = |alert: &Alert| alert.labels.split("alertname=\"").nth(1)?.split('"').next().map(str::to_owned);
        self.fired.extend(alerts.iter().filter(|alert| alert.fires).filter_map(name));
        self.alerts.insert(tick, alerts);
    }

    /// How much time was lost from `since` on, in milliseconds.
    fn lost(&self, since: i64, tick: i64) -> i64 {
        let first = (since - at(0).millis()).div_euclid(TICK_MILLIS);
        let lost = (first..=tick).filter(|tick| !self.ticks.contains(tick)).count();
        i64::try_from(lost).expect("few") * TICK_MILLIS
    }

    /// What of the alerts that the killed run had at a tick the restarts do not explain. Nothing can be said of a tick
    /// that was lost itself.
    pub(super) fn differences(&mut self, tick: i64, theirs: &[Alert]) -> Vec<String> {
        let Some(ours) = self.alerts.get(&tick) else { return Vec::new() };
        self.compared += theirs.len();
        let by_labels = |all: &[Alert]| -> BTreeMap<String, Alert> {
            all.iter().map(|alert| (alert.labels.clone(), alert.clone())).collect()
        };
        let (ours, mut theirs) = (by_labels(ours), by_labels(theirs));
        let (mut found, mut held) = (Vec::new(), 0);
        for (labels, ours) in &ours {
            match theirs.remove(labels) {
                None => found.push(format!("tick {tick}: {labels} is missing, {ours:?}")),
                Some(theirs) if self.explains(tick, ours, &theirs) => {}
                // It was held until it was seen again, so to the killed run it has never ended.
                Some(theirs) if theirs.active_at < ours.active_at && self.was_held(labels, ours.active_at) => held += 1,
                Some(theirs) => found.push(format!("tick {tick}: {theirs:?}, undisturbed: {ours:?}")),
            }
        }
        for alert in theirs.into_values() {
            match self.was_held(&alert.labels, at(tick).millis()) {
                true => held += 1,
                false => found.push(format!("tick {tick}: {alert:?} is only there")),
            }
        }
        self.held += held;
        found
    }

    fn explains(&self, tick: i64, ours: &Alert, theirs: &Alert) -> bool {
        let now = at(tick).millis();
        let lost = self.lost(ours.active_at.min(theirs.active_at), tick);
        let still_pending = |alert: &Alert| !alert.fires && now - alert.active_at < alert.hold;
        let same_phase = ours.fires == theirs.fires || still_pending(if ours.fires { theirs } else { ours });
        let same_text = same_value(ours.value, theirs.value) && ours.summary == theirs.summary;
        same_text && same_phase && (ours.active_at - theirs.active_at).abs() <= lost
    }

    /// Whether an alert that was there before a restart may be held until this time, be it by one restart after another.
    fn was_held(&self, labels: &str, until: i64) -> bool {
        let mut reached = until;
        for restart in self.restarts.iter().rev() {
            let began = at(*restart).millis();
            if began > reached {
                continue;
            }
            if reached > began + LONGEST_HOLD {
                return false;
            }
            let before = self.alerts.range(..*restart).next_back().map(|(_, alerts)| alerts.as_slice());
            if before.unwrap_or_default().iter().any(|alert| alert.labels == labels) {
                return true;
            }
            reached = began;
        }
        false
    }
}

/// When a run that begins at this tick may take over the alerts of the one before.
pub(super) fn restore(rules: &mut Rules, documents: &[memsentry::store::Document], next: Timestamp) {
    rules.0.restore(documents, next, LIMITS.lookback);
}
