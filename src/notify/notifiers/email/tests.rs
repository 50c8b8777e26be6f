//! Against a real SMTP server (aiosmtpd), with and without TLS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::super::super::evidence::Evidence;
use super::super::super::message::{Notification, Told, common_annotations, common_labels};
use super::super::super::reason::Reason;
use super::super::Retry;
use super::*;
use crate::model::{Alert, Labels, Timestamp};
use crate::runbooks::Runbooks;

/// What readers see.
mod looks;

/// The server; ends with the test.
struct Sink {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Sink {
    fn start(words: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smtp_sink.py");
        // Debian's own Python: another one on the path has no aiosmtpd.
        let mut child = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(dir.path())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its port");
        let port = line.trim().parse().expect("a port; is Debian's python3-aiosmtpd installed?");
        Self { child, port, dir }
    }

    fn mails(&self) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.dir.path()).expect("readable").flatten().map(|e| e.path()).collect();
        names.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        names.sort();
        names
            .iter()
            .map(|path| {
                String::from_utf8_lossy(&std::fs::read(path).expect("read")).replace("\r\n", "\n").replace("=\n", "")
            })
            .collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

pub(super) fn told(target: &str, ended: Option<&str>) -> Told {
    let ended = ended.map(at);
    let alert = Alert {
        labels: Labels::from_pairs([("alertname", "QueueDepthHigh"), ("severity", "warning"), ("target", target)]),
        annotations: BTreeMap::from([
            ("summary".into(), format!("{target}: 142 updates wait in the queue")),
            ("runbook_url".into(), "https://watch.example/runbooks/QueueDepthHigh".into()),
            (
                "description".into(),
                format!(
                    "The queue of {target} has held more than 100 open rows for 5 minutes, now 142. New updates wait behind them, so memories go stale."
                ),
            ),
        ]),
        starts_at: at("2026-11-23T02:14:00Z"),
        ends_at: ended,
        valid_until: at("2026-11-23T04:00:00Z"),
        generator_url: "https://watch.example/alerts/QueueDepthHigh".into(),
        value: 142.0,
        resolved_value: None,
    };
    Told::new(&alert, ended)
}

pub(super) fn notification(reason: Reason, alerts: Vec<Told>) -> Notification {
    Notification {
        receiver: "oncall".into(),
        group_key: "{}:{alertname=\"QueueDepthHigh\"}".into(),
        thread: "00112233445566778899aabbccddeeff".into(),
        reason,
        decided_at: at("2026-11-23T02:41:30Z"),
        group_labels: Labels::from_pairs([("alertname", "QueueDepthHigh")]),
        common_labels: common_labels(&alerts),
        common_annotations: common_annotations(&alerts),
        external_url: "https://watch.example".into(),
        runbook: Some("QueueDepthHigh".into()),
        alerts,
        truncated_alerts: 0,
        collapsed: None,
    }
}

fn email(port: u16, to: &str, more: &str) -> Email {
    let yaml = format!("{{to: '{to}', from: 'memsentry <watch@host.example>', smarthost: 'localhost:{port}', {more}}}");
    let settings: Settings = serde_yaml::from_str(&yaml).expect("valid YAML");
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    Email::build(&settings).expect("built")
}

async fn deliver(email: &Email, key: &str, notification: &Notification) -> Result<(), Failure> {
    let runbooks = Runbooks::load(None).expect("shipped");
    let evidence = Evidence::default();
    let at = at("2026-11-23T02:41:31Z");
    email.deliver(&Attempt { key, notification, evidence: &evidence, runbooks: &runbooks, at }).await
}

fn firing() -> Notification {
    notification(Reason::FirstNotification, vec![told("main", None)])
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    mail.lines()
        .find_map(|line| line.strip_prefix(prefix.as_str()))
        .unwrap_or_else(|| panic!("no {name} in {}", &mail[..800]))
}

#[tokio::test]
async fn a_mail_has_both_bodies_with_the_runbook_and_headers_that_thread() {
    let sink = Sink::start(&[]);
    let email = email(sink.port, "On Call <oncall@host.example>", "tls: none, headers: {X-Team: memory}");
    deliver(&email, "key1", &firing()).await.expect("delivered");
    let over = notification(Reason::AllResolved, vec![told("main", Some("2026-11-23T02:41:00Z"))]);
    deliver(&email, "key2", &over).await.expect("delivered");
    let mails = sink.mails();
    let [first, second] = mails.as_slice() else { panic!("{} mails", mails.len()) };

    assert_eq!(header(first, "Subject"), "[WARNING] main: QueueDepthHigh");
    assert_eq!(header(first, "Date"), "Mon, 23 Nov 2026 02:41:30 +0000");
    assert_eq!(header(first, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(first, "X-Team"), "memory");
    assert!(header(first, "To").contains("<oncall@host.example>"));
    let thread = "<00112233445566778899aabbccddeeff@host.example>";
    assert_eq!(header(first, "Message-ID"), thread);
    assert!(!first.contains("In-Reply-To:"));
    for part in ["text/plain", "text/html", "WHAT TO DO FIRST", "What to do first", "Escalation"] {
        assert!(first.contains(part), "no {part} in {first}");
    }

    assert_eq!(header(second, "Subject"), "[RESOLVED] main: QueueDepthHigh");
    assert_eq!(header(second, "Message-ID"), "<key2@host.example>");
    assert_eq!((header(second, "In-Reply-To"), header(second, "References")), (thread, thread));
    assert!(second.contains("Lasted 27 min, from 02:14 UTC to 02:41 UTC"), "{second}");
    assert!(!second.contains("What to do first"), "nothing is to be done any more");
}

#[tokio::test]
async fn the_chart_travels_inside_the_mail_and_the_page_shows_it() {
    let sink = Sink::start(&[]);
    let email = email(sink.port, "oncall@host.example", "tls: none");
    let (notification, runbooks) = (firing(), Runbooks::load(None).expect("shipped"));
    let evidence = looks::evidence_of_a_stall(&notification);
    let attempt = Attempt {
        key: "key1",
        notification: &notification,
        evidence: &evidence,
        runbooks: &runbooks,
        at: at("2026-11-23T02:41:31Z"),
    };
    email.deliver(&attempt).await.expect("delivered");
    let mail = sink.mails().remove(0).replace("=3D", "=");
    for part in [
        "multipart/alternative",
        "multipart/related",
        "Content-Type: image/png",
        "Content-ID: <chart.key1@host.example>",
        "src=\"cid:chart.key1@host.example\"",
        "Content-Disposition: inline",
    ] {
        assert!(mail.contains(part), "no {part} in {mail}");
    }
    assert!(mail.len() < 60_000, "{} bytes", mail.len());
}

/// A certificate for `localhost` of an authority of its own: paths of authority, certificate and key.
fn certificate(dir: &Path) -> (String, String, String) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let root = authority.self_signed(&authority_key).expect("signed");
    let key = rcgen::KeyPair::generate().expect("a key");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let leaf = parameters.signed_by(&key, &issuer).expect("signed");
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    (write("ca.pem", root.pem()), write("cert.pem", leaf.pem()), write("key.pem", key.serialize_pem()))
}

#[tokio::test]
async fn starttls_and_implicit_tls_protect_the_login_and_the_mail() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ca, cert, key) = certificate(dir.path());
    for mode in ["starttls", "implicit"] {
        let sink = Sink::start(&[mode, &cert, &key, "login", "watch", "hunter22"]);
        let trust = format!("tls: {mode}, tls_config: {{ca_file: '{ca}'}}, auth_username: watch");
        let good = email(sink.port, "a@host.example", &format!("{trust}, auth_password: hunter22"));
        deliver(&good, "key1", &firing()).await.unwrap_or_else(|failure| panic!("{mode}: {failure}"));
        assert_eq!(header(&sink.mails()[0], "X-Tls"), "True", "{mode}");

        let wrong = email(sink.port, "a@host.example", &format!("{trust}, auth_password: wrong4ever"));
        let failure = deliver(&wrong, "key2", &firing()).await.expect_err("refused");
        assert_eq!((failure.reason, failure.retry), (FailureReason::AuthError, Retry::Later), "{mode}: {failure}");
        assert!(!failure.message.contains("wrong4ever"));

        let stranger = email(sink.port, "a@host.example", &format!("tls: {mode}"));
        let failure = deliver(&stranger, "key3", &firing()).await.expect_err("not trusted");
        assert_eq!(failure.retry, Retry::Later, "{mode}: {failure}");
        assert_eq!(sink.mails().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail() {
    let sink = Sink::start(&[]);
    let failure =
        deliver(&email(sink.port, "a@host.example", "timeout: 5s"), "k", &firing()).await.expect_err("refused");
    assert_eq!(failure.retry, Retry::Later, "{failure}");
    assert!(sink.mails().is_empty());
}

#[tokio::test]
async fn what_the_server_says_decides_whether_to_try_again() {
    let sink = Sink::start(&[]);
    for (to, reason, retry) in [
        ("a@gone.example", FailureReason::ClientError, Retry::Never),
        ("a@busy.example", FailureReason::ServerError, Retry::Later),
        ("a@slow.example", FailureReason::Timeout, Retry::Later),
    ] {
        let failure =
            deliver(&email(sink.port, to, "tls: none, timeout: 500ms"), "k", &firing()).await.expect_err("refused");
        assert_eq!((failure.reason, failure.retry), (reason, retry), "{to}: {failure}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let failure = deliver(&email(free, "a@b.example", "tls: none"), "k", &firing()).await.expect_err("nobody");
    assert_eq!((failure.reason, failure.retry), (FailureReason::Other, Retry::Later), "{failure}");
}

#[tokio::test]
async fn one_dead_mailbox_does_not_keep_the_others_from_their_mail() {
    let sink = Sink::start(&[]);
    let email = email(sink.port, "a@gone.example, b@host.example, c@host.example", "tls: none");
    deliver(&email, "k", &firing()).await.expect("delivered to those who live");
    let to: Vec<String> = sink.mails().iter().map(|mail| header(mail, "X-Rcpt").to_owned()).collect();
    assert_eq!(to, ["b@host.example", "c@host.example"]);
}
