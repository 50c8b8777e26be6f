//! `memsentry validate` from the shell against the reference: verdicts and exit codes, what it leaves behind however it ends,
//! and how it goes on afterwards. Which criterion fails on what is the matter of the suites beside this one.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use memsentry::acceptance::{Report, Verdict};
use memsentry::memory_api::Client;
use memsentry::metrics::Registry;
use memsentry::model::{Clock, Stopwatch};
use memsentry::queue::Database;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::json;

use crate::reference::Reference;

/// Longest wait for anything.
const LONGEST: Duration = Duration::from_secs(60);
const PASSWORD: &str = "memsentry-demo";

/// A folder with a configuration.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// For this reference; `validate` stands in the target's section of that name.
    fn new(reference: &Reference, validate: &str) -> Self {
        Self::of(&reference.api_url, "database: {url_env: DATABASE, cleanup: true}", validate)
    }

    fn of(url: &str, database: &str, validate: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "targets:\n  - name: main\n    service: {{url: '{url}', login: {{email: probe@example.com, password_env: PASSWORD}}}}\n    \
             {database}\n    validate: {{{validate}}}\nweb: {{listen: '127.0.0.1:1'}}\n"
        );
        std::fs::write(folder.path().join("memsentry.yaml"), text).expect("written");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, reference: Option<&Reference>, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memsentry"));
        command.arg("validate").args(arguments).current_dir(self.path()).env("PASSWORD", PASSWORD);
        let nobody = "postgres://u:p@127.0.0.1:1/memory";
        command.env("DATABASE", reference.map_or(nobody, |reference| &reference.database_url));
        command.env("CHAOS", reference.map_or(nobody, |reference| &reference.chaos_database_url));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, reference: Option<&Reference>, arguments: &[&str]) -> Output {
        self.command(reference, arguments).output().expect("it runs")
    }

    fn report(&self) -> Report {
        let text = std::fs::read_to_string(self.path().join("out/report.json")).expect("a report");
        Report::read(&text).expect("a report")
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", told(output)))
}

/// Conversations of validations that are in the database.
async fn left(reference: &Reference) -> u64 {
    let found = Database::new(&reference.database(), "it").leftovers("validate-").await.expect("an answer");
    found.iter().map(|leftover| leftover.conversations).sum()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let watch = Stopwatch::start();
    while !holds().await {
        assert!(watch.elapsed() < LONGEST, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is there");
}

/// Makes updates slow, so that a criterion is still at work when it is interrupted.
fn slow(reference: &Reference) {
    reference.fault(&json!({"latency": {"route": "memory_update", "ms": 700}}));
}

/// Whether the reference is broken.
fn is_broken(reference: &Reference) -> bool {
    let mut stream =
        std::net::TcpStream::connect(reference.faults_url().trim_start_matches("http://")).expect("faults");
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: faults\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    !answer.contains(r#""worker":"running""#)
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let place = Place::of("http://127.0.0.1:1", "", "");
    for (arguments, parts) in [
        (
            &["--only", "service-anwers"][..],
            &["--only: \"service-anwers\"", "did you mean \"service-answers\"?", "areas: service"][..],
        ),
        (&["--target", "mian"], &["unknown target \"mian\"", "did you mean \"main\"?"]),
        (&["--chaos"], &["has no section validate.chaos"]),
        (&["--resume", "--report-dir", "out"], &["there is no interrupted run in out"]),
        (&["--clean-up", "memsentry"], &["is not the id of a run"]),
        (&["--clean-up", "validate-1"], &["has no database"]),
        (&["--against", "gone.json"], &["gone.json cannot be read"]),
    ] {
        let output = place.run(None, arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", told(&output));
        for part in parts {
            assert!(told(&output).contains(part), "{part} in\n{}", told(&output));
        }
    }
    let (database, chaos) = (
        "database: {url_env: DATABASE, cleanup: true}",
        "chaos: {database_url_env: CHAOS, faults_url: 'http://127.0.0.1:1'}",
    );
    let place = Place::of("http://127.0.0.1:1", database, chaos);
    let output = place.run(None, &["--chaos", "--only", "recovers-from-worker-stop"]);
    assert_eq!(code(&output), 2, "{}", told(&output));
    assert!(told(&output).contains("say --yes as well"), "{}", told(&output));
}

#[test]
fn the_exit_code_says_whether_it_is_ready() {
    let reference = Reference::start(&[]);
    let place = Place::of(&reference.api_url, "", "");
    let output = place.run(None, &["--only", "schema-tables"]);
    assert_eq!(code(&output), 1, "nothing was judged: {}", told(&output));
    assert!(told(&output).contains("the service's database is not configured"), "{}", told(&output));
    let both = ["--only", "service-answers,schema-tables"];
    let output = place.run(None, &both);
    assert_eq!(code(&output), 0, "{}", told(&output));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(lines.lines().any(|line| line.contains("service-answers") && line.contains("pass")), "{lines}");
    assert!(lines.contains("1 pass, 0 fail, 1 not judged"), "{lines}");
    assert_eq!(code(&place.run(None, &[&both[..], &["--strict"]].concat())), 1);
    reference.fault(&json!({"errors": {"route": "health", "status": 503, "ratio": 1.0}}));
    let output = place.run(None, &[&both[..], &["--json", "--junit", "junit.xml"]].concat());
    assert_eq!(code(&output), 1, "{}", told(&output));
    let report = Report::read(&String::from_utf8_lossy(&output.stdout)).expect("a report on standard output");
    assert_eq!((report.count(Verdict::Fail), report.count(Verdict::NotJudged)), (1, 1));
    let junit = std::fs::read_to_string(place.path().join("junit.xml")).expect("written");
    assert!(junit.contains("failures=\"1\"") && junit.contains("<skipped"), "{junit}");
}

#[tokio::test]
async fn an_interrupted_run_cleans_up_and_is_resumed_as_what_it_was() {
    let reference = Reference::start(&[]);
    let place = Place::new(&reference, "");
    slow(&reference);
    let arguments = ["--only", "service-answers,memory-continuity", "--report-dir", "out"];
    let child = place.command(Some(&reference), &arguments).spawn().expect("it starts");
    until("it has made something", async || left(&reference).await > 0).await;
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 1, "{}", told(&output));
    for part in ["interrupted: cleaning up", "none is left", "go on with --resume", "no verdict on the whole"] {
        assert!(told(&output).contains(part), "{part} in\n{}", told(&output));
    }
    assert_eq!(left(&reference).await, 0);
    let first = place.report();
    assert!(first.interrupted && first.results[0].verdict == Verdict::Pass, "{:?}", first.results);
    assert_eq!(first.results[1].verdict, Verdict::NotJudged);

    reference.heal();
    let other = Place::new(&reference, "retention: 0.5");
    std::fs::copy(other.path().join("memsentry.yaml"), place.path().join("other.yaml")).expect("copied");
    let resume = ["--resume", "--report-dir", "out"];
    let output = place.run(Some(&reference), &[&resume[..], &["--config", "other.yaml"]].concat());
    assert_eq!(code(&output), 2, "{}", told(&output));
    assert!(told(&output).contains("other promises"), "{}", told(&output));

    let output = place.run(Some(&reference), &[&resume[..], &["--against", "out/report.json"]].concat());
    assert_eq!(code(&output), 0, "{}", told(&output));
    let second = place.report();
    assert!(second.resumed && !second.interrupted);
    assert_eq!((&second.run_id, second.began), (&first.run_id, first.began));
    assert_eq!(second.results[0], first.results[0], "what was judged is not judged again");
    assert_eq!(second.results[1].verdict, Verdict::Pass, "{:?}", second.results[1]);
    assert!(second.left_out.len() > 10 && second.comparison.is_some());
    assert!(second.timeline.len() >= first.timeline.len() && second.left_behind == Some(0));
    assert!(place.path().join("out/DEBT001.md").exists() && !place.path().join("out/progress.jsonl").exists());
    assert_eq!(left(&reference).await, 0);
}

#[tokio::test]
async fn a_second_interrupt_leaves_at_once_and_the_guard_cleans_up() {
    let reference = Reference::start(&[]);
    let place = Place::new(&reference, "");
    slow(&reference);
    let mut child = place.command(Some(&reference), &["--only", "memory-continuity"]).spawn().expect("it starts");
    until("it has made something", async || left(&reference).await > 0).await;
    // Nothing can be removed now, so that the run cannot end in order.
    reference.fault(&json!({"database": "refused"}));
    signal(&child, Signal::INT);
    let watch = Stopwatch::start();
    until("it has heard the first", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        signal(&child, Signal::INT);
        child.try_wait().expect("its state").is_some()
    })
    .await;
    assert!(watch.elapsed() < Duration::from_secs(10), "{:?}", watch.elapsed());
    reference.heal();
    until("nothing is left", async || left(&reference).await == 0).await;
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_nothing_behind_and_nothing_broken() {
    let reference = Reference::start(&[]);
    let chaos = format!("chaos: {{database_url_env: CHAOS, faults_url: '{}'}}", reference.faults_url());
    let place = Place::new(&reference, &chaos);
    let arguments = ["--chaos", "--yes", "--only", "recovers-from-worker-stop", "--report-dir", "out"];
    let mut command = place.command(Some(&reference), &arguments);
    // A group of its own, as a shell makes one, and all of it is killed.
    let mut child = command.process_group(0).spawn().expect("it starts");
    until("it has broken something", async || is_broken(&reference)).await;
    until("it has made something", async || left(&reference).await > 0).await;
    kill_process_group(Pid::from_child(&child), Signal::KILL).expect("it is there");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    until("it is mended", async || !is_broken(&reference)).await;
    until("nothing is left", async || left(&reference).await == 0).await;
    // The guard has the folder until it has ended; a run that goes on waits for it.
    let output = place.run(Some(&reference), &["--resume", "--report-dir", "out", "--chaos", "--yes"]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert_eq!((left(&reference).await, is_broken(&reference)), (0, false));
}

#[tokio::test]
async fn what_an_earlier_run_left_is_named_and_removed_by_its_id() {
    let reference = Reference::start(&[]);
    let place = Place::new(&reference, "");
    let client = Client::new("main", &reference.service(), &Registry::new(), Clock::system()).expect("a client");
    client.create_conversation(&json!({"memsentry_synthetic": "validate-earlier"})).await.expect("a conversation");
    client.create_conversation(&json!({"memsentry_synthetic": "somebody"})).await.expect("a conversation");
    let output = place.run(Some(&reference), &["--only", "service-answers"]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert!(told(&output).contains("validate --clean-up validate-earlier"), "{}", told(&output));
    let output = place.run(Some(&reference), &["--clean-up", "validate-earlier"]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert!(told(&output).contains("removed 1 conversations of validate-earlier, 0 are left"), "{}", told(&output));
    assert_eq!(left(&reference).await, 0);
    let others = Database::new(&reference.database(), "it").leftovers("somebody").await.expect("an answer");
    assert_eq!(others.len(), 1, "others' data stays");
}
