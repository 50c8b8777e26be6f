//! What this deployment's tables look like: which columns there are, of which types, and what we may do.
//!
//! Deployments differ (`uuid` or text ids, `chats` for `conversations`, no `processed_at`). Asked once and again
//! every ten minutes, or after the database refused a statement.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::batch::{Answers, Batch};
use super::error::DatabaseError;
use super::names::{Names, literal};

/// Columns that no deployment is without; nothing works if one is missing.
const REQUIRED: &[&str] = &["id", "status", "created_at"];

/// One table: its columns with their types as Postgres writes them.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    columns: BTreeMap<String, String>,
    /// Whether deleting a conversation deletes its rows here too.
    pub(super) cascades: bool,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// `value` as a constant that an index on `column` can be asked for; `None` if it cannot be of that type.
    pub(super) fn key(&self, column: &str, value: &str) -> Option<String> {
        match self.columns.get(column).map(String::as_str) {
            Some("uuid") => uuid::Uuid::parse_str(value).ok().map(|id| format!("'{id}'::uuid")),
            Some("bigint" | "integer" | "smallint") => value.parse::<i64>().ok().map(|id| id.to_string()),
            _ => Some(literal(value)),
        }
    }
}

/// The tables as found.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) queue: Table,
    pub(super) conversations: Option<Conversations>,
    /// `None` if there is no such table.
    pub(super) chat_metadata: Option<Table>,
    /// Whether an index begins with status and created_at.
    pub(super) indexed: bool,
    /// Whether row-level security decides which rows of the queue our role sees.
    pub(super) filtered: bool,
}

/// The table of conversations.
#[derive(Debug, Clone)]
pub(super) struct Conversations {
    /// As statements name it.
    pub(super) name: String,
    pub(super) table: Table,
    /// Whether the role that asked may delete from it.
    pub(super) deletable: bool,
}

/// The statements that find out.
pub(super) fn ask(names: &Names, batch: &mut Batch) {
    let mut tables: Vec<&String> = vec![&names.queue, &names.chat_metadata];
    tables.extend(&names.conversations);
    let values: Vec<String> = tables.iter().map(|name| format!("({0}, to_regclass({0}))", literal(name))).collect();
    let found = format!("(values {}) t(name, oid)", values.join(", "));
    batch.select(&format!(
        "select t.name::text, a.attname::text as column, format_type(a.atttypid, null)::text as type
         from {found} join pg_attribute a on a.attrelid = t.oid where a.attnum > 0 and not a.attisdropped"
    ));
    batch.select(&format!(
        "select t.name::text, parent.name::text as parent from {found}
         join pg_constraint c on c.conrelid = t.oid and c.contype = 'f' and c.confdeltype = 'c'
         join {} on parent.oid = c.confrelid",
        found.replace("t(name, oid)", "parent(name, oid)")
    ));
    batch.select(&format!(
        "select t.name::text, has_table_privilege(t.oid, 'delete') as deletable, row_security_active(t.oid) as filtered,
           exists (select 1 from pg_index i where i.indrelid = t.oid and i.indisvalid and i.indpred is null
             and (select a.attname from pg_attribute a where a.attrelid = t.oid and a.attnum = i.indkey[0]) = 'status'
             and (select a.attname from pg_attribute a where a.attrelid = t.oid and a.attnum = i.indkey[1]) = 'created_at'
           ) as indexed
         from {found} where t.oid is not null"
    ));
}

/// What the answers to [`ask`] say.
pub(super) fn read(names: &Names, answers: &Answers) -> Result<Layout, DatabaseError> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let mut facts: BTreeMap<String, (bool, bool, bool)> = BTreeMap::new();
    let mut take = || -> sqlx::Result<()> {
        for row in answers.rows(0) {
            let table = tables.entry(row.try_get("name")?).or_default();
            table.columns.insert(row.try_get("column")?, row.try_get("type")?);
        }
        for row in answers.rows(1) {
            let parent: String = row.try_get("parent")?;
            if names.conversations.contains(&parent) {
                tables.entry(row.try_get("name")?).or_default().cascades = true;
            }
        }
        for row in answers.rows(2) {
            facts.insert(row.try_get("name")?, fact(row)?);
        }
        Ok(())
    };
    take().map_err(|error| DatabaseError::Refused(format!("unexpected answer about its tables: {error}")))?;
    let fact = |name: &str| facts.get(name).copied().unwrap_or_default();
    let queue = tables
        .remove(&names.queue)
        .ok_or_else(|| DatabaseError::Refused(format!("there is no table {}", names.queue)))?;
    let missing: Vec<&str> = REQUIRED.iter().copied().filter(|column| !queue.has(column)).collect();
    if !missing.is_empty() {
        return Err(DatabaseError::Refused(format!("table {} has no column {}", names.queue, missing.join(", "))));
    }
    let conversations = names.conversations.iter().find_map(|name| {
        let table = tables.remove(name)?;
        Some(Conversations { name: name.clone(), table, deletable: fact(name).0 })
    });
    let (_, filtered, indexed) = fact(&names.queue);
    Ok(Layout { queue, conversations, chat_metadata: tables.remove(&names.chat_metadata), indexed, filtered })
}

fn fact(row: &PgRow) -> sqlx::Result<(bool, bool, bool)> {
    Ok((row.try_get("deletable")?, row.try_get("filtered")?, row.try_get("indexed")?))
}
