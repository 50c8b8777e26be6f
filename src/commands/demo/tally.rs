//! What the demo has seen: pages and mails as they arrived, and probe runs as the registry counts them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::metrics::{Registry, Value};
use crate::model::AlertStatus;
use crate::notify::notifiers;

use super::smtp_sink::Mail;
use super::webhook_sink::Page;

/// Everything received so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pages: Vec<Page>,
    mails: Vec<Mail>,
}

/// The last line of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) probe_runs: u64,
    pub(super) probe_failures: u64,
    pub(super) fired: BTreeSet<String>,
    pub(super) resolved: BTreeSet<String>,
    pub(super) webhooks: usize,
    pub(super) mails: usize,
}

impl Tally {
    pub(super) fn page(&mut self, page: Page) {
        self.pages.push(page);
    }

    pub(super) fn mail(&mut self, mail: Mail) {
        self.mails.push(mail);
    }

    /// The names of alerts that a webhook told with this status.
    fn alerts(&self, status: AlertStatus) -> BTreeSet<String> {
        let alerts = self.pages.iter().flat_map(|page| &page.alerts).filter(|alert| alert.status == status);
        alerts.filter_map(|alert| alert.labels.get("alertname")).map(str::to_owned).collect()
    }

    /// Whether both the webhook and a mail have told `alert` with this status.
    pub(super) fn told(&self, alert: &str, status: AlertStatus) -> bool {
        self.alerts(status).contains(alert) && self.mail_about(alert, status).is_some()
    }

    /// The mail that told `alert` with this status.
    pub(super) fn mail_about(&self, alert: &str, status: AlertStatus) -> Option<&Mail> {
        let over = status == AlertStatus::Resolved;
        self.mails.iter().find(|mail| {
            mail.header("Subject")
                .is_some_and(|subject| subject.contains(alert) && subject.starts_with(notifiers::OVER) == over)
        })
    }

    /// The figures, with those that only the registry knows.
    pub(super) fn summary(&self, registry: &Registry) -> Summary {
        Summary {
            probe_runs: total(registry, "chat_memory_probe_runs_total"),
            probe_failures: total(registry, "chat_memory_probe_failures_total"),
            fired: self.alerts(AlertStatus::Firing),
            resolved: self.alerts(AlertStatus::Resolved),
            webhooks: self.pages.len(),
            mails: self.mails.len(),
        }
    }
}

/// The sum of a counter or gauge over all its series.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of events
pub(super) fn total(registry: &Registry, name: &str) -> u64 {
    let families = registry.gather();
    let points = families.iter().filter(|family| family.name == name).flat_map(|family| &family.points);
    let numbers = points.filter_map(|point| match point.value {
        Value::Number(number) => Some(number),
        Value::Histogram { .. } => None,
    });
    numbers.sum::<f64>() as u64
}
