//! What the service's tables look like in full: columns, defaults, foreign keys, indexes, and what our role may do.
//!
//! For a validation, which compares all of it with the contract. Everything is read from the catalogue, which any role
//! may; only plans need the right to read what they are about.

use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::batch::{Answers, Batch};
use super::database::{Database, Use};
use super::error::DatabaseError;
use super::names::literal;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableRole {
    /// Conversations.
    Conversations,
    /// The memory of each.
    Memory,
    /// The queue.
    Queue,
}

/// One table as found.
#[derive(Debug, Clone, Default)]
pub struct TableSchema {
    /// Its name with its schema, quoted.
    pub name: String,
    /// Its columns in their order.
    pub columns: Vec<ColumnSchema>,
    /// Leading columns of each usable index, in order, and whether it is unique.
    pub indexes: Vec<(Vec<String>, bool)>,
    /// Columns that refer to conversations, and whether their rows go with the conversation.
    pub references: Vec<(String, bool)>,
    /// What our role may do to the table or to any column of it: `select`, `insert`, `update`, `delete`, `truncate`.
    pub rights: Vec<String>,
    /// Whether our role owns the table, or is a member of the role that does.
    pub owned: bool,
    /// Rows by the database's estimate; below 0 if it has none.
    pub rows: f64,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// Its type as Postgres writes it, with its modifier.
    pub kind: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its default as Postgres writes it.
    pub default: Option<String>,
    /// Share of rows in which it is null, by the database's own sample; `None` if our role may not see that, or the
    /// table was never analysed.
    pub null_share: Option<f32>,
}

/// The tables, and who we are.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Those that exist.
    pub tables: Vec<(TableRole, TableSchema)>,
    /// Our role.
    pub role: String,
    /// Dangerous attributes of our role: `superuser`, `createrole`, `createdb`, `bypassrls`, `replication`.
    pub attributes: Vec<String>,
}

impl Schema {
    /// A table.
    #[must_use]
    pub fn table(&self, role: TableRole) -> Option<&TableSchema> {
        self.tables.iter().find(|(found, _)| *found == role).map(|(_, table)| table)
    }

    /// The table that a row of the catalogue is about.
    fn named(&mut self, row: &PgRow) -> sqlx::Result<Option<&mut TableSchema>> {
        let name: String = row.try_get("name")?;
        Ok(self.tables.iter_mut().map(|(_, table)| table).find(|table| table.name == name))
    }
}

impl Database {
    /// Reads the catalogue about the service's tables, in one snapshot.
    ///
    /// # Errors
    /// The database gave no answer.
    pub async fn schema(&self) -> Result<Schema, DatabaseError> {
        let names = &self.shared().names;
        let tables: Vec<(TableRole, &String)> =
            (names.conversations.iter().map(|name| (TableRole::Conversations, name)))
                .chain([(TableRole::Memory, &names.chat_metadata), (TableRole::Queue, &names.queue)])
                .collect();
        let mut batch = self.reading();
        ask(&tables, &mut batch);
        let answers = self.run(Use::Probe, batch).await?;
        read(&tables, &answers).map_err(|error| self.unexpected(&error))
    }

    /// How the database would answer a query, as the nodes of its plan with the tables they read; with whole-table
    /// reads discouraged unless `naturally`. Runs nothing.
    ///
    /// # Errors
    /// The database gave no answer, or our role may not read what the query is about.
    pub async fn plan(&self, sql: &str, naturally: bool) -> Result<Vec<(String, Option<String>)>, DatabaseError> {
        let limit = self.timeout();
        let begin = format!("begin;\n{}", Batch::reading(limit).into_sql());
        let begin = if naturally { format!("{begin}set local enable_seqscan = on;\n") } else { begin };
        let rows = self.ask_one(begin, (format!("explain (format json) {sql}"), &[]), limit).await?;
        let mut nodes = Vec::new();
        for row in &rows {
            let plan: Value = row.try_get(0).map_err(|error| self.unexpected(&error))?;
            collect(&plan[0]["Plan"], &mut nodes);
        }
        Ok(nodes)
    }
}

fn collect(node: &Value, nodes: &mut Vec<(String, Option<String>)>) {
    if let Some(kind) = node["Node Type"].as_str() {
        nodes.push((kind.to_owned(), node["Relation Name"].as_str().map(str::to_owned)));
    }
    node["Plans"].as_array().into_iter().flatten().for_each(|child| collect(child, nodes));
}

fn ask(tables: &[(TableRole, &String)], batch: &mut Batch) {
    let values: Vec<String> =
        tables.iter().map(|(_, name)| format!("({0}, to_regclass({0}))", literal(name))).collect();
    let found = format!("(values {}) t(name, oid)", values.join(", "));
    batch.select(&format!(
        "select t.name::text, pg_has_role(c.relowner, 'member') as owned, c.reltuples::float8 as rows,
           (select coalesce(array_agg(wish::text), '{{}}') from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) wish
             where case when wish in ('delete', 'truncate') then has_table_privilege(t.oid, wish)
                        else has_any_column_privilege(t.oid, wish) end) as rights
         from {found} join pg_class c on c.oid = t.oid"
    ));
    batch.select(&format!(
        "select t.name::text, a.attname::text as column, format_type(a.atttypid, a.atttypmod)::text as kind,
           not a.attnotnull as nullable, pg_get_expr(d.adbin, d.adrelid)::text as initial, s.null_frac as null_share
         from {found} join pg_attribute a on a.attrelid = t.oid join pg_class c on c.oid = t.oid
         join pg_namespace n on n.oid = c.relnamespace
         left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
         left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
         where a.attnum > 0 and not a.attisdropped order by a.attnum"
    ));
    batch.select(&format!(
        "select t.name::text, i.indisunique as is_unique,
           (select array_agg(a.attname::text order by k.place) from unnest(i.indkey::int2[]) with ordinality k(number, place)
             join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number where k.place <= i.indnkeyatts) as columns
         from {found} join pg_index i on i.indrelid = t.oid
         where i.indisvalid and i.indpred is null and i.indexprs is null"
    ));
    batch.select(&format!(
        "select t.name::text, a.attname::text as column, c.confdeltype = 'c' as cascades
         from {found} join pg_constraint c on c.conrelid = t.oid and c.contype = 'f'
         join {} on parent.oid = c.confrelid
         join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1]",
        found.replace("t(name, oid)", "parent(name, oid)")
    ));
    batch.select(
        "select rolname::text as role, array_remove(array[
           case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
           case when rolcreatedb then 'createdb' end, case when rolbypassrls then 'bypassrls' end,
           case when rolreplication then 'replication' end], null)::text[] as attributes
         from pg_roles where rolname = current_user",
    );
}

/// What the answers to [`ask`] say.
fn read(tables: &[(TableRole, &String)], answers: &Answers) -> sqlx::Result<Schema> {
    let mut schema = Schema::default();
    let found = answers.rows(0).iter().map(table).collect::<sqlx::Result<Vec<TableSchema>>>()?;
    for (role, name) in tables {
        // Of several names for the conversations the first that exists counts.
        if let Some(table) = found.iter().find(|table| table.name == **name)
            && schema.table(*role).is_none()
        {
            schema.tables.push((*role, table.clone()));
        }
    }
    for row in answers.rows(1) {
        if let Some(table) = schema.named(row)? {
            table.columns.push(column(row)?);
        }
    }
    for row in answers.rows(2) {
        if let Some(table) = schema.named(row)? {
            table.indexes.push((row.try_get("columns")?, row.try_get("is_unique")?));
        }
    }
    for row in answers.rows(3) {
        if let Some(table) = schema.named(row)? {
            table.references.push((row.try_get("column")?, row.try_get("cascades")?));
        }
    }
    for row in answers.rows(4) {
        schema.role = row.try_get("role")?;
        schema.attributes = row.try_get("attributes")?;
    }
    Ok(schema)
}

fn table(row: &PgRow) -> sqlx::Result<TableSchema> {
    Ok(TableSchema {
        name: row.try_get("name")?,
        owned: row.try_get("owned")?,
        rows: row.try_get("rows")?,
        rights: row.try_get("rights")?,
        ..TableSchema::default()
    })
}

fn column(row: &PgRow) -> sqlx::Result<ColumnSchema> {
    Ok(ColumnSchema {
        name: row.try_get("column")?,
        kind: row.try_get("kind")?,
        nullable: row.try_get("nullable")?,
        default: row.try_get("initial")?,
        null_share: row.try_get("null_share")?,
    })
}
