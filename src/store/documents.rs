//! Keyed tables of JSON documents: the alert states of rules and of the dispatcher, silences.

use sqlx::SqliteConnection;

use super::{Applied, HistoryEntry, Job, Store, StoreError, alert_history};

/// One row of a keyed table of JSON documents: rule alert states, the dispatcher's alerts, silences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Unique in its table.
    pub key: String,
    /// JSON; the store does not look inside.
    pub body: String,
}

/// Tables of JSON documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Alert state of the rules: pending since, firing since, keep-firing since.
    RuleAlerts,
    /// Alerts that the dispatcher knows.
    NotifyAlerts,
    /// Silences, also those that are over and not yet forgotten.
    Silences,
}

impl Table {
    fn kind(self) -> &'static str {
        match self {
            Self::RuleAlerts => "rule_alerts",
            Self::NotifyAlerts => "notify_alerts",
            Self::Silences => "silences",
        }
    }
}

impl Store {
    /// Sets and removes documents of a table in one transaction; a key in both is removed.
    pub async fn put(&self, table: Table, set: Vec<Document>, remove: Vec<String>) -> Result<(), StoreError> {
        self.put_and_record(table, set, remove, Vec::new()).await
    }

    /// The same, with what happened, in one transaction.
    pub async fn put_and_record(
        &self,
        table: Table,
        set: Vec<Document>,
        remove: Vec<String>,
        history: Vec<HistoryEntry>,
    ) -> Result<(), StoreError> {
        if set.is_empty() && remove.is_empty() {
            return self.record_history(history).await;
        }
        let json = |error: serde_json::Error| StoreError(error.to_string());
        let rows: Vec<(String, String)> = set.into_iter().map(|document| (document.key, document.body)).collect();
        let set = serde_json::to_string(&rows).map_err(json)?;
        let remove = serde_json::to_string(&remove).map_err(json)?;
        self.write(Put { table, set, remove, history }).await
    }

    /// All documents of a table, by key.
    pub async fn documents(&self, table: Table) -> Result<Vec<Document>, StoreError> {
        let mut conn = self.reader().await?;
        let rows = sqlx::query_as("select key, body from documents where kind = ? order by key").bind(table.kind());
        let rows: Vec<(String, String)> = self.bounded(rows.fetch_all(&mut *conn)).await?;
        Ok(rows.into_iter().map(|(key, body)| Document { key, body }).collect())
    }
}

/// Rows as JSON arrays, because one statement over `json_each` is far cheaper than one statement a row.
struct Put {
    table: Table,
    set: String,
    remove: String,
    history: Vec<HistoryEntry>,
}

impl Job for Put {
    fn apply<'c>(&'c self, conn: &'c mut SqliteConnection) -> Applied<'c> {
        Box::pin(async move {
            sqlx::query(
                "insert or replace into documents (kind, key, body)
                 select ?1, value ->> 0, value ->> 1 from json_each(?2)",
            )
            .bind(self.table.kind())
            .bind(&self.set)
            .execute(&mut *conn)
            .await?;
            sqlx::query("delete from documents where kind = ?1 and key in (select value from json_each(?2))")
                .bind(self.table.kind())
                .bind(&self.remove)
                .execute(&mut *conn)
                .await?;
            alert_history::record(conn, &self.history).await
        })
    }
}
