//! The runs of the sample daemon's probes.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use super::sample::NOW;
use crate::model::Timestamp;
use crate::probes::{ExchangeRecord, Failure, History, Outcome, QueueTrace, Reason, Step, StepExchange, Timings};

/// The last runs of all probes; the roundtrip of production fails now and then unless it is `quiet`.
pub(crate) fn history(quiet: bool) -> History {
    let history = History::new();
    for i in (1..=8).rev() {
        let at = |seconds: u64| NOW - StdDuration::from_secs(seconds);
        history.record(&Arc::new(short("production", "health", at(i * 15 - 12))));
        history.record(&Arc::new(short("production", "retrieval", at(i * 15 - 7))));
        history.record(&Arc::new(roundtrip(at(i * 15 - 3), !quiet && i % 4 == 1)));
    }
    history.record(&Arc::new(short("staging", "health", NOW - StdDuration::from_secs(200))));
    history
}

fn short(target: &str, probe: &str, started_at: Timestamp) -> Outcome {
    Outcome {
        target: target.into(),
        probe: probe.into(),
        kind: "health",
        started_at,
        took: StdDuration::from_micros(45_210),
        failure: None,
        steps: vec![step("request", 0, 45_210, true)],
        notes: Vec::new(),
        chat_id: None,
        queue: None,
        update_took: None,
        exchanges: Vec::new(),
    }
}

fn step(name: &'static str, offset: u64, took: u64, ok: bool) -> Step {
    Step { name, offset: StdDuration::from_micros(offset), took: StdDuration::from_micros(took), ok }
}

fn roundtrip(started_at: Timestamp, fails: bool) -> Outcome {
    let waited = if fails { 30_000_000 } else { 1_420_000 };
    let mut steps = vec![
        step("create_conversation", 0, 31_000, true),
        step("send_snippet", 31_000, 44_000, true),
        step("wait_processed", 75_000, waited, !fails),
    ];
    if !fails {
        steps.push(step("read_memory", 75_000 + waited, 38_000, true));
        steps.push(step("clean_up", 113_000 + waited, 6_000, true));
    }
    let message = "queue row 4f1c is still pending_summarization after 30s".to_owned();
    Outcome {
        took: StdDuration::from_micros(120_000 + waited),
        failure: fails.then_some(Failure { reason: Reason::NotProcessed, step: "wait_processed", message }),
        steps,
        notes: vec!["processed_at is never set by this deployment".into()],
        chat_id: Some("c0ffee".into()),
        queue: Some(QueueTrace {
            queue_id: "4f1c7a52-1c1e-4a5e-8f5e-0d8f6a9a7c11".into(),
            status: Some(if fails { "pending_summarization" } else { "complete" }.into()),
            created_at: Some(started_at),
            processed_at: None,
            retry_count: Some(i32::from(fails) * 2),
            error_message: fails.then(|| "model answered with something else than JSON".into()),
            looks: 14,
        }),
        update_took: (!fails).then(|| StdDuration::from_micros(waited)),
        exchanges: vec![StepExchange { step: "send_snippet", exchange: exchange(started_at) }],
        ..short("production", "roundtrip", started_at)
    }
}

fn exchange(at: Timestamp) -> ExchangeRecord {
    let micros = |micros| Some(StdDuration::from_micros(micros));
    ExchangeRecord {
        at,
        method: "POST",
        path: "/api/v1/memory/update".into(),
        status: Some(201),
        request_id: "0af7651916cd43dd8448eb211c80319c".into(),
        service_request_id: None,
        process_seconds: Some(0.0312),
        timings: Timings {
            dns: None,
            connect: None,
            tls: None,
            first_byte: micros(43_100),
            transfer: micros(310),
            total: StdDuration::from_micros(43_410),
        },
        body_excerpt: "{\"queue_id\":\"4f1c\",\"status\":\"pending_summarization\"}".into(),
    }
}
