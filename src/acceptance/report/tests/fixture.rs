//! A made-up validation with everything that a real one can have, hostile answers included.

use std::time::Duration as StdDuration;

use super::super::*;

/// What no document may take for more than text.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script> [x](http://evil.example) | `tick` **bold** \u{1b}[31mred\u{7}\r\n# heading\u{202e} &amp; ]]> \"quoted\" 'single'";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000) + StdDuration::from_secs(seconds)
}

fn times(count: u64, base_millis: u64, spread_millis: u64) -> Distribution {
    // Spread as queues spread: most are near the base, few far from it.
    let spread = spread_millis as f64;
    Distribution::of_times((0..count).map(|n| {
        let part = (n as f64 + 0.5) / count as f64;
        StdDuration::from_secs_f64((base_millis as f64 + spread * part.powi(4)) / 1000.0)
    }))
}

fn result(id: &str, area: Area, verdict: Verdict, summary: &str, began: u64, took: u64) -> CriterionResult {
    CriterionResult {
        id: id.into(),
        area,
        promise: format!("The promise of {id}."),
        method: format!("The method of {id}."),
        verdict,
        summary: summary.into(),
        evidence: Evidence::default(),
        began: at(began),
        took: Duration::from_secs(took),
    }
}

fn exchange(status: Option<u16>, excerpt: &str) -> ExchangeSeen {
    ExchangeSeen {
        at: at(5),
        method: "GET".into(),
        path: "/api/v1/memory/abc".into(),
        status,
        request_id: format!("ms-{}", status.unwrap_or(0)),
        seconds: 0.0123,
        excerpt: excerpt.into(),
    }
}

fn row(error: Option<&str>) -> RowSeen {
    RowSeen {
        id: "6f1c".into(),
        chat_id: "abc".into(),
        status: "complete".into(),
        created_at: at(20),
        processed_at: error.is_none().then(|| at(21)),
        retry_count: 1,
        error_message: error.map(str::to_owned),
    }
}

fn service() -> CriterionResult {
    let mut result = result("service-answers", Area::Service, Verdict::Pass, "/health says healthy", 0, 1);
    result.evidence.exchanges = vec![exchange(Some(200), "{\"status\":\"healthy\"}")];
    result.evidence.exchanges_total = 3;
    result.evidence.times("login", times(2, 20, 5), None);
    result
}

fn isolation() -> CriterionResult {
    let summary = format!("another user read the memory: {HOSTILE}");
    let mut result = result("user-isolation", Area::Isolation, Verdict::Fail, &summary, 2, 3);
    result.evidence.case("read by another", "404 or 403", HOSTILE, Some(false));
    result.evidence.case("update by another", "404 or 403", "404", Some(true));
    result.evidence.case(HOSTILE, "refused", "nothing", None);
    result.evidence.exchanges = vec![exchange(Some(200), "ok"), exchange(Some(404), HOSTILE), exchange(None, "")];
    result.evidence.exchanges_total = 3;
    result.evidence.note(HOSTILE);
    result
}

fn queue() -> CriterionResult {
    let mut result = result("queue-fifo", Area::Queue, Verdict::Pass, "40 of 40 rows in order", 6, 14);
    result.evidence.rows = vec![row(None), row(Some(HOSTILE))];
    result.evidence.rows_total = 40;
    result.evidence.share("rows in order", 40, 40, None);
    result
}

fn schema() -> CriterionResult {
    let mut result = result("schema-unfilled", Area::Schema, Verdict::Fail, "1 of 3 columns is never filled", 20, 2);
    result.evidence.case("processed_at", "filled on completion", "null in 40 of 40", Some(false));
    result.evidence.case("status", "filled", "40 of 40", Some(true));
    result.evidence.note("estimated from this run's rows");
    result
}

fn latency() -> CriterionResult {
    let summary = "400 of 400 updates visible within 2 s, p99 1.93 s";
    let mut result = result("update-latency", Area::Performance, Verdict::Pass, summary, 22, 200);
    result.evidence.times("update visible", times(400, 1150, 850), Some(2.0));
    result.evidence.times("accept", times(400, 15, 30), None);
    result.evidence.times("wait", times(400, 900, 700), None);
    result.evidence.times("process", times(400, 220, 90), None);
    result.evidence.times("read", times(400, 12, 20), None);
    result.evidence.exchanges_total = 800;
    result
}

fn retrieval() -> CriterionResult {
    let mut result =
        result("retrieval-latency", Area::Performance, Verdict::Pass, "200 of 200 reads within 100 ms", 222, 60);
    result.evidence.times("read", times(200, 4, 60), Some(0.1));
    result
}

/// Two broken promises, one not judged, the others kept.
pub(crate) fn rich() -> Report {
    let mut continuity = result("memory-continuity", Area::Agent, Verdict::Pass, "116 of 120 facts kept", 282, 60);
    continuity.evidence.share("facts kept", 116, 120, Some(0.95));
    let reason = format!("no second user is configured {HOSTILE}");
    let limit = result("rate-limit", Area::RateLimit, Verdict::NotJudged, &reason, 342, 0);
    let mut hang = result("recovers-from-agent-hang", Area::Faults, Verdict::Pass, "recovered after 3.2 s", 343, 57);
    hang.evidence.number("recovery", "seconds", 3.2, Some(30.0));
    Report {
        format: FORMAT,
        memsentry: "0.1.0".into(),
        run_id: "validate-0a1b2c".into(),
        began: at(0),
        ended: at(400),
        resumed: false,
        chaos: true,
        target: TargetSeen {
            name: "main".into(),
            url: "http://127.0.0.1:8000".into(),
            version: Some(HOSTILE.into()),
            users: 2,
            database: true,
        },
        promised: Promised {
            update_visible_seconds: 2.0,
            update_visible_ratio: 0.99,
            retrieval_seconds: 0.1,
            retrieval_ratio: 0.99,
            success_ratio: 0.995,
            rate_limit: RateLimit::default(),
            concurrency: vec![1, 10, 100, 1000],
            stored_memories: 10_000,
            retention_ratio: 0.95,
        },
        results: vec![service(), isolation(), queue(), schema(), latency(), retrieval(), continuity, limit, hang],
        timeline: (0..400).map(point).collect(),
        interference: Interference {
            foreign_rows: Some(3),
            service_clock_ahead_seconds: Some(-0.4),
            database_clock_ahead_seconds: None,
            own_lag_p99_seconds: Some(0.002),
            remarks: vec![format!("others queued 3 rows: {HOSTILE}")],
        },
        left_behind: Some(0),
        left_out: Vec::new(),
        interrupted: false,
        comparison: None,
    }
}

/// A burst from the hundredth second on that drains.
fn point(second: u64) -> TimelinePoint {
    let depth = if (100..300).contains(&second) { (300 - second) * 5 } else { second % 3 };
    TimelinePoint { at: at(second), depth, oldest_seconds: depth as f64 / 50.0 }
}

/// The same with nothing broken and everything judged.
pub(crate) fn ready() -> Report {
    let mut report = rich();
    report.results.retain(|result| result.verdict == Verdict::Pass);
    report.interference = Interference {
        foreign_rows: Some(0),
        service_clock_ahead_seconds: Some(0.2),
        database_clock_ahead_seconds: Some(0.01),
        own_lag_p99_seconds: Some(0.001),
        remarks: Vec::new(),
    };
    report
}
