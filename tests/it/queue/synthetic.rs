//! Only what memsentry made is removed.

use memsentry::queue::DatabaseError;
use sqlx::AssertSqlSafe;

use super::*;

#[tokio::test]
async fn only_what_carries_our_marker_is_removed() {
    let db = postgres::database().await;
    db.sql(
        "insert into conversations (id, metadata, created_at) values
               ('ours', '{\"memsentry_synthetic\": \"it\"}', now() - interval '2 hours'),
               ('ours-young', '{\"memsentry_synthetic\": \"it\"}', now()),
               ('other-instance', '{\"memsentry_synthetic\": \"elsewhere\"}', now() - interval '2 hours'),
               ('person', '{\"memsentry_synthetic\": null}', now() - interval '2 hours'),
               ('plain', null, now() - interval '2 hours');
             insert into chat_metadata (chat_id) select id from conversations;
             insert into chat_context_queue (chat_id) select id from conversations;",
    )
    .await;
    let all: Vec<String> =
        ["ours", "ours-young", "other-instance", "person", "plain", "x') or true --"].map(str::to_owned).to_vec();
    // Without permission: nothing goes, but what is left is counted.
    let mut settings = settings(&db.url("watcher"));
    let reading = watch(&settings);
    assert!(!reading.database.may_clean_up());
    assert!(matches!(reading.database.remove_synthetic(&all).await, Err(DatabaseError::Refused(_))));
    let hour = model::Duration::from_secs(3600);
    assert_eq!(reading.database.sweep_synthetic(hour).await, Ok(Sweep { removed: 0, left: 1 }));

    // Allowed by the configuration, but not by the database.
    settings.cleanup = true;
    let refused = watch(&settings);
    assert_eq!(refused.database.sweep_synthetic(hour).await, Ok(Sweep { removed: 0, left: 1 }));
    assert!(!refused.database.may_clean_up());

    // By a role of its own, which needs no right on the other tables.
    db.sql("grant select (id, metadata, created_at), delete on conversations to cleaner").await;
    settings.cleanup_url = Some(Secret::new(db.url("cleaner")));
    let cleaning = watch(&settings);
    assert_eq!(cleaning.database.sweep_synthetic(hour).await, Ok(Sweep { removed: 1, left: 0 }));
    assert!(cleaning.database.may_clean_up());
    assert_eq!(cleaning.database.remove_synthetic(&all).await, Ok(1));
    let mut conn = db.connect().await;
    for table in ["conversations", "chat_metadata", "chat_context_queue"] {
        let sql = format!("select count(*) from {table}");
        let (left,): (i64,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut conn).await.expect("count");
        assert_eq!(left, 3, "{table}");
    }
    let (backends,): (i64,) = sqlx::query_as(
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'cleaner'",
    )
    .fetch_one(&mut conn)
    .await
    .expect("count");
    assert_eq!(backends, 1);
}

#[tokio::test]
async fn a_sweep_walks_a_long_table_in_steps() {
    let db = postgres::database().await;
    db.sql(
        "insert into conversations select 'c' || n, null,
               case when n % 1000 = 0 then '{\"memsentry_synthetic\": \"it\"}'::jsonb end, now() - interval '1 day'
             from generate_series(1, 30000) n; analyze conversations",
    )
    .await;
    let watch = watch(&Settings { cleanup: true, ..settings(&db.url("postgres")) });
    let sweep = watch.database.sweep_synthetic(model::Duration::from_secs(3600)).await.expect("sweep");
    assert_eq!(sweep, Sweep { removed: 30, left: 0 });
}
