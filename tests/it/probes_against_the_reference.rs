//! Probes against the real reference service with its real Postgres queue: whatever quirk is on and whatever
//! breaks, the roundtrip tells processed from not processed.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use memsentry::memory_api::{self, Client};
use memsentry::metrics::{Registry, write_text};
use memsentry::model::{Clock, Duration};
use memsentry::probes::{self, Context, History, Outcome, Settings, Target, run_once, tasks};
use memsentry::queue::{self, Database};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::reference::{Reference, quirks};

/// What the probe is given beside the API.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Means {
    DatabaseWithCleanUp,
    Database,
    ApiOnly,
}

fn database(reference: &Reference, means: Means) -> Option<Database> {
    let settings = queue::Settings { cleanup: means == Means::DatabaseWithCleanUp, ..reference.database() };
    (means != Means::ApiOnly).then(|| Database::new(&settings, "it"))
}

fn target(reference: &Reference, means: Means, service: &memory_api::Settings) -> Target {
    let (registry, clock) = (Registry::new(), Clock::system());
    Target {
        client: Client::new("main", service, &registry, clock.clone()).unwrap(),
        database: database(reference, means),
        instance: "it".into(),
        registry,
        clock,
    }
}

fn entry(kind: &str, timeout: Duration) -> Settings {
    Settings { interval: Some(Duration::from_secs(60)), timeout: Some(timeout), ..Settings::new(kind) }
}

async fn roundtrip(reference: &Reference, means: Means, timeout: Duration) -> Outcome {
    let target = target(reference, means, &reference.service());
    run_once(&entry("roundtrip", timeout), &target).await.unwrap()
}

fn reason(outcome: &Outcome) -> &'static str {
    outcome.failure.as_ref().map_or("success", |failure| failure.reason.as_str())
}

fn message(outcome: &Outcome) -> &str {
    outcome.failure.as_ref().map_or("", |failure| &failure.message)
}

/// Enough for a worker that sleeps 2 s when idle.
const PATIENT: Duration = Duration::from_secs(15);
const SHORT: Duration = Duration::from_secs(3);

async fn tells_processed_from_not_processed(quirks: &[String], means: Means) {
    let reference = Reference::with_quirks(quirks);
    let told = |outcome: &Outcome| format!("{quirks:?} {means:?}: {outcome:#?}");
    let outcome = roundtrip(&reference, means, PATIENT).await;
    assert_eq!(reason(&outcome), "success", "{}", told(&outcome));
    let steps: Vec<_> = outcome.steps.iter().map(|step| step.name).collect();
    for step in ["login", "create_conversation", "accept", "process", "verify"] {
        assert!(steps.contains(&step), "{step} is not among {steps:?}");
    }
    reference.fault(&json!({"worker": "stopped"}));
    let outcome = roundtrip(&reference, means, SHORT).await;
    assert_eq!(reason(&outcome), "not_processed", "{}", told(&outcome));
    reference.fault(&json!({"worker": "running"}));
    let outcome = roundtrip(&reference, means, PATIENT).await;
    assert_eq!(reason(&outcome), "success", "{}", told(&outcome));
}

#[tokio::test]
async fn with_every_quirk_on_processed_is_told_from_not_processed() {
    for means in [Means::DatabaseWithCleanUp, Means::Database] {
        tells_processed_from_not_processed(&quirks(), means).await;
    }
}

#[tokio::test]
async fn without_a_database_every_quirk_but_an_empty_memory_is_coped_with() {
    let visible: Vec<String> = quirks().into_iter().filter(|quirk| quirk != "mock-summariser").collect();
    tells_processed_from_not_processed(&visible, Means::ApiOnly).await;
}

#[tokio::test]
async fn with_some_quirks_on_processed_is_told_from_not_processed() {
    let groups: [&[&str]; 5] = [
        &[],
        &["no-processed-at", "last-updated-once", "slow-idle"],
        &["endless-retries", "wipe-on-bad-json", "no-rate-limit-headers"],
        &["uuid-ids", "chats-table", "several-replicas"],
        &["transaction-pooler", "blocking-calls", "settings-only-health"],
    ];
    for group in groups {
        let group: Vec<String> = group.iter().map(|quirk| (*quirk).to_owned()).collect();
        tells_processed_from_not_processed(&group, Means::DatabaseWithCleanUp).await;
    }
}

#[tokio::test]
async fn a_summariser_in_mock_mode_is_remarked_and_without_a_database_named_as_a_possible_cause() {
    let reference = Reference::with_quirks(&["mock-summariser".to_owned(), "last-updated-once".to_owned()]);
    let outcome = roundtrip(&reference, Means::Database, PATIENT).await;
    assert_eq!(reason(&outcome), "success", "{outcome:#?}");
    assert!(outcome.notes[0].contains("mock mode"), "{:?}", outcome.notes);
    let outcome = roundtrip(&reference, Means::ApiOnly, SHORT).await;
    assert_eq!(reason(&outcome), "not_processed", "{outcome:#?}");
    assert!(message(&outcome).contains("without a database a summariser in mock mode cannot be told"));
}

#[tokio::test]
async fn an_agent_that_fails_for_ever_is_not_processed_and_leaves_no_poison_behind() {
    let reference = Reference::with_quirks(&["endless-retries".to_owned(), "no-processed-at".to_owned()]);
    reference.fault(&json!({"agent": "fail"}));
    let outcome = roundtrip(&reference, Means::DatabaseWithCleanUp, SHORT).await;
    assert_eq!(reason(&outcome), "not_processed", "{outcome:#?}");
    assert!(message(&outcome).contains("failed attempts, last error: "), "{}", message(&outcome));
    let trace = outcome.queue.unwrap();
    assert!(trace.retry_count.unwrap() > 0 && trace.error_message.is_some());
    let database = database(&reference, Means::DatabaseWithCleanUp).unwrap();
    assert_eq!(database.queue_row(&trace.queue_id).await, Ok(None), "the row was removed");
    reference.fault(&json!({"agent": "ok"}));
    let outcome = roundtrip(&reference, Means::DatabaseWithCleanUp, PATIENT).await;
    assert_eq!(reason(&outcome), "success", "{outcome:#?}");
    let sweep = database.sweep_synthetic(Duration::from_secs(0)).await.unwrap();
    assert_eq!((sweep.removed, sweep.left), (0, 0), "nothing was left behind");
}

#[tokio::test]
async fn a_row_that_needed_retries_is_processed_when_it_is_complete() {
    let reference = Reference::with_quirks(&["endless-retries".to_owned()]);
    reference.fault(&json!({"agent": "fail"}));
    let (outcome, ()) = tokio::join!(roundtrip(&reference, Means::DatabaseWithCleanUp, PATIENT), async {
        tokio::time::sleep(StdDuration::from_millis(1500)).await;
        reference.fault(&json!({"agent": "ok"}));
    });
    assert_eq!(reason(&outcome), "success", "{outcome:#?}");
    let trace = outcome.queue.unwrap();
    assert!(trace.retry_count.unwrap() > 0 && trace.error_message.is_some(), "success clears neither: {trace:?}");
}

#[tokio::test]
async fn a_row_that_was_given_up_fails_the_run_at_once() {
    let reference = Reference::start(&["--max-retries", "0"]);
    reference.fault(&json!({"agent": "fail"}));
    let outcome = roundtrip(&reference, Means::DatabaseWithCleanUp, PATIENT).await;
    assert_eq!(reason(&outcome), "not_processed", "{outcome:#?}");
    assert!(message(&outcome).contains("gave up"), "{}", message(&outcome));
    assert!(outcome.took < StdDuration::from_secs(8), "before the deadline");
}

#[tokio::test]
async fn an_outage_of_the_database_is_told_from_a_worker_that_stands_still() {
    for (quirk, expected) in [("outage-looks-like-401", "unauthorized"), ("outage-looks-like-404", "http_4xx")] {
        let reference = Reference::with_quirks(&[quirk.to_owned()]);
        reference.fault(&json!({"database": "refused"}));
        let outcome = roundtrip(&reference, Means::DatabaseWithCleanUp, SHORT).await;
        assert_eq!(reason(&outcome), expected, "{outcome:#?}");
        reference.fault(&json!({"database": "ok"}));
        let outcome = roundtrip(&reference, Means::DatabaseWithCleanUp, PATIENT).await;
        assert_eq!(reason(&outcome), "success", "{outcome:#?}");
    }
}

#[tokio::test]
async fn a_service_that_limits_us_is_rate_limited_and_not_down() {
    let reference = Reference::start(&["--rate-limit", "2"]);
    let target = target(&reference, Means::ApiOnly, &reference.service());
    let outcome = run_once(&entry("roundtrip", SHORT), &target).await.unwrap();
    assert_eq!(reason(&outcome), "rate_limited", "{outcome:#?}");
    let outcome = run_once(&entry("health", SHORT), &target).await.unwrap();
    assert_eq!(reason(&outcome), "success", "{outcome:#?}");
    let metrics = write_text(&target.registry.gather());
    assert!(metrics.contains("chat_memory_up{target=\"main\"} 1"), "{metrics}");
    assert!(metrics.contains("chat_memory_dependency_up{dependency=\"database\",target=\"main\"} 1"), "{metrics}");
    assert!(metrics.contains("chat_memory_rate_limit_remaining{target=\"main\"} 0"), "{metrics}");
}

#[tokio::test]
async fn running_probes_see_a_fault_and_its_end_and_use_a_bounded_set_of_conversations() {
    let reference = Reference::start(&["--rate-limit", "100000"]);
    let service = memory_api::Settings { requests_per_minute: 0, ..reference.service() };
    let target = target(&reference, Means::Database, &service);
    let context = Context {
        instance: "it".into(),
        clients: BTreeMap::from([("main".to_owned(), target.client.clone())]),
        databases: target.database.clone().map(|database| ("main".to_owned(), database)).into_iter().collect(),
        history: History::new(),
        registry: target.registry.clone(),
        clock: target.clock.clone(),
        cancel: CancellationToken::new(),
    };
    let entries = ["retrieval", "roundtrip"]
        .map(|kind| Settings { interval: Some(Duration::from_secs(1)), ..Settings::new(kind) });
    assert_eq!(probes::problems(&entries, &["main"]), []);
    let running: Vec<_> = tasks(&entries, &context).unwrap().iter().map(|task| tokio::spawn((task.start)())).collect();
    let newest = |reason_wanted: &'static str| {
        let history = context.history.clone();
        async move {
            for _ in 0..100 {
                let runs = history.recent("main", "roundtrip");
                if runs.iter().take(2).filter(|outcome| reason(outcome) == reason_wanted).count() == 2 {
                    return;
                }
                tokio::time::sleep(StdDuration::from_millis(100)).await;
            }
            panic!("never {reason_wanted}: {:#?}", history.recent("main", "roundtrip"));
        }
    };
    newest("success").await;
    reference.fault(&json!({"worker": "stopped"}));
    newest("not_processed").await;
    reference.fault(&json!({"worker": "running"}));
    newest("success").await;
    assert!(context.history.recent("main", "retrieval").iter().all(|outcome| outcome.is_success()));
    context.cancel.cancel();
    for task in running {
        tokio::time::timeout(StdDuration::from_secs(5), task).await.expect("ends in time").unwrap();
    }
    let database = target.database.unwrap();
    let sweep = database.sweep_synthetic(Duration::from_secs(0)).await.unwrap();
    assert!(sweep.left <= 4, "three of the roundtrip and one of the retrieval, not {}", sweep.left);
}
