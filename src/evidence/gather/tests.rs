//! What is found about alerts, and that nothing takes longer than it may.

use std::collections::BTreeMap;
use std::net::TcpListener;

use super::*;
use crate::memory_api::{ExchangeRecord, FailureReason, Timings};
use crate::model::{Alert, Labels, Secret};
use crate::notify::Reason;
use crate::notify::evidence::{Chart, Unit};
use crate::notify::message::{common_annotations, common_labels};
use crate::probes::{Failure, Outcome, Reason as ProbeReason, StepExchange};
use crate::promql;
use crate::queue;

const NOW: i64 = 1_795_402_800_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(NOW + minutes * 60_000)
}

struct Fixture {
    expression: &'static str,
    runbooks: Arc<Runbooks>,
    databases: Vec<(String, Database)>,
    settings: Settings,
}

impl Scene for Fixture {
    fn sides(&self, alert: &str) -> Vec<Unfiltered> {
        assert_eq!(alert, "Sample");
        promql::parse(self.expression).expect("an expression").unfiltered()
    }

    fn runbooks(&self) -> Arc<Runbooks> {
        Arc::clone(&self.runbooks)
    }

    fn databases(&self) -> Vec<(String, Database)> {
        self.databases.clone()
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

struct World {
    gatherer: Gatherer,
    history: History,
    registry: Registry,
}

/// Labels, and the value at each minute.
type Line<'a> = (&'a str, &'a dyn Fn(i64) -> Option<f64>);

fn world(fixture: Fixture, series: &[Line<'_>]) -> World {
    let registry = Registry::new();
    let tsdb = Tsdb::new(&crate::tsdb::Settings::default(), &registry);
    for minute in -60..=0 {
        let samples = series.iter().filter_map(|(labels, value)| {
            let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
            Some((Labels::from_pairs(pairs), value(minute)?))
        });
        tsdb.append(at(minute), samples.collect::<Vec<_>>());
    }
    let history = History::new();
    let sources = Sources { history: history.clone(), tsdb: tsdb.clone(), clock: Clock::manual(at(0)) };
    let metrics = Metrics::new(&registry);
    let runner = Arc::new(Runner::new(tsdb, metrics.clone()));
    let gatherer = Gatherer { sources, scene: Arc::new(fixture), metrics, readings: Fresh::new(4), runner };
    World { gatherer, history, registry }
}

fn fixture(expression: &'static str) -> Fixture {
    Fixture { expression, runbooks: Arc::default(), databases: Vec::new(), settings: Settings::default() }
}

fn told(labels: &[(&str, &str)], value: f64, ended: Option<Timestamp>) -> Told {
    let alert = Alert {
        labels: Labels::from_pairs([("alertname", "Sample")].into_iter().chain(labels.iter().copied())),
        annotations: BTreeMap::new(),
        starts_at: at(-20),
        ends_at: ended,
        valid_until: at(60),
        generator_url: String::new(),
        value,
        resolved_value: None,
    };
    Told::new(&alert, ended)
}

fn message(alerts: Vec<Told>) -> Notification {
    let mut message = Notification::sample(at(0));
    message.reason = Reason::FirstNotification;
    message.common_labels = common_labels(&alerts);
    message.common_annotations = common_annotations(&alerts);
    message.external_url = "https://watch.example".into();
    message.runbook = Some("Sample".into());
    message.alerts = alerts;
    message
}

/// Comparison, value, threshold and unit.
type Shown = (&'static str, f64, Option<f64>, Unit);

fn measured(evidence: &Evidence) -> Vec<Option<Shown>> {
    let alerts = evidence.alerts.iter();
    alerts
        .map(|alert| {
            let measured = alert.measured.as_ref()?;
            Some((measured.comparison?, measured.threshold?, measured.latest, measured.unit))
        })
        .collect()
}

#[tokio::test]
async fn an_alert_has_its_value_its_threshold_and_the_last_hour() {
    let depth = "__name__=chat_memory_queue_depth,target=";
    let (main, spare) = (format!("{depth}main"), format!("{depth}spare"));
    let growing = |minute: i64| (!(-40..-30).contains(&minute)).then_some((minute + 60) as f64 * 2.0);
    let world = world(fixture("chat_memory_queue_depth > 100"), &[(&main, &growing), (&spare, &|_| Some(7.0))]);
    let alerts = vec![told(&[("target", "main")], 120.0, None), told(&[("target", "spare")], 101.0, Some(at(-1)))];
    let evidence = world.gatherer.gather(&message(alerts)).await;
    let expected = [Some((">", 100.0, Some(120.0), Unit::Rows)), Some((">", 100.0, Some(7.0), Unit::Rows))];
    assert_eq!(measured(&evidence), expected);
    assert_eq!(evidence.missing, Vec::<String>::new());
    let chart = evidence.chart.expect("a chart");
    assert_eq!((chart.from, chart.to, chart.threshold, chart.fired_at), (at(-60), at(0), Some(100.0), Some(at(-20))));
    let names: Vec<&str> = chart.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["main", "spare"]);
    let minutes: Vec<i64> = chart.lines[0].points.iter().map(|(time, _)| (time.millis() - NOW) / 60_000).collect();
    // What is older than the look-back of five minutes is gone.
    assert!(minutes.contains(&-45) && !minutes.contains(&-33) && minutes.contains(&-25), "{minutes:?}");
    assert!(chart.png().is_some_and(|picture| picture.len() < Chart::LARGEST));
}

#[tokio::test]
async fn of_several_sides_it_is_the_one_that_the_alert_is_about() {
    let world = world(
        fixture("a_seconds > 600 or b_total < 5"),
        &[("__name__=a_seconds,x=1", &|_| Some(3.0)), ("__name__=b_total,x=1", &|_| Some(2.0))],
    );
    let evidence = world.gatherer.gather(&message(vec![told(&[("x", "1")], 2.0, None)])).await;
    assert_eq!(measured(&evidence), [Some(("<", 5.0, Some(2.0), Unit::Plain))]);
}

#[tokio::test]
async fn a_threshold_may_be_a_series_of_its_own() {
    let world = world(
        fixture("used_bytes > on (x) limit_bytes"),
        &[
            ("__name__=used_bytes,x=1", &|_| Some(30.0)),
            ("__name__=limit_bytes,x=1", &|_| Some(20.0)),
            ("__name__=limit_bytes,x=2", &|_| Some(90.0)),
        ],
    );
    let evidence = world.gatherer.gather(&message(vec![told(&[("x", "1")], 30.0, None)])).await;
    assert_eq!(measured(&evidence), [Some((">", 20.0, Some(30.0), Unit::Bytes))]);
}

#[tokio::test]
async fn what_is_no_measurement_is_not_drawn() {
    for expression in ["vector(1)", "absent(nothing)"] {
        let world = world(fixture(expression), &[]);
        let evidence = world.gatherer.gather(&message(vec![told(&[], 1.0, None)])).await;
        assert_eq!((evidence.chart, evidence.alerts[0].measured.clone(), evidence.missing), (None, None, Vec::new()));
    }
}

fn outcome(probe: &str, kind: &'static str, status: u16) -> Arc<Outcome> {
    let record = ExchangeRecord {
        at: at(-1),
        method: "GET",
        path: "/api/v1/memory/c1".into(),
        status: Some(status),
        request_id: "r1".into(),
        service_request_id: None,
        process_seconds: None,
        timings: Timings { total: StdDuration::from_millis(12), ..Timings::default() },
        body_excerpt: "{\"general_summary\":\n \"likes tea\"}".into(),
    };
    let failure =
        Failure { reason: ProbeReason::Call(FailureReason::Timeout), step: "read", message: "too slow".into() };
    Arc::new(Outcome {
        target: "main".into(),
        probe: probe.into(),
        kind,
        started_at: at(-1),
        took: StdDuration::from_secs(5),
        failure: Some(failure),
        steps: Vec::new(),
        notes: Vec::new(),
        chat_id: None,
        queue: None,
        update_took: None,
        exchanges: vec![StepExchange { step: "read", exchange: record }],
    })
}

#[tokio::test]
async fn the_run_behind_an_alert_is_told_without_what_users_wrote() {
    let world = world(fixture("vector(1)"), &[]);
    world.history.record(&outcome("retrieval", "retrieval", 200));
    let gather = async |labels: &[(&str, &str)]| {
        let evidence = world.gatherer.gather(&message(vec![told(labels, 1.0, None)])).await;
        evidence.alerts[0].run.clone()
    };
    let run = gather(&[("target", "main"), ("probe", "retrieval")]).await.expect("a run");
    assert_eq!(run.headline(), "retrieval of main failed at step read: timeout");
    assert_eq!(run.request.as_deref(), Some("GET /api/v1/memory/c1, 200 after 12 ms"));
    assert_eq!(run.excerpt.as_deref(), Some("[text, 32 characters]"));
    assert_eq!((run.failed, run.of, run.url.as_str()), (1, 1, "https://watch.example/probes/main/retrieval"));
    assert_eq!(gather(&[("target", "main")]).await, Some(run), "the target's last failure");
    assert_eq!(gather(&[("target", "other")]).await, None);
    assert_eq!(gather(&[("target", "main"), ("probe", "health")]).await, None);
    assert_eq!(gather(&[]).await, None, "an alert about neither");
    world.history.record(&outcome("retrieval", "retrieval", 500));
    let run = gather(&[("target", "main")]).await.expect("a run");
    assert_eq!(
        run.excerpt.as_deref(),
        Some("{\"general_summary\": \"likes tea\"}"),
        "an error is the service's own text"
    );
}

const BOOK: &str = "# Sample\n\nX.\n\n```sql diagnostic title=\"one\"\nselect 1\n```\n\n```sql diagnostic title=\"two\"\n\
    select 2\n```\n\n```promql diagnostic title=\"three\"\ndepth{target=\"{{ $labels.target }}\"}\n```\n";

/// A database that takes connections and never says a word.
fn silent_database() -> (TcpListener, Database) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("postgres://u:secret-word@{}/d", listener.local_addr().expect("bound"));
    let database = Database::new(&queue::Settings::new(Secret::new(url)), "it");
    (listener, database)
}

#[tokio::test]
async fn a_database_that_hangs_costs_its_time_and_no_more() {
    let (_listener, database) = silent_database();
    let runbooks = Arc::new(Runbooks::from_iter([("Sample", BOOK)]));
    let databases = vec![("ma\"in".to_owned(), database)];
    let world = world(
        Fixture { runbooks, databases, ..fixture("depth > 1") },
        &[("__name__=depth,target=ma\"in", &|_| Some(3.0))],
    );
    let watch = Stopwatch::start();
    let evidence = world.gatherer.gather(&message(vec![told(&[("target", "ma\"in")], 3.0, None)])).await;
    assert!(watch.elapsed() < LIMIT, "{:?}", watch.elapsed());
    let [one, two, three] = evidence.diagnostics.as_slice() else { panic!("{:?}", evidence.diagnostics) };
    assert!(one.answer.as_ref().is_err_and(|why| why.starts_with("database timed out after ")), "{one:?}");
    let left_alone = "the database of ma\"in did not answer a moment ago and was left alone";
    assert_eq!(two.answer, Err(left_alone.to_owned()));
    let table = three.answer.as_ref().expect("an answer");
    assert_eq!(table.rows, [["depth", "ma\"in", "3"]], "{table:?}");
    assert_eq!(measured(&evidence), [Some((">", 1.0, Some(3.0), Unit::Plain))], "the rest is there");
    let partial = world.registry.counter(&super::super::metrics::EVIDENCE).with_label_values(&["partial"]).get();
    assert!((partial - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn diagnostics_can_be_switched_off_and_need_a_database() {
    let runbooks = Arc::new(Runbooks::from_iter([("Sample", BOOK)]));
    let off = Settings { enabled: false, ..Settings::default() };
    let message = message(vec![told(&[("target", "main")], 3.0, None)]);
    let quiet = world(Fixture { runbooks: Arc::clone(&runbooks), settings: off, ..fixture("depth > 1") }, &[]);
    assert_eq!(quiet.gatherer.gather(&message).await.diagnostics, Vec::new());
    let without = world(Fixture { runbooks, ..fixture("depth > 1") }, &[]);
    let answers = without.gatherer.gather(&message).await.diagnostics;
    assert_eq!(answers[0].answer, Err("no database is configured for main".to_owned()));
    let over = super::tests::message(vec![told(&[("target", "main")], 3.0, Some(at(0)))]);
    assert_eq!(without.gatherer.gather(&over).await.diagnostics, Vec::new(), "what is over needs no diagnosis");
}
