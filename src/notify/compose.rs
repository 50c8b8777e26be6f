//! Writes the message about some alerts of a group: what they share, their runbook, their thread.
//!
//! Pure. Which alerts it shows, and why it is sent, was decided before (`decide`).

use sha2::{Digest, Sha256};

use crate::model::{Labels, Timestamp};

use super::group::GroupId;
use super::message::{MOST_ALERTS, Notification, Told, common_annotations, common_labels};
use super::reason::Reason;
use super::route::Plan;

/// One life of a group.
pub(super) struct Life<'a> {
    pub id: &'a GroupId,
    pub labels: &'a Labels,
    pub created_at: Timestamp,
}

impl Plan {
    /// The message about these alerts.
    pub(super) fn compose(
        &self,
        mut alerts: Vec<Told>,
        life: &Life<'_>,
        notifier: &str,
        reason: Reason,
        at: Timestamp,
    ) -> Notification {
        let truncated_alerts = alerts.len().saturating_sub(MOST_ALERTS);
        alerts.truncate(MOST_ALERTS);
        for alert in &mut alerts {
            let page = self.runbooks.get(alert.name()).filter(|_| !self.external_url.is_empty());
            if let Some(runbook) = page.filter(|_| !alert.annotations.contains_key("runbook_url")) {
                let url = format!("{}/runbooks/{}", self.external_url, runbook.name);
                alert.annotations.insert("runbook_url".to_owned(), url);
            }
        }
        let common = common_labels(&alerts);
        let name = common.get(crate::model::labels::ALERT_NAME);
        let birth = life.created_at.millis().to_string();
        let id = life.id;
        Notification {
            receiver: id.receiver.clone(),
            group_key: id.key.clone(),
            thread: digest(&[&id.key, &id.receiver, notifier, &birth]),
            reason,
            decided_at: at,
            group_labels: life.labels.clone(),
            common_annotations: common_annotations(&alerts),
            external_url: self.external_url.clone(),
            runbook: name.and_then(|name| self.runbooks.get(name)).map(|runbook| runbook.name.clone()),
            common_labels: common,
            alerts,
            truncated_alerts,
            collapsed: None,
        }
    }
}

/// 32 hexadecimal digits of the SHA-256 over the parts.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
