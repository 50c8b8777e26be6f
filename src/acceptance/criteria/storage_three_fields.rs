//! What the API returns of a chat is what the table holds: three separate fields, each in its own column.

use serde_json::Value;

use super::super::steps::{fields_problem, nonce, together};
use super::super::{Area, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::memory_api::RawRequest;
use crate::queue::MemoryRow;

const CHATS: usize = 4;

pub(super) const CRITERION: Criterion = Criterion {
    id: "storage-three-fields",
    area: Area::Storage,
    promise: "Three separate fields per chat are stored and returned: user_confirmed, llm_inferred, general_summary.",
    method: "Four chats are told something of each kind; then the API's answer is compared, field by field, with the row of \
             chat_metadata.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(3 * 4, 4) + scene.updates(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// One field of one chat: its name, and what is wrong with it.
type Compared = Vec<(String, Option<String>)>;

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let work = (0..CHATS).map(|turn| async move {
        let mut own = Evidence::default();
        (one_chat(scene, turn, &mut own).await, own)
    });
    let (mut fields, mut broken) = (0_u64, Vec::new());
    for compared in together(evidence, work).await {
        for (name, problem) in compared? {
            fields += 1;
            let got = problem.clone().unwrap_or_else(|| "the same in both".to_owned());
            evidence.case(&name, "the table holds what the API returns", got, Some(problem.is_none()));
            broken.extend(problem.map(|problem| format!("{name}: {problem}")));
        }
    }
    let same = fields - broken.len() as u64;
    evidence.share("fields alike in API and table", same, fields, None);
    if let Some(first) = broken.first() {
        return Ok(Finding::fail(format!("{} of {fields} fields differ between API and table; {first}", broken.len())));
    }
    Ok(Finding::pass(format!("{same} of {fields} fields of {CHATS} chats are in the table as the API returns them")))
}

async fn one_chat(scene: &Scene, turn: usize, evidence: &mut Evidence) -> Result<Compared, Obstacle> {
    let database = scene.database()?;
    let chat = scene.chat(scene.user(turn), evidence).await?;
    let snippet = format!(
        "My locker code is {}. Perhaps the delivery to {} will be late. We met at the station on Monday.",
        nonce(),
        nonce()
    );
    scene.processed(&chat, &snippet, scene.patience(), evidence).await?;
    let answer = scene.raw(&chat.user, &RawRequest::memory(&chat.id), evidence).await?;
    if answer.status != 200 {
        return Err(Obstacle::new(format!("the memory was answered with {}", answer.status)));
    }
    let name = |field: &str| format!("chat {}: {field}", turn + 1);
    let body = answer.json();
    if let Some(problem) = fields_problem(&body) {
        return Ok(vec![(name("answer"), Some(problem))]);
    }
    let rows = database.memory_rows(std::slice::from_ref(&chat.id)).await?;
    let empty = ["user_confirmed", "llm_inferred"]
        .iter()
        .all(|field| body[*field].as_object().is_some_and(|map| map.is_empty()))
        && body["general_summary"] == "";
    match rows.first() {
        None if empty => Err(Obstacle::new("a completed update left no memory at all, so there is nothing to compare")),
        None => Ok(vec![(name("row"), Some("the API returns a memory that has no row in chat_metadata".to_owned()))]),
        Some(row) => Ok(compare(&body, row).into_iter().map(|(field, problem)| (name(field), problem)).collect()),
    }
}

fn compare(body: &Value, row: &MemoryRow) -> Vec<(&'static str, Option<String>)> {
    let differ = |same: bool, here: usize, there: usize| {
        (!same).then(|| format!("the API returns {here} bytes, the table holds {there}, and they differ"))
    };
    let length = |value: &Value| value.to_string().len();
    let facts = [("user_confirmed", &row.user_confirmed), ("llm_inferred", &row.llm_inferred)];
    let mut compared: Vec<_> = facts
        .into_iter()
        .map(|(field, stored)| (field, differ(body[field] == *stored, length(&body[field]), length(stored))))
        .collect();
    let summary = body["general_summary"].as_str().unwrap_or_default();
    // Of a very long summary the beginning was read.
    let same = if row.general_summary.chars().count() < 50_000 {
        summary == row.general_summary
    } else {
        summary.starts_with(&row.general_summary)
    };
    compared.push(("general_summary", differ(same, summary.len(), row.general_summary.len())));
    compared
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_compared_by_what_they_mean_and_each_by_itself() {
        let row = MemoryRow {
            chat_id: "c".into(),
            user_confirmed: json!({"a": 1, "b": 2}),
            llm_inferred: json!({"c": 3}),
            general_summary: "s".into(),
            token_count: None,
            last_updated: None,
        };
        let body = json!({"user_confirmed": {"b": 2, "a": 1}, "llm_inferred": {}, "general_summary": "s"});
        let wrong: Vec<_> = compare(&body, &row).into_iter().filter(|(_, problem)| problem.is_some()).collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].0, "llm_inferred");
    }
}
