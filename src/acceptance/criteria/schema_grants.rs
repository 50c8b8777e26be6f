//! The role that memsentry watches with may read what it needs, and can do no harm.

use std::time::Duration as StdDuration;

use crate::queue::{TableRole, TableSchema};

use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};

const TABLES: &[(TableRole, &str)] = &[
    (TableRole::Conversations, "conversations"),
    (TableRole::Memory, "chat_metadata"),
    (TableRole::Queue, "chat_context_queue"),
];

pub(super) const CRITERION: Criterion = Criterion {
    id: "schema-grants",
    area: Area::Schema,
    promise: "The monitoring role may read what it needs, and neither owns nor writes what it need not.",
    method: "The catalogue says what the role of database.url may do: it has to read the queue, and to find synthetic \
             conversations; it must not be able to change rows, except to delete conversations where cleanup is on.",
    needs: &[Need::Database],
    estimate: |_| StdDuration::from_secs(1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let database = scene.database()?;
    let schema = database.schema().await?;
    let mut wrong = Vec::new();
    for attribute in &schema.attributes {
        evidence.case("attributes of the role", "none that is dangerous", attribute.clone(), Some(false));
        wrong.push(format!("it is {attribute}"));
    }
    for (role, usual) in TABLES {
        let Some(table) = schema.table(*role) else { continue };
        // Where rows do not go with their conversation, cleaning up deletes them itself.
        let cascades = table.references.iter().any(|(_, cascades)| *cascades);
        let may_delete = database.may_clean_up() && (*role == TableRole::Conversations || !cascades);
        let must_read = *role == TableRole::Queue;
        let problems = problems(table, may_delete, must_read);
        let mut has = table.rights.join(", ");
        has.push_str(if table.owned { ", owner" } else { "" });
        let wish = match (may_delete, must_read) {
            (true, _) => "at most select and delete",
            (false, true) => "select alone",
            (false, false) => "at most select",
        };
        evidence.case(usual, wish, has, Some(problems.is_empty()));
        wrong.extend(problems.into_iter().map(|problem| format!("{usual}: it {problem}")));
    }
    Ok(if wrong.is_empty() {
        Finding::pass(format!("role {} may read, and cannot change the service's rows", schema.role))
    } else {
        Finding::fail(format!("role {}: {}", schema.role, wrong.join("; ")))
    })
}

fn problems(table: &TableSchema, may_delete: bool, must_read: bool) -> Vec<String> {
    let has = |right: &str| table.rights.iter().any(|has| has == right);
    let mut problems = Vec::new();
    if must_read && !has("select") {
        problems.push("may not read".to_owned());
    }
    if table.owned {
        problems.push("owns it, and so may do anything to it".to_owned());
        return problems;
    }
    for right in ["insert", "update", "delete", "truncate"] {
        if has(right) && !(right == "delete" && may_delete) {
            problems.push(format!("may {right}, which it need not"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_depends_on_what_it_is_for() {
        let table = |rights: &[&str], owned| TableSchema {
            rights: rights.iter().map(|right| (*right).to_owned()).collect(),
            owned,
            ..TableSchema::default()
        };
        for (rights, owned, may_delete, must_read, expected) in [
            (&["select"][..], false, false, true, &[][..]),
            (&["select", "delete"], false, true, false, &[]),
            (&["select", "delete"], false, false, false, &["may delete, which it need not"]),
            (&[], false, false, true, &["may not read"]),
            (&["select", "update"], true, false, true, &["owns it, and so may do anything to it"]),
        ] {
            assert_eq!(problems(&table(rights, owned), may_delete, must_read), expected, "{rights:?}");
        }
    }
}
