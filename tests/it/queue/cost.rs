//! What one read costs, in buffers and connections.

use sqlx::{AssertSqlSafe, Row};

use super::*;

#[tokio::test]
async fn the_cost_does_not_depend_on_completed_rows() {
    let db = postgres::database().await;
    db.sql(
        "insert into chat_context_queue (created_at)
           select now() - n * interval '1 second' from generate_series(1, 200) n;",
    )
    .await;
    let complete = |from: u32, to: u32| {
        format!(
            "insert into chat_context_queue (status, created_at, new_context_snippet)
               select 'complete', now() - n * interval '30 seconds', repeat('x', 200) from generate_series({from}, {to}) n"
        )
    };
    db.sql(&complete(1, 1_000)).await;
    let few = buffers_of_a_read(&db).await;
    // Now the table has about 8,000 pages.
    db.sql(&complete(1_001, 200_000)).await;
    let many = buffers_of_a_read(&db).await;
    assert!(many < few + 50, "{few} buffers with 1,000 completed rows, {many} with 200,000");
    assert!(many < 600, "{many}");
}

/// Buffers that the statements of one read touch. None of them may read the queue from end to end.
async fn buffers_of_a_read(db: &postgres::Database<'_>) -> u64 {
    db.sql("vacuum analyze chat_context_queue").await;
    let mut watch = watch(&settings(&db.url("watcher")));
    watch.reader.read().await.expect("read");
    let mut conn = db.connect().await;
    let like_a_read = "set enable_seqscan = off; set max_parallel_workers_per_gather = 0";
    sqlx::raw_sql(like_a_read).execute(&mut conn).await.expect("set");
    let mut buffers = 0;
    for sql in watch.reader.statements().await.expect("statements") {
        let explain = AssertSqlSafe(format!("explain (analyze, buffers, format json) {sql}"));
        let row = sqlx::raw_sql(explain).fetch_one(&mut conn).await.expect("explain");
        let plan: serde_json::Value = row.try_get(0).expect("a plan");
        assert!(!scans_queue(&plan), "{sql}\n{plan:#}");
        let count = |key: &str| plan[0]["Plan"][key].as_u64().expect(key);
        buffers += count("Shared Hit Blocks") + count("Shared Read Blocks");
    }
    buffers
}

fn scans_queue(plan: &serde_json::Value) -> bool {
    match plan {
        serde_json::Value::Object(node) => {
            let scans = node.get("Node Type").is_some_and(|kind| kind == "Seq Scan")
                && node.get("Relation Name").is_some_and(|name| name == "chat_context_queue");
            scans || node.values().any(scans_queue)
        }
        serde_json::Value::Array(values) => values.iter().any(scans_queue),
        _ => false,
    }
}

#[tokio::test]
async fn there_are_never_more_than_two_connections() {
    let db = postgres::database().await;
    let mut watch = watch(&settings(&db.url("watcher")));
    let database = watch.database.clone();
    let follow = async {
        for _ in 0..20 {
            let (a, b, c) = tokio::join!(database.queue_row("1"), database.queue_row("2"), database.queue_row("3"));
            assert_eq!((a, b, c), (Ok(None), Ok(None), Ok(None)));
        }
    };
    let read = async {
        for _ in 0..10 {
            watch.reader.read().await.expect("read");
        }
    };
    let count = async {
        let mut conn = db.connect().await;
        let mut most = 0;
        for _ in 0..50 {
            let (ours,): (i64,) = sqlx::query_as(
                "select count(*) from pg_stat_activity
                 where application_name = 'memsentry' and datname = current_database()",
            )
            .fetch_one(&mut conn)
            .await
            .expect("count");
            most = most.max(ours);
        }
        most
    };
    let ((), (), most) = tokio::join!(follow, read, count);
    assert!((1..=2).contains(&most), "{most}");
}
