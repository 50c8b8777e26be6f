//! Groups go their own ways: what a slow one, a panic and a reload do to the others.

use std::path::Path;

use super::*;
use crate::metrics::Registry;
use crate::model::Labels;
use crate::notify::{Prepared, Settings};
use crate::rules::{GroupView, Options, Source};
use crate::runbooks::Runbooks;

use super::super::tasks::Scope;

/// A daemon's middle, without anything to watch or tell.
struct Bench {
    judge: Arc<Judge>,
    scope: Scope,
    registry: Registry,
}

const QUICK: &str = "
groups:
  - name: slow
    rules:
      - {record: one, expr: 'sum_over_time(vector(1)[15d:1s])'}
      - {record: two, expr: 'sum_over_time(vector(1)[15d:1s])'}
      - {alert: Slow, expr: vector(1)}
  - name: quick
    rules:
      - {alert: Quick, expr: vector(1)}
";

fn parsed(text: &str, registry: &Registry) -> RuleSet {
    let options = Options {
        evaluation_interval: Duration::from_millis(100),
        external_labels: Labels::empty(),
        external_url: String::new(),
    };
    let source = Source { name: "rules.yaml".into(), text: text.to_owned() };
    RuleSet::parse(&[source], &options, registry).expect("good rules")
}

impl Bench {
    async fn start(text: &str) -> Self {
        let registry = Registry::new();
        let scope = Scope::new(&registry);
        let clock = Clock::system();
        let (store, writer) = Store::open(None::<&Path>, &registry).await;
        scope.run(writer);
        let runbooks = Arc::new(Runbooks::load(None).expect("shipped"));
        let prepared = Prepared::new(&Settings::default(), "", runbooks).expect("nobody is told");
        let (notify, tasks) = Notify::new(prepared, store.clone(), clock.clone(), &registry);
        tasks.into_iter().for_each(|task| scope.run(task));
        let tsdb = Tsdb::new(&crate::tsdb::Settings::default(), &registry);
        let scraper = Scraper::new(registry.clone(), tsdb.clone());
        let process = Process::new(&registry, clock.now());
        let rules = parsed(text, &registry);
        let parts = (clock, tsdb, store, notify);
        let interval = Duration::from_millis(100);
        let judge = Arc::new(Judge::new(parts, (process, scope.spawner()), scraper, rules, interval));
        let (beating, cancel) = (Arc::clone(&judge), scope.token());
        scope.run(crate::model::task::Task::new("judge", move || {
            let (judge, cancel) = (Arc::clone(&beating), cancel.clone());
            async move { judge.run(cancel).await }
        }));
        Self { judge, scope, registry }
    }

    /// The group as it is once it satisfies `wanted`.
    async fn group(&self, name: &str, wanted: impl Fn(&GroupView) -> bool) -> GroupView {
        for _ in 0..600 {
            let found = self.judge.read(RuleSet::view).into_iter().find(|group| group.name == name);
            match found {
                Some(group) if wanted(&group) => return group,
                _ => tokio::time::sleep(StdDuration::from_millis(50)).await,
            }
        }
        panic!("group {name} did not come to it");
    }

    fn evaluations(&self, group: &str) -> f64 {
        let text = crate::metrics::write_text(&self.registry.gather());
        let series = format!("memsentry_rule_evaluations_total{{group=\"{group}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).expect("counted")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_group_delays_no_other() {
    let bench = Bench::start(QUICK).await;
    let first = bench.group("quick", |group| group.last_evaluation.is_some()).await;
    bench.group("quick", |group| group.last_evaluation > first.last_evaluation).await;
    let slow = bench.group("slow", |_| true).await;
    assert_eq!(slow.last_evaluation, None, "the slow group was expected to be under way");
    assert!(bench.evaluations("quick") >= 2.0);
    bench.scope.end(StdDuration::from_secs(15)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_waits_for_a_group_under_way_and_keeps_its_alerts() {
    let text = QUICK.replace("15d", "6h");
    let bench = Bench::start(&text).await;
    let firing = |group: &GroupView| group.alerts().next().is_some();
    let before = bench.group("slow", firing).await;
    let since = before.alerts().next().expect("fires").active_at;
    for _ in 0..3 {
        bench.judge.reload(parsed(&text, &bench.registry), Duration::from_millis(100)).await;
        let after = bench.group("slow", |_| true).await;
        assert_eq!(after.alerts().next().map(|alert| alert.active_at), Some(since));
    }
    let last = bench.group("slow", |_| true).await.last_evaluation;
    bench.group("slow", |group| group.last_evaluation > last).await;
    bench.scope.end(StdDuration::from_secs(15)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_waits_for_its_hold_stands_in_the_history() {
    let bench = Bench::start("groups: [{name: quick, rules: [{alert: Patient, expr: vector(1), for: 1h}]}]\n").await;
    let filter = history::HistoryFilter { subject: Some("Patient".into()), limit: 10, ..Default::default() };
    let mut seen = Vec::new();
    for _ in 0..600 {
        seen = bench.judge.store.history(&filter).await.expect("readable");
        if !seen.is_empty() {
            break;
        }
        tokio::time::sleep(StdDuration::from_millis(50)).await;
    }
    let events: Vec<&str> = seen.iter().map(|row| row.entry.event.as_str()).collect();
    assert_eq!(events, [history::Event::Pending.as_str()]);
    assert_eq!(history::Facts::read(&seen[0].entry).value, Some(1.0));
    bench.scope.end(StdDuration::from_secs(15)).await;
}
