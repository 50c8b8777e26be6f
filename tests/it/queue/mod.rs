//! The queue is read at a bounded cost, and what befalls the database is a metric, not a hang.

/// What one read costs.
mod cost;
/// What befalls the database.
mod outage;
/// Behind pgbouncer.
mod pooler;
/// Removing what probes made.
mod synthetic;

use std::collections::BTreeMap;
use std::time::Duration;

use memsentry::metrics::{Registry, Value};
use memsentry::model::{self, Clock, Secret};
use memsentry::queue::{Database, Reader, Settings, Sweep};

use crate::postgres;

/// How the pieces of one test hang together.
struct Watch {
    registry: Registry,
    database: Database,
    reader: Reader,
}

fn settings(url: &str) -> Settings {
    Settings {
        interval: model::Duration::from_secs(10),
        timeout: model::Duration::from_secs(5),
        ..Settings::new(Secret::new(url.to_owned()))
    }
}

/// The same with time-outs short enough for a test that waits for them.
fn hasty(url: &str) -> Settings {
    Settings { interval: model::Duration::from_secs(1), timeout: model::Duration::from_millis(800), ..settings(url) }
}

fn watch(settings: &Settings) -> Watch {
    let registry = Registry::new();
    let database = Database::new(settings, "it");
    let reader = Reader::new("main", &database, &registry, &Clock::system());
    Watch { registry, database, reader }
}

impl Watch {
    /// Every series with its value; histograms by their count.
    fn series(&self) -> BTreeMap<String, f64> {
        let mut series = BTreeMap::new();
        for family in self.registry.gather() {
            for point in family.points {
                let labels: Vec<&str> =
                    point.labels.iter().filter(|(name, _)| *name != "target").map(|(_, value)| value).collect();
                let name = family.name.trim_start_matches("chat_memory_");
                let name = if labels.is_empty() { name.to_owned() } else { format!("{name}/{}", labels.join(",")) };
                let value = match point.value {
                    Value::Number(value) => value,
                    Value::Histogram { count, .. } => f64::from(u32::try_from(count).expect("few")),
                };
                series.insert(name, value);
            }
        }
        series
    }

    fn value(&self, name: &str) -> f64 {
        *self.series().get(name).unwrap_or_else(|| panic!("no {name} in {:#?}", self.series()))
    }

    #[track_caller]
    fn expect(&self, expected: &[(&str, f64)]) {
        for (name, value) in expected {
            let found = self.value(name);
            assert!((found - value).abs() < 1e-9, "{name} is {found}, expected {value}");
        }
    }

    /// Whether anything about the queue itself is shown.
    fn shows_depth(&self) -> bool {
        self.series().contains_key("queue_depth")
    }
}

fn rows(count: usize, status: &str, age: &str) -> String {
    format!(
        "insert into chat_context_queue (status, created_at)
         select '{status}', now() - interval '{age}' from generate_series(1, {count})"
    )
}

#[tokio::test]
async fn depth_age_retries_and_stuck_rows_are_as_in_the_table() {
    let db = postgres::database().await;
    db.sql(&rows(7, "pending_summarization", "10 seconds")).await;
    db.sql(&rows(2, "ready_to_write", "400 seconds")).await;
    db.sql(&rows(3, "failed", "1 day")).await;
    db.sql(&rows(50, "complete", "1 hour")).await;
    db.sql("update chat_context_queue set retry_count = 4 where status = 'ready_to_write'").await;
    db.sql("vacuum analyze chat_context_queue").await;
    let mut watch = watch(&settings(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    watch.expect(&[
        ("database_up", 1.0),
        ("queue_depth", 9.0),
        ("queue_depth_capped", 0.0),
        ("queue_entries/pending_summarization", 7.0),
        ("queue_entries/ready_to_write", 2.0),
        ("queue_entries/failed", 3.0),
        ("queue_retrying_entries", 2.0),
        ("queue_stuck_entries", 2.0),
        ("queue_estimated_rows", 62.0),
        ("queue_enqueued_total", 0.0),
        ("queue_completed_total", 0.0),
        ("queue_processing_duration_seconds", 0.0),
        ("database_read_failures_total/timeout", 0.0),
        ("database_read_failures_total/unreachable", 0.0),
        ("database_read_failures_total/refused", 0.0),
    ]);
    assert!(!watch.series().contains_key("queue_entries/complete"));
    assert!((400.0..410.0).contains(&watch.value("queue_oldest_age_seconds/ready_to_write")));
    assert!((10.0..20.0).contains(&watch.value("queue_oldest_age_seconds/pending_summarization")));
    assert!(watch.value("queue_table_bytes") > 0.0);
    assert!(watch.value("database_last_success_timestamp_seconds") > 1e9);
    // Other sessions are hidden from this role.
    assert!(!watch.series().contains_key("database_oldest_transaction_age_seconds"));
}

#[tokio::test]
async fn a_status_nobody_knew_counts_as_open_and_a_long_queue_as_at_least_so_long() {
    let db = postgres::database().await;
    db.sql(&rows(4, "summarizing", "10 seconds")).await;
    db.sql(&rows(30, "pending_summarization", "10 seconds")).await;
    let mut other = db.connect().await;
    sqlx::raw_sql("begin; select 1").execute(&mut other).await.expect("begin");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut watch = watch(&Settings { max_depth: 20, ..settings(&db.url("observer")) });
    watch.reader.read().await.expect("read");
    watch.reader.read().await.expect("read");
    watch.expect(&[
        ("queue_entries/summarizing", 4.0),
        ("queue_entries/pending_summarization", 20.0),
        ("queue_depth", 24.0),
        ("queue_depth_capped", 1.0),
    ]);
    assert!(watch.value("database_oldest_transaction_age_seconds") >= 0.02);
}

#[tokio::test]
async fn arrivals_and_completions_are_counted_though_nothing_is_written_down() {
    let db = postgres::database().await;
    db.sql(&rows(5, "pending_summarization", "1 hour")).await;
    db.sql(&rows(1000, "complete", "1 second")).await;
    let mut watch = watch(&settings(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    // Two old rows complete, one fails, one is deleted; three come, of which one completes at once.
    db
        .sql(
            "with old as (select id, row_number() over () as n from chat_context_queue where status <> 'complete'),
             done as (update chat_context_queue set status = case when n <= 2 then 'complete' else 'failed' end
                      from old where old.id = chat_context_queue.id and n <= 3)
             delete from chat_context_queue using old where old.id = chat_context_queue.id and n = 4;
             insert into chat_context_queue (status) values ('pending_summarization'), ('ready_to_write'), ('complete')",
        )
        .await;
    watch.reader.read().await.expect("read");
    watch.expect(&[("queue_enqueued_total", 3.0), ("queue_completed_total", 3.0), ("queue_depth", 3.0)]);
    watch.expect(&[("queue_processing_duration_seconds", 3.0)]);
    watch.reader.read().await.expect("read");
    watch.expect(&[("queue_enqueued_total", 3.0), ("queue_completed_total", 3.0)]);
}

#[tokio::test]
async fn other_tables_ids_and_columns_are_coped_with() {
    let db = postgres::empty_database().await;
    db
        .sql(
            "create schema \"Memory\";
             create table \"Memory\".chats (id uuid primary key default gen_random_uuid(), metadata json,
               created_at timestamptz default now());
             create table \"Memory\".\"work \"\"queue\"\"\" (id text primary key, chat_id uuid references \"Memory\".chats(id),
               status text, created_at timestamp default (now() at time zone 'utc'));
             insert into \"Memory\".\"work \"\"queue\"\"\" values ('it''s \\ one', null, 'pending_summarization', default)",
        )
        .await;
    let mut settings = settings(&db.url("postgres"));
    settings.schema = "Memory".into();
    settings.tables.chat_context_queue = "work \"queue\"".into();
    settings.cleanup = true;
    assert_eq!(settings.problems(), []);
    let mut watch = watch(&settings);
    watch.reader.read().await.expect("read");
    watch.expect(&[("queue_depth", 1.0)]);
    assert!(watch.value("queue_oldest_age_seconds/pending_summarization") < 60.0);
    assert!(!watch.series().contains_key("queue_retrying_entries"));
    let row = watch.database.queue_row("it's \\ one").await.expect("answer").expect("row");
    assert_eq!((row.status.as_str(), row.retry_count, row.processed_at), ("pending_summarization", 0, None));
    db
        .sql(
            "with chat as (insert into \"Memory\".chats (metadata) values ('{\"memsentry_synthetic\": \"it\"}') returning id)
             insert into \"Memory\".\"work \"\"queue\"\"\" select 'second', id, 'complete' from chat",
        )
        .await;
    // The foreign key does not cascade here, so the child must go along.
    let sweep = watch.database.sweep_synthetic(model::Duration::default()).await.expect("sweep");
    assert_eq!(sweep, Sweep { removed: 1, left: 0 });
    assert_eq!(watch.database.queue_row("second").await.expect("answer"), None);
}

#[tokio::test]
async fn a_row_is_found_by_its_id_and_nothing_else() {
    let db = postgres::database().await;
    db.sql(
        "insert into chat_context_queue (id, status, retry_count, error_message, processed_at, created_at) values
             ('11111111-1111-1111-1111-111111111111', 'pending_summarization', 2, 'agent: timeout', null, 'epoch'),
             ('22222222-2222-2222-2222-222222222222', 'complete', 0, null, '1970-01-01 00:00:01.5Z', 'epoch')",
    )
    .await;
    let watch = watch(&settings(&db.url("watcher")));
    let open = watch.database.queue_row("11111111-1111-1111-1111-111111111111").await.expect("answer").expect("row");
    assert_eq!((open.retry_count, open.error_message.as_deref()), (2, Some("agent: timeout")));
    assert_eq!(open.created_at.millis(), 0);
    let done = watch.database.queue_row("22222222-2222-2222-2222-222222222222").await.expect("answer").expect("row");
    assert_eq!(done.processed_at.map(model::Timestamp::millis), Some(1_500));
    for nothing in ["33333333-3333-3333-3333-333333333333", "42", "' or true --", ""] {
        assert_eq!(watch.database.queue_row(nothing).await.expect("answer"), None, "{nothing}");
    }
}
