//! The tables are those of the contract: columns, types, defaults, and rows that go with their conversation.

use std::time::Duration as StdDuration;

use crate::queue::{ColumnSchema, Schema, TableRole, TableSchema};

use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// Any of these is an id; deployments differ.
const ID: &[&str] = &["text", "uuid", "character varying"];
const JSON: &[&str] = &["jsonb"];
const TEXT: &[&str] = &["text"];
const NUMBER: &[&str] = &["integer", "bigint"];
const TIME: &[&str] = &["timestamp with time zone"];
const STATUS: &[&str] = &["character varying(50)", "text"];

/// A column of the contract: its name, its types, whether it must not be null, and what its default holds.
struct Expected(&'static str, &'static [&'static str], bool, Option<&'static str>);

const CONVERSATIONS: &[Expected] = &[
    Expected("id", ID, true, None),
    Expected("user_id", ID, false, None),
    Expected("metadata", JSON, false, None),
    Expected("created_at", TIME, false, None),
];

const MEMORY: &[Expected] = &[
    Expected("chat_id", ID, true, None),
    Expected("user_confirmed", JSON, true, Some("'{}'")),
    Expected("llm_inferred", JSON, true, Some("'{}'")),
    Expected("general_summary", TEXT, true, Some("''")),
    Expected("token_count", NUMBER, false, None),
    Expected("last_updated", TIME, false, None),
    Expected("created_at", TIME, false, None),
];

const QUEUE: &[Expected] = &[
    Expected("id", ID, true, Some("gen_random_uuid()")),
    Expected("chat_id", ID, false, None),
    Expected("new_context_snippet", TEXT, false, None),
    Expected("status", STATUS, false, Some("'pending_summarization'")),
    Expected("created_at", TIME, false, Some("now()")),
    Expected("processed_at", TIME, false, None),
    Expected("retry_count", NUMBER, false, Some("0")),
    Expected("error_message", TEXT, false, None),
];

const TABLES: &[(TableRole, &str, &[Expected])] = &[
    (TableRole::Conversations, "conversations", CONVERSATIONS),
    (TableRole::Memory, "chat_metadata", MEMORY),
    (TableRole::Queue, "chat_context_queue", QUEUE),
];

pub(super) const CRITERION: Criterion = Criterion {
    id: "schema-tables",
    area: Area::Schema,
    promise: "The tables have the contract's columns with their types and defaults, and rows go with their conversation.",
    method: "The database's catalogue is compared with the contract, column by column. Ids may be text, varchar or uuid, \
             further columns are welcome, and the names of the tables are those of the configuration.",
    needs: &[Need::Database],
    estimate: |_| StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let schema = scene.database()?.schema().await?;
    let mut wrong = Vec::new();
    let mut columns = 0;
    for (role, usual, expected) in TABLES {
        let Some(table) = schema.table(*role) else {
            evidence.case(usual, "a table", "none", Some(false));
            wrong.push(format!("there is no table of {usual}"));
            continue;
        };
        columns += expected.len();
        for column in *expected {
            check(usual, table, column, evidence, &mut wrong);
        }
    }
    for (role, usual) in [(TableRole::Memory, "chat_metadata"), (TableRole::Queue, "chat_context_queue")] {
        check_reference(usual, &schema, role, evidence, &mut wrong);
    }
    Ok(if wrong.is_empty() {
        Finding::pass(format!("{} tables with {columns} columns are as the contract has them", TABLES.len()))
    } else {
        Finding::fail(wrong.join("; "))
    })
}

fn check(table: &str, found: &TableSchema, expected: &Expected, evidence: &mut Evidence, wrong: &mut Vec<String>) {
    let Expected(name, kinds, not_null, default) = expected;
    let place = format!("{table}.{name}");
    let mut wish = kinds.join(" or ");
    wish.push_str(if *not_null { ", not null" } else { "" });
    wish.push_str(&default.map_or_else(String::new, |default| format!(", default {default}")));
    let Some(column) = found.columns.iter().find(|column| column.name == *name) else {
        evidence.case(&place, &wish, "no such column", Some(false));
        wrong.push(format!("{place} is missing"));
        return;
    };
    let mut problems = Vec::new();
    let is_kind = |kind: &&str| column.kind == **kind || column.kind.starts_with(&format!("{kind}("));
    if !kinds.iter().any(is_kind) {
        problems.push(format!("is {}, not {}", column.kind, kinds.join(" or ")));
    }
    if *not_null && column.nullable {
        problems.push("may be null".to_owned());
    }
    let given = column.default.as_deref();
    if let Some(default) = default
        && !given.is_some_and(|given| given.contains(default) || (*default == "now()" && is_now(given)))
    {
        problems.push(format!("has the default {}, not {default}", given.unwrap_or("null")));
    }
    evidence.case(&place, &wish, told(column), Some(problems.is_empty()));
    wrong.extend(problems.into_iter().map(|problem| format!("{place} {problem}")));
}

/// Other ways to write the same.
fn is_now(default: &str) -> bool {
    ["CURRENT_TIMESTAMP", "clock_timestamp()", "timezone("].iter().any(|other| default.contains(other))
}

fn told(column: &ColumnSchema) -> String {
    let null = if column.nullable { "" } else { ", not null" };
    let default = column.default.as_ref().map_or_else(String::new, |default| format!(", default {default}"));
    format!("{}{null}{default}", column.kind)
}

fn check_reference(table: &str, schema: &Schema, role: TableRole, evidence: &mut Evidence, wrong: &mut Vec<String>) {
    let Some(found) = schema.table(role) else { return };
    let reference = found.references.iter().find(|(column, _)| column == "chat_id");
    let got = match reference {
        Some((_, true)) => "a foreign key with cascade",
        Some((_, false)) => "a foreign key without cascade",
        None => "no foreign key",
    };
    let ok = reference.is_some_and(|(_, cascades)| *cascades);
    let place = format!("{table}.chat_id to conversations");
    evidence.case(&place, "a foreign key with cascade", got, Some(ok));
    if !ok {
        wrong.push(format!("{place}: {got}, so that rows outlive their conversation"));
    }
}
