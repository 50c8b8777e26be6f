//! The functional criteria against the reference: with its promises kept all of them pass, and with each of its switches in
//! turn exactly the ones fail that are about what it breaks. The rest passes or is not judged, and never fails.
//!
//! Rows run side by side, each with a service of its own. Most have no rate limit, which saves waiting for windows; the
//! criteria about it are then not judged.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration as StdDuration;

use memsentry::acceptance::{
    CRITERIA, Choice, CriterionResult, Healing, Plan, Promises, RateLimit, Scene, Settings, Verdict, judge,
};
use memsentry::memory_api::{Login, Pace, Users};
use memsentry::metrics::Registry;
use memsentry::model::{Clock, Duration, Secret, Stopwatch};
use memsentry::queue::{self, Database};
use tokio_util::sync::CancellationToken;

use crate::reference::{Reference, quirks};

/// The criteria that this suite is about.
const FUNCTIONAL: [&str; 20] = [
    "service-answers",
    "update-queue-row",
    "storage-three-fields",
    "agent-three-fields",
    "confirmed-kept-apart",
    "memory-continuity",
    "queue-timestamps",
    "queue-fifo",
    "chat-isolation",
    "user-isolation",
    "authentication",
    "token-expiry",
    "text-kept",
    "snippet-size",
    "malformed-input",
    "injected-prompts",
    "new-chat-prompt",
    "rate-limit-headers",
    "rate-limit",
    "rate-limit-others",
];
/// Services at once.
const SIDE_BY_SIDE: usize = 3;
const LIMIT: RateLimit = RateLimit { requests: 100, per: Duration::from_secs(4) };

/// One deployment and the criteria that must fail there.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// The quirk, if it has one.
    quirk: &'static str,
    /// Further arguments of the reference.
    arguments: &'static [&'static str],
    /// What its faults endpoint is told, if anything.
    fault: &'static str,
    /// Whether there is a rate limit.
    limited: bool,
    fails: &'static [&'static str],
}

const PLAIN: Row = Row { quirk: "", arguments: &[], fault: "", limited: false, fails: &[] };

const fn quirk(quirk: &'static str, fails: &'static [&'static str]) -> Row {
    Row { quirk, fails, ..PLAIN }
}

const fn limited(quirk: &'static str, fails: &'static [&'static str]) -> Row {
    Row { quirk, fails, limited: true, ..PLAIN }
}

const fn fault(fault: &'static str, fails: &'static [&'static str]) -> Row {
    Row { fault, fails, ..PLAIN }
}

/// The longest rows first.
const ROWS: &[Row] = &[
    quirk("slow-idle", &[]),
    limited("several-replicas", &["rate-limit-headers", "rate-limit"]),
    limited("shared-limit", &["rate-limit-others"]),
    limited("no-rate-limit-headers", &["rate-limit-headers"]),
    fault(r#"{"worker": "stopped"}"#, &["update-queue-row"]),
    fault(r#"{"agent": "fail"}"#, &["update-queue-row"]),
    fault(r#"{"agent": "garbage"}"#, &["update-queue-row"]),
    fault(r#"{"agent": "hang"}"#, &["update-queue-row"]),
    fault(r#"{"errors": {"route": "memory_update", "status": 503, "ratio": 0.5}}"#, &[]),
    fault(r#"{"errors": {"route": "memory", "status": 500, "ratio": 0.3}}"#, &[]),
    fault(r#"{"errors": {"route": "conversations", "status": 404}}"#, &[]),
    fault(r#"{"latency": {"route": "all", "ms": 60}}"#, &[]),
    Row { fault: r#"{"database": "refused"}"#, ..quirk("outage-looks-like-401", &["service-answers"]) },
    Row { fault: r#"{"database": "refused"}"#, ..quirk("outage-looks-like-404", &["service-answers"]) },
    Row { arguments: &["--token-lifetime", "4s"], ..PLAIN },
    Row { arguments: &["--token-lifetime", "4s"], ..quirk("endless-tokens", &["token-expiry"]) },
    Row { arguments: &["--token-limit", "100000"], fails: &["new-chat-prompt"], ..PLAIN },
    Row { arguments: &["--workers", "4"], ..PLAIN },
    quirk("no-processed-at", &["queue-timestamps"]),
    quirk("last-updated-once", &["queue-timestamps"]),
    quirk("mock-summariser", &["agent-three-fields"]),
    quirk("no-ownership-check", &["user-isolation"]),
    quirk("inferred-not-returned", &["storage-three-fields", "agent-three-fields"]),
    quirk("mixed-facts", &["confirmed-kept-apart"]),
    quirk("no-prior-memory", &["memory-continuity"]),
    quirk("leaky-worker", &["chat-isolation"]),
    quirk("newest-first", &["queue-fifo"]),
    Row { arguments: &["--quirk", "no-processed-at"], ..quirk("newest-first", &["queue-timestamps", "queue-fifo"]) },
    quirk("control-characters-kept", &["text-kept", "malformed-input"]),
    quirk("early-cut", &["snippet-size"]),
    quirk("unsigned-tokens", &["authentication"]),
    quirk("obedient-agent", &["injected-prompts"]),
    // What these break is for other criteria, or is a form that must be coped with. What fails nothing together fails
    // nothing alone.
    Row {
        arguments: &["--quirk", "settings-only-health", "--quirk", "blocking-calls", "--quirk", "wipe-on-bad-json"],
        ..quirk("endless-retries", &[])
    },
    Row { arguments: &["--quirk", "uuid-ids", "--quirk", "chats-table"], ..quirk("transaction-pooler", &[]) },
    Row {
        arguments: &[
            "--quirk",
            "failures-count-as-done",
            "--quirk",
            "drops-simultaneous",
            "--quirk",
            "slows-with-size",
        ],
        ..quirk("fragile-worker", &[])
    },
    quirk("only-recent-rows", &[]),
];

fn scene(reference: &Reference, row: Row) -> Scene {
    let run_id = format!("validate-{:08x}", rand::random::<u32>());
    let clock = Clock::system();
    let rate_limit = if row.limited { LIMIT } else { RateLimit { requests: 0, ..LIMIT } };
    // Where nothing can become complete, waiting for it is lost time; elsewhere a busy machine must not fail a test.
    let stuck = row.fault.contains("worker") || row.fault.contains("agent") || row.fault.contains("database");
    let patience = Some(Duration::from_secs(if stuck { 2 } else { 20 }));
    let login =
        |name: &str| Login { email: format!("{name}@example.com"), password: Secret::new("memsentry-demo".into()) };
    let others: Vec<Login> = ["other", "user-1", "user-2", "user-3"].map(login).into();
    let service = memsentry::memory_api::Settings { max_connections: 32, ..reference.service() };
    let pace = Pace { requests: rate_limit.requests, per: rate_limit.per };
    let database = queue::Settings { cleanup: true, ..reference.database() };
    Scene {
        target: "main".into(),
        users: Users::new("main", &service, &others, pace, &Registry::new(), &clock).expect("good settings"),
        database: Some(Database::new(&database, &run_id)),
        run_id,
        promises: Promises {
            update_visible: (StdDuration::from_secs(2), 0.95),
            retrieval: (StdDuration::from_millis(100), 0.95),
            success: 0.995,
            settings: Settings { rate_limit, patience, ..Settings::default() },
        },
        chaos_allowed: false,
        healing: Healing::unguarded(),
        clock,
        cancel: CancellationToken::new(),
    }
}

/// Judges the functional criteria at a service of its own.
fn results(row: Row) -> Vec<CriterionResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let limit = LIMIT.requests.to_string();
    // An agent takes its time, so that there is a queue at all.
    let mut arguments = vec!["--users", "3", "--health-cache", "0s", "--agent-delay", "8ms", "--agent-timeout", "1s"];
    arguments.extend(["--rate-window", "4s", "--rate-limit", if row.limited { &limit } else { "1000000" }]);
    if !row.quirk.is_empty() {
        arguments.extend(["--quirk", row.quirk]);
    }
    arguments.extend(row.arguments);
    let reference = Reference::start(&arguments);
    if !row.fault.is_empty() {
        reference.fault(&serde_json::from_str(row.fault).expect("JSON"));
    }
    let scene = scene(&reference, row);
    let choice = Choice { only: FUNCTIONAL.map(str::to_owned).into(), skip: Vec::new() };
    let plan = Plan::new(CRITERIA, &choice, &scene).expect("ids that exist");
    let judged = runtime.block_on(judge(&plan, &scene, &[], || StdDuration::ZERO, |_| {}));
    assert!(judged.bugs.is_empty(), "{:?}", judged.bugs);
    judged.results
}

fn told(results: &[CriterionResult]) -> String {
    let line = |result: &CriterionResult| {
        let took = result.took.std().as_secs_f64();
        format!("  {:<10}  {:<22}{took:>5.1} s  {}\n", result.verdict.as_str(), result.id, result.summary)
    };
    results.iter().map(line).collect()
}

fn with(results: &[CriterionResult], verdict: Verdict) -> BTreeSet<&str> {
    results.iter().filter(|result| result.verdict == verdict).map(|result| result.id.as_str()).collect()
}

#[test]
fn every_functional_criterion_passes_where_promises_are_kept() {
    let results = results(Row { limited: true, arguments: &["--token-lifetime", "20s"], ..PLAIN });
    println!("{}", told(&results));
    assert_eq!(with(&results, Verdict::Pass), FUNCTIONAL.into(), "{}", told(&results));
    for result in &results {
        let evidence = &result.evidence;
        assert!(evidence.exchanges_total > 0, "{} shows no request", result.id);
        assert!(
            result.summary.contains(|c: char| c.is_ascii_digit()),
            "{} shows no figure: {}",
            result.id,
            result.summary
        );
    }
    let cases = results.iter().find(|result| result.id == "malformed-input").expect("judged").evidence.cases.len();
    assert!(cases >= 80, "{cases} cases of malformed input");
}

#[test]
fn each_switch_fails_exactly_the_criteria_that_are_about_what_it_breaks() {
    let (waiting, wrong) = (Mutex::new(ROWS.iter().rev().copied().collect::<Vec<Row>>()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(row) = { waiting.lock().unwrap().pop() } {
                    let watch = Stopwatch::start();
                    let results = results(row);
                    let failed = with(&results, Verdict::Fail);
                    println!(
                        "{:>5.1} s  {} {:?} {}: {failed:?}",
                        watch.elapsed().as_secs_f64(),
                        row.quirk,
                        row.arguments,
                        row.fault
                    );
                    if failed != row.fails.iter().copied().collect() {
                        wrong.lock().unwrap().push(format!("{row:?}\n{}", told(&results)));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

#[test]
fn every_quirk_has_its_row_and_every_criterion_is_seen_failing() {
    let rows: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.arguments.iter().copied().chain([row.quirk])).collect();
    let missing: Vec<String> = quirks().into_iter().filter(|quirk| !rows.contains(quirk.as_str())).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    let failing: BTreeSet<&str> = ROWS.iter().flat_map(|row| row.fails.iter().copied()).collect();
    assert_eq!(failing, FUNCTIONAL.into());
}
