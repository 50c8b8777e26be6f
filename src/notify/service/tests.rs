//! The whole way with a real store file and a real HTTP receiver: reports in, webhooks out, also across crashes.

use std::path::Path;
use std::sync::atomic::AtomicU16;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::task::JoinHandle;

use super::*;
use crate::metrics::write_text;
use crate::model::Labels;

/// A receiver that answers as it is told at the moment and remembers what it accepted.
#[derive(Clone, Default)]
struct Receiver {
    answer: Arc<AtomicU16>,
    attempts: Arc<AtomicU16>,
    accepted: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
}

impl Receiver {
    #[allow(clippy::disallowed_methods)]
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        receiver.answer.store(200, Ordering::SeqCst);
        let handler = |State(me): State<Self>, headers: HeaderMap, body: String| async move {
            me.attempts.fetch_add(1, Ordering::SeqCst);
            let status = me.answer.load(Ordering::SeqCst);
            if status == 200 {
                let key = headers["idempotency-key"].to_str().expect("text").to_owned();
                let body = serde_json::from_str(&body).expect("JSON");
                me.accepted.lock().expect("unpoisoned").push((key, body));
            }
            StatusCode::from_u16(status).expect("a status")
        };
        let app = Router::new().route("/", post(handler)).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, format!("http://{address}/"))
    }

    fn accepted(&self) -> Vec<(String, serde_json::Value)> {
        self.accepted.lock().expect("unpoisoned").clone()
    }

    async fn until(&self, what: &str, enough: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if enough(self) {
                return;
            }
            tokio::time::sleep(StdDuration::from_millis(10)).await;
        }
        panic!("in vain: {what}; accepted {:?}", self.accepted());
    }
}

/// One process of the daemon, as far as notifications go.
struct Process {
    notify: Notify,
    store: Store,
    registry: Registry,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    #[allow(clippy::disallowed_methods)]
    async fn start(file: &Path, settings: &str) -> Self {
        let settings: Settings = serde_yaml::from_str(settings).expect("valid YAML");
        let registry = Registry::new();
        let (store, writer) = Store::open(Some(file), &registry).await;
        let runbooks = Arc::new(Runbooks::load(None).expect("shipped"));
        let prepared = Prepared::new(&settings, "http://watch.example/", runbooks).expect("fine settings");
        let (notify, tasks) = Notify::new(prepared, store.clone(), Clock::system(), &registry);
        let tasks = tasks.into_iter().chain([writer]).map(|task| tokio::spawn((task.start)())).collect();
        Self { notify, store, registry, tasks }
    }

    /// Dies on the spot, with everything that was not on disk.
    async fn kill(self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            let _ = task.await;
        }
    }

    fn report(&self, fires: bool, since: Timestamp) {
        let now = Clock::system().now();
        let labels = Labels::from_pairs([("alertname", "QueueDepthHigh"), ("target", "main")]);
        let alert = Alert {
            labels,
            annotations: BTreeMap::new(),
            starts_at: since,
            ends_at: (!fires).then_some(now),
            valid_until: now + StdDuration::from_secs(60),
            generator_url: String::new(),
            value: 142.0,
            resolved_value: None,
        };
        self.notify.observe(&[alert], now);
    }

    fn metric(&self, series: &str) -> Option<f64> {
        let text = write_text(&self.registry.gather());
        let line = text.lines().find(|line| line.starts_with(series))?.to_owned();
        line.rsplit(' ').next()?.parse().ok()
    }
}

fn quick(url: &str) -> String {
    format!(
        "{{route: {{receiver: oncall, group_wait: 0s, group_interval: 10ms, repeat_interval: 1h}}, \
          receivers: [{{name: oncall, webhook_configs: [{{url: '{url}'}}]}}]}}"
    )
}

#[tokio::test]
async fn an_alert_reaches_its_receiver_with_the_runbook_and_its_end_follows() {
    let (receiver, url) = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let process = Process::start(&dir.path().join("state"), &quick(&url)).await;
    let since = Clock::system().now();
    process.report(true, since);
    receiver.until("the page", |receiver| receiver.accepted().len() == 1).await;
    process.report(false, since);
    receiver.until("the end", |receiver| receiver.accepted().len() == 2).await;

    let [(first_key, first), (second_key, second)] = &receiver.accepted()[..] else { panic!("two messages") };
    assert_ne!(first_key, second_key);
    assert_eq!((&first["status"], &second["status"]), (&"firing".into(), &"resolved".into()));
    assert_eq!(first["alerts"][0]["annotations"]["runbook_url"], "http://watch.example/runbooks/QueueDepthHigh");
    assert!(first["runbook"]["markdown"].as_str().is_some_and(|text| text.starts_with("# QueueDepthHigh")));
    process.notify.close(StdDuration::from_secs(5)).await;
    assert!(process.store.outbox().await.expect("readable").is_empty());
    let attempts = "memsentry_notifications_total{notifier=\"webhook[0]\",receiver=\"oncall\"}";
    assert_eq!(process.metric(attempts), Some(2.0), "{}", write_text(&process.registry.gather()));
    process.kill().await;
}

#[tokio::test]
async fn a_message_refused_for_now_outlives_the_process_and_keeps_its_key() {
    let (receiver, url) = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("state");
    receiver.answer.store(503, Ordering::SeqCst);
    let process = Process::start(&file, &quick(&url)).await;
    process.report(true, Clock::system().now());
    receiver.until("an attempt", |receiver| receiver.attempts.load(Ordering::SeqCst) >= 1).await;
    let waiting = process.store.outbox().await.expect("readable");
    process.kill().await;

    receiver.answer.store(200, Ordering::SeqCst);
    let process = Process::start(&file, &quick(&url)).await;
    receiver.until("the page", |receiver| receiver.accepted().len() == 1).await;
    assert_eq!(receiver.accepted()[0].0, waiting[0].id);
    process.kill().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_dropped_and_counted() {
    let (receiver, url) = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    receiver.answer.store(400, Ordering::SeqCst);
    let process = Process::start(&dir.path().join("state"), &quick(&url)).await;
    process.report(true, Clock::system().now());
    let dropped = "memsentry_notifications_dropped_total{notifier=\"webhook[0]\",receiver=\"oncall\"}";
    receiver.until("the drop", |_| process.metric(dropped) == Some(1.0)).await;
    let refused = "memsentry_notification_failures_total{notifier=\"webhook[0]\",reason=\"client_error\"";
    assert_eq!(process.metric(refused), Some(1.0));
    receiver.until("an empty outbox", |_| process.notify.outbox().waiting() == 0).await;
    process.kill().await;
}

#[tokio::test]
async fn killed_at_any_moment_each_page_and_each_end_arrives_with_at_most_one_repeat() {
    let (receiver, url) = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("state");
    let mut fires = false;
    let mut since = Clock::system().now();
    for round in 0..50_u64 {
        let before = receiver.accepted().len();
        fires = !fires;
        if fires {
            since = Clock::system().now();
        }
        let process = Process::start(&file, &quick(&url)).await;
        process.report(fires, since);
        // From before anything is stored to after the receiver has answered.
        tokio::time::sleep(StdDuration::from_micros(round * 400)).await;
        process.kill().await;

        // The next process hears the rules again, as it would.
        let process = Process::start(&file, &quick(&url)).await;
        process.report(fires, since);
        let wanted = if fires { "firing" } else { "resolved" };
        let told = |receiver: &Receiver| receiver.accepted().last().is_some_and(|(_, body)| body["status"] == wanted);
        receiver.until(&format!("round {round}: {wanted}"), |r| r.accepted().len() > before && told(r)).await;
        // The first process may have been heard and killed before it could record so.
        while !process.store.outbox().await.expect("readable").is_empty() {
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
        process.notify.close(StdDuration::from_secs(5)).await;
        process.kill().await;
        let new = receiver.accepted()[before..].to_vec();
        let keys: std::collections::BTreeSet<&String> = new.iter().map(|(key, _)| key).collect();
        assert!(keys.len() == 1 && new.len() <= 2, "round {round}: {new:?}");
    }
}

/// `cargo test --release --lib how_long -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn how_long_ten_thousand_alerts_and_one_take() {
    let (receiver, url) = Receiver::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let settings =
        quick(&url).replace("receiver: oncall,", "receiver: oncall, group_by: ['...'],").replace("10ms", "5m");
    let process = Process::start(&dir.path().join("state"), &settings).await;
    let now = Clock::system().now();
    let fire = |number: usize| Alert {
        labels: Labels::from_pairs([("alertname".to_owned(), "X".to_owned()), ("n".to_owned(), number.to_string())]),
        annotations: BTreeMap::new(),
        starts_at: now,
        ends_at: None,
        valid_until: now + StdDuration::from_secs(600),
        generator_url: String::new(),
        value: 1.0,
        resolved_value: None,
    };
    for number in 0..20 {
        let watch = crate::model::Stopwatch::start();
        process.notify.observe(&[fire(number)], now);
        while receiver.accepted.lock().expect("unpoisoned").len() <= number {
            tokio::time::sleep(StdDuration::from_micros(200)).await;
        }
        println!("report to webhook: {:?}", watch.elapsed());
    }
    let most = 9_900;
    let watch = crate::model::Stopwatch::start();
    process.notify.observe(&(20..20 + most).map(fire).collect::<Vec<_>>(), now);
    while receiver.accepted.lock().expect("unpoisoned").len() < 20 + most {
        tokio::time::sleep(StdDuration::from_millis(100)).await;
        if watch.elapsed().as_secs().is_multiple_of(5) {
            println!("{:?} {}", watch.elapsed(), receiver.accepted.lock().expect("unpoisoned").len());
        }
        assert!(watch.elapsed() < StdDuration::from_secs(300));
    }
    println!("{most} alerts: {:?}", watch.elapsed());
    process.kill().await;
}
