//! Every access of the service that is frequent can use an index.
//!
//! The planner reads a small table as a whole, whatever indexes there are. So the plans are asked for with whole-table
//! reads discouraged: one that still has one has no index to use, and will not scale. On tables that are big already
//! the plan that the planner would really choose is asked for as well.

use std::time::Duration as StdDuration;

use crate::queue::{Database, DatabaseError, Schema, TableRole};

use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// Rows from which a whole-table read is a problem today.
const BIG: f64 = 10_000.0;

/// Leading columns that some index has to have, and what for.
const INDEXES: &[(TableRole, &str, &[&str], &str)] = &[
    (TableRole::Conversations, "conversations", &["id"], "one conversation"),
    (TableRole::Memory, "chat_metadata", &["chat_id"], "the memory of a conversation"),
    (TableRole::Memory, "chat_metadata", &["last_updated"], "recently changed memories"),
    (TableRole::Queue, "chat_context_queue", &["id"], "one row of the queue"),
    (TableRole::Queue, "chat_context_queue", &["status", "created_at"], "the oldest open rows"),
    (TableRole::Queue, "chat_context_queue", &["chat_id"], "the rows of a conversation"),
];

/// What the service asks again and again. `{}` is the table; only columns that a guest may read.
const ACCESSES: &[(TableRole, &str, &str)] = &[
    (
        TableRole::Queue,
        "the oldest open rows",
        "select id from {} where status = 'pending_summarization' order by created_at limit 50",
    ),
    (
        TableRole::Queue,
        "the rows of a conversation",
        "select id from {} where chat_id = (select chat_id from {} limit 1)",
    ),
    (
        TableRole::Memory,
        "the memory of a conversation",
        "select chat_id from {} where chat_id = (select chat_id from {} limit 1)",
    ),
    (TableRole::Conversations, "one conversation", "select id from {} where id = (select id from {} limit 1)"),
];

pub(super) const CRITERION: Criterion = Criterion {
    id: "schema-indexes",
    area: Area::Schema,
    promise: "The contract's indexes exist, and no frequent access reads a whole table.",
    method: "The catalogue is searched for the indexes, and the database is asked how it would answer what the service \
             asks again and again (EXPLAIN, nothing is run): with whole-table reads discouraged, because the planner \
             reads small tables whole in any case, and on big tables as it really would.",
    needs: &[Need::Database],
    estimate: |_| StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let database = scene.database()?;
    let schema = database.schema().await?;
    let mut wrong = Vec::new();
    for (role, usual, columns, purpose) in INDEXES {
        let Some(table) = schema.table(*role) else { continue };
        let leads = |index: &Vec<String>| index.iter().zip(*columns).filter(|(has, wants)| has == wants).count();
        let exists = table.indexes.iter().any(|(index, _)| leads(index) == columns.len());
        let name = format!("index on {usual} ({})", columns.join(", "));
        evidence.case(&name, purpose, if exists { "exists" } else { "missing" }, Some(exists));
        if !exists {
            wrong.push(format!("there is no {name}, for {purpose}"));
        }
    }
    let mut unseen = Vec::new();
    for (role, purpose, sql) in ACCESSES {
        match whole_reads(database, &schema, *role, sql, evidence, purpose).await {
            Ok(problems) => wrong.extend(problems),
            Err(error) => {
                evidence.case(&format!("plan for {purpose}"), "no whole-table read", error.to_string(), None);
                unseen.push(*purpose);
            }
        }
    }
    let unseen =
        if unseen.is_empty() { String::new() } else { format!("; no plan could be seen for {}", unseen.join(", ")) };
    Ok(if wrong.is_empty() {
        let (indexes, plans) = (INDEXES.len(), ACCESSES.len());
        Finding::pass(format!("all of {indexes} indexes exist, and {plans} frequent accesses can use them{unseen}"))
    } else {
        Finding::fail(format!("{}{unseen}", wrong.join("; ")))
    })
}

async fn whole_reads(
    database: &Database,
    schema: &Schema,
    role: TableRole,
    sql: &str,
    evidence: &mut Evidence,
    purpose: &str,
) -> Result<Vec<String>, DatabaseError> {
    let Some(table) = schema.table(role) else { return Ok(Vec::new()) };
    let sql = sql.replace("{}", &table.name);
    let mut wrong = Vec::new();
    let natural = if table.rows >= BIG { &[false, true][..] } else { &[false] };
    for naturally in natural {
        let nodes = database.plan(&sql, *naturally).await?;
        // The inner query, which takes any id, may read the table from its start.
        let reads = nodes.iter().filter(|(kind, _)| kind == "Seq Scan").count();
        let allowed = usize::from(sql.matches("limit 1)").count() > 0);
        let sorts = nodes.iter().any(|(kind, _)| kind.contains("Sort"));
        let plan: Vec<String> = nodes
            .iter()
            .map(|(kind, of)| of.as_ref().map_or_else(|| kind.clone(), |of| format!("{kind} on {of}")))
            .collect();
        let how = if *naturally { "as the planner chooses" } else { "whole-table reads discouraged" };
        let ok = reads <= allowed;
        evidence.case(&format!("plan for {purpose}, {how}"), "an index finds the rows", plan.join(" > "), Some(ok));
        if reads > allowed {
            wrong.push(format!("{purpose}: the plan reads all of {} ({how})", table.name));
        } else if sorts {
            // Cheaper for few rows, whatever the index could do.
            evidence.note(format!("{purpose}: the plan sorts what the index finds ({how})"));
        }
    }
    Ok(wrong)
}
