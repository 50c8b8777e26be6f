//! Carries the contents of the tables between the file and memory when the disk fails or comes back.
//!
//! Rows travel as one JSON array per table, so that a table needs no code here, only its row in [`TABLES`].
//! Blobs cannot travel this way; a table of blobs stays out and is empty while the disk is away.

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

/// The contents of every table, as read in one transaction.
pub(super) struct Contents(Vec<String>);

/// Reads everything.
pub(super) async fn read(conn: &mut SqliteConnection) -> sqlx::Result<Contents> {
    let mut transaction = conn.begin().await?;
    let mut contents = Vec::with_capacity(TABLES.len());
    for Mirrored(table, columns) in TABLES {
        let sql = format!("select json_group_array(json_array({})) from {table}", columns.join(", "));
        let (rows,): (String,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
        contents.push(rows);
    }
    transaction.commit().await?;
    Ok(Contents(contents))
}

/// Writes everything in one transaction: in place of what is there, or over it where `keep` is set.
pub(super) async fn write(conn: &mut SqliteConnection, contents: &Contents, keep: bool) -> sqlx::Result<()> {
    let mut transaction = conn.begin_with("begin immediate").await?;
    for (Mirrored(table, columns), rows) in TABLES.iter().zip(&contents.0) {
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
    transaction.commit().await
}
