//! Puts together what waits for a dead receiver, in the store and in the queue.

use std::collections::HashSet;

use crate::model::Timestamp;
use crate::store::{OutboxRow, Replacement};

use super::super::collapse::{Waiting, collapse};
use super::super::message::Told;
use super::{Address, Inner, Wired, as_f64, lock};

impl Inner {
    /// The message to try in the place of `row`: all that waits for a dead receiver, told as one.
    pub(super) async fn collapsed(&self, address: &Address, row: OutboxRow) -> OutboxRow {
        let backlog = lock(&self.queue).backlog(address);
        let now = self.clock.now();
        let Some(replacements) = self.put_together(address, backlog, now).await else { return row };
        if self.store.replace(replacements.clone(), now).await.is_err() {
            // The store has said so itself. What is told apart is told more often, not less.
            return row;
        }
        let gone: HashSet<String> = replacements.iter().flat_map(|one| one.gone.iter().cloned()).collect();
        self.metrics.collapsed.with_label_values(&[&address.0, &address.1]).inc_by(as_f64(gone.len()));
        let mut merged: Vec<OutboxRow> = replacements.into_iter().map(|one| one.row).collect();
        if !gone.contains(&row.id) {
            merged.insert(0, row.clone());
        }
        let gone = gone.into_iter().chain([row.id.clone()]).collect();
        let first = merged.first().cloned().unwrap_or(row);
        lock(&self.queue).replace(address, &gone, merged);
        first
    }

    async fn put_together(
        &self,
        address: &Address,
        backlog: Vec<OutboxRow>,
        now: Timestamp,
    ) -> Option<Vec<Replacement>> {
        let notifiers = self.notifiers.load_full();
        let Wired { notifier, send_resolved } = notifiers.all.get(address)?;
        let mut waiting = Vec::with_capacity(backlog.len());
        for row in backlog {
            // One that cannot be read is given up by its own attempt.
            if let Ok(notification) = serde_json::from_str(&row.body) {
                waiting.push(Waiting { row, notification });
            }
            tokio::task::yield_now().await;
        }
        let ended = |told: &Told| match send_resolved {
            // It is told by a message of its own.
            true => None,
            false => (self.ended)(told.labels.fingerprint(), now).filter(|_| told.ends_at.is_none()),
        };
        let replacements = collapse(waiting, notifier.for_people(), now, ended);
        Some(replacements).filter(|replacements| !replacements.is_empty())
    }
}
