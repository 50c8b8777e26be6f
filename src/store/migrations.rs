//! The schema, as a list of steps that only ever grows. `user_version` counts the steps a file has taken.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// Marks the file as ours: "mems".
pub(super) const APPLICATION_ID: i64 = 0x6d65_6d73;

/// One step each; a released step never changes.
pub(super) const ALL: &[&str] = &[
    // 1: alert state, notification log, outbox, delivery history.
    "create table documents (
        kind text not null,
        key  text not null,
        body text not null,
        primary key (kind, key)
    ) without rowid;
    create table notification_log (
        key        text not null primary key,
        firing     text not null,
        resolved   text not null,
        sent_at    integer not null,
        expires_at integer not null
    ) without rowid;
    create table outbox (
        id              text not null primary key,
        receiver        text not null,
        notifier        text not null,
        group_key       text not null,
        body            text not null,
        created_at      integer not null,
        next_attempt_at integer not null,
        attempts        integer not null,
        last_error      text
    );
    create table deliveries (
        sequence    integer primary key autoincrement,
        id          text not null,
        receiver    text not null,
        notifier    text not null,
        group_key   text not null,
        created_at  integer not null,
        finished_at integer not null,
        attempts    integer not null,
        result      text not null
    );",
    // 2: sample history. Blocks come in order, so every insert goes to the end of table and index.
    "create table history_series (
        id          integer primary key,
        labels      text not null unique,
        first_block integer not null,
        last_block  integer not null
    );
    create table history_blocks (
        id    integer primary key,
        first integer not null,
        last  integer,
        bytes integer not null
    );
    create table history_chunks (
        block  integer not null,
        series integer not null,
        offset integer not null,
        count  integer not null,
        data   blob not null,
        primary key (block, series)
    );
    create table history_journal (
        sequence integer primary key,
        data     blob not null
    );",
    // 3: history of alerts. Numbers grow with time; `subjects` stands beside its index so that a row takes its own away.
    "create table alert_history (
        sequence integer primary key,
        at       integer not null,
        event    text not null,
        receiver text,
        subjects text not null,
        body     text not null
    );
    create index alert_history_receiver on alert_history (receiver, sequence) where receiver is not null;
    create table alert_history_subjects (
        subject  text not null,
        sequence integer not null,
        primary key (subject, sequence)
    ) without rowid;
    create trigger alert_history_removed after delete on alert_history begin
        delete from alert_history_subjects
        where subject in (select value from json_each(old.subjects)) and sequence = old.sequence;
    end;",
];

/// The version that this program writes.
pub(super) fn newest() -> i64 {
    i64::try_from(ALL.len()).unwrap_or(i64::MAX)
}

/// Takes the steps that are missing, all in one transaction.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    let mut transaction = conn.begin_with("begin immediate").await?;
    let (version,): (i64,) = sqlx::query_as("pragma user_version").fetch_one(&mut *transaction).await?;
    let taken = usize::try_from(version).unwrap_or(0);
    for step in ALL.iter().skip(taken) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    if taken < ALL.len() {
        // Pragmas take no parameters.
        let mark = format!("pragma application_id = {APPLICATION_ID}; pragma user_version = {}", newest());
        sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
