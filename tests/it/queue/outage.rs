//! What befalls the database is a metric and an outcome, never a hang.

use std::time::Instant;

use memsentry::queue::{DatabaseError, tasks};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::postgres::Cluster;

#[tokio::test]
async fn a_database_that_goes_and_comes_back_is_a_metric_each_time() {
    let cluster = Cluster::with_tables().await;
    let db = cluster.postgres();
    db.sql(&rows(7, "pending_summarization", "10 seconds")).await;
    let mut watch = watch(&settings(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    cluster.stop();
    let error = watch.reader.read().await.expect_err("stopped");
    assert!(matches!(error, DatabaseError::Unreachable(_)), "{error}");
    assert!(!watch.shows_depth(), "values of a database that is down are not shown");
    watch.expect(&[("database_up", 0.0), ("database_read_failures_total/unreachable", 1.0)]);
    assert!(watch.value("database_last_success_timestamp_seconds") > 1e9);
    cluster.resume();
    watch.reader.read().await.expect("back");
    watch.expect(&[("database_up", 1.0), ("queue_depth", 7.0)]);
    // A restart between two reads is not even a failed read.
    cluster.stop();
    cluster.resume();
    watch.reader.read().await.expect("restarted");
    assert_eq!(watch.database.queue_row("42").await, Ok(None));
}

#[tokio::test]
async fn a_backend_that_hangs_is_left_behind_within_the_time_out() {
    let cluster = Cluster::with_tables().await;
    let db = cluster.postgres();
    let mut watch = watch(&hasty(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    let backend = backend(&db).await;
    signal("-STOP", &backend);
    let started = Instant::now();
    let error = watch.reader.read().await.expect_err("hangs");
    let took = started.elapsed();
    assert!(matches!(error, DatabaseError::Timeout(_)), "{error}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    watch.expect(&[("database_up", 0.0), ("database_read_failures_total/timeout", 1.0)]);
    watch.reader.read().await.expect("a new connection");
    watch.expect(&[("database_up", 1.0)]);
    signal("-CONT", &backend);
}

#[tokio::test]
async fn a_server_that_hangs_as_a_whole_is_given_up_each_time_and_found_again() {
    let cluster = Cluster::with_tables().await;
    let db = cluster.postgres();
    let mut watch = watch(&hasty(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    let stopped = [backend(&db).await, cluster.postmaster()];
    stopped.iter().for_each(|pid| signal("-STOP", pid));
    for _ in 0..2 {
        let started = Instant::now();
        // The first finds its backend silent, the second nobody who would take a new connection.
        assert!(matches!(watch.reader.read().await, Err(DatabaseError::Timeout(_))));
        assert!(started.elapsed() < Duration::from_secs(3));
        assert!(matches!(watch.database.queue_row(ROW).await, Err(DatabaseError::Timeout(_))));
    }
    assert!(!watch.shows_depth());
    stopped.iter().for_each(|pid| signal("-CONT", pid));
    watch.reader.read().await.expect("back");
    watch.expect(&[("database_up", 1.0)]);
}

#[tokio::test]
async fn the_task_reads_until_it_is_cancelled_and_leaves_no_values_behind() {
    let db = postgres::database().await;
    let (registry, cancel) = (Registry::new(), CancellationToken::new());
    let database = Database::new(&settings(&db.url("watcher")), "it");
    let mut tasks = tasks("main", &database, &registry, &Clock::system(), cancel.clone());
    let running = tokio::spawn((tasks.remove(0).start)());
    let shown = || registry.gather().iter().any(|family| family.name == "chat_memory_queue_depth");
    while !shown() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cancel.cancel();
    running.await.expect("ends");
    assert!(!shown());
}

/// Could be a row's id.
const ROW: &str = "11111111-1111-1111-1111-111111111111";

async fn backend(db: &postgres::Database<'_>) -> String {
    let mut conn = db.connect().await;
    let (pid,): (i32,) = sqlx::query_as(
        "select pid from pg_stat_activity where application_name = 'memsentry' and datname = current_database()",
    )
    .fetch_one(&mut conn)
    .await
    .expect("our backend");
    pid.to_string()
}

fn signal(signal: &str, pid: &str) {
    postgres::run(std::process::Command::new("kill").args([signal, pid]));
}

#[tokio::test]
async fn values_stay_over_one_slow_answer_and_go_with_the_second() {
    let db = postgres::database().await;
    let mut watch = watch(&hasty(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    let mut other = db.connect().await;
    sqlx::raw_sql("begin; lock table chat_context_queue").execute(&mut other).await.expect("lock");
    assert!(matches!(watch.reader.read().await, Err(DatabaseError::Timeout(_))));
    assert!(watch.shows_depth());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(matches!(watch.reader.read().await, Err(DatabaseError::Timeout(_))));
    assert!(!watch.shows_depth());
    sqlx::raw_sql("rollback").execute(&mut other).await.expect("unlock");
    watch.reader.read().await.expect("read");
    assert!(watch.shows_depth());
}

#[tokio::test]
async fn what_is_wrong_is_told_without_a_password() {
    let db = postgres::database().await;
    let check = async |settings: Settings, expected: fn(&DatabaseError) -> bool, told: &str| {
        let mut watch = watch(&settings);
        let error = watch.reader.read().await.expect_err(told);
        assert!(expected(&error), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("watcher-password") && !text.contains("hunter2") && !text.contains("at line"), "{text}");
    };
    let refused: fn(&DatabaseError) -> bool = |error| matches!(error, DatabaseError::Refused(_));
    let unreachable: fn(&DatabaseError) -> bool = |error| matches!(error, DatabaseError::Unreachable(_));
    let good = settings(&db.url("watcher"));
    let mut missing = good.clone();
    missing.tables.chat_context_queue = "no_such_queue".into();
    check(missing, refused, "there is no table \"public\".\"no_such_queue\"").await;
    let wrong = settings(&db.url("watcher").replace("watcher-password", "hunter2"));
    check(wrong, unreachable, "password authentication failed").await;
    check(settings("postgres://u:hunter2@127.0.0.1:1/d"), unreachable, "refused").await;
    check(settings("nonsense hunter2"), unreachable, "not a Postgres URL").await;
    db.sql("revoke select on chat_context_queue from watcher").await;
    check(good.clone(), refused, "permission denied for table chat_context_queue").await;
    // And it comes back by itself.
    let mut watch = watch(&good);
    watch.reader.read().await.expect_err("no grant");
    db.sql("grant select on chat_context_queue to watcher").await;
    watch.reader.read().await.expect("granted");
}
