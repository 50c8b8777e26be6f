//! The witness: asked about a message, it gathers everything there is within the limit.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use crate::metrics::Registry;
use crate::model::{AlertStatus, Clock, Stopwatch, Timestamp};
use crate::notify::evidence::{AlertEvidence, Diagnosis, Evidence, LIMIT, Witness};
use crate::notify::message::{Notification, Told};
use crate::probes::History;
use crate::promql::Unfiltered;
use crate::queue::Database;
use crate::runbooks::Runbooks;
use crate::tsdb::Tsdb;

use super::diagnostics::{Runner, Shared, Subject};
use super::fresh::Fresh;
use super::measure;
use super::metrics::Metrics;
use super::reading::{self, Reading};
use super::{Settings, probe};

/// Most alerts of one message about which evidence is gathered: as many as are written out.
const MOST_ALERTS: usize = 10;

/// Most different sides of rules that are read for one message.
const MOST_SIDES: usize = 6;

/// Readings that are kept for other messages.
const MOST_READINGS: usize = 32;

/// What is kept back of the limit for putting everything together.
const MARGIN: StdDuration = StdDuration::from_millis(150);

/// What only the whole daemon knows.
pub trait Scene: Send + Sync {
    /// What alerts of this name measure.
    fn sides(&self, alert: &str) -> Vec<Unfiltered>;
    /// The runbooks.
    fn runbooks(&self) -> Arc<Runbooks>;
    /// The targets that have a database.
    fn databases(&self) -> Vec<(String, Database)>;
    /// What diagnostics may do.
    fn settings(&self) -> Settings;
}

/// What the gatherer reads.
#[derive(Clone)]
pub struct Sources {
    /// The probes' runs.
    pub history: History,
    /// The samples.
    pub tsdb: Tsdb,
    /// The time.
    pub clock: Clock,
}

/// Gathers evidence.
pub struct Gatherer {
    sources: Sources,
    scene: Arc<dyn Scene>,
    metrics: Metrics,
    readings: Fresh<Result<Arc<Reading>, String>>,
    runner: Shared,
}

impl Gatherer {
    /// A witness over these sources.
    #[must_use]
    pub fn witness(sources: Sources, scene: impl Scene + 'static, registry: &Registry) -> Witness {
        let metrics = Metrics::new(registry);
        let runner = Arc::new(Runner::new(sources.tsdb.clone(), metrics.clone()));
        let gatherer =
            Arc::new(Self { sources, scene: Arc::new(scene), metrics, readings: Fresh::new(MOST_READINGS), runner });
        Witness::new(move |notification| {
            let gatherer = Arc::clone(&gatherer);
            Box::pin(async move { gatherer.gather(&notification).await })
        })
    }

    async fn gather(&self, notification: &Notification) -> Evidence {
        let watch = Stopwatch::start();
        let now = self.sources.clock.now();
        let alerts: Vec<&Told> = notification.alerts.iter().take(MOST_ALERTS).collect();
        let limit = LIMIT.saturating_sub(MARGIN);
        let (readings, diagnosed) = futures_util::future::join(
            tokio::time::timeout(limit, self.readings(&alerts, now)),
            tokio::time::timeout(limit, self.diagnose(notification, now, limit.saturating_sub(MARGIN))),
        )
        .await;
        let mut missing = Vec::new();
        let (readings, failed) = readings.unwrap_or_else(|_| {
            (Vec::new(), vec![format!("the value of the last hour could not be read within {} s", LIMIT.as_secs())])
        });
        missing.extend(failed);
        let diagnostics = diagnosed.unwrap_or_else(|_| {
            missing.push(format!("the runbook's diagnostics did not end within {} s", LIMIT.as_secs()));
            Vec::new()
        });
        let found: Vec<measure::Found<'_>> =
            alerts.iter().filter_map(|alert| measure::find(alert, &readings)).collect();
        let chart = measure::chart(notification, &found);
        let alerts = alerts.into_iter().map(|alert| self.about(alert, notification, &found, now)).collect();
        let complete = missing.is_empty() && diagnostics.iter().all(|diagnosis| diagnosis.answer.is_ok());
        self.metrics.gathered(watch.elapsed(), complete);
        Evidence { gathered_at: now, alerts, chart, diagnostics, missing }
    }

    fn about(
        &self,
        alert: &Told,
        message: &Notification,
        found: &[measure::Found<'_>],
        now: Timestamp,
    ) -> AlertEvidence {
        let measured = found.iter().find(|found| found.alert.fingerprint == alert.fingerprint);
        let fires = alert.status == AlertStatus::Firing;
        let show_texts = self.scene.settings().show_texts;
        let run = || probe::run(alert, &self.sources.history, now, &message.external_url, show_texts);
        AlertEvidence {
            fingerprint: alert.fingerprint.clone(),
            measured: measured.map(|found| found.measured.clone()),
            run: if fires { run() } else { None },
        }
    }

    /// The sides of the rules behind these alerts, and why any of them could not be read.
    async fn readings(&self, alerts: &[&Told], now: Timestamp) -> (Vec<Arc<Reading>>, Vec<String>) {
        let mut names: Vec<String> = alerts.iter().map(|alert| alert.name().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let scene = Arc::clone(&self.scene);
        // Whoever evaluates the rules holds them for as long as that takes.
        let sides = tokio::task::spawn_blocking(move || names.iter().flat_map(|name| scene.sides(name)).collect());
        let sides: Vec<Unfiltered> = sides.await.unwrap_or_default();
        let (mut readings, mut failed) = (Vec::new(), Vec::new());
        for side in sides.into_iter().take(MOST_SIDES) {
            let limit = side.limit.as_ref().map(|(op, other)| format!("{} {other}", op.text()));
            let key = format!("{} {}", side.expression, limit.unwrap_or_default());
            let read = || async { reading::read(side, &self.sources.tsdb, now).await.map(Arc::new) };
            match &*self.readings.get(&key, read).await {
                Ok(reading) => readings.push(Arc::clone(reading)),
                Err(error) => failed.push(format!("the value of the last hour could not be read: {error}")),
            }
        }
        failed.dedup();
        (readings, failed)
    }

    async fn diagnose(&self, message: &Notification, now: Timestamp, limit: StdDuration) -> Vec<Diagnosis> {
        let settings = self.scene.settings();
        let Some(alert) = message.firing().next().filter(|_| settings.enabled) else { return Vec::new() };
        let runbooks = self.scene.runbooks();
        let book = message.runbook.as_ref().and_then(|name| runbooks.get(name));
        let diagnostics = book.map(crate::runbooks::Runbook::diagnostics).unwrap_or_default();
        if diagnostics.is_empty() {
            return Vec::new();
        }
        let database = database(self.scene.databases(), alert.labels.get("target"));
        let subject = Subject { labels: &alert.labels, database, settings, at: now };
        self.runner.run(&diagnostics, &subject, limit).await
    }
}

/// The database of the alert's target; without that label, the only one there is.
fn database(all: Vec<(String, Database)>, target: Option<&str>) -> Result<(String, Database), String> {
    let count = all.len();
    match target {
        Some(target) => {
            let found = all.into_iter().find(|(name, _)| name == target);
            found.ok_or_else(|| format!("no database is configured for {target}"))
        }
        None => match all.into_iter().next().filter(|_| count == 1) {
            Some(only) => Ok(only),
            None => Err("the alert names no target, so it is not known which database to ask".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests;
