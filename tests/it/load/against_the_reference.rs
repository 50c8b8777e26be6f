//! The whole way against the reference service: what is sent is what is found in the database, and nothing is left.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::postgres::PgPoolOptions;

use super::{Config, quantile};
use crate::reference::Reference;
use crate::stage::{Process, closed_port, http, until};

/// A target with its database and users `user-1` to `user-N`.
fn config(reference: &Reference, users: usize) -> Config {
    let user = |n| format!("{{email: user-{n}@example.com, password_file: password}}");
    let users: Vec<String> = (1..=users).map(user).collect();
    let database = format!("database: {{url_file: database, cleanup: true}}, users: [{}]", users.join(", "));
    let config = Config::new(&reference.api_url, &format!(", {database}"));
    std::fs::write(config.folder.path().join("database"), &reference.database_url).expect("written");
    config
}

/// The first column of the first row.
fn count(reference: &Reference, sql: &'static str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(1).connect(&reference.database_url).await.expect("a database");
        sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a number")
    })
}

/// Asks again and again until it is so.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const CONVERSATIONS: &str = "select count(*) from conversations";

#[test]
fn every_scenario_sends_what_was_due_and_leaves_nothing_behind() {
    let reference = Reference::start(&["--users", "12"]);
    let config = config(&reference, 12);
    for scenario in ["update", "retrieval", "roundtrip", "mixed", "health"] {
        let arguments =
            ["--scenario", scenario, "--rate", "4", "--duration", "3s", "--profile", "soak", "--yes", "--json"];
        let ended = config.load(&arguments);
        let report = ended.report();
        let (sent, judged) = (&report["sent"], &report["judged"]);
        assert_eq!((&sent["due"], &sent["started"]), (&12.into(), &12.into()), "{scenario}");
        let succeeded: u64 =
            sent["steps"].as_array().expect("steps").iter().filter_map(|s| s["succeeded"].as_u64()).sum();
        assert_eq!(succeeded, 12, "{scenario}: {}", sent["failures"]);
        if scenario == "health" {
            assert_eq!((ended.code(), &report["cleanup"]), (Some(3), &Value::Null), "{judged}");
            continue;
        }
        assert_eq!(report["cleanup"]["left"], 0, "{scenario}: {}", ended.talk());
        let rows = &report["queue"]["rows"];
        assert_eq!(rows["rows"], rows["accepted"], "{scenario}: {rows}");
        assert_eq!(rows["rows"], rows["complete"], "{scenario}: {rows}");
        if scenario == "update" {
            let processed = &report["queue"]["processed"];
            assert_eq!(processed["count"], 12, "{processed}");
            assert!(quantile(processed, 0.5) > 0.001, "{processed}");
        }
    }
    assert_eq!(count(&reference, CONVERSATIONS), 0);
}

#[test]
fn updates_that_are_not_processed_break_the_objective_and_are_counted() {
    let reference = Reference::start(&["--workers", "0"]);
    let arguments = ["--rate", "1.4", "--duration", "3s", "--profile", "soak", "--drain", "1s", "--yes", "--json"];
    let ended = config(&reference, 0).load(&arguments);
    let report = ended.report();
    assert_eq!(report["queue"]["unprocessed"], 5, "{}", report["queue"]);
    assert_eq!(report["queue"]["drained_seconds"], Value::Null);
    assert_eq!((ended.code(), &report["judged"]["verdict"]), (Some(1), &"broken".into()), "{}", report["judged"]);
    assert_eq!(count(&reference, CONVERSATIONS), 0);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_behind_either() {
    let reference = Reference::start(&[]);
    let config = config(&reference, 0);
    let mut child = config
        .command(&["--rate", "1", "--duration", "60s", "--profile", "soak"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("something is sent", || count(&reference, "select count(*) from chat_context_queue") > 0);
    child.kill().expect("SIGKILL");
    child.wait().expect("it ended");
    wait_for("the guard has removed it", || count(&reference, CONVERSATIONS) == 0);
}

#[test]
fn ctrl_c_ends_it_early_without_a_verdict_and_without_leaving_data() {
    let reference = Reference::start(&[]);
    let config = config(&reference, 0);
    let mut command = config.command(&["--rate", "1", "--duration", "60s", "--profile", "soak", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait_for("something is sent", || count(&reference, "select count(*) from chat_context_queue") > 0);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let ended = super::Ended(child.wait_with_output().expect("an end"));
    let report = ended.report();
    assert_eq!((ended.code(), &report["judged"]["verdict"]), (Some(3), &"none".into()), "{}", ended.talk());
    assert!(report["judged"]["remarks"].to_string().contains("interrupted"));
    assert_eq!(report["cleanup"]["left"], 0, "{}", ended.talk());
    assert_eq!(count(&reference, CONVERSATIONS), 0);
}

#[tokio::test]
async fn a_run_is_seen_on_the_daemons_page_while_it_goes_and_no_longer_afterwards() {
    let reference = Reference::start(&["--users", "12"]);
    let config = config(&reference, 12);
    let port = closed_port();
    let file = config.folder.path().join("memsentry.yaml");
    let text = std::fs::read_to_string(&file).expect("written").replace("127.0.0.1:1'", &format!("127.0.0.1:{port}'"));
    std::fs::write(&file, text).expect("written");
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_memsentry"));
    let daemon = Process::start(daemon.arg("run").current_dir(config.folder.path()).stderr(Stdio::null()));
    let page = async |path: &str| {
        let answer = http().get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?;
        answer.text().await.ok()
    };
    let shown = async || page("/metrics").await.map(|page| page.contains("memsentry_load_requests_total{"));
    until("the daemon answers", || page("/-/healthy")).await;
    let arguments = ["--rate", "4", "--duration", "6s", "--profile", "soak", "--yes", "--json"];
    let load = config.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    until("the run is among the metrics", async || shown().await?.then_some(())).await;
    assert!(page("/").await.expect("a page").contains("Load run"));
    let ended = super::Ended(load.wait_with_output().expect("an end"));
    assert_eq!(ended.report()["sent"]["started"], 24, "{}", ended.talk());
    until("the run is withdrawn", async || (!shown().await?).then_some(())).await;
    drop(daemon);
}
