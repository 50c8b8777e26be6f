//! A group: rules that are evaluated together, one after the other, at one instant.
//!
//! A later rule sees what an earlier one recorded at the same instant. Groups know nothing of each other and
//! are spread over their interval by a hash of their names, which stays the same across restarts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use sha2::{Digest, Sha256};

use crate::model::{Alert, Duration, Labels, STALE_MARKER, Stopwatch, Timestamp};
use crate::promql::{self, Limits, Value};
use crate::store::Document;
use crate::tsdb::Tsdb;

use super::alerting::{Active, Phase, lacked_data};
use super::evaluation::{DataChange, Evaluation, RuleFailure};
use super::file::GroupSpec;
use super::metrics::Metrics;
use super::no_data::{self, Shared};
use super::rule::{Kind, Round, Rule};
use super::slo::{GENERATED_NAME, Ledger};
use super::text;
use super::view::{self, GroupView};
use super::{pending, restore, set::Options};

/// How many of its intervals a firing alert counts as firing if nobody says so again; the longest that an evaluation
/// may take comes on top, so that slow rules do not look like an end.
const VALID_INTERVALS: u32 = 4;

/// A rule group with the state of its rules.
#[derive(Clone)]
pub struct Group {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) interval: Duration,
    pub(super) query_offset: Duration,
    pub(super) limit: usize,
    pub(super) rules: Vec<Rule>,
    pub(super) evaluation_time: StdDuration,
    pub(super) last_evaluation: Option<Timestamp>,
    /// Series of rules that are gone, to be ended at the next evaluation.
    pub(super) ended: Vec<Labels>,
    /// Whether the store holds a document that says when this group was last evaluated.
    noted: bool,
    /// Subqueries that name no interval take that of the evaluations, as in Prometheus.
    query_options: promql::Options,
    /// While it is being evaluated elsewhere: how it looked before. Its rules are there, not here.
    pub(super) away: Option<Box<GroupView>>,
    pub(super) outlet: Outlet,
    pub(super) no_data: Arc<Shared>,
    /// Of a group that records the long windows of an objective.
    ledger: Option<RefCell<Ledger>>,
    metrics: Metrics,
}

/// What every alert gets on its way out.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
}

impl Outlet {
    /// Labels as they go out. Of a repeated name the last stays, so the alert's own label wins.
    pub(super) fn labels(&self, labels: &Labels) -> Labels {
        match self.external_labels.is_empty() {
            true => labels.clone(),
            false => self.external_labels.iter_shared().chain(labels.iter_shared()).cloned().collect(),
        }
    }

    /// The alert as it is handed on; `None` while it is pending.
    pub(super) fn alert(
        &self,
        labels: &Labels,
        active: &Active,
        expression: &str,
        at: Timestamp,
        valid_until: Timestamp,
    ) -> Option<Alert> {
        let ends_at = match active.phase {
            Phase::Pending => return None,
            Phase::Firing => None,
            Phase::Resolved => Some(active.resolved_at.unwrap_or(at)),
        };
        let labels = self.labels(labels);
        let mut annotations = active.annotations.clone();
        annotations.remove(no_data::ANNOTATION);
        if let Some(since) = active.no_data_since {
            annotations.insert("no_data".into(), format!("no data since {}, held as it was", since.rfc3339()));
        }
        let name = labels.get(crate::model::labels::ALERT_NAME).unwrap_or("").to_owned();
        annotations.entry("runbook_url".into()).or_insert_with(|| format!("{}/runbooks/{name}", self.external_url));
        let query = crate::template::escape_query(expression.trim());
        Some(Alert {
            labels,
            annotations,
            starts_at: active.fired_at.unwrap_or(active.active_at),
            ends_at,
            valid_until,
            generator_url: format!("{}/graph?g0.expr={query}&g0.tab=1", self.external_url),
            value: active.value,
            resolved_value: ends_at.and(active.resolved_value),
        })
    }
}

impl Group {
    pub(super) fn new(spec: GroupSpec, options: &Options, metrics: &Metrics) -> Self {
        metrics.begin(&spec.name);
        Self {
            name: spec.name,
            file: spec.file,
            interval: spec.interval.unwrap_or(options.evaluation_interval),
            query_offset: spec.query_offset,
            limit: spec.limit,
            rules: spec.rules.into_iter().map(Rule::new).collect(),
            evaluation_time: StdDuration::ZERO,
            last_evaluation: None,
            ended: Vec::new(),
            noted: false,
            query_options: promql::Options {
                subquery_interval: options.evaluation_interval,
                ..promql::Options::default()
            },
            away: None,
            outlet: options.outlet(),
            no_data: Arc::default(),
            ledger: None,
            metrics: metrics.clone(),
        }
    }

    /// Its name, unique in its file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was last evaluated.
    #[must_use]
    pub fn last_evaluation(&self) -> Option<Timestamp> {
        self.last_evaluation
    }

    /// Time between evaluations.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// As the API shows it.
    #[must_use]
    pub fn view(&self) -> GroupView {
        view::group(self)
    }

    /// Whether an evaluation is due at `at`: the first time, then once in each of its slots. Slots are one
    /// interval long and begin at an offset of the group's own.
    #[must_use]
    pub fn is_due(&self, at: Timestamp) -> bool {
        // Unequal, not later: a clock that is set back must not stop the group.
        self.away.is_none() && self.last_evaluation.is_none_or(|last| self.slot(last) != self.slot(at))
    }

    /// When the slot after that of `at` begins.
    #[must_use]
    pub fn next_due(&self, at: Timestamp) -> Timestamp {
        let next = self.slot(at).saturating_add(1).saturating_mul(self.interval_millis());
        Timestamp::from_millis(next.saturating_add(self.offset_millis()))
    }

    fn interval_millis(&self) -> i64 {
        i64::try_from(self.interval.std().as_millis()).unwrap_or(i64::MAX).max(1)
    }

    fn offset_millis(&self) -> i64 {
        let hash = Sha256::digest(format!("{};{}", self.file, self.name));
        let number = hash.iter().take(7).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
        number % self.interval_millis()
    }

    fn slot(&self, at: Timestamp) -> i64 {
        at.millis().saturating_sub(self.offset_millis()).div_euclid(self.interval_millis())
    }

    /// Lets the group keep a ledger, if it records the long windows of this objective.
    pub(super) fn keep_ledger(&mut self, slo: &str, window: Duration) {
        if self.file != GENERATED_NAME || self.name != format!("slo:{slo}:long") {
            return;
        }
        let mut definition = Sha256::new();
        for rule in &mut self.rules {
            rule.join_ledger();
            if rule.is_counted() {
                definition.update(rule.expression.text.as_bytes());
            }
        }
        let definition = definition.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.ledger = Some(RefCell::new(Ledger::new(definition, window.std())));
    }

    /// Takes in what was stored of a ledger; whether it is this group's.
    pub(super) fn restore_ledger(&mut self, document: &Document) -> bool {
        self.ledger.as_mut().is_some_and(|ledger| ledger.get_mut().restore(document))
    }

    /// Hands the group out to be evaluated elsewhere; what stays behind shows it as it was.
    pub(super) fn lend(&mut self) -> Self {
        let away = Some(Box::new(self.view()));
        let (name, file, outlet) = (self.name.clone(), self.file.clone(), self.outlet.clone());
        let (rules, ended) = (Vec::new(), Vec::new());
        let (no_data, metrics) = (Arc::clone(&self.no_data), self.metrics.clone());
        let stays = Self { name, file, rules, ended, outlet, no_data, ledger: None, metrics, away, ..*self };
        std::mem::replace(self, stays)
    }

    /// [`Group::evaluate_while`] without an early end.
    pub fn evaluate(&mut self, at: Timestamp, tsdb: &Tsdb, limits: &Limits) -> Evaluation {
        self.evaluate_while(&|| true, at, tsdb, limits)
    }

    /// Evaluates every rule at `at` and writes the results to `tsdb`; before each rule it asks whether to `go_on`. A
    /// rule that fails or is not reached keeps its alerts as they were; they are handed on all the same, so that
    /// trouble of ours does not look like recovery.
    pub fn evaluate_while(
        &mut self,
        go_on: &dyn Fn() -> bool,
        at: Timestamp,
        tsdb: &Tsdb,
        limits: &Limits,
    ) -> Evaluation {
        let watch = Stopwatch::start();
        let read_at = at - self.query_offset.std();
        let mut evaluation = Evaluation::default();
        self.count(at);
        let ended = std::mem::take(&mut self.ended);
        evaluation.samples += ended.len();
        tsdb.append(read_at, ended.into_iter().map(|labels| (labels, STALE_MARKER)));

        let longest = limits.timeout.std().saturating_mul(u32::try_from(self.rules.len()).unwrap_or(u32::MAX));
        let valid_until = at + self.interval.std() * VALID_INTERVALS + longest;
        for rule in &mut self.rules {
            if go_on() {
                let options = self.query_options;
                let budget = Queries { tsdb, at, limits, options: &options, watch: Stopwatch::start() };
                let query = |text: &str| budget.answer(text);
                let world = text::world(&self.outlet.external_labels, &self.outlet.external_url, at, &query);
                let (no_data, ledger) = (&self.no_data, self.ledger.as_ref());
                let round = Round { at, read_at, limit: self.limit, tsdb, limits, options, world, no_data, ledger };
                step(rule, &self.name, &round, &self.metrics, &mut evaluation);
            }
            if let Kind::Alerting(alerting) = &rule.kind {
                let text = &rule.expression.text;
                let alerts = alerting.active.iter();
                evaluation.alerts.extend(
                    alerts.filter_map(|(labels, active)| self.outlet.alert(labels, active, text, at, valid_until)),
                );
            }
        }
        evaluation.pending.iter_mut().for_each(|change| change.labels = self.outlet.labels(&change.labels));
        self.note(at, &mut evaluation);
        if let Some(ledger) = &mut self.ledger {
            ledger.get_mut().note(at, &mut evaluation.state);
        }
        self.metrics.held.with_label_values(&[&self.name]).set(self.held());
        self.last_evaluation = Some(at);
        self.evaluation_time = watch.elapsed();
        self.metrics.duration.with_label_values(&[&self.name]).observe(self.evaluation_time.as_secs_f64());
        self.metrics.last.with_label_values(&[&self.name]).set(at.seconds());
        evaluation
    }

    /// Goes on where the group of the same name stood before a reload.
    pub(super) fn follow(&mut self, old: &Self) {
        self.evaluation_time = old.evaluation_time;
        self.noted = old.noted;
        if let (Some(ledger), Some(old)) = (&mut self.ledger, &old.ledger) {
            ledger.get_mut().follow(&old.borrow());
        }
        // With another interval the slots are others, and the new ones begin afresh.
        if self.interval == old.interval {
            self.last_evaluation = old.last_evaluation;
        }
    }

    /// Counts slots that went by without an evaluation.
    fn count(&self, at: Timestamp) {
        let Some(last) = self.last_evaluation else { return };
        let missed = self.slot(at).saturating_sub(self.slot(last)).saturating_sub(1);
        if missed > 0 {
            #[allow(clippy::cast_precision_loss)]
            self.metrics.missed.with_label_values(&[&self.name]).inc_by(missed as f64);
        }
    }

    /// How many alerts stand still for lack of data.
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    fn held(&self) -> f64 {
        let alerts = self.rules.iter().filter_map(Rule::alerting).flat_map(|rule| rule.active.values());
        alerts.filter(|active| active.no_data_since.is_some()).count() as f64
    }

    /// Keeps the time of the last evaluation while alerts are pending, see [`restore`].
    fn note(&mut self, at: Timestamp, evaluation: &mut Evaluation) {
        let mut alerts = self.rules.iter().filter_map(Rule::alerting).flat_map(|rule| rule.active.values());
        let pending = alerts.any(|active| active.phase == Phase::Pending);
        if pending {
            evaluation.state.set.push(restore::group_document(&self.file, &self.name, at));
        } else if self.noted {
            evaluation.state.remove.push(restore::group_key(&self.file, &self.name));
        }
        self.noted = pending;
    }
}

fn step(rule: &mut Rule, group: &str, round: &Round<'_>, metrics: &Metrics, evaluation: &mut Evaluation) {
    let before: BTreeMap<Labels, _> = match &rule.kind {
        Kind::Alerting(rule) => rule.active.iter().map(|(labels, active)| (labels.clone(), active.lasting())).collect(),
        Kind::Recording(_) => BTreeMap::new(),
    };
    let failure = |error: String, name: &str| RuleFailure { group: group.to_owned(), rule: name.to_owned(), error };
    let mut template_errors = Vec::new();
    metrics.evaluations.with_label_values(&[group]).inc();
    match rule.evaluate(round, &mut template_errors) {
        Ok(samples) => evaluation.samples += samples,
        Err(error) => {
            metrics.failures.with_label_values(&[group]).inc();
            evaluation.failures.push(failure(error, rule.name()));
        }
    }
    template_errors.dedup();
    evaluation.template_failures.extend(template_errors.into_iter().map(|error| failure(error, rule.name())));
    if let Kind::Alerting(alerting) = &rule.kind {
        restore::difference(&rule.identity, &before, &alerting.active, &mut evaluation.state);
        evaluation.pending.extend(pending::changes(&before, &alerting.active, round.at));
        for (labels, active) in &alerting.active {
            let (missing, was_missing) = (active.no_data_since.is_some(), before.get(labels).is_some_and(lacked_data));
            if missing != was_missing {
                let (group, rule, labels) = (group.to_owned(), alerting.name.clone(), labels.clone());
                evaluation.data_changes.push(DataChange { group, rule, labels, missing });
            }
        }
    }
}

/// Answers `query` in the templates of one evaluation of one rule, which share one rule's time.
struct Queries<'a> {
    tsdb: &'a Tsdb,
    at: Timestamp,
    limits: &'a Limits,
    options: &'a promql::Options,
    watch: Stopwatch,
}

impl Queries<'_> {
    fn answer(&self, text: &str) -> Result<Vec<(Labels, f64)>, String> {
        let left = self.limits.timeout.std().saturating_sub(self.watch.elapsed());
        if left.is_zero() {
            return Err(format!("the queries of this rule's templates took longer than {}", self.limits.timeout));
        }
        let limits = Limits { timeout: left.into(), ..*self.limits };
        let parsed = promql::parse(text).map_err(|error| error.to_string())?;
        match promql::instant_with(&parsed, self.tsdb, self.at, &limits, self.options)
            .map_err(|error| error.to_string())?
            .value
        {
            Value::Vector(vector) => {
                Ok(vector.into_iter().map(|element| (element.labels, element.sample.value)).collect())
            }
            Value::Scalar(value) => Ok(vec![(Labels::empty(), value)]),
            Value::String(_) | Value::Matrix(_) => Err("query result is not a vector or scalar".into()),
        }
    }
}
