//! No part may stand still unnoticed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration as StdDuration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;

use super::*;
use crate::metrics::write_text;
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn turn(ago: Option<u64>) -> Turn {
    let last = ago.map(|ago| NOW - StdDuration::from_secs(ago));
    Turn { name: "it".to_owned(), last, within: StdDuration::from_secs(30) }
}

fn all_well() -> Vitals {
    let fine = vec![turn(Some(30)), turn(Some(0))];
    Vitals {
        probes: fine.clone(),
        rules: fine.clone(),
        dispatcher: fine.clone(),
        outbox: fine,
        due_since: Some(NOW - vitals::OVERDUE),
        store_writes: true,
    }
}

/// Every way in which the loop can stand still, and whose fault it is.
fn stalled() -> Vec<(&'static str, Part, Vitals)> {
    let late = || vec![turn(Some(0)), turn(Some(31))];
    let never = || vec![turn(None)];
    let with = |change: fn(&mut Vitals, Vec<Turn>), turns| {
        let mut vitals = all_well();
        change(&mut vitals, turns);
        vitals
    };
    vec![
        ("a probe is late", Part::Probes, with(|vitals, turns| vitals.probes = turns, late())),
        ("a probe never ran", Part::Probes, with(|vitals, turns| vitals.probes = turns, never())),
        ("a rule group is late", Part::Rules, with(|vitals, turns| vitals.rules = turns, late())),
        ("rules were never evaluated", Part::Rules, with(|vitals, turns| vitals.rules = turns, never())),
        ("the dispatcher is late", Part::Dispatcher, with(|vitals, turns| vitals.dispatcher = turns, late())),
        ("the dispatcher never began", Part::Dispatcher, with(|vitals, turns| vitals.dispatcher = turns, never())),
        ("the outbox is late", Part::Outbox, with(|vitals, turns| vitals.outbox = turns, late())),
        ("the outbox never began", Part::Outbox, with(|vitals, turns| vitals.outbox = turns, never())),
        (
            "a message is stuck",
            Part::Outbox,
            Vitals { due_since: Some(NOW - StdDuration::from_secs(61)), ..all_well() },
        ),
        ("the disk fails", Part::Store, Vitals { store_writes: false, ..all_well() }),
    ]
}

/// An address that counts pings and answers with `status`.
#[allow(clippy::disallowed_methods)] // a test supervises its own tasks
async fn other_side(status: StatusCode) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let pings = Arc::clone(&count);
    let answer = move || {
        pings.fetch_add(1, Ordering::SeqCst);
        std::future::ready(status)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/t0ken-in-the-path", listener.local_addr().expect("bound"));
    let router = Router::new().route("/t0ken-in-the-path", any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, count)
}

fn beating(url: &str, vitals: Vitals, registry: &Registry) -> Beating {
    let settings: Settings = serde_yaml::from_str(&format!("url: '{url}'")).expect("valid YAML");
    let heartbeat = Heartbeat::new(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    let look: Look = Arc::new(move || vitals.clone());
    Beating { heartbeat, look, clock: Clock::manual(NOW), metrics: Metrics::new(registry), said: Mutex::default() }
}

fn metric(registry: &Registry, series: &str) -> f64 {
    let text = write_text(&registry.gather());
    let line = text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("{series} in\n{text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

const LAST: &str = "memsentry_heartbeat_last_success_timestamp_seconds ";

#[tokio::test]
async fn a_complete_loop_is_told() {
    let (url, pings) = other_side(StatusCode::OK).await;
    let registry = Registry::new();
    let beating = beating(&url, all_well(), &registry);
    assert!(metric(&registry, LAST).abs() < 1e-9);
    assert!(beating.beat().await);
    assert_eq!(pings.load(Ordering::SeqCst), 1);
    assert!((metric(&registry, LAST) - NOW.seconds()).abs() < 1e-3);
}

#[tokio::test]
async fn whatever_part_stands_still_no_ping_goes_out_and_the_metrics_say_which() {
    let (url, pings) = other_side(StatusCode::OK).await;
    for (case, part, vitals) in stalled() {
        let registry = Registry::new();
        let parts: Vec<Part> = vitals.missing(NOW).into_iter().map(|missing| missing.part).collect();
        assert_eq!(parts, [part], "{case}");
        assert!(!beating(&url, vitals, &registry).beat().await, "{case}");
        assert_eq!(pings.load(Ordering::SeqCst), 0, "{case}");
        for other in Part::ALL {
            let name = other.as_str();
            let wanted = f64::from(u8::from(other == part));
            for series in [
                format!("memsentry_heartbeat_missing{{part=\"{name}\"}}"),
                format!("memsentry_heartbeat_failures_total{{reason=\"{name}\"}}"),
            ] {
                assert!((metric(&registry, &series) - wanted).abs() < 1e-9, "{case}: {series}");
            }
        }
        assert!(metric(&registry, LAST).abs() < 1e-9, "{case}");
    }
}

#[tokio::test]
async fn a_ping_that_is_not_taken_is_no_success_and_its_address_stays_secret() {
    let (url, _) = other_side(StatusCode::NOT_FOUND).await;
    let registry = Registry::new();
    assert!(!beating(&url, all_well(), &registry).beat().await);
    assert!((metric(&registry, "memsentry_heartbeat_failures_total{reason=\"ping\"}") - 1.0).abs() < 1e-9);
    assert!(metric(&registry, LAST).abs() < 1e-9);
    let nobody = beating("http://127.0.0.1:1/t0ken-in-the-path", all_well(), &registry);
    let error = nobody.heartbeat.ping.send().await.expect_err("nobody listens");
    assert!(!error.contains("t0ken"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_task_looks_again_soon_while_something_is_missing() {
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let look: Look = Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Vitals::default()
    });
    let settings: Settings = serde_yaml::from_str("url: 'http://127.0.0.1:1/'").expect("valid YAML");
    let Ok(heartbeat) = Heartbeat::new(&settings) else { panic!("fine settings") };
    let cancel = CancellationToken::new();
    let task = heartbeat.task(look, Clock::manual(NOW), &Registry::new(), cancel.clone());
    let run = (task.start)();
    let _ = tokio::time::timeout(StdDuration::from_secs(61), run).await;
    assert_eq!(looks.load(Ordering::SeqCst), 13, "every 5 s");
}

#[test]
fn settings_have_bounds_and_never_show_the_address() {
    for (yaml, problem) in [
        ("{url: 'https://hc.example/t0ken'}", None),
        ("{url: 'hc.example/t0ken'}", Some("url: not a URL: relative URL without a base")),
        ("{url: 'http://a', interval: 0s}", Some("interval: 0s is not between 1s and 1h")),
        ("{url: 'http://a', timeout: 2m}", Some("timeout: 2m is not between 1ms and 1m")),
    ] {
        let settings: Settings = serde_yaml::from_str(yaml).expect("valid YAML");
        assert_eq!(settings.problems().first().map(ToString::to_string).as_deref(), problem, "{yaml}");
        assert!(!format!("{settings:?}").contains("t0ken"));
    }
}
