//! Groups over a real store: sequence, staleness, restart, reload.

use std::fmt::Write;

use super::*;
use crate::model::{Alert, AlertStatus, Matcher, STALE_MARKER, is_stale};
use crate::promql;
use crate::rules::Health;

pub(super) const LIMITS: Limits =
    Limits { max_samples: 1_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

pub(super) const DOWN: &str = "
groups:
  - name: service
    rules:
      - alert: Down
        expr: up == 0
        for: 30s
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} is {{ $value }}'}
";

/// A store, a rule set, what an earlier process left, and what has been told.
pub(super) struct World {
    pub(super) tsdb: Tsdb,
    pub(super) rules: RuleSet,
    pub(super) stored: BTreeMap<String, Document>,
    pub(super) last: Evaluation,
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

pub(super) fn options() -> Options {
    Options {
        evaluation_interval: Duration::from_secs(15),
        external_labels: Labels::from_pairs([("cluster", "one"), ("severity", "never")]),
        external_url: "http://monitor".into(),
    }
}

pub(super) fn parsed(text: &str) -> RuleSet {
    let source = Source { name: "rules.yaml".into(), text: text.to_owned() };
    match RuleSet::parse(&[source], &options(), &Registry::new()) {
        Ok(rules) => rules,
        Err(problems) => panic!("{}", problems.iter().fold(String::new(), |out, p| out + &p.to_string() + "\n")),
    }
}

pub(super) fn series(text: &str) -> Labels {
    crate::promql::series_notation::parse_labels(text).unwrap()
}

impl World {
    pub(super) fn new(text: &str) -> Self {
        let tsdb = Tsdb::new(&crate::tsdb::Settings::default(), &Registry::new());
        Self { tsdb, rules: parsed(text), stored: BTreeMap::new(), last: Evaluation::default() }
    }

    /// Scrapes these series and evaluates; answers with what is handed on.
    pub(super) fn at(&mut self, seconds: i64, scraped: &[(&str, f64)]) -> String {
        self.tsdb.append(at(seconds), scraped.iter().map(|(text, value)| (series(text), *value)));
        self.last = self.rules.evaluate_due(at(seconds), &self.tsdb, &LIMITS);
        for document in &self.last.state.set {
            self.stored.insert(document.key.clone(), document.clone());
        }
        for key in &self.last.state.remove {
            self.stored.remove(key);
        }
        let mut out = String::new();
        for alert in &self.last.alerts {
            let state = match alert.status(at(seconds)) {
                AlertStatus::Firing => "firing",
                AlertStatus::Resolved => "resolved",
            };
            let _ = write!(out, "{} {state}@{} ", alert.name(), alert.starts_at.millis() / 1000);
        }
        out.trim_end().to_owned()
    }

    /// Another process: nothing is left but the stored documents.
    pub(super) fn restart(&mut self, seconds: i64, text: &str) {
        let documents: Vec<Document> = self.stored.values().cloned().collect();
        *self = Self { stored: std::mem::take(&mut self.stored), ..Self::new(text) };
        self.rules.restore(&documents, at(seconds), LIMITS.lookback);
    }

    /// Another process that has read back what the one before had scraped.
    pub(super) fn restart_with_samples(&mut self, seconds: i64, text: &str) {
        let tsdb = self.tsdb.clone();
        self.restart(seconds, text);
        self.tsdb = tsdb;
    }

    pub(super) fn reload(&mut self, seconds: i64, text: &str) {
        let old = std::mem::replace(&mut self.rules, parsed(text));
        self.rules.carry_over(old, at(seconds));
    }

    /// The newest sample of a series.
    pub(super) fn newest(&self, name: &str) -> Option<f64> {
        let found = self.tsdb.select(&[Matcher::equal("__name__", name)], at(-10_000), at(100_000));
        found.first().and_then(|series| series.samples.last().map(|sample| sample.value))
    }

    pub(super) fn alert(&self) -> &Alert {
        &self.last.alerts[0]
    }
}

pub(super) const UP: &[(&str, f64)] = &[("up{job=\"api\"}", 1.0)];
pub(super) const ZERO: &[(&str, f64)] = &[("up{job=\"api\"}", 0.0)];

#[test]
fn an_alert_is_handed_on_with_all_that_its_receiver_needs() {
    let mut world = World::new(DOWN);
    assert_eq!(world.at(0, ZERO), "");
    assert_eq!(world.at(15, ZERO), "");
    assert_eq!(world.at(30, ZERO), "Down firing@30");
    let alert = world.alert();
    assert_eq!(alert.labels.to_string(), r#"{alertname="Down", cluster="one", job="api", severity="page"}"#);
    assert_eq!(alert.annotations["summary"], "api is 0");
    assert_eq!(alert.annotations["runbook_url"], "http://monitor/runbooks/Down");
    assert_eq!(alert.generator_url, "http://monitor/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
    assert_eq!(alert.valid_until, at(100));
    assert_eq!(world.at(45, UP), "Down resolved@30");
    assert_eq!(world.alert().ends_at, Some(at(45)));
    assert_eq!(world.at(45 + 900, UP), "Down resolved@30");
    assert_eq!(world.at(45 + 915, UP), "");
    assert!(world.stored.is_empty());
}

#[test]
fn a_runbook_url_of_the_rule_is_left_alone() {
    let mut world =
        World::new(&DOWN.replace("summary: '{{ $labels.job }} is {{ $value }}'", "runbook_url: http://elsewhere"));
    world.at(0, ZERO);
    world.at(30, ZERO);
    assert_eq!(world.alert().annotations["runbook_url"], "http://elsewhere");
}

#[test]
fn a_later_rule_sees_what_an_earlier_one_recorded_at_the_same_instant() {
    let mut world = World::new(
        "
groups:
  - name: g
    labels: {team: a}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {extra: '{{ raw }}'}
      - record: job:up:double
        expr: job:up:sum * 2
      - alert: Any
        expr: job:up:double > 1
",
    );
    assert_eq!(world.at(0, UP), "Any firing@0");
    let recorded = series(r#"job:up:sum{extra="{{ raw }}", job="api", team="a"}"#);
    assert_eq!(world.tsdb.select(&[Matcher::equal("extra", "{{ raw }}")], at(0), at(0))[0].labels, recorded);
}

#[test]
fn the_series_of_what_is_over_end() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    assert_eq!(world.newest("ALERTS"), Some(1.0));
    assert_eq!(world.newest("ALERTS_FOR_STATE"), Some(0.0));
    world.at(15, UP);
    assert!(world.newest("ALERTS").is_some_and(is_stale));
    assert!(world.newest("ALERTS_FOR_STATE").is_some_and(is_stale));
    assert!(is_stale(STALE_MARKER));
}

#[test]
fn a_query_offset_moves_what_is_read_and_what_is_written() {
    let mut world = World::new(
        "
groups:
  - name: g
    query_offset: 30s
    rules:
      - record: copy
        expr: up
",
    );
    world.at(0, ZERO);
    world.at(15, UP);
    world.at(30, UP);
    let copies = world.tsdb.select(&[Matcher::equal("__name__", "copy")], at(-100), at(100));
    let samples: Vec<(i64, f64)> = copies[0].samples.iter().map(|s| (s.at.millis() / 1000, s.value)).collect();
    assert_eq!(samples, [(0, 0.0)]);
}

#[test]
fn a_rule_that_fails_keeps_its_alerts_and_tells_them() {
    let text = "
groups:
  - name: g
    rules:
      - alert: Twice
        expr: up * on (job) group_left info == 0
";
    let mut world = World::new(text);
    let one = [("up{job=\"api\"}", 0.0), ("info{job=\"api\", v=\"1\"}", 1.0)];
    let two = [("up{job=\"api\"}", 0.0), ("info{job=\"api\", v=\"1\"}", 1.0), ("info{job=\"api\", v=\"2\"}", 1.0)];
    assert_eq!(world.at(0, &one), "Twice firing@0");
    assert_eq!(world.at(15, &two), "Twice firing@0");
    assert_eq!((world.last.failures.len(), world.last.failures[0].rule.as_str()), (1, "Twice"));
    let view = &world.rules.view()[0].rules[0];
    assert_eq!(view.health, Health::Err);
    assert!(view.last_error.as_deref().is_some_and(|error| error.contains("many-to-many")), "{view:?}");
}

#[test]
fn a_restart_neither_pages_again_nor_resolves() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    assert_eq!(world.at(30, ZERO), "Down firing@30");
    world.restart(40, DOWN);
    // The series is not there yet: that is no recovery.
    assert_eq!(world.at(45, &[]), "Down firing@30");
    assert_eq!(world.at(60, ZERO), "Down firing@30");
    assert_eq!(world.at(75, UP), "Down resolved@30");
}

#[test]
fn after_a_restart_a_recovery_that_can_be_seen_is_told_at_once() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.restart(40, DOWN);
    assert_eq!(world.at(45, UP), "Down resolved@30");
    world.restart(50, DOWN);
    assert_eq!(world.at(60, UP), "Down resolved@30");
}

#[test]
fn an_alert_whose_series_never_come_back_is_over_in_the_end() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.restart(40, DOWN);
    assert_eq!(world.at(340, &[]), "Down firing@30");
    assert_eq!(world.at(360, &[]), "Down resolved@30");
}

#[test]
fn a_window_that_is_not_full_again_is_no_recovery() {
    let text = DOWN.replace("up == 0", "increase(errors[5m]) > 5");
    let mut world = World::new(&text);
    for second in (0..=600).step_by(15) {
        #[allow(clippy::cast_precision_loss)]
        world.at(second, &[("errors", second as f64)]);
    }
    assert!(world.last.alerts[0].ends_at.is_none());
    world.restart(610, &text);
    for second in (615..=870).step_by(15) {
        assert!(world.at(second, &[("errors", 0.0)]).contains("firing"), "at {second}");
    }
    assert!(world.at(900, &[("errors", 0.0)]).contains("resolved"));
}

#[test]
fn time_in_which_nobody_looked_does_not_count_towards_for() {
    let mut world = World::new(&DOWN.replace("30s", "2m"));
    world.at(0, ZERO);
    world.at(60, ZERO);
    world.restart(360, &DOWN.replace("30s", "2m"));
    assert_eq!(world.at(360, ZERO), "");
    assert_eq!(world.at(390, ZERO), "");
    // 60 s before, 60 s after, less the one interval in which it would have been looked at anyway.
    assert_eq!(world.at(405, ZERO), "Down firing@405");
}

#[test]
fn what_keeps_firing_goes_on_where_it_stood() {
    let text = DOWN.replace("for: 30s", "keep_firing_for: 2m");
    let mut world = World::new(&text);
    world.at(0, ZERO);
    assert_eq!(world.at(15, UP), "Down firing@0");
    world.restart(20, &text);
    assert_eq!(world.at(120, UP), "Down firing@0");
    assert_eq!(world.at(135, UP), "Down resolved@0");
}

#[test]
fn a_rule_that_is_gone_after_a_restart_or_reload_resolves_its_alerts() {
    let other = DOWN.replace("alert: Down", "alert: Other").replace("up == 0", "up == 7");
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.restart(40, &other);
    assert_eq!(world.at(45, ZERO), "Down resolved@30");
    assert_eq!(world.at(40 + 900, ZERO), "Down resolved@30");
    assert_eq!(world.at(40 + 915, ZERO), "");
    assert!(world.stored.is_empty(), "{:?}", world.stored);

    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.reload(40, &other);
    assert_eq!(world.at(45, ZERO), "Down resolved@30");
    assert!(world.newest("ALERTS").is_some_and(is_stale));
}

#[test]
fn a_reload_keeps_the_state_of_a_rule_wherever_it_stands() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(15, ZERO);
    let moved = DOWN.replace("name: service", "name: elsewhere").replace("for: 30s", "for: 45s");
    world.reload(20, &moved);
    assert_eq!(world.at(30, ZERO), "");
    assert_eq!(world.at(45, ZERO), "Down firing@45");
    world.reload(50, &moved);
    assert_eq!(world.at(60, ZERO), "Down firing@45");
}

#[test]
fn a_rule_that_comes_back_gets_back_what_it_left() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    world.reload(40, "groups: [{name: service, rules: [{alert: Other, expr: up == 7}]}]");
    assert_eq!(world.at(45, ZERO), "Down resolved@30");
    world.reload(50, DOWN);
    assert_eq!(world.at(60, ZERO), "");
    assert_eq!(world.at(90, ZERO), "Down firing@90");
    // What the old life stored must not take the new one with it.
    for second in (105..1200).step_by(15) {
        assert_eq!(world.at(second, ZERO), "Down firing@90");
    }
    assert_eq!(world.stored.len(), 1);
}

#[test]
fn an_alert_that_fires_on_under_an_edited_rule_is_not_told_as_over() {
    let at_once = DOWN.replace("for: 30s", "for: 0s");
    let mut world = World::new(&at_once);
    assert_eq!(world.at(0, ZERO), "Down firing@0");
    world.reload(10, &at_once.replace("up == 0", "up < 1"));
    assert_eq!(world.at(15, ZERO), "Down firing@15");
    assert_eq!(world.at(30, UP), "Down resolved@0 Down resolved@15");
}

#[test]
fn nothing_is_stored_while_nothing_changes() {
    let mut world = World::new(DOWN);
    world.at(0, ZERO);
    world.at(30, ZERO);
    assert_eq!(world.stored.len(), 1, "{:?}", world.stored);
    world.at(45, ZERO);
    assert!(world.last.state.is_empty(), "{:?}", world.last.state);
}

#[test]
fn a_group_is_due_once_in_each_of_its_slots() {
    let mut world = World::new(DOWN);
    let mut evaluated = Vec::new();
    for second in 0..60 {
        if world.rules.groups()[0].is_due(at(second)) {
            evaluated.push(second);
        }
        world.at(second, UP);
    }
    assert_eq!((evaluated[0], evaluated.len()), (0, 5), "{evaluated:?}");
    assert!(evaluated[1..].windows(2).all(|pair| pair[1] - pair[0] == 15), "{evaluated:?}");
    let next = world.rules.groups()[0].next_due(at(59));
    assert_eq!(next, at(evaluated[4] + 15));
    // A clock that is set back does not stop the group.
    assert!(world.rules.groups()[0].is_due(at(5)));
}

#[test]
fn the_shipped_rules_can_be_read_and_evaluated() {
    let registry = Registry::new();
    let mut rules = RuleSet::load(&Settings::default(), Path::new("."), "http://x/", &registry).unwrap();
    let tsdb = Tsdb::new(&crate::tsdb::Settings::default(), &registry);
    let evaluation = rules.evaluate_due(at(0), &tsdb, &LIMITS);
    assert_eq!(evaluation.failures, []);
    let names: Vec<&str> = evaluation.alerts.iter().map(Alert::name).collect();
    assert_eq!(names, ["Watchdog"]);
    assert!(promql::parse("up").is_ok());
}

#[test]
fn what_an_alert_measures_is_known_while_its_group_is_evaluated_elsewhere() {
    let mut rules = parsed("groups: [{name: g, rules: [{alert: Deep, expr: depth > 5 or lag > 2}]}]");
    let told = |rules: &RuleSet| rules.sides("Deep").iter().map(|side| side.expression.to_string()).collect::<Vec<_>>();
    assert_eq!(told(&rules), ["depth", "lag"]);
    let lent = rules.lend_due(at(15));
    assert_eq!((lent.len(), told(&rules)), (1, vec!["depth".to_owned(), "lag".to_owned()]));
}
