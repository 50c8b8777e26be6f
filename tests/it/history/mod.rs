//! Samples survive `kill -9`: every answer is that of a run which was never disturbed, but for the lost interval.
//!
//! A child appends samples and says what it does; it is killed at any moment, again and again. After each start it
//! evaluates expressions of the kinds that rules use, and so does an undisturbed store here.
//! `MEMSENTRY_TEST_RESTARTS=100` makes a long run of it.

mod alerts;
mod workload;

use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use memsentry::metrics::{self, Registry};
use memsentry::model::Labels;
use memsentry::promql::{self, Value};
use memsentry::store::{Store, Table};
use memsentry::tsdb::{Settings, Tsdb};
use tokio_util::sync::CancellationToken;

use alerts::{Alert, LIMITS, Rules, Undisturbed};
use workload::{TICK_MILLIS, Workload, at};

/// Names the file to the child.
const VICTIM: &str = "MEMSENTRY_TEST_HISTORY_VICTIM";

/// Every answer at a tick, as text to the last bit.
fn answers(tsdb: &Tsdb, tick: i64) -> String {
    let mut text = Vec::new();
    for expression in Workload::expressions() {
        let parsed = promql::parse(&expression).expect("a good expression");
        let answer = promql::instant(&parsed, tsdb, at(tick), &LIMITS).expect("an answer");
        let Value::Vector(vector) = answer.value else { panic!("{expression} is no vector") };
        let lines =
            vector.iter().map(|s| format!("{:?} => {} {:016x}", expression, s.labels, s.sample.value.to_bits()));
        let mut lines: Vec<String> = lines.collect();
        lines.sort();
        text.extend(lines);
    }
    text.join("; ")
}

fn is_up(registry: &Registry) -> bool {
    let up = registry.gather().into_iter().find(|family| family.name == "memsentry_tsdb_history_up");
    up.is_some_and(|up| up.points.iter().any(|point| matches!(point.value, metrics::Value::Number(up) if up > 0.5)))
}

/// Whether two lines of answers say the same.
fn same(ours: &str, theirs: &str) -> bool {
    let bits = |line: &str| {
        let (what, bits) = line.rsplit_once(' ')?;
        Some((what.to_owned(), u64::from_str_radix(bits, 16).ok()?))
    };
    ours == theirs
        || matches!((bits(ours), bits(theirs)), (Some(a), Some(b)) if a.0 == b.0 && alerts::same_value(a.1, b.1))
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
    tsdb.keep_history(store.clone(), &registry, at(1_000_000), CancellationToken::new()).await;
    // On a machine that does everything at once the file may not have answered in time; then it is read now.
    while !is_up(&registry) {
        tsdb.persist().await;
    }
    let restored = newest(&tsdb);
    if let Some(tick) = restored {
        println!("\nrestored {tick} {}", answers(&tsdb, tick));
    }
    let (workload, mut rules) = (Workload::load(), Rules::new());
    let documents = store.documents(Table::RuleAlerts).await.expect("alert state");
    // The interval after the last one is taken as lost.
    let first = restored.map_or(0, |tick| tick + 2);
    alerts::restore(&mut rules, &documents, at(first));
    for tick in first.. {
        println!("\nappending {tick}");
        tsdb.append(at(tick), workload.batch(tick));
        let state = rules.evaluate(tick, &tsdb).state;
        let (set, remove) = (state.set, state.remove);
        // The daemon writes both at the same time, so either may be the one that is there.
        if tick % 2 == 0 {
            tsdb.persist().await;
            store.put(Table::RuleAlerts, set, remove).await.expect("written");
        } else {
            store.put(Table::RuleAlerts, set, remove).await.expect("written");
            tsdb.persist().await;
        }
        println!("\nwritten {tick}");
        if tick < first + 3 || tick % 10 == 0 {
            println!("\nalerts {tick} {}", serde_json::to_string(&rules.alerts()).expect("JSON"));
        }
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
    alerts: Vec<(i64, Vec<Alert>)>,
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
        } else if let Some((tick, alerts)) = line.strip_prefix("alerts ").and_then(|rest| rest.split_once(' ')) {
            // The last line of a life may be cut off.
            if let Ok(alerts) = serde_json::from_str(alerts) {
                self.alerts.push((number(tick), alerts));
            }
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
    let whole = |line: &&String| line.split(' ').count() == 2 || line.starts_with("alerts ");
    rest.iter().filter(whole).for_each(|line| said.hear(line));
    said
}

#[test]
fn after_every_kill_rules_answer_and_alerts_stand_as_in_an_undisturbed_run() {
    let restarts = std::env::var("MEMSENTRY_TEST_RESTARTS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("memsentry.db");
    let workload = Workload::load();
    let mut undisturbed = Undisturbed::new(Tsdb::new(&Settings::default(), &Registry::new()));
    let mut lost = 0;
    let mut written = -1;
    let mut unheard: Vec<i64> = Vec::new();
    let mut told: Vec<(i64, Vec<Alert>)> = Vec::new();
    for round in 0..=restarts {
        let ticks = if round % 5 == 4 { 0 } else { 10 + round * 53 % 60 };
        let said = live_and_die(&path, ticks);
        if let Some((tick, answers_there)) = &said.restored {
            assert!(*tick >= written, "round {round}: {written} was written, {tick} is the newest restored");
            for appended in unheard.drain(..) {
                if appended <= *tick {
                    undisturbed.go(appended, workload.batch(appended));
                } else {
                    lost += 1;
                }
            }
            let expected = answers(&undisturbed.tsdb, *tick);
            let lines = |text: &str| text.split("; ").count();
            assert_eq!(lines(&expected), lines(answers_there), "round {round}, tick {tick}");
            let differs = expected.split("; ").zip(answers_there.split("; ")).find(|(a, b)| !same(a, b));
            assert!(differs.is_none(), "round {round}, tick {tick}: {differs:?}");
            for (tick, alerts) in told.drain(..) {
                let differences = undisturbed.differences(tick, &alerts);
                assert!(differences.is_empty(), "round {round}:\n{}", differences.join("\n"));
            }
        }
        unheard.extend(&said.appending);
        undisturbed.restarts.extend(said.appending.first());
        told.extend(said.alerts);
        written = said.written.unwrap_or(written);
    }
    let (fired, compared, held) = (undisturbed.fired.len(), undisturbed.compared, undisturbed.held);
    println!(
        "{restarts} restarts, {lost} intervals lost under way, newest tick {:?}; {} expressions, {fired} of the shipped \
         alerts fired, {compared} alerts compared, {held} of them held after a restart",
        newest(&undisturbed.tsdb),
        Workload::expressions().len(),
    );
    assert!(lost <= restarts && fired >= 18 && compared > 100 && held * 50 < compared, "{:?}", undisturbed.fired);
}
