//! One rule of a group: its expression, its kind, its health, and the series that it wrote last.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration as StdDuration;

use sha2::{Digest, Sha256};

use crate::model::{Labels, STALE_MARKER, Sample, Stopwatch, Timestamp};
use crate::promql::{self, Limits, Value, VectorSample};
use crate::tsdb::Tsdb;

use super::alerting::{AlertingRule, Moment};
use super::file::{Expression, KindSpec, RuleSpec};
use super::no_data::Shared;
use super::recording::RecordingRule;
use super::slo::{Ledger, Part};
use super::text::World;
use super::view::Health;
use super::{absence, values, window};

/// A rule with its state.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// Hash of name, labels and expression: two rules with the same identity are the same rule, whatever file
    /// and group they stand in.
    pub(super) identity: String,
    pub(super) expression: Expression,
    pub(super) kind: Kind,
    pub(super) health: Health,
    pub(super) last_error: Option<String>,
    pub(super) evaluation_time: StdDuration,
    pub(super) last_evaluation: Option<Timestamp>,
    /// Series written by the last evaluation that succeeded.
    pub(super) written: BTreeSet<Labels>,
    /// What it is to its group's ledger.
    part: Option<Part>,
}

/// The two kinds of rules.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Alerting(AlertingRule),
    Recording(RecordingRule),
}

/// Where and how a rule is evaluated.
pub(super) struct Round<'a> {
    pub(super) at: Timestamp,
    /// `at` less the group's `query_offset`: the time of the samples that are read and written.
    pub(super) read_at: Timestamp,
    pub(super) limit: usize,
    pub(super) tsdb: &'a Tsdb,
    pub(super) limits: &'a Limits,
    pub(super) options: promql::Options,
    pub(super) world: World<'a>,
    pub(super) no_data: &'a Shared,
    pub(super) ledger: Option<&'a RefCell<Ledger>>,
}

impl Rule {
    pub(super) fn new(spec: RuleSpec) -> Self {
        let identity = identity(&spec);
        let RuleSpec { name, expression, labels, kind } = spec;
        let kind = match kind {
            KindSpec::Record => Kind::Recording(RecordingRule { name, labels }),
            KindSpec::Alert { hold, keep_firing_for, annotations, no_data } => Kind::Alerting(AlertingRule {
                name,
                hold,
                keep_firing_for,
                labels,
                annotations,
                active: std::collections::BTreeMap::new(),
                no_data,
                known: std::collections::BTreeMap::new(),
            }),
        };
        Self {
            identity,
            expression,
            kind,
            health: Health::Unknown,
            last_error: None,
            evaluation_time: StdDuration::ZERO,
            last_evaluation: None,
            written: BTreeSet::new(),
            part: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        match &self.kind {
            Kind::Alerting(rule) => &rule.name,
            Kind::Recording(rule) => &rule.name,
        }
    }

    /// The alerting rule that it is, if it is one.
    pub(super) fn alerting(&self) -> Option<&AlertingRule> {
        match &self.kind {
            Kind::Alerting(rule) => Some(rule),
            Kind::Recording(_) => None,
        }
    }

    /// Takes its part in its group's ledger.
    pub(super) fn join_ledger(&mut self) {
        self.part = Part::of(self.name());
    }

    /// Whether its answer comes from samples, not from a ledger.
    pub(super) fn reads_samples(&self) -> bool {
        !matches!(self.part, Some(Part::Ratio(_) | Part::Coverage(_)))
    }

    /// Whether its answer is what the ledger counts.
    pub(super) fn is_counted(&self) -> bool {
        matches!(self.part, Some(Part::Bad | Part::Total))
    }

    /// Goes on where the same rule stood before a reload; what the file says about it is new.
    pub(super) fn follow(&mut self, old: Self) {
        if let (Kind::Alerting(new), Kind::Alerting(old)) = (&mut self.kind, old.kind) {
            new.active = old.active;
            new.known = old.known;
        }
        self.health = old.health;
        self.last_error = old.last_error;
        self.evaluation_time = old.evaluation_time;
        self.last_evaluation = old.last_evaluation;
        self.written = old.written;
    }

    /// Evaluates and writes to the store; answers with the number of samples written.
    pub(super) fn evaluate(&mut self, round: &Round<'_>, template_errors: &mut Vec<String>) -> Result<usize, String> {
        let watch = Stopwatch::start();
        let result = self.judge(round, template_errors);
        self.evaluation_time = watch.elapsed();
        self.last_evaluation = Some(round.at);
        self.last_error = result.as_ref().err().cloned();
        self.health = if result.is_ok() { Health::Ok } else { Health::Err };
        let series = result?;
        let written: BTreeSet<Labels> = series.iter().map(|(labels, _)| labels.clone()).collect();
        let ended: Vec<(Labels, f64)> =
            self.written.difference(&written).map(|labels| (labels.clone(), STALE_MARKER)).collect();
        let samples = series.len() + ended.len();
        round.tsdb.append(round.read_at, series.into_iter().chain(ended));
        self.written = written;
        Ok(samples)
    }

    /// What the expression answers.
    fn answer(&self, round: &Round<'_>) -> Result<Vec<VectorSample>, String> {
        if let (Some(part @ (Part::Ratio(_) | Part::Coverage(_))), Some(ledger)) = (self.part, round.ledger) {
            let answer = ledger.borrow().answer(part, round.at);
            let sample = |(labels, value)| VectorSample { labels, sample: Sample { at: round.read_at, value } };
            return Ok(answer.into_iter().map(sample).collect());
        }
        let answer =
            promql::instant_with(&self.expression.parsed, round.tsdb, round.read_at, round.limits, &round.options);
        match answer.map_err(|error| error.to_string())?.value {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(value) => {
                Ok(vec![VectorSample { labels: Labels::empty(), sample: Sample { at: round.read_at, value } }])
            }
            Value::String(_) | Value::Matrix(_) => Err("rule result is not a vector or scalar".into()),
        }
    }

    fn judge(&mut self, round: &Round<'_>, errors: &mut Vec<String>) -> Result<Vec<(Labels, f64)>, String> {
        let result = self.answer(round)?;
        match &mut self.kind {
            Kind::Recording(rule) => {
                let series = rule.step(result, round.limit)?;
                if let (Some(part @ (Part::Bad | Part::Total)), Some(ledger)) = (self.part, round.ledger) {
                    ledger.borrow_mut().feed(part, round.at, &series);
                }
                Ok(series)
            }
            Kind::Alerting(rule) => {
                let expression = &self.expression.parsed;
                let waits = rule.active.values().any(|a| a.unseen_until.is_some_and(|until| round.at < until));
                let lookback = round.limits.lookback.std();
                let judgeable = !waits || window::is_filled(expression, round.tsdb, round.read_at, lookback);
                let mut seen = rule.expand(result, &round.world, errors)?;
                let (mut feeds, valued) = absence::look(rule, expression, &mut seen, round);
                let (at, limit, no_data) = (round.at, round.limit, round.no_data);
                let moment = Moment { at, judgeable, limit, no_data, valued };
                let series = rule.step(&moment, seen, &mut feeds)?;
                values::note_ended(rule, expression, round);
                Ok(series)
            }
        }
    }
}

/// What makes a rule the same rule after its file was edited or moved.
fn identity(spec: &RuleSpec) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(if matches!(spec.kind, KindSpec::Record) { "record" } else { "alert" });
    add(&spec.name);
    add(spec.expression.text.trim());
    let mut labels: Vec<_> = spec.labels.iter().collect();
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, text) in labels {
        add(name);
        add(text.raw());
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
