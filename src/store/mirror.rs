//! Carries the contents of the tables between the file and memory when the disk fails or comes back.
//!
//! Rows travel as one JSON array per table, so that a table needs no code here, only its row in [`TABLES`].
//! Blobs cannot travel this way; a table of blobs stays out and is empty while the disk is away. Of the history of
//! alerts the newest travel, and are laid over what the other side has.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// A table and all its columns, in any order.
struct Mirrored(&'static str, &'static [&'static str]);

const TABLES: &[Mirrored] = &[
    Mirrored("documents", &["kind", "key", "body"]),
    Mirrored("notification_log", &["key", "firing", "resolved", "sent_at", "expires_at"]),
    Mirrored(
        "outbox",
        &["id", "receiver", "notifier", "group_key", "body", "created_at", "next_attempt_at", "attempts", "last_error"],
    ),
    Mirrored(
        "deliveries",
        &["sequence", "id", "receiver", "notifier", "group_key", "created_at", "finished_at", "attempts", "result"],
    ),
];

/// The newest entries of the history.
const READ_HISTORY: &str = "select json_group_array(json_array(sequence, at, event, receiver, subjects, body))
    from (select * from alert_history order by sequence desc limit 10000)";
const WRITE_HISTORY: [&str; 2] = [
    "insert or ignore into alert_history (sequence, at, event, receiver, subjects, body)
     select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 from json_each(?1)",
    "insert or ignore into alert_history_subjects (subject, sequence)
     select subject.value, entry.value ->> 0 from json_each(?1) entry, json_each(entry.value ->> 4) subject",
];

/// The contents of every table, as read in one transaction.
pub(super) struct Contents {
    tables: Vec<String>,
    history: String,
}

/// Reads everything.
pub(super) async fn read(conn: &mut SqliteConnection) -> sqlx::Result<Contents> {
    let mut transaction = conn.begin().await?;
    let mut contents = Vec::with_capacity(TABLES.len());
    for Mirrored(table, columns) in TABLES {
        let sql = format!("select json_group_array(json_array({})) from {table}", columns.join(", "));
        let (rows,): (String,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
        contents.push(rows);
    }
    let (history,): (String,) = sqlx::query_as(READ_HISTORY).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Contents { tables: contents, history })
}

/// Writes everything in one transaction: in place of what is there, or over it where `keep` is set.
pub(super) async fn write(conn: &mut SqliteConnection, contents: &Contents, keep: bool) -> sqlx::Result<()> {
    let mut transaction = conn.begin_with("begin immediate").await?;
    for (Mirrored(table, columns), rows) in TABLES.iter().zip(&contents.tables) {
        if !keep {
            sqlx::raw_sql(AssertSqlSafe(format!("delete from {table}"))).execute(&mut *transaction).await?;
        }
        let values: Vec<String> = (0..columns.len()).map(|at| format!("value ->> {at}")).collect();
        let sql = format!(
            "insert or replace into {table} ({}) select {} from json_each(?1)",
            columns.join(", "),
            values.join(", ")
        );
        sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(&mut *transaction).await?;
    }
    for sql in WRITE_HISTORY {
        sqlx::query(sql).bind(&contents.history).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
