//! What goes on around the measurements: the queue over time, rows of others, clocks, and whether this machine keeps up.
//!
//! [`Observer::watch`] runs beside the criteria, in the same task, so that its ticker feels what they feel. Everything
//! kept is bounded: when the timeline is full, every two points become one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration as StdDuration;

use hdrhistogram::Histogram;
use tokio::time::sleep_until;

use crate::model::{Stopwatch, Timestamp};
use crate::queue::{Database, Glance};
use crate::traffic::{Distribution, histogram};

use super::Scene;
use super::report::{Interference, TimelinePoint};

/// Points of the timeline at which two become one.
const MOST_POINTS: usize = 3_600;
/// Between two looks at the queue.
const LOOK: StdDuration = StdDuration::from_secs(1);
/// Every so many looks, rows of others are counted.
const FOREIGN_EVERY: u32 = 5;
/// Rows may become visible so long after the time they carry.
const OVERLAP: StdDuration = StdDuration::from_secs(3);
/// The ticker by which this process measures its own lag, in microseconds.
const TICK_MICROS: u64 = 10_000;
/// Lag from which a remark is due, in seconds.
const MUCH_LAG: f64 = 0.025;

/// What was seen.
#[derive(Default)]
pub struct Observer {
    seen: Mutex<Seen>,
}

struct Seen {
    points: Vec<TimelinePoint>,
    /// Looks that become one point.
    every: u32,
    looks: u32,
    failed: u32,
    lag: Histogram<u64>,
    /// The same since it was last asked for.
    recent_lag: Histogram<u64>,
    database_ahead: Option<f64>,
    foreign: Option<u64>,
    /// Up to when rows of others are counted, by the database's clock.
    counted_to: Option<Timestamp>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            every: 1,
            looks: 0,
            failed: 0,
            lag: histogram(),
            recent_lag: histogram(),
            database_ahead: None,
            foreign: None,
            counted_to: None,
        }
    }
}

impl Observer {
    /// With the points of the part of the run before an interruption.
    #[must_use]
    pub fn continuing(points: Vec<TimelinePoint>) -> Self {
        Self { seen: Mutex::new(Seen { points, ..Seen::default() }) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches for ever; to be dropped when the run ends.
    pub async fn watch(&self, scene: &Scene) {
        let queue = async {
            match &scene.database {
                Some(database) => self.watch_queue(database, scene).await,
                None => std::future::pending().await,
            }
        };
        futures_util::future::join(self.tick(), queue).await;
    }

    /// How late a timer fires. A late one stands for those that could not fire meanwhile, too.
    async fn tick(&self) {
        let watch = Stopwatch::start();
        let mut due = 0_u64;
        loop {
            due += TICK_MICROS;
            sleep_until(watch.started() + StdDuration::from_micros(due)).await;
            let now = u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX);
            let late = now.saturating_sub(due).max(1);
            // Longer than an hour is beyond the histogram, and beyond any run.
            let mut seen = self.seen();
            let _ = seen.lag.record_correct(late, TICK_MICROS);
            let _ = seen.recent_lag.record_correct(late, TICK_MICROS);
            drop(seen);
            due += late / TICK_MICROS * TICK_MICROS;
        }
    }

    async fn watch_queue(&self, database: &Database, scene: &Scene) {
        let watch = Stopwatch::start();
        let mut looks = 0_u32;
        loop {
            let asked = scene.clock.now();
            let way = Stopwatch::start();
            match database.glance().await {
                Ok(glance) => {
                    let here = asked + way.elapsed() / 2;
                    self.seen().look(here, glance);
                    if looks.is_multiple_of(FOREIGN_EVERY) {
                        self.count_foreign(database, glance.at - OVERLAP).await;
                    }
                }
                Err(_) => self.seen().failed += 1,
            }
            looks += 1;
            sleep_until(watch.started() + LOOK.max(watch.elapsed() / looks.max(1)) * looks).await;
        }
    }

    /// Counts rows of others up to this moment of the database's clock; the first call only says where to begin.
    async fn count_foreign(&self, database: &Database, to: Timestamp) {
        let from = self.seen().counted_to;
        let count = match from {
            Some(from) if from < to => database.foreign_rows(from, to).await,
            Some(_) => return,
            None => Ok(0),
        };
        if let Ok(count) = count {
            let mut seen = self.seen();
            seen.foreign = Some(seen.foreign.unwrap_or(0).saturating_add(count));
            seen.counted_to = Some(to);
        }
    }

    /// How late our timers fired since this was last asked: the 99th percentile.
    #[must_use]
    pub fn recent_lag(&self) -> StdDuration {
        let recent = std::mem::replace(&mut self.seen().recent_lag, histogram());
        StdDuration::from_micros(recent.value_at_quantile(0.99))
    }

    /// The points that are later than `than`; to be kept while the run goes on.
    #[must_use]
    pub fn points_after(&self, than: Option<Timestamp>) -> Vec<TimelinePoint> {
        self.seen().points.iter().filter(|point| than.is_none_or(|than| point.at > than)).copied().collect()
    }

    /// The end: counts what is not counted yet, and says what there is to say. To be asked before the run's own data
    /// is removed.
    pub async fn finish(&self, scene: &Scene) -> (Vec<TimelinePoint>, Interference) {
        if let Some(database) = &scene.database
            && let Ok(glance) = database.glance().await
        {
            self.count_foreign(database, glance.at + StdDuration::from_millis(1)).await;
        }
        let mut seen = self.seen();
        let lag = Some(Distribution::of(&seen.lag)).filter(|lag| lag.count > 0);
        let mut interference = Interference {
            foreign_rows: seen.foreign,
            service_clock_ahead_seconds: scene.users.first().client().clock_ahead(),
            database_clock_ahead_seconds: seen.database_ahead,
            own_lag_p99_seconds: lag.map(|lag| lag.quantile(0.99)),
            remarks: Vec::new(),
        };
        interference.remarks = remarks(&interference, seen.failed);
        (std::mem::take(&mut seen.points), interference)
    }
}

impl Seen {
    fn look(&mut self, here: Timestamp, glance: Glance) {
        #[allow(clippy::cast_precision_loss)] // clocks do not differ by ages
        let ahead = (glance.at.millis() - here.millis()) as f64 / 1000.0;
        self.database_ahead = Some(ahead);
        let point = TimelinePoint { at: here, depth: glance.depth, oldest_seconds: glance.oldest_seconds };
        match self.points.last_mut() {
            Some(last) if !self.looks.is_multiple_of(self.every) => *last = deeper(*last, point),
            _ => self.points.push(point),
        }
        self.looks += 1;
        if self.points.len() >= MOST_POINTS {
            let pairs = self.points.chunks(2);
            self.points = pairs.map(|pair| deeper(pair[0], *pair.last().unwrap_or(&pair[0]))).collect();
            self.every *= 2;
        }
    }
}

/// Of two looks the one that shows more, at the time of the first: peaks must not vanish.
fn deeper(first: TimelinePoint, second: TimelinePoint) -> TimelinePoint {
    TimelinePoint {
        at: first.at,
        depth: first.depth.max(second.depth),
        oldest_seconds: first.oldest_seconds.max(second.oldest_seconds),
    }
}

fn remarks(seen: &Interference, failed_looks: u32) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(rows @ 1..) = seen.foreign_rows {
        remarks.push(format!("Others queued {rows} rows during the run; they shared the worker with it."));
    }
    for (what, ahead, much) in [
        ("The service's clock", seen.service_clock_ahead_seconds, 2.0),
        ("The database's clock", seen.database_clock_ahead_seconds, 1.0),
    ] {
        if let Some(ahead) = ahead.filter(|ahead: &f64| ahead.abs() > much) {
            let which = if ahead > 0.0 { "ahead of" } else { "behind" };
            remarks.push(format!("{what} is {:.1} s {which} this machine's.", ahead.abs()));
        }
    }
    if let Some(lag) = seen.own_lag_p99_seconds.filter(|lag| *lag > MUCH_LAG) {
        remarks.push(format!(
            "This machine was busy: one in a hundred of its own timers fired more than {:.0} ms late, which may be in \
             every latency that was measured.",
            lag * 1000.0
        ));
    }
    if failed_looks > 0 {
        remarks.push(format!("The queue could not be looked at {failed_looks} times; the timeline has gaps there."));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_few_points_and_every_peak() {
        let mut seen = Seen::default();
        for second in 0..50_000_u32 {
            let at = Timestamp::from_millis(i64::from(second) * 1000);
            let depth = if second == 33_333 { 900 } else { 1 };
            seen.look(at, Glance { at: at + StdDuration::from_secs(2), depth, oldest_seconds: 0.5 });
        }
        assert!(seen.points.len() < MOST_POINTS && seen.points.len() > MOST_POINTS / 4, "{}", seen.points.len());
        assert!(seen.points.iter().any(|point| point.depth == 900));
        assert!(seen.points.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(seen.points.last().is_some_and(|last| last.at > Timestamp::from_millis(49_900_000)));
        assert_eq!(seen.database_ahead, Some(2.0));
    }

    #[test]
    fn what_disturbs_is_remarked_and_what_does_not_is_not() {
        let quiet = Interference {
            foreign_rows: Some(0),
            service_clock_ahead_seconds: Some(-0.4),
            database_clock_ahead_seconds: Some(0.01),
            own_lag_p99_seconds: Some(0.002),
            remarks: Vec::new(),
        };
        assert!(remarks(&quiet, 0).is_empty());
        let loud = Interference {
            foreign_rows: Some(3),
            service_clock_ahead_seconds: Some(-3.0),
            database_clock_ahead_seconds: Some(1.5),
            own_lag_p99_seconds: Some(0.2),
            remarks: Vec::new(),
        };
        let said = remarks(&loud, 2).join("\n");
        for part in ["queued 3 rows", "3.0 s behind", "1.5 s ahead of", "200 ms late", "2 times"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_could_not_fire_counts_for_all_that_it_missed() {
        let observer = Observer::default();
        let busy = async {
            tokio::time::sleep(StdDuration::from_millis(995)).await;
            // The task does nothing else for a second.
            tokio::time::advance(StdDuration::from_secs(1)).await;
            tokio::time::sleep(StdDuration::from_millis(95)).await;
        };
        tokio::select! {
            () = observer.tick() => {}
            () = busy => {}
        }
        let lag = Distribution::of(&observer.seen().lag);
        assert!(lag.quantile(0.5) > 0.0 && lag.quantile(0.9) > 0.5, "{lag:?}");
    }
}
