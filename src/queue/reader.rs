//! Reads a queue once per interval and publishes what was found, or that nothing could be.
//!
//! Values are withdrawn when the database cannot be reached or refuses; after a mere time-out they stay for one
//! more interval, because a rule that holds for minutes must not start again over one slow answer.

use std::sync::Arc;

use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metrics::{Registry, Snapshot};
use crate::model::task::Task;
use crate::model::{Clock, Stopwatch, Timestamp};

use super::collectors::{Collector, Found, METRICS, OPEN, View};
use super::database::{Database, Use};
use super::error::DatabaseError;
use super::layout::Layout;
use super::metrics::{LAST_SUCCESS, READ_DURATION, READ_FAILURES, UP};

/// Reads one target's queue. The first read sets the baseline from which arrivals and completions are counted.
pub struct Reader {
    target: String,
    database: Database,
    clock: Clock,
    collectors: Vec<Box<dyn Collector>>,
    /// Open statuses, with those that were found in the table.
    open: Vec<String>,
    failures: prometheus::core::GenericCounterVec<prometheus::core::AtomicF64>,
    /// What the queue says.
    values: Snapshot,
    /// What is known about reading; stays when the values go.
    state: Snapshot,
    last_success: Option<(Timestamp, Stopwatch)>,
    warned: bool,
}

impl Reader {
    /// Registers the target's series; asks nothing yet.
    #[must_use]
    pub fn new(target: &str, database: &Database, registry: &Registry, clock: &Clock) -> Self {
        let failures = registry.counter(&READ_FAILURES);
        for reason in DatabaseError::REASONS {
            failures.with_label_values(&[target, reason]);
        }
        Self {
            target: target.to_owned(),
            database: database.clone(),
            clock: clock.clone(),
            collectors: METRICS.iter().map(|new| new(registry, target)).collect(),
            open: OPEN.map(str::to_owned).to_vec(),
            failures,
            values: registry.snapshot(format!("queue/{target}")),
            state: registry.snapshot(format!("queue state/{target}")),
            last_success: None,
            warned: false,
        }
    }

    /// Reads once and publishes. At most three exchanges (tables, read, rows that vanished; usually the read alone),
    /// each under the configured time-out.
    pub async fn read(&mut self) -> Result<(), DatabaseError> {
        let watch = Stopwatch::start();
        let result = self.collect().await;
        match &result {
            Ok(gauges) => {
                self.last_success = Some((self.clock.now(), Stopwatch::start()));
                self.values.publish(gauges.iter().cloned());
            }
            Err(error) => {
                self.failures.with_label_values(&[self.target.as_str(), error.reason()]).inc();
                let patience = self.database.shared().settings.interval.std() * 2;
                let fresh = self.last_success.as_ref().is_some_and(|(_, since)| since.elapsed() < patience);
                if !(fresh && matches!(error, DatabaseError::Timeout(_))) {
                    self.values.withdraw();
                }
            }
        }
        self.publish_state(result.is_ok(), watch);
        result.map(|_| ())
    }

    fn publish_state(&self, up: bool, watch: Stopwatch) {
        let target = || vec![self.target.clone()];
        let mut state =
            vec![(&UP, target(), f64::from(u8::from(up))), (&READ_DURATION, target(), watch.elapsed().as_secs_f64())];
        if let Some((at, _)) = &self.last_success {
            state.push((&LAST_SUCCESS, target(), at.seconds()));
        }
        self.state.publish(state);
    }

    /// What the next read sends for each family, for a person who wants to know before it runs on a database.
    pub async fn statements(&self) -> Result<Vec<String>, DatabaseError> {
        let layout = self.database.layout(Use::Collect).await?;
        let view = view(&self.database, &layout, &self.open);
        Ok(self.collectors.iter().flat_map(|collector| collector.ask(&view)).collect())
    }

    async fn collect(&mut self) -> Result<Vec<Gauge>, DatabaseError> {
        let layout = self.database.layout(Use::Collect).await?;
        self.warn_once(&layout);
        let database = self.database.clone();
        let view = view(&database, &layout, &self.open);
        let mut batch = database.reading();
        let time = batch.select("select (extract(epoch from now()) * 1000000)::bigint as now");
        let asked: Vec<Vec<usize>> = self
            .collectors
            .iter()
            .map(|collector| collector.ask(&view).iter().map(|sql| batch.select(sql)).collect())
            .collect();
        let answers = database.run(Use::Collect, batch).await?;
        let mut found = Found { target: self.target.clone(), ..Found::default() };
        let unexpected = |error: sqlx::Error| database.unexpected(&error);
        found.now = answers.rows(time).first().map_or(Ok(0), |row| row.try_get("now")).map_err(unexpected)?;
        for (collector, parts) in self.collectors.iter_mut().zip(asked) {
            let rows: Vec<&[PgRow]> = parts.into_iter().map(|part| answers.rows(part)).collect();
            collector.take(&rows, &mut found).map_err(unexpected)?;
        }
        for collector in &mut self.collectors {
            if let Some(sql) = collector.ask_again(&view) {
                let mut batch = database.reading();
                let part = batch.select(&sql);
                let answers = database.run(Use::Collect, batch).await?;
                collector.take_again(answers.rows(part)).map_err(unexpected)?;
            }
        }
        self.open = OPEN.map(str::to_owned).into_iter().chain(found.unknown).collect();
        Ok(found.gauges)
    }

    fn warn_once(&mut self, layout: &Layout) {
        if std::mem::replace(&mut self.warned, true) {
            return;
        }
        let target = &self.target;
        if !layout.indexed {
            tracing::warn!(target_name = %target, "the queue has no index on status and created_at, reads may time out");
        }
        if layout.filtered {
            tracing::warn!(target_name = %target, "row-level security hides rows of the queue from our role");
        }
    }
}

type Gauge = (&'static crate::metrics::Definition, Vec<String>, f64);

fn view<'a>(database: &'a Database, layout: &'a Layout, open: &'a [String]) -> View<'a> {
    let shared = database.shared();
    View {
        queue: &shared.names.queue,
        layout,
        open,
        max_depth: shared.settings.max_depth,
        stuck_after: shared.settings.stuck_after,
    }
}

/// The work of reading one target's queue until `cancel`; a late read is never made up for by two.
#[must_use]
pub fn tasks(
    target: &str,
    database: &Database,
    registry: &Registry,
    clock: &Clock,
    cancel: CancellationToken,
) -> Vec<Task> {
    let (target, database, registry, clock) =
        (Arc::<str>::from(target), database.clone(), registry.clone(), clock.clone());
    let task = Task::new("queue reader", move || {
        let (target, database, registry, clock, cancel) =
            (Arc::clone(&target), database.clone(), registry.clone(), clock.clone(), cancel.clone());
        async move {
            let reader = Reader::new(&target, &database, &registry, &clock);
            let _ = cancel.run_until_cancelled(keep_reading(reader)).await;
        }
    });
    vec![task]
}

async fn keep_reading(mut reader: Reader) {
    let mut ticks = interval(reader.database.shared().settings.interval.std());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut up = None;
    loop {
        ticks.tick().await;
        let result = reader.read().await;
        if up.replace(result.is_ok()) != Some(result.is_ok()) {
            match result {
                Ok(()) => tracing::info!(target_name = %reader.target, "reading the queue"),
                Err(error) => tracing::warn!(target_name = %reader.target, %error, "the queue cannot be read"),
            }
        }
    }
}
