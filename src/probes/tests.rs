//! Probes against a small service in this process, without a database: what each says about each deployment.
//!
//! Time is paused and moves when everybody waits, so that a deadline of 20 s costs nothing.

mod service;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::memory_api::tests::fixture::{Fixture, Reply, Seen};
use crate::memory_api::{self, Client};
use crate::metrics::{Registry, write_text};
use crate::model::{Clock, Duration, Secret, Timestamp};

use super::kind::{Kind, Running};
use super::metrics::Series;
use super::outcome::Reason;
use super::run::{Job, execute};
use super::{Context, History, Outcome, Settings, Target, tasks};
use service::Service;

/// A probe with its service, for several runs.
struct Bench {
    service: Service,
    fixture: Fixture,
    registry: Registry,
    kind: &'static Kind,
    probe: Box<dyn Running>,
    target: Target,
    series: Series,
}

async fn bench_with(kind: &str, settings: Value, client: impl FnOnce(&mut memory_api::Settings)) -> Bench {
    let service = Service::default();
    let answering = service.clone();
    let fixture = Fixture::start(move |seen: &Seen| answering.answer(seen)).await;
    let registry = Registry::new();
    let mut at = memory_api::Settings {
        login: Some(memory_api::Login { email: "a@b".into(), password: Secret::new("password-1".into()) }),
        ..memory_api::Settings::new(&fixture.url)
    };
    client(&mut at);
    let clock = Clock::manual(Timestamp::from_seconds(1.7e9));
    let target = Target {
        client: Client::new("main", &at, &registry, clock.clone()).unwrap(),
        database: None,
        instance: "bench".into(),
        registry: registry.clone(),
        clock,
    };
    let kind = Kind::find(kind).unwrap();
    let probe = (kind.start)(Some(&settings), kind.name, &target).unwrap();
    let series = Series::new(&registry, kind, "main", kind.name);
    Bench { service, fixture, registry, kind, probe, target, series }
}

async fn bench(kind: &str) -> Bench {
    bench_with(kind, json!({}), |_| ()).await
}

impl Bench {
    async fn run(&self) -> Outcome {
        let longest = StdDuration::from_secs(20);
        let job = Job {
            kind: self.kind,
            probe: self.probe.as_ref(),
            name: self.kind.name,
            target: &self.target,
            timeout: longest,
            once: false,
        };
        let outcome = execute(&job, &CancellationToken::new()).await.unwrap();
        self.series.record(&outcome, self.target.clock.now());
        outcome
    }

    fn metrics(&self) -> String {
        write_text(&self.registry.gather())
    }

    #[track_caller]
    fn has(&self, line: &str) {
        let metrics = self.metrics();
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }

    fn lacks(&self, name: &str) {
        assert!(!self.metrics().contains(name), "{name} is there");
    }
}

fn reason(outcome: &Outcome) -> &'static str {
    outcome.failure.as_ref().map_or("success", |failure| failure.reason.as_str())
}

fn message(outcome: &Outcome) -> &str {
    outcome.failure.as_ref().map_or("", |failure| &failure.message)
}

fn steps(outcome: &Outcome) -> Vec<&'static str> {
    outcome.steps.iter().map(|step| step.name).collect()
}

#[tokio::test(start_paused = true)]
async fn health_publishes_the_service_and_each_dependency() {
    let bench = bench("health").await;
    bench.lacks("chat_memory_up{");
    assert_eq!(reason(&bench.run().await), "success");
    bench.has("chat_memory_up{target=\"main\"} 1");
    bench.has("chat_memory_dependency_up{dependency=\"openai\",target=\"main\"} 0");
    bench.service.set(|behaviour| behaviour.health = json!({"status": "healthy", "services": {"database": "healthy"}}));
    bench.run().await;
    bench.lacks("openai");
    bench.service.set(|behaviour| behaviour.health = json!([]));
    assert_eq!(reason(&bench.run().await), "malformed");
    bench.has("chat_memory_up{target=\"main\"} 0");
    bench.lacks("chat_memory_dependency_up{");
}

#[tokio::test(start_paused = true)]
async fn health_of_a_service_that_calls_itself_ill_is_a_mismatch_though_it_answers() {
    let bench = bench("health").await;
    bench.service.set(|behaviour| behaviour.health = json!({"status": "unhealthy"}));
    assert_eq!(reason(&bench.run().await), "mismatch");
    bench.has("chat_memory_up{target=\"main\"} 1");
    bench.has("chat_memory_probe_success{probe=\"health\",target=\"main\"} 0");
}

#[tokio::test(start_paused = true)]
async fn retrieval_reads_one_conversation_again_and_again() {
    let bench = bench("retrieval").await;
    assert_eq!(steps(&bench.run().await), ["login", "create_conversation", "read", "verify"]);
    assert_eq!(steps(&bench.run().await), ["read", "verify"]);
    let created: Value = serde_json::from_str(&bench.fixture.seen()[1].body).unwrap();
    assert_eq!(created["metadata"]["memsentry_synthetic"], "bench");
}

#[tokio::test(start_paused = true)]
async fn retrieval_makes_another_conversation_when_its_own_is_gone() {
    let bench = bench("retrieval").await;
    bench.run().await;
    bench.service.chats.lock().unwrap().remove("chat-0");
    let outcome = bench.run().await;
    assert_eq!((reason(&outcome), steps(&outcome)), ("success", vec!["read", "create_conversation", "read", "verify"]));
    bench.service.set(|behaviour| behaviour.refuse = Some(404));
    assert_eq!(reason(&bench.run().await), "http_4xx", "an outage that looks like 404 is no missing conversation");
}

#[tokio::test(start_paused = true)]
async fn roundtrip_times_every_step_of_an_update() {
    let bench = bench("roundtrip").await;
    bench.has("chat_memory_updates_total{target=\"main\"} 0");
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "success", "{outcome:?}");
    assert_eq!(steps(&outcome), ["login", "create_conversation", "accept", "process", "verify"]);
    assert!(outcome.update_took.is_some());
    assert_eq!(outcome.queue.as_ref().unwrap().queue_id, "q1");
    bench.has("chat_memory_updates_total{target=\"main\"} 1");
    bench.has("chat_memory_update_duration_seconds_count{target=\"main\"} 1");
    bench.has("chat_memory_synthetic_leftovers{target=\"main\"} 0");
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["steps"][0]["name"], "login");
    assert!(!json.to_string().contains("opaque-token"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stands_still_is_not_processed() {
    let bench = bench("roundtrip").await;
    bench.service.set(|behaviour| behaviour.reads_until_processed = None);
    let outcome = bench.run().await;
    assert_eq!((reason(&outcome), outcome.failure.as_ref().unwrap().step), ("not_processed", "process"));
    assert!(message(&outcome).contains("mock mode cannot be told"), "{}", message(&outcome));
    bench.has("chat_memory_update_failures_total{reason=\"not_processed\",target=\"main\"} 1");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_used_again_shows_stale_content_as_not_processed() {
    let bench = bench_with("roundtrip", json!({"conversations": 1}), |_| ()).await;
    bench.service.set(|behaviour| behaviour.last_updated_moves = false);
    assert_eq!(reason(&bench.run().await), "success");
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "success", "last_updated stands still, the content does not: {outcome:?}");
    assert!(steps(&outcome).contains(&"baseline"));
    bench.service.set(|behaviour| behaviour.reads_until_processed = None);
    assert_eq!(reason(&bench.run().await), "not_processed");
    assert_eq!(bench.service.chats.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_an_earlier_run_is_not_taken_for_this_ones() {
    let bench = bench_with("roundtrip", json!({"conversations": 1, "expect_nonce": "auto"}), |_| ()).await;
    bench.service.set(|behaviour| behaviour.reads_until_processed = None);
    assert_eq!(reason(&bench.run().await), "not_processed");
    // What changes the memory now is the update of the first run.
    let stale = "My verification code is memsentry-000000000000.".to_owned();
    bench.service.chats.lock().unwrap().get_mut("chat-0").unwrap().pending = Some((stale, 2));
    let outcome = bench.run().await;
    assert_ne!(reason(&outcome), "success", "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_summariser_that_paraphrases_is_accepted_unless_the_nonce_is_demanded() {
    let bench = bench("roundtrip").await;
    bench.service.set(|behaviour| behaviour.memory = Arc::new(|_| json!({"topic": "a code"})));
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "success", "{outcome:?}");
    assert_eq!(outcome.notes, ["the update was processed, but the summariser did not keep the nonce"]);
    let strict = bench_with("roundtrip", json!({"expect_nonce": "always"}), |_| ()).await;
    strict.service.set(|behaviour| behaviour.memory = Arc::new(|_| json!({"topic": "a code"})));
    let outcome = strict.run().await;
    assert_eq!(reason(&outcome), "mismatch", "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_kept_nonces_and_wipes_facts_now_is_a_mismatch() {
    let bench = bench("roundtrip").await;
    bench.run().await;
    bench.service.set(|behaviour| behaviour.memory = Arc::new(|_| json!({})));
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "mismatch", "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_holds_another_conversations_nonce_is_a_mismatch() {
    let bench = bench("roundtrip").await;
    bench.run().await;
    let first = bench.service.chats.lock().unwrap()["chat-0"].confirmed["code"].clone();
    bench.service.set(|behaviour| {
        behaviour.memory = Arc::new(move |snippet| json!({"code": snippet, "another": first.clone()}));
    });
    let outcome = bench.run().await;
    assert_eq!((reason(&outcome), outcome.chat_id.as_deref()), ("mismatch", Some("chat-1")));
    assert!(message(&outcome).contains("which was sent to another conversation"), "{}", message(&outcome));
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_looks_like_401_or_404_is_told_as_such() {
    let bench = bench("roundtrip").await;
    bench.run().await;
    for (status, expected) in [(404, "http_4xx"), (401, "unauthorized"), (500, "http_5xx")] {
        bench.service.set(|behaviour| behaviour.refuse = Some(status));
        assert_eq!(reason(&bench.run().await), expected);
    }
    assert!(bench.fixture.count("POST /auth/login") <= 3);
    bench.service.set(|behaviour| behaviour.refuse = None);
    assert_eq!(reason(&bench.run().await), "success", "seen without a restart");
}

#[tokio::test(start_paused = true)]
async fn a_run_without_budget_changes_nothing_but_its_own_counter() {
    let bench = bench_with("roundtrip", json!({}), |client| client.requests_per_minute = 6).await;
    assert_eq!(reason(&bench.run().await), "success");
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "rate_limited", "{outcome:?}");
    bench.has("chat_memory_probe_success{probe=\"roundtrip\",target=\"main\"} 1");
    bench.has("chat_memory_probe_failures_total{probe=\"roundtrip\",reason=\"rate_limited\",target=\"main\"} 1");
    bench.has("chat_memory_updates_total{target=\"main\"} 1");
}

#[tokio::test(start_paused = true)]
async fn no_more_updates_are_added_while_ten_are_unfinished() {
    let bench = bench_with("roundtrip", json!({"conversations": 1}), |client| client.requests_per_minute = 0).await;
    bench.service.set(|behaviour| behaviour.reads_until_processed = None);
    for _ in 0..12 {
        assert_eq!(reason(&bench.run().await), "not_processed");
    }
    assert_eq!(bench.fixture.count("POST /api/v1/memory/update"), 10);
    tokio::time::advance(StdDuration::from_secs(600)).await;
    bench.service.set(|behaviour| behaviour.reads_until_processed = Some(0));
    let outcome = bench.run().await;
    assert_eq!(reason(&outcome), "success", "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_cut_off_fails_at_its_open_step() {
    let stalled = Fixture::start(|_: &Seen| Reply::Stall).await;
    let registry = Registry::new();
    let at =
        memory_api::Settings { token: Some(Secret::new("token".into())), ..memory_api::Settings::new(&stalled.url) };
    let clock = Clock::manual(Timestamp::from_seconds(1.7e9));
    let client = Client::new("main", &at, &registry, clock.clone()).unwrap();
    let target = Target { client, database: None, instance: "bench".into(), registry, clock };
    let kind = Kind::find("health").unwrap();
    let probe = (kind.start)(None, "health", &target).unwrap();
    let timeout = StdDuration::from_secs(3);
    let job = Job { kind, probe: probe.as_ref(), name: "health", target: &target, timeout, once: false };
    let outcome = execute(&job, &CancellationToken::new()).await.unwrap();
    assert_eq!((reason(&outcome), message(&outcome)), ("timeout", "cut off after 3s"));
    assert_eq!(outcome.failure.as_ref().unwrap().step, "ask");
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods)] // stands in for app/tasks.rs
async fn a_target_that_hangs_does_not_hold_up_another() {
    let (good, registry) = (bench("health").await, Registry::new());
    let stalled = Fixture::start(|_: &Seen| Reply::Stall).await;
    let clock = Clock::manual(Timestamp::from_seconds(1.7e9));
    let client = |name: &str, url: &str| {
        let at = memory_api::Settings { token: Some(Secret::new("token".into())), ..memory_api::Settings::new(url) };
        (name.to_owned(), Client::new(name, &at, &registry, clock.clone()).unwrap())
    };
    let context = Context {
        instance: "bench".into(),
        clients: BTreeMap::from([client("good", &good.fixture.url), client("hung", &stalled.url)]),
        databases: BTreeMap::new(),
        history: History::new(),
        registry: registry.clone(),
        clock: clock.clone(),
        cancel: CancellationToken::new(),
    };
    let entry = Settings { interval: Some(Duration::from_secs(10)), ..Settings::new("health") };
    let running: Vec<_> = tasks(&[entry], &context).unwrap().iter().map(|task| tokio::spawn((task.start)())).collect();
    for _ in 0..600 {
        tokio::time::sleep(StdDuration::from_millis(100)).await;
        clock.advance(StdDuration::from_millis(100));
    }
    let good_runs = context.history.recent("good", "health").len();
    assert!((5..=7).contains(&good_runs), "{good_runs} runs in a minute");
    let hung = context.history.failures("hung", "health");
    assert!(!hung.is_empty() && hung.iter().all(|outcome| outcome.took <= StdDuration::from_secs(6)));
    assert_eq!(hung[0].failure.as_ref().unwrap().reason, Reason::Call(memory_api::FailureReason::Timeout));
    context.cancel.cancel();
    for task in running {
        tokio::time::timeout(StdDuration::from_secs(5), task).await.expect("ends in time").unwrap();
    }
}
