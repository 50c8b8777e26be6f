//! Criteria of performance, consistency, schema and faults against the reference: with its promises kept all of them
//! pass, and each switch fails exactly those that are about it. What is not named in a row is not tried there.

use std::time::Duration as StdDuration;

use memsentry::acceptance::{
    self, CRITERIA, Chaos, Evidence, Healing, Promises, RateLimit, Scene, Verdict, remove_data,
};
use memsentry::memory_api::{self, Login, Pace, Users};
use memsentry::metrics::Registry;
use memsentry::model::{Clock, Duration, Secret};
use memsentry::queue::{self, Database};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::reference::Reference;

/// Nothing about the reference is slow, and a row has failed for good after some seconds.
const FAST: &[&str] =
    &["--rate-limit", "1000000", "--health-cache", "0s", "--agent-timeout", "500ms", "--retry-backoff", "200ms"];
/// All criteria of these areas.
const ALL: &[&str] = &[
    "schema-tables",
    "schema-indexes",
    "schema-grants",
    "schema-unfilled",
    "update-latency",
    "retrieval-latency",
    "operation-success",
    "concurrent-updates",
    "no-lost-updates",
    "stored-memories",
    "requests-independent",
    "drains-backlog",
    "survives-poison-rows",
    "survives-table-lock",
    "survives-connection-loss",
    "retry-bookkeeping",
    "recovers-from-agent-failure",
    "recovers-from-agent-hang",
    "recovers-from-agent-garbage",
    "recovers-from-worker-stop",
    "recovers-from-database-outage",
    "health-tells-the-truth",
];

fn promises(reference: &Reference) -> Promises {
    let chaos = Chaos {
        database_url: Some(Secret::new(reference.chaos_database_url.clone())),
        faults_url: Some(reference.faults_url()),
    };
    Promises {
        update_visible: (StdDuration::from_secs(1), 0.95),
        // Two cores run a service, its database, this and other tests.
        retrieval: (StdDuration::from_millis(300), 0.95),
        success: 0.995,
        settings: acceptance::Settings {
            rate_limit: RateLimit { requests: 0, per: Duration::from_secs(60) },
            concurrency: vec![1, 10],
            stored_memories: 200,
            patience: Some(Duration::from_secs(6)),
            chaos: Some(chaos),
            ..acceptance::Settings::default()
        },
    }
}

fn scene(reference: &Reference, promises: Promises) -> Scene {
    let run_id = format!("validate-{:08x}", rand::random::<u32>());
    let service = memory_api::Settings { max_connections: 64, ..reference.service() };
    let other = Login { email: "other@example.com".into(), password: Secret::new("memsentry-demo".into()) };
    let RateLimit { requests, per } = promises.settings.rate_limit;
    let clock = Clock::system();
    let users = Users::new("main", &service, &[other], Pace { requests, per }, &Registry::new(), &clock).unwrap();
    let database = queue::Settings { cleanup: true, ..reference.database() };
    Scene {
        target: "main".into(),
        database: Some(Database::new(&database, &run_id)),
        run_id,
        users,
        promises,
        chaos_allowed: true,
        healing: Healing::unguarded(),
        clock,
        cancel: CancellationToken::new(),
    }
}

/// Judges these criteria in the table's order; answers with id, verdict and sentence, and prints them.
async fn judge(scene: &Scene, ids: &[&str]) -> Vec<(&'static str, Verdict, String)> {
    let mut results = Vec::new();
    for criterion in CRITERIA.iter().filter(|criterion| ids.contains(&criterion.id)) {
        let mut evidence = Evidence::default();
        let watch = memsentry::model::Stopwatch::start();
        let (verdict, summary) = match (criterion.judge)(scene, &mut evidence).await {
            Ok(finding) => (finding.verdict, finding.summary),
            Err(obstacle) => (Verdict::NotJudged, obstacle.0),
        };
        assert_eq!(scene.healing.undo().await, Vec::<String>::new());
        println!("{:>5.1} s  {:<10}  {}: {summary}", watch.elapsed().as_secs_f64(), verdict.as_str(), criterion.id);
        assert!(verdict == Verdict::NotJudged || !has_nothing(&evidence), "{} has no evidence", criterion.id);
        results.push((criterion.id, verdict, summary));
    }
    assert_eq!(results.len(), ids.len(), "{ids:?} are not all in the table");
    results
}

fn has_nothing(evidence: &Evidence) -> bool {
    evidence.exchanges.is_empty() && evidence.cases.is_empty() && evidence.figures.is_empty()
}

/// Of these criteria exactly those of `fail` fail.
async fn fails(scene: &Scene, what: &str, tried: &[&str], fail: &[&str]) {
    println!("{what}:");
    let results = judge(scene, tried).await;
    let failed: Vec<&str> =
        results.iter().filter(|(_, verdict, _)| *verdict == Verdict::Fail).map(|(id, ..)| *id).collect();
    let told: Vec<_> = results.iter().map(|(id, verdict, summary)| format!("{id} {verdict:?}: {summary}")).collect();
    let mut expected = fail.to_vec();
    expected.sort_by_key(|id| CRITERIA.iter().position(|criterion| criterion.id == *id));
    assert_eq!(failed, expected, "{what}:\n{}", told.join("\n"));
}

/// The same in a reference of its own with these quirks.
async fn quirk(quirk: &str, tried: &[&str], fail: &[&str]) {
    arguments(quirk, &["--quirk", quirk], tried, fail).await;
}

async fn arguments(what: &str, arguments: &[&str], tried: &[&str], fail: &[&str]) {
    let reference = Reference::start(&[FAST, arguments].concat());
    fails(&scene(&reference, promises(&reference)), what, tried, fail).await;
}

async fn fault(fault: Value, tried: &[&str], fail: &[&str]) {
    let reference = Reference::start(FAST);
    let scene = scene(&reference, promises(&reference));
    reference.fault(&fault);
    fails(&scene, &fault.to_string(), tried, fail).await;
}

async fn sql(reference: &Reference, statements: &str) {
    let mut connection = PgConnection::connect(&reference.chaos_database_url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn with_all_promises_kept_everything_passes_and_nothing_is_left_behind() {
    let reference = Reference::start(FAST);
    let scene = scene(&reference, promises(&reference));
    let results = judge(&scene, ALL).await;
    let others: Vec<_> = results.iter().filter(|(_, verdict, _)| *verdict != Verdict::Pass).collect();
    assert!(others.is_empty(), "{others:#?}");
    let database = scene.database.as_ref().unwrap();
    assert_eq!(remove_data(database, StdDuration::from_secs(10)).await.unwrap().left, 0);
    let mut connection = PgConnection::connect(&reference.chaos_database_url).await.unwrap();
    for table in ["conversations", "chat_metadata", "chat_context_queue"] {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")));
        let count: i64 = count.fetch_one(&mut connection).await.unwrap();
        assert_eq!(count, 0, "rows are left in {table}");
    }
}

#[tokio::test]
async fn slowness_and_errors_break_the_performance_that_they_are_about() {
    quirk("slow-idle", &["update-latency", "retrieval-latency"], &["update-latency"]).await;
    let slow = json!({"latency": {"route": "memory", "ms": 600}});
    fault(slow, &["retrieval-latency", "concurrent-updates"], &["retrieval-latency"]).await;
    let errors = json!({"errors": {"route": "memory", "status": 500, "ratio": 0.1}});
    fault(errors, &["operation-success", "concurrent-updates"], &["operation-success"]).await;
    let tried = ["retrieval-latency", "concurrent-updates"];
    arguments("a slow agent", &["--agent-delay", "300ms"], &tried, &["concurrent-updates"]).await;
}

#[tokio::test]
async fn what_degrades_with_load_or_size_is_found() {
    let tried = ["retrieval-latency", "requests-independent"];
    quirk("blocking-calls", &tried, &["requests-independent"]).await;
    let tried = ["concurrent-updates", "no-lost-updates"];
    quirk("drops-simultaneous", &tried, &["no-lost-updates"]).await;
    quirk("mock-summariser", &["no-lost-updates", "schema-unfilled"], &["no-lost-updates"]).await;
    let reference = Reference::start(&[FAST, &["--quirk", "slows-with-size"]].concat());
    let mut promises = promises(&reference);
    promises.settings.stored_memories = 1000;
    let tried = ["retrieval-latency", "stored-memories"];
    fails(&scene(&reference, promises), "slows-with-size", &tried, &["stored-memories"]).await;
}

#[tokio::test]
async fn every_change_of_the_schema_fails_its_own_criterion() {
    const SCHEMA: &[&str] = &["schema-tables", "schema-indexes", "schema-grants", "schema-unfilled"];
    let reference = Reference::start(FAST);
    for (change, undo, fail) in [
        (
            "drop index chat_context_queue_status_created_at_idx",
            "create index chat_context_queue_status_created_at_idx on chat_context_queue (status, created_at)",
            "schema-indexes",
        ),
        (
            "alter table chat_context_queue alter retry_count drop default",
            "alter table chat_context_queue alter retry_count set default 0",
            "schema-tables",
        ),
        (
            "alter table chat_metadata drop constraint chat_metadata_chat_id_fkey",
            "alter table chat_metadata add constraint chat_metadata_chat_id_fkey
               foreign key (chat_id) references conversations (id) on delete cascade",
            "schema-tables",
        ),
        (
            "grant update (status) on chat_context_queue to memsentry",
            "revoke update (status) on chat_context_queue from memsentry",
            "schema-grants",
        ),
    ] {
        sql(&reference, change).await;
        fails(&scene(&reference, promises(&reference)), change, SCHEMA, &[fail]).await;
        sql(&reference, undo).await;
    }
    fails(&scene(&reference, promises(&reference)), "all undone", SCHEMA, &[]).await;
    quirk("no-processed-at", SCHEMA, &["schema-unfilled"]).await;
    arguments("other names", &["--quirk", "uuid-ids", "--quirk", "chats-table"], SCHEMA, &[]).await;
}

#[tokio::test]
async fn a_worker_that_does_not_come_back_and_rows_that_are_overlooked_are_found() {
    // The first of them ends the worker, and then nothing can be said about the next.
    let tried = ["survives-table-lock", "survives-connection-loss"];
    quirk("fragile-worker", &tried, &["survives-table-lock"]).await;
    let tried = ["survives-connection-loss", "recovers-from-worker-stop"];
    quirk("fragile-worker", &tried, &["survives-connection-loss"]).await;
    let tried = ["recovers-from-agent-garbage", "recovers-from-database-outage"];
    quirk("fragile-worker", &tried, &["recovers-from-database-outage"]).await;
}

#[tokio::test]
async fn rows_that_are_overlooked_for_their_age_are_found() {
    let tried = ["drains-backlog", "survives-connection-loss", "recovers-from-worker-stop"];
    quirk("only-recent-rows", &tried, &["drains-backlog", "recovers-from-worker-stop"]).await;
}

#[tokio::test]
async fn failing_rows_that_starve_others_or_are_forgotten_are_found() {
    let tried = ["survives-poison-rows", "retry-bookkeeping", "recovers-from-agent-failure"];
    quirk("endless-retries", &tried, &["survives-poison-rows", "retry-bookkeeping"]).await;
    let tried = [
        "survives-poison-rows",
        "retry-bookkeeping",
        "recovers-from-agent-failure",
        "recovers-from-agent-hang",
        "recovers-from-agent-garbage",
        "recovers-from-worker-stop",
    ];
    // Where a failure counts as done, nothing is poison.
    quirk("failures-count-as-done", &tried, &tried[1..5]).await;
    let tried = ["recovers-from-agent-failure", "recovers-from-agent-garbage"];
    quirk("wipe-on-bad-json", &tried, &["recovers-from-agent-garbage"]).await;
}

#[tokio::test]
async fn lies_about_an_outage_are_found() {
    let tried = ["recovers-from-database-outage", "health-tells-the-truth"];
    quirk("outage-looks-like-401", &tried, &["recovers-from-database-outage"]).await;
    quirk("outage-looks-like-404", &tried, &["recovers-from-database-outage"]).await;
    quirk("settings-only-health", &tried, &["health-tells-the-truth"]).await;
}

#[tokio::test]
async fn what_users_cannot_carry_or_nobody_allowed_is_not_judged_and_says_what_would_help() {
    let reference = Reference::start(FAST);
    let mut promises = promises(&reference);
    promises.settings.rate_limit = RateLimit::default();
    promises.settings.concurrency = vec![1, 1000];
    promises.settings.stored_memories = 10_000;
    let scene = Scene { chaos_allowed: false, ..scene(&reference, promises) };
    let tried = ["concurrent-updates", "stored-memories", "requests-independent", "health-tells-the-truth"];
    let results = judge(&scene, &tried).await;
    for ((id, verdict, summary), reason) in results.iter().zip([
        "1000 at once need 10 users, there are 2; 1 at once: 10 of 10 accepted",
        "storing 10000 memories through the API in 600.0 s takes 20 users, there are 2",
        "breaking things was not allowed; --chaos does",
        "breaking things was not allowed; --chaos does",
    ]) {
        assert_eq!(*verdict, Verdict::NotJudged, "{id}: {summary}");
        assert!(summary.contains(reason), "{id}: {summary}");
    }
}

/// A configuration with one target and all that `--chaos` needs; its secrets are in files beside it.
fn configure(reference: &Reference, folder: &std::path::Path) -> std::path::PathBuf {
    let chaos_url = &reference.chaos_database_url;
    for (file, secret) in
        [("password", "memsentry-demo"), ("database-url", &reference.database_url), ("chaos-url", chaos_url)]
    {
        std::fs::write(folder.join(file), secret).unwrap();
    }
    let login = json!({"email": "probe@example.com", "password_file": "password"});
    let chaos = json!({"database_url_file": "chaos-url", "faults_url": reference.faults_url()});
    let target = json!({
        "name": "main",
        "service": {"url": reference.api_url, "login": login},
        "database": {"url_file": "database-url", "cleanup": true},
        "validate": {"rate_limit": {"requests": 0}, "patience": "8s", "chaos": chaos},
    });
    let config = folder.join("memsentry.yaml");
    std::fs::write(&config, json!({"targets": [target]}).to_string()).unwrap();
    config
}

/// How many conversations there are; nothing while the database refuses everybody.
async fn conversations(reference: &Reference) -> Option<i64> {
    let mut connection = PgConnection::connect(&reference.chaos_database_url).await.ok()?;
    sqlx::query_scalar("select count(*) from conversations").fetch_one(&mut connection).await.ok()
}

#[tokio::test]
async fn killed_while_something_is_broken_all_is_as_it_was_a_little_later() {
    let reference = Reference::start(FAST);
    let healthy = reference.broken();
    let folder = tempfile::tempdir().unwrap();
    let config = configure(&reference, folder.path());
    for criterion in ["drains-backlog", "recovers-from-database-outage"] {
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_memsentry"))
            .args(["validate", "--chaos", "--yes", "--only", criterion, "--config"])
            .arg(&config)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let watch = memsentry::model::Stopwatch::start();
        // One is known by its rows, the other by what it broke.
        while conversations(&reference).await.is_some_and(|count| count < 20) {
            assert!(watch.elapsed().as_secs() < 60, "{criterion} broke nothing");
            assert!(run.try_wait().unwrap().is_none(), "{criterion} ended before it broke anything");
            tokio::time::sleep(StdDuration::from_millis(10)).await;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        let watch = memsentry::model::Stopwatch::start();
        while conversations(&reference).await != Some(0) || reference.broken() != healthy {
            let state = reference.broken();
            assert!(watch.elapsed().as_secs() < 60, "{criterion}: {state}, {:?}", conversations(&reference).await);
            tokio::time::sleep(StdDuration::from_millis(100)).await;
        }
    }
}
