//! How many rows come and how many complete, and how long that takes, though the service need not write it down.
//!
//! Lists young rows of every status and the oldest open ones; the [`Ledger`] compares. Lists end at [`LIST`] rows
//! of a status: a burst beyond that is worked off over the next reads, none of it is lost.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::ledger::{Changes, Ledger, Listing, Lists, OVERLAP, Row, State};
use super::{COMPLETE, Collector, FAILED, Found, View, each_status};
use crate::metrics::Registry;
use crate::queue::metrics::{COMPLETED, ENQUEUED, PROCESSING};
use crate::queue::names::literal;

/// Most rows in one list.
const LIST: usize = 5_000;
/// Most rows looked up at once.
const LOOKUP: usize = 10_000;

pub(super) struct Throughput {
    ledger: Ledger,
    enqueued: prometheus::Counter,
    completed: prometheus::Counter,
    processing: prometheus::Histogram,
}

impl Throughput {
    pub(super) fn new(registry: &Registry, target: &str) -> Self {
        Self {
            ledger: Ledger::default(),
            enqueued: registry.counter(&ENQUEUED).with_label_values(&[target]),
            completed: registry.counter(&COMPLETED).with_label_values(&[target]),
            processing: registry.histogram(&PROCESSING).with_label_values(&[target]),
        }
    }

    /// The vanished rows of which one question asks.
    fn asked(&self) -> &[String] {
        let vanished = self.ledger.vanished();
        vanished.get(..LOOKUP).unwrap_or(vanished)
    }

    #[allow(clippy::cast_precision_loss)] // counts of one read, durations of less than centuries
    fn count(&self, changes: &Changes) {
        self.enqueued.inc_by(changes.enqueued as f64);
        self.completed.inc_by(changes.completed.len() as f64);
        for micros in &changes.completed {
            self.processing.observe(*micros as f64 / 1e6);
        }
    }
}

/// What each list shows of a row. `kind` tells the lists apart.
fn columns(view: &View<'_>, kind: &str, status: &str) -> String {
    let processed = if view.layout.queue.has("processed_at") {
        "(extract(epoch from processed_at) * 1000000)::bigint"
    } else {
        "null::bigint"
    };
    format!(
        "select '{kind}'::text as kind, {status}::text as status, id::text as id,
         (extract(epoch from created_at) * 1000000)::bigint as created, {processed} as processed"
    )
}

impl Collector for Throughput {
    fn ask(&self, view: &View<'_>) -> Vec<String> {
        let queue = view.queue;
        let since = match self.ledger.since() {
            Some(micros) => instant(micros),
            None => format!("now() - interval '{OVERLAP} microseconds'"),
        };
        let recent = each_status(view.counted().chain([COMPLETE]), |status| {
            let columns = columns(view, "recent", status);
            format!(
                "({columns} from {queue} where status = {status} and created_at >= {since}
                 order by created_at limit {LIST})"
            )
        });
        let open = each_status(view.open.iter().map(String::as_str), |status| {
            let columns = columns(view, "open", status);
            format!("({columns} from {queue} where status = {status} order by created_at limit {LIST})")
        });
        vec![recent, open]
    }

    fn take(&mut self, answers: &[&[PgRow]], found: &mut Found) -> sqlx::Result<()> {
        let [recent, open] = answers else { return Ok(()) };
        let lists = Lists { now: found.now, recent: listings(recent)?, open: listings(open)? };
        let changes = self.ledger.take(&lists);
        self.count(&changes);
        Ok(())
    }

    fn ask_again(&self, view: &View<'_>) -> Option<String> {
        let keys: Vec<String> = self.asked().iter().filter_map(|id| view.layout.queue.key("id", id)).collect();
        if keys.is_empty() {
            return None;
        }
        let columns = columns(view, "vanished", "status");
        Some(format!("{columns} from {} where id in ({})", view.queue, keys.join(", ")))
    }

    fn take_again(&mut self, rows: &[PgRow]) -> sqlx::Result<()> {
        let rows = rows.iter().map(row).collect::<sqlx::Result<Vec<Row>>>()?;
        let asked = self.asked().to_vec();
        let changes = self.ledger.settle(&asked, &rows);
        self.count(&changes);
        Ok(())
    }
}

/// One list per status.
fn listings(rows: &[PgRow]) -> sqlx::Result<Vec<Listing>> {
    let mut listings: Vec<(String, Listing)> = Vec::new();
    for answer in rows {
        let status: String = answer.try_get("status")?;
        if listings.last().is_none_or(|(last, _)| *last != status) {
            listings.push((status, Listing::default()));
        }
        if let Some((_, listing)) = listings.last_mut() {
            listing.rows.push(row(answer)?);
        }
    }
    Ok(listings.into_iter().map(|(_, listing)| Listing { truncated: listing.rows.len() >= LIST, ..listing }).collect())
}

fn row(row: &PgRow) -> sqlx::Result<Row> {
    let status: String = row.try_get("status")?;
    let state = match status.as_str() {
        COMPLETE => State::Complete,
        FAILED => State::Failed,
        _ => State::Open,
    };
    Ok(Row {
        id: row.try_get("id")?,
        created: row.try_get::<Option<i64>, _>("created")?.unwrap_or(0),
        processed: row.try_get("processed")?,
        state,
    })
}

/// A point in time as a constant of whatever type the column has; exact to the microsecond.
fn instant(micros: i64) -> String {
    let text = jiff::Timestamp::from_microsecond(micros).map_or_else(|_| "-infinity".to_owned(), |at| at.to_string());
    literal(&text)
}
