//! Samples survive `kill -9`: every answer is that of a run which was never disturbed, but for the lost interval.
//!
//! A child appends samples and says what it does; it is killed at any moment, again and again. After each start it
//! evaluates expressions of the kinds that rules use, and so does an undisturbed store here.
//! `MEMSENTRY_TEST_RESTARTS=100` makes a long run of it.

use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use memsentry::metrics::Registry;
use memsentry::model::{Duration, Labels, STALE_MARKER, Timestamp};
use memsentry::promql::{self, Limits, Value};
use memsentry::store::Store;
use memsentry::tsdb::{Settings, Tsdb};
use tokio_util::sync::CancellationToken;

/// Names the file to the child.
const VICTIM: &str = "MEMSENTRY_TEST_HISTORY_VICTIM";

const TICK_MILLIS: i64 = 30_000;

/// As rules read: rates, quantiles, long windows, what is missing, what ended, the past, and plain values.
const EXPRESSIONS: &[&str] = &[
    "depth",
    "rate(requests_total[5m])",
    "sum by (target) (increase(requests_total[15m])) > 5",
    "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[10m])))",
    "avg_over_time(depth[1h])",
    "max_over_time(rate(requests_total[5m])[90m:5m])",
    "requests_total offset 70m",
    "absent(fleeting)",
    "count_over_time(fleeting[30m])",
    "changes(fleeting[1h])",
    "odd",
    "count({__name__=~\".+\"})",
    "timestamp(depth)",
];

fn at(tick: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + tick * TICK_MILLIS)
}

/// What is scraped at a tick: counters that restart, gauges, a histogram, a series that comes and goes, odd values.
fn batch(tick: i64) -> Vec<(Labels, f64)> {
    let labels = |name: &str, target: i64| Labels::from_pairs([("__name__", name), ("target", &target.to_string())]);
    let float = |whole: i64| f64::from(i32::try_from(whole).expect("small"));
    let mut batch = vec![(Labels::from_pairs([("__name__", "tick")]), float(tick))];
    for target in 0..60 {
        batch.push((labels("requests_total", target), float((tick % 400) * (target + 1))));
        batch.push((labels("depth", target), (float(tick) * 0.37 + float(target)).sin() * 50.0));
    }
    for (bound, share) in [("0.1", 1), ("1", 3), ("+Inf", 4)] {
        let name = ("__name__", "took_seconds_bucket");
        batch.push((Labels::from_pairs([name, ("le", bound)]), float(tick * share + tick % 7 * share)));
    }
    match tick % 50 {
        0..20 => batch.push((labels("fleeting", 0), float(tick / 5))),
        20 => batch.push((labels("fleeting", 0), STALE_MARKER)),
        _ => {}
    }
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-300];
    batch.push((labels("odd", 0), odd[usize::try_from(tick % 5).expect("small")]));
    batch
}

/// Every answer at a tick, as text to the last bit.
fn answers(tsdb: &Tsdb, tick: i64) -> String {
    let limits =
        Limits { max_samples: 50_000_000, timeout: Duration::from_secs(60), lookback: Duration::from_secs(300) };
    let mut text = Vec::new();
    for expression in EXPRESSIONS {
        let parsed = promql::parse(expression).expect("a good expression");
        let answer = promql::instant(&parsed, tsdb, at(tick), &limits).expect("an answer");
        let Value::Vector(vector) = answer.value else { panic!("{expression} is no vector") };
        let lines = vector.iter().map(|s| format!("{expression} => {} {:016x}", s.labels, s.sample.value.to_bits()));
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        text.extend(lines);
    }
    text.join("; ")
}

/// The newest tick in the store.
fn newest(tsdb: &Tsdb) -> Option<i64> {
    let tick = memsentry::model::Matcher::equal("__name__", "tick");
    let found = tsdb.latest(&[tick], at(-1_000_000), at(1_000_000));
    found.first().map(|(_, sample)| (sample.at.millis() - at(0).millis()) / TICK_MILLIS)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_answers_queries_from_what_an_earlier_run_left_in_the_file() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("memsentry.db");
    let now = memsentry::model::Clock::system().now();
    let registry = Registry::new();
    let (store, writer) = Store::open(Some(&path), &registry).await;
    tokio::spawn((writer.start)());
    let tsdb = Tsdb::new(&Settings::default(), &registry);
    let first = now - std::time::Duration::from_secs(10 * 3600);
    tsdb.keep_history(store.clone(), &registry, now, CancellationToken::new()).await;
    for step in 0..600_u32 {
        let at = first + std::time::Duration::from_secs(u64::from(step) * 60);
        tsdb.append(at, [(Labels::from_pairs([("__name__", "before_the_crash")]), f64::from(step))]);
        tsdb.persist().await;
    }
    store.close().await.expect("closed");
    drop((tsdb, store));

    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = dir.path().join("memsentry.yaml");
    let text = "
web: {listen: '127.0.0.1:0'}
targets:
  - {name: t, service: {url: 'http://127.0.0.1:9', token_file: token}}
store: {path: memsentry.db}
";
    std::fs::write(dir.path().join("token"), "secret").expect("written");
    std::fs::write(&config, text).expect("written");
    let daemon = memsentry::app::Daemon::start_from(&config, Registry::new()).await.expect("started");
    let ask = |query: &str| {
        let url = format!("http://{}/api/v1/query", daemon.local_addr());
        let client = reqwest::Client::builder().build().expect("a client");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let request = client.post(url).header(form.0, form.1).body(format!("query={}", query.replace(' ', "+")));
        async { request.send().await.expect("an answer").text().await.expect("text") }
    };
    let answer = ask("count_over_time(before_the_crash[11h])").await;
    assert!(answer.contains("\"600\""), "{answer}");
    let answer = ask("before_the_crash offset 9h").await;
    assert!(answer.contains("\"59\"") || answer.contains("\"60\""), "{answer}");
    assert!(ask("memsentry_tsdb_history_up").await.contains("\"1\""));
    daemon.shut_down().await;
}

/// Not a test of its own: the victim of the next one, when started by it. The first argument of its work is the
/// tick at which it starts at the earliest.
#[tokio::test]
async fn a_recorder_that_is_there_to_be_killed() {
    let Ok(path) = std::env::var(VICTIM) else { return };
    let registry = Registry::new();
    let (store, writer) = Store::open(Some(Path::new(&path)), &registry).await;
    tokio::spawn((writer.start)());
    let tsdb = Tsdb::new(&Settings::default(), &registry);
    tsdb.reach_back(std::time::Duration::from_secs(2 * 3600));
    tsdb.keep_history(store, &registry, at(1_000_000), CancellationToken::new()).await;
    let restored = newest(&tsdb);
    if let Some(tick) = restored {
        println!("\nrestored {tick} {}", answers(&tsdb, tick));
    }
    // The interval after the last one is taken as lost.
    for tick in restored.map_or(0, |tick| tick + 2).. {
        println!("\nappending {tick}");
        tsdb.append(at(tick), batch(tick));
        tsdb.persist().await;
        println!("\nwritten {tick}");
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "history::a_recorder_that_is_there_to_be_killed", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("victim")
}

/// What a child said in its life.
#[derive(Default)]
struct Said {
    restored: Option<(i64, String)>,
    appending: Vec<i64>,
    written: Option<i64>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let number = |text: &str| text.parse().expect("a tick");
        if let Some((tick, answers)) = line.strip_prefix("restored ").and_then(|rest| rest.split_once(' ')) {
            self.restored = Some((number(tick), answers.to_owned()));
        } else if let Some(tick) = line.strip_prefix("appending ") {
            self.appending.push(number(tick));
        } else if let Some(tick) = line.strip_prefix("written ") {
            self.written = Some(number(tick));
        }
    }
}

/// Runs a child until it has written so many ticks, then kills it; some die before they have said anything.
fn live_and_die(path: &Path, ticks: usize) -> Said {
    let mut child = start(path);
    let mut said = Said::default();
    let mut lines = std::io::BufReader::new(child.stdout.take().expect("stdout")).lines().map_while(Result::ok);
    while said.appending.len() < ticks {
        let Some(line) = lines.next() else { panic!("the child died by itself") };
        said.hear(&line);
    }
    child.kill().expect("kill -9");
    child.wait().expect("gone");
    // A last line may be cut off.
    let rest: Vec<String> = lines.collect();
    rest.iter().filter(|line| line.split(' ').count() == 2).for_each(|line| said.hear(line));
    said
}

#[test]
fn after_every_kill_the_answers_are_those_of_an_undisturbed_run() {
    let restarts = std::env::var("MEMSENTRY_TEST_RESTARTS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("memsentry.db");
    let undisturbed = Tsdb::new(&Settings::default(), &Registry::new());
    let mut lost = 0;
    let mut last = Said::default();
    let mut unheard: Vec<i64> = Vec::new();
    for round in 0..=restarts {
        let ticks = if round % 5 == 4 { 0 } else { 20 + round * 53 % 240 };
        let said = live_and_die(&path, ticks);
        if let Some((tick, answers_there)) = &said.restored {
            let written = last.written.unwrap_or(-1);
            assert!(*tick >= written, "round {round}: {written} was written, {tick} is the newest restored");
            for appended in unheard.drain(..) {
                if appended <= *tick {
                    undisturbed.append(at(appended), batch(appended));
                } else {
                    lost += 1;
                }
            }
            let expected = answers(&undisturbed, *tick);
            let differs = expected.split("; ").zip(answers_there.split("; ")).find(|(a, b)| a != b);
            assert!(&expected == answers_there, "round {round}, tick {tick}: {differs:?}");
        }
        unheard.extend(&said.appending);
        if said.restored.is_some() || round == 0 {
            last = said;
        }
    }
    println!("{restarts} restarts, {lost} intervals lost under way, newest tick {:?}", newest(&undisturbed));
    assert!(lost <= restarts);
}
