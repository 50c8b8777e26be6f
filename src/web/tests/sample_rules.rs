//! The rules and alerts of the sample daemon.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use super::sample::NOW;
use crate::model::{Duration, Labels, Timestamp};
use crate::rules::{AlertView, GroupView, Health, RuleKind, RuleView, State};

const EVALUATED: Timestamp = Timestamp::from_millis(NOW.millis() - 4_000);

/// A service group with three alerts, unless it is `quiet`, and one about memsentry.
pub(crate) fn groups(quiet: bool) -> Vec<GroupView> {
    let stalled =
        ("WorkerStalled", "critical", true, 12, 214.0, "The worker of production takes nothing from the queue");
    let depth = ("QueueDepthHigh", "warning", true, 9, 214.0, "214 entries wait in the queue of production");
    let slow = ("UpdateSlow", "warning", false, 2, 3.217_42, "Updates of production take 3.2 s");
    let some = |told| if quiet { vec![] } else { vec![alert(told)] };
    let error = (!quiet).then_some("found duplicate series for the match group {}");
    let nothing_done = "increase(chat_memory_queue_completed_total[5m]) == 0\nand chat_memory_queue_depth > 0";
    let quantile = "histogram_quantile(0.95, rate(chat_memory_update_duration_seconds_bucket[5m])) > 2";
    vec![
        group(
            "service",
            vec![
                alerting("QueueDepthHigh", "chat_memory_queue_depth > 100", some(depth), None),
                alerting("WorkerStalled", nothing_done, some(stalled), None),
                alerting("UpdateSlow", quantile, some(slow), None),
                RuleView {
                    kind: RuleKind::Recording,
                    ..alerting(
                        "target:updates:rate5m",
                        "sum by (target) (rate(chat_memory_updates_total[5m]))",
                        vec![],
                        None,
                    )
                },
            ],
        ),
        group(
            "memsentry",
            vec![
                alerting(
                    "Watchdog",
                    "vector(1)",
                    vec![alert(("Watchdog", "info", true, 4000, 1.0, "Alerting works"))],
                    None,
                ),
                alerting("StoreDown", "memsentry_store_up == 0", vec![], error),
            ],
        ),
    ]
}

fn alert((name, severity, firing, minutes, value, summary): (&str, &str, bool, u64, f64, &str)) -> AlertView {
    AlertView {
        labels: Labels::from_pairs([("alertname", name), ("severity", severity), ("target", "production")]),
        annotations: BTreeMap::from([("summary".to_owned(), summary.to_owned())]),
        state: if firing { State::Firing } else { State::Pending },
        active_at: NOW - StdDuration::from_secs(minutes * 60),
        keep_firing_since: None,
        value,
    }
}

fn alerting(name: &str, query: &str, alerts: Vec<AlertView>, error: Option<&str>) -> RuleView {
    RuleView {
        name: name.into(),
        query: query.into(),
        parsed: crate::promql::parse(query).expect("a query"),
        labels: BTreeMap::from([("severity".to_owned(), "critical".to_owned())]),
        health: if error.is_some() { Health::Err } else { Health::Ok },
        last_error: error.map(Into::into),
        evaluation_time: StdDuration::from_micros(210),
        last_evaluation: Some(EVALUATED),
        kind: RuleKind::Alerting {
            state: alerts.iter().map(|alert| alert.state).max().unwrap_or(State::Inactive),
            duration: Duration::from_secs(300),
            keep_firing_for: Duration::default(),
            annotations: BTreeMap::from([("summary".to_owned(), "{{ $labels.target }} does not keep up".to_owned())]),
            alerts,
        },
    }
}

fn group(name: &str, rules: Vec<RuleView>) -> GroupView {
    GroupView {
        name: name.into(),
        file: "alerts.yaml".into(),
        interval: Duration::from_secs(15),
        limit: 0,
        evaluation_time: StdDuration::from_micros(830),
        last_evaluation: Some(EVALUATED),
        rules,
    }
}
