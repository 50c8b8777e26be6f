//! Alertmanager's webhook body, version 4, field by field.
//!
//! Three additions: `runbook` with name, address and markdown, where the alerts share a runbook; `evidence` with what was
//! gathered when the message was first attempted; and `collapsed` with how many messages since when this one stands for,
//! after the receiver was dead. They stand at the top level, where Alertmanager itself added fields in 0.33 and 0.34, so
//! that receivers which know version 4 pass over them, and templates that print all annotations do not print a page of
//! markdown. Pictures are not sent: the samples are.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{AlertStatus, Labels, Timestamp};
use crate::runbooks::Runbooks;

use super::super::super::evidence::Evidence;
use super::super::super::message::{Notification, Told};

/// Go's zero time, which Alertmanager writes for "not yet".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// What is posted.
#[derive(Debug, Serialize)]
pub struct Body<'a> {
    receiver: &'a str,
    status: &'static str,
    alerts: Vec<BodyAlert<'a>>,
    #[serde(rename = "groupLabels")]
    group_labels: &'a Labels,
    #[serde(rename = "commonLabels")]
    common_labels: &'a Labels,
    #[serde(rename = "commonAnnotations")]
    common_annotations: &'a BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    notification_reason: &'static str,
    #[serde(rename = "routeLabels")]
    route_labels: Labels,
    version: &'static str,
    #[serde(rename = "groupKey")]
    group_key: &'a str,
    #[serde(rename = "truncatedAlerts")]
    truncated_alerts: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<BodyRunbook<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapsed: Option<BodyCollapsed>,
}

#[derive(Debug, Serialize)]
struct BodyCollapsed {
    messages: usize,
    since: String,
}

#[derive(Debug, Serialize)]
struct BodyAlert<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: &'a str,
}

#[derive(Debug, Serialize)]
struct BodyRunbook<'a> {
    name: &'a str,
    url: &'a str,
    markdown: &'a str,
}

impl<'a> Body<'a> {
    /// The message with at most `max_alerts` alerts; 0 for all that it has.
    #[must_use]
    pub fn new(notification: &'a Notification, runbooks: &'a Runbooks, max_alerts: usize) -> Self {
        let most = if max_alerts == 0 { usize::MAX } else { max_alerts };
        let left_out = notification.alerts.len().saturating_sub(most);
        let runbook = notification.runbook.as_ref().and_then(|name| runbooks.get(name));
        let url = notification.common_annotations.get("runbook_url").map_or("", String::as_str);
        Self {
            receiver: &notification.receiver,
            status: notification.status().as_str(),
            alerts: notification.alerts.iter().take(most).map(BodyAlert::new).collect(),
            group_labels: &notification.group_labels,
            common_labels: &notification.common_labels,
            common_annotations: &notification.common_annotations,
            external_url: &notification.external_url,
            notification_reason: notification.reason.alertmanager(),
            route_labels: Labels::empty(),
            version: "4",
            group_key: &notification.group_key,
            truncated_alerts: notification.truncated_alerts + left_out,
            runbook: runbook.map(|book| BodyRunbook { name: &book.name, url, markdown: &book.markdown }),
            evidence: None,
            collapsed: notification
                .collapsed
                .map(|collapsed| BodyCollapsed { messages: collapsed.messages, since: collapsed.since.rfc3339() }),
        }
    }

    /// With what stands behind the message, if anything was found.
    #[must_use]
    pub fn with(self, evidence: &'a Evidence) -> Self {
        let nothing = Evidence { gathered_at: evidence.gathered_at, ..Evidence::default() };
        Self { evidence: Some(evidence).filter(|evidence| **evidence != nothing), ..self }
    }
}

impl<'a> BodyAlert<'a> {
    fn new(alert: &'a Told) -> Self {
        Self {
            status: alert.status.as_str(),
            labels: &alert.labels,
            annotations: &alert.annotations,
            starts_at: alert.starts_at.rfc3339(),
            ends_at: match alert.status {
                AlertStatus::Firing => NEVER.to_owned(),
                AlertStatus::Resolved => alert.ends_at.map_or_else(|| NEVER.to_owned(), Timestamp::rfc3339),
            },
            generator_url: &alert.generator_url,
            fingerprint: &alert.fingerprint,
        }
    }
}
