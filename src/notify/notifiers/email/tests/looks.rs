//! What a reader sees of a mail, for the kinds of mail that there are: texts beside their fixtures, pages to be looked at.

use std::path::PathBuf;
use std::time::Duration as StdDuration;

use super::super::super::super::evidence::{
    AlertEvidence, Chart, Diagnosis, Evidence, Line, Measured, ProbeRun, Table, Unit,
};
use super::super::super::super::message::{Notification, Told, common_annotations, common_labels};
use super::super::super::super::reason::Reason;
use super::super::super::story::Story;
use super::super::{html, text};
use super::{notification, told};
use crate::model::{Labels, Timestamp};
use crate::runbooks::Runbooks;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time")
}

/// An hour in which `values` says how the value went, a minute each; NaN is a gap.
fn chart(values: &[&dyn Fn(f64) -> f64], names: &[&str], fired: &str) -> Chart {
    let to = at("2026-11-23T02:41:30Z");
    let from = Timestamp::from_millis(to.millis() - 3_600_000);
    let line = |(value, name): (&&dyn Fn(f64) -> f64, &&str)| Line {
        name: (*name).to_owned(),
        points: (0..=60)
            .map(|minute| (from + StdDuration::from_secs(60 * minute), value(f64::from(minute as u32))))
            .filter(|(_, value)| !value.is_nan())
            .collect(),
    };
    Chart {
        title: "chat_memory_queue_depth".into(),
        unit: Unit::Rows,
        from,
        to,
        step: StdDuration::from_secs(60),
        lines: values.iter().zip(names).map(line).collect(),
        threshold: Some(100.0),
        fired_at: Some(at(fired)),
        over_at: None,
    }
}

fn measured(latest: f64) -> Measured {
    Measured {
        expression: "chat_memory_queue_depth".into(),
        unit: Unit::Rows,
        comparison: Some(">"),
        threshold: Some(100.0),
        latest: Some(latest),
    }
}

fn run() -> ProbeRun {
    ProbeRun {
        target: "main".into(),
        probe: "roundtrip".into(),
        started_at: at("2026-11-23T02:40:58Z"),
        took: StdDuration::from_millis(25_020),
        step: "follow".into(),
        reason: "not_processed".into(),
        message: "accepted, but still pending_summarization after 20 s".into(),
        request: Some("POST /api/v1/memory/update, 201 after 12.4 ms".into()),
        request_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
        excerpt: Some("{\"queue_id\":\"5f0c3f0e-6a0e-4d5c-9f2b-0b8a5a4d1c11\",\"status\":\"pending_summarization\"}".into()),
        queue: Some("row 5f0c3f0e-6a0e-4d5c-9f2b-0b8a5a4d1c11 is pending_summarization, 3 failed attempts, last error: agent: 401 invalid key [redacted]".into()),
        failed: 9,
        of: 30,
        url: "https://watch.example/probes/main/roundtrip".into(),
    }
}

fn head_of_queue() -> Diagnosis {
    let row = |id: &str, age: &str, retries: &str, error: &str| [id, age, retries, error].map(str::to_owned).to_vec();
    Diagnosis {
        title: "Oldest rows".into(),
        answer: Ok(Table {
            columns: ["id", "age", "retry_count", "error"].map(str::to_owned).to_vec(),
            rows: vec![
                row("5f0c3f0e-6a0e-4d5c-9f2b-0b8a5a4d1c11", "00:31:07", "14", "agent: 401 invalid key [redacted]"),
                row("a1d0a5b2-9c1c-4f0a-8c7e-2f1f7d9b6e01", "00:30:52", "14", "agent: 401 invalid key [redacted]"),
            ],
            more: true,
        }),
    }
}

pub(super) fn evidence_of_a_stall(message: &Notification) -> Evidence {
    let rising: &dyn Fn(f64) -> f64 =
        &|m| if (14.0..19.0).contains(&m) { f64::NAN } else { (m / 60.0).powi(3) * 138.0 + 4.0 + m % 5.0 };
    Evidence {
        gathered_at: at("2026-11-23T02:41:31Z"),
        alerts: message
            .alerts
            .iter()
            .map(|alert| AlertEvidence {
                fingerprint: alert.fingerprint.clone(),
                measured: Some(measured(142.0)),
                run: Some(run()),
            })
            .collect(),
        chart: Some(chart(&[rising], &[""], "2026-11-23T02:33:00Z")),
        diagnostics: vec![
            head_of_queue(),
            Diagnosis { title: "Sessions that hold locks".into(), answer: Ok(Table::default()) },
        ],
        missing: Vec::new(),
    }
}

fn critical() -> (Notification, Evidence) {
    let mut alert = told("main", None);
    alert.labels = Labels::from_pairs([("alertname", "WorkerStalled"), ("severity", "critical"), ("target", "main")]);
    alert.annotations.insert("summary".into(), "main: the worker completes nothing, 142 updates wait".into());
    alert.annotations.insert(
        "description".into(),
        "None of the rows in the queue of main was completed in the last 5 minutes, and 142 are open. Updates are accepted \
         and do not become memories."
            .into(),
    );
    alert.annotations.insert("runbook_url".into(), "https://watch.example/runbooks/WorkerStalled".into());
    alert.starts_at = at("2026-11-23T02:33:00Z");
    let mut message = notification(Reason::FirstNotification, vec![alert]);
    message.runbook = Some("WorkerStalled".into());
    let evidence = evidence_of_a_stall(&message);
    (message, evidence)
}

fn group() -> (Notification, Evidence) {
    let alerts: Vec<Told> = (1..=12)
        .map(|number| {
            let mut alert = told(&format!("eu-west-{number}"), (number == 12).then_some("2026-11-23T02:31:00Z"));
            alert.value = Some(100.0 + f64::from(number) * 7.0);
            alert.resolved_value = (number == 12).then_some(12.0);
            alert
        })
        .collect();
    let message = notification(Reason::NewAlerts, alerts);
    let lines: [&dyn Fn(f64) -> f64; 4] =
        [&|m| m * 2.0, &|m| 60.0 + 50.0 * (m / 9.0).sin(), &|m| 30.0 + m, &|m| if m < 30.0 { f64::NAN } else { 100.0 }];
    let names = ["eu-west-1", "eu-west-2", "eu-west-3", "eu-west-4"];
    let alerts = message.alerts.iter().map(|alert| AlertEvidence {
        fingerprint: alert.fingerprint.clone(),
        measured: Some(measured(110.0)),
        run: None,
    });
    let evidence = Evidence {
        gathered_at: at("2026-11-23T02:41:31Z"),
        alerts: alerts.collect(),
        chart: Some(chart(&lines, &names, "2026-11-23T02:14:00Z")),
        diagnostics: vec![Diagnosis {
            title: "Oldest rows".into(),
            answer: Err("the database of eu-west-1 did not answer a moment ago and was left alone".into()),
        }],
        missing: Vec::new(),
    };
    (message, evidence)
}

fn resolved() -> (Notification, Evidence) {
    let mut alert = told("main", Some("2026-11-23T02:41:00Z"));
    alert.resolved_value = Some(3.0);
    let message = notification(Reason::AllResolved, vec![alert]);
    let value: &dyn Fn(f64) -> f64 = &|m| if m < 33.0 { m * 3.0 } else { 170.0 - (m - 33.0) * 6.2 };
    let mut chart = chart(&[value], &[""], "2026-11-23T02:14:00Z");
    chart.over_at = Some(at("2026-11-23T02:41:00Z"));
    let alerts = message.alerts.iter().map(|alert| AlertEvidence {
        fingerprint: alert.fingerprint.clone(),
        measured: Some(measured(3.0)),
        run: None,
    });
    let evidence = Evidence {
        gathered_at: at("2026-11-23T02:41:31Z"),
        alerts: alerts.collect(),
        chart: Some(chart),
        ..Evidence::default()
    };
    (message, evidence)
}

fn without_evidence() -> (Notification, Evidence) {
    let message = notification(Reason::Repeat, vec![told("main", None)]);
    (message, Evidence::missing(at("2026-11-23T02:41:32Z"), "gathering it took longer than 2 s"))
}

fn long_label() -> (Notification, Evidence) {
    let mut alert = told("main", None);
    let long = "arn:aws:ecs:eu-central-1:123456789012:task/memory-service/".to_owned() + &"0123456789abcdef".repeat(20);
    let pairs =
        [("alertname", "QueueDepthHigh"), ("severity", "info"), ("target", "main"), ("instance", long.as_str())];
    alert.labels = Labels::from_pairs(pairs);
    alert.annotations.insert("summary".into(), format!("{long} is not well"));
    let mut message = notification(Reason::FirstNotification, vec![alert]);
    message.runbook = None;
    message.common_labels = common_labels(&message.alerts);
    message.common_annotations = common_annotations(&message.alerts);
    (message, Evidence::default())
}

fn all() -> [(&'static str, (Notification, Evidence)); 5] {
    [
        ("critical", critical()),
        ("group", group()),
        ("resolved", resolved()),
        ("without_evidence", without_evidence()),
        ("long_label", long_label()),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mails")
}

/// `MAILS_TO=tests/fixtures/mails cargo test --lib looks -- --ignored` writes them anew.
#[test]
fn every_kind_of_mail_reads_as_its_fixture() {
    let runbooks = Runbooks::load(None).expect("shipped");
    for (name, (message, evidence)) in all() {
        let text = text::render(&Story::new(&message, &runbooks).with(&evidence));
        let expected = std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap_or_default();
        // The runbook's text is the runbook's business.
        let body = |text: &str| text.split("\nRUNBOOK\n").next().unwrap_or_default().to_owned();
        assert_eq!(body(&text), body(&expected), "{name}");
    }
}

#[test]
fn a_page_says_in_order_what_is_wrong_how_bad_what_to_do_and_why() {
    let runbooks = Runbooks::load(None).expect("shipped");
    let (message, evidence) = critical();
    let page = html::render(&Story::new(&message, &runbooks).with(&evidence), Some("cid:x"));
    let body = page.split("<body").nth(1).expect("a body");
    let mut rest = body;
    for part in [
        "WorkerStalled",
        "the worker completes nothing",
        "Since 02:33 UTC",
        "142 rows",
        "over 100 rows",
        "What to do first",
        "/acknowledge?alert=",
        "/runbooks/WorkerStalled",
        "/silences/new?filter=",
        "What failed",
        "roundtrip of main failed at step follow: not processed",
        "9 of the last 30 runs failed.",
        "The last hour",
        "src=\"cid:x\"",
        "alt=\"From 01:41 to 02:41 UTC: between",
        "Oldest rows",
        "The first 2 rows; there are more.",
        "Sessions that hold locks",
        "Nothing found.",
        "Gathered at 02:41 UTC",
        "Escalation",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part:?}, or too early, in {body}"));
        rest = &rest[at..];
    }
    let without = html::render(&Story::new(&message, &runbooks).with(&evidence), None);
    assert!(without.contains("between 4 rows and") && !without.contains("<img"), "words where there is no picture");
}

#[test]
fn nothing_from_outside_is_markup() {
    let (mut message, mut evidence) = critical();
    let evil = "<script>alert(1)</script>\"'&";
    message.alerts[0].annotations.insert("summary".into(), evil.into());
    message.alerts[0].labels = message.alerts[0].labels.with("instance", evil);
    evidence.missing.push(evil.into());
    if let Some(run) = &mut evidence.alerts[0].run {
        (run.message, run.excerpt, run.url) = (evil.into(), Some(evil.into()), format!("javascript:{evil}"));
    }
    evidence.diagnostics[0].answer =
        Ok(Table { columns: vec![evil.into()], rows: vec![vec![evil.into()]], more: false });
    let page = html::render(&Story::new(&message, &Runbooks::default()).with(&evidence), Some("cid:x"));
    assert!(!page.contains("<script") && !page.contains("javascript:") && page.contains("&lt;script&gt;"), "{page}");
}

/// Writes the mails as text and as pages, to be looked at: `MAILS_TO=dir cargo test --lib looks -- --ignored`.
#[test]
#[ignore = "writes files for a person to look at"]
#[allow(clippy::disallowed_methods)]
fn mails_to_look_at() {
    use base64::Engine as _;
    let dir = PathBuf::from(std::env::var("MAILS_TO").expect("MAILS_TO"));
    let runbooks = Runbooks::load(None).expect("shipped");
    for (name, (message, evidence)) in all() {
        let story = Story::new(&message, &runbooks).with(&evidence);
        let picture = evidence.chart.as_ref().and_then(Chart::png);
        let encoded = picture.map(|png| base64::engine::general_purpose::STANDARD.encode(png));
        let source = encoded.map(|text| format!("data:image/png;base64,{text}"));
        std::fs::write(dir.join(format!("{name}.txt")), text::render(&story)).expect("written");
        if !dir.ends_with("tests/fixtures/mails") {
            std::fs::write(dir.join(format!("{name}.html")), html::render(&story, source.as_deref())).expect("written");
        }
    }
}
