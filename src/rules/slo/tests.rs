//! Objectives: what is made of them, and what is refused.

use std::collections::BTreeMap;

use super::*;
use crate::metrics::Registry;
use crate::model::{Labels, Timestamp};
use crate::promql::Limits;
use crate::rules::{RuleSet, Settings};
use crate::store::Document;
use crate::tsdb::Tsdb;

const LIMITS: Limits =
    Limits { max_samples: 1_000_000, timeout: Duration::from_secs(10), lookback: Duration::from_secs(300) };

const MINE: &str =
    "{name: mine, objective: 99%, bad: 'bad_total{kind!=\"ours\"}', total: '(all_total - bad_total{kind=\"ours\"})'}";

fn slos(text: &str) -> Vec<Slo> {
    crate::yaml::Document::parse("m.yaml", text).expect("YAML").decode().expect("objectives")
}

fn problems(row: &str) -> String {
    let problems = Slo::all_problems(&slos(&format!("[{row}]")));
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_growth_of_counters_is_summed_by_the_labels_asked_for() {
    let (bad, total) = slos(&format!("[{MINE}]"))[0].counters().expect("good");
    let by = ["target".to_owned(), "kind".to_owned()];
    assert_eq!(bad.increase("5m", &by), r#"sum by (target, kind) (increase(bad_total{kind!="ours"}[5m]))"#);
    assert_eq!(
        total.increase("1h", &[]),
        r#"sum by () (increase(all_total[1h])) - sum by () (increase(bad_total{kind="ours"}[1h]))"#
    );
    let row = "[{name: good, objective: 99%, good: a_total - b_total, total: c_total}]";
    let (bad, _) = slos(row)[0].counters().expect("good");
    let text = bad.increase("5m", &[]).replace("sum by () (increase", "").replace("[5m]))", ")");
    assert_eq!(text, "(c_total) - (a_total) + (b_total)");
}

#[test]
fn a_latency_bound_counts_what_the_bucket_does_not_hold() {
    let row = "[{name: fast, objective: 95%, latency: {histogram: 'd_seconds{route=\"memory\"}', at_most: 2s}}]";
    let (bad, total) = slos(row)[0].counters().expect("good");
    assert_eq!(total.increase("5m", &[]), r#"sum by () (increase(d_seconds_count{route="memory"}[5m]))"#);
    assert!(bad.increase("5m", &[]).contains(r#"d_seconds_bucket{route="memory",le=~"2(\\.0)?"}"#));
    crate::promql::parse(&bad.increase("5m", &[])).expect("PromQL");
}

#[test]
fn every_mistake_of_an_objective_is_told_with_its_place() {
    for (row, told) in [
        ("{name: a, objective: 99%}", "give good and total, or bad and total, or latency"),
        ("{name: a, objective: 99%, good: a, bad: b, total: c}", "give good and total"),
        ("{name: a, objective: 99%, bad: 'rate(a[5m])', total: c}", r#"[0].bad: "rate(a[5m])" is not understood here"#),
        ("{name: a, objective: 99%, bad: a offset 1h, total: c}", "is not understood here"),
        ("{name: a, objective: 99%, bad: 'a{', total: c}", "could not parse expression"),
        ("{name: a, objective: 100%, bad: a, total: c}", "100% is not between 50% and less than 100%"),
        ("{name: A b, objective: 99%, bad: a, total: c}", "lower-case letters, digits and dashes"),
        ("{name: a, objective: 99%, window: 1h, bad: a, total: c}", "1h is not between 1d and 90d"),
        ("{name: a, objective: 99%, by: [le], bad: a, total: c}", "[0].by[0]: \"le\" cannot be used here"),
        ("{name: a, objective: 99%, latency: {histogram: sum(a), at_most: 1s}}", "is not the name of a histogram"),
    ] {
        let found = problems(row);
        assert!(found.contains(told), "{row}: {found}");
    }
    let twice = problems(&format!("{MINE}, {MINE}"));
    assert!(twice.contains("[1].name: the name \"mine\" is taken"), "{twice}");
    let wrong: Result<Vec<Slo>, _> =
        crate::yaml::Document::parse("m.yaml", "[{name: a, objective: 0.99}]").expect("YAML").decode();
    assert!(wrong.expect_err("no percentage").iter().any(|p| p.to_string().contains("99.5%")));
}

#[test]
fn the_shipped_objectives_are_sound_and_look_back_two_hours() {
    assert_eq!(Slo::all_problems(&shipped()), []);
    let rules = loaded(shipped());
    assert_eq!(rules.reach(LIMITS.lookback), std::time::Duration::from_secs(7200));
    let names: Vec<_> = thresholds(&shipped()).into_iter().map(|t| (t.slo, t.at_most, t.operation)).collect();
    let (update, retrieval) = (Some(Operation::Update), Some(Operation::Retrieval));
    assert_eq!(
        names,
        [
            ("update-success".to_owned(), None, update),
            ("update-latency".to_owned(), Some(Duration::from_secs(2)), update),
            ("retrieval-latency".to_owned(), Some(Duration::from_millis(100)), retrieval),
        ]
    );
}

#[test]
fn a_threshold_holds_or_is_broken() {
    let threshold = &thresholds(&shipped())[0];
    assert!(threshold.holds(995, 1000) && threshold.holds(0, 0) && !threshold.holds(994, 1000));
}

#[test]
fn a_burn_rate_that_no_ratio_can_reach_has_no_alert() {
    let text = rules_text(&slos("[{name: loose, objective: 90%, bad: a, total: b}]"));
    assert!(!text.contains("14.4") && text.contains("> 6 * 0.1"), "{text}");
    assert_eq!(rules_text(&[]).lines().last(), Some("groups: []"));
}

fn loaded(slos: Vec<Slo>) -> RuleSet {
    let files = vec!["none/*.yaml".to_owned()];
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("none")).expect("a folder");
    let settings = Settings { files, slos, ..Settings::default() };
    RuleSet::load(&settings, folder.path(), "", &Registry::new()).expect("good rules")
}

/// Rules, a store and what an earlier process left.
struct World {
    tsdb: Tsdb,
    rules: RuleSet,
    stored: BTreeMap<String, Document>,
    /// Counters: bad and all.
    counted: (f64, f64),
}

impl World {
    fn new() -> Self {
        let tsdb = Tsdb::new(&crate::tsdb::Settings::default(), &Registry::new());
        Self { tsdb, rules: loaded(slos(&format!("[{MINE}]"))), stored: BTreeMap::new(), counted: (0.0, 0.0) }
    }

    /// Counts so many bad ones and a hundred in all in each minute.
    fn run(&mut self, minutes: std::ops::Range<i64>, bad: f64) {
        for minute in minutes {
            let at = Timestamp::from_millis(minute * 60_000);
            self.counted = (self.counted.0 + bad, self.counted.1 + 100.0);
            let series =
                |name: &str, kind: &str| Labels::from_pairs([("__name__", name), ("kind", kind), ("target", "a")]);
            let ours = (series("bad_total", "ours"), 0.0);
            let counters =
                [(series("bad_total", "x"), self.counted.0), (series("all_total", ""), self.counted.1), ours];
            self.tsdb.append(at, counters);
            let evaluation = self.rules.evaluate_due(at, &self.tsdb, &LIMITS);
            assert_eq!(evaluation.failures, []);
            for document in evaluation.state.set {
                self.stored.insert(document.key.clone(), document);
            }
            evaluation.state.remove.iter().for_each(|key| drop(self.stored.remove(key)));
        }
    }

    fn value(&self, name: &str) -> Option<f64> {
        let found = self.tsdb.latest(
            &[crate::model::Matcher::equal("__name__", name)],
            Timestamp::default(),
            Timestamp::from_millis(i64::MAX / 2),
        );
        found.iter().map(|(_, sample)| sample).max_by_key(|sample| sample.at).map(|sample| sample.value)
    }
}

#[track_caller]
fn near(found: Option<f64>, wanted: f64) {
    assert!(found.is_some_and(|found| (found - wanted).abs() < 0.002), "{found:?} is not {wanted}");
}

#[test]
fn long_windows_outlive_raw_samples_a_restart_and_a_reload() {
    let mut world = World::new();
    world.run(0..720, 10.0);
    world.run(720..1440, 0.0);
    near(world.value("slo:error_ratio:rate1d"), 0.05);
    near(world.value("slo:error_ratio:rate30d"), 0.05);
    near(world.value("slo:error_ratio:rate6h"), 0.0);
    near(world.value("slo:coverage:ratio30d"), 1.0 / 30.0);
    // A day with five times what is allowed spends a sixth of a month's budget.
    near(world.value("slo:error_budget:remaining_ratio"), 1.0 - 5.0 / 30.0);

    // Another process, without a single sample of the one before.
    let documents: Vec<Document> = world.stored.values().cloned().collect();
    let mut world = World { stored: world.stored, counted: world.counted, ..World::new() };
    world.rules.restore(&documents, Timestamp::from_millis(1440 * 60_000), LIMITS.lookback);
    world.run(1440..1500, 0.0);
    near(world.value("slo:error_ratio:rate30d"), 0.048);

    let old = std::mem::replace(&mut world.rules, loaded(slos(&format!("[{}]", MINE.replace("99%", "98%")))));
    world.rules.carry_over(old, Timestamp::from_millis(1500 * 60_000));
    world.run(1500..1510, 0.0);
    near(world.value("slo:error_ratio:rate30d"), 0.0477);

    // What counts something else begins anew.
    let other = MINE.replace("kind!=\"ours\"", "kind=\"x\"");
    let old = std::mem::replace(&mut world.rules, loaded(slos(&format!("[{other}]"))));
    world.rules.carry_over(old, Timestamp::from_millis(1510 * 60_000));
    world.run(1510..1520, 0.0);
    near(world.value("slo:error_ratio:rate30d"), 0.0);
}

#[test]
fn days_beyond_the_window_are_forgotten() {
    let mut world = World::new();
    world.rules = loaded(slos(&format!("[{}]", MINE.replace("99%", "99%, window: 1d"))));
    world.run(0..4 * 1440, 1.0);
    let days = world.stored.keys().filter(|key| key.starts_with(PREFIX)).count();
    assert!((2..=3).contains(&days), "{:?}", world.stored.keys());
}
