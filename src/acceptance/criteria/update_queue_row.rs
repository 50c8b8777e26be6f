//! An accepted update is a row of the queue, the one that its answer names, and the row goes its way to `complete`.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use super::super::steps::{nonce, together};
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};
use crate::model::Stopwatch;
use crate::queue::RowState;
use crate::traffic::Distribution;

const UPDATES: usize = 6;
/// Pause between two looks: `ready_to_write` lasts as long as one write.
const LOOK: StdDuration = StdDuration::from_millis(4);
/// A row may become visible a moment after the answer that names it.
const APPEARS_WITHIN: StdDuration = StdDuration::from_secs(1);
/// The way of a row.
const STATUSES: [&str; 3] = ["pending_summarization", "ready_to_write", "complete"];

pub(super) const CRITERION: Criterion = Criterion {
    id: "update-queue-row",
    area: Area::Triggers,
    promise: "An update creates the queue row that its queue_id names, and the row passes through its statuses to complete.",
    method: "Six updates of six chats are followed by their queue_id, looked at every few milliseconds: the row's chat, snippet \
             and every status that was seen. ready_to_write may be too short to be seen, which is no failure.",
    needs: &[Need::Database],
    estimate: |scene| scene.paced(2 * 6, 6) + scene.updates(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// One update as far as it was seen.
struct Followed {
    statuses: Vec<String>,
    problems: Vec<String>,
    took: StdDuration,
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let mut chats = Vec::new();
    for turn in 0..UPDATES {
        chats.push(scene.chat(scene.user(turn), evidence).await?);
    }
    let work = chats.iter().map(|chat| async move {
        let mut own = Evidence::default();
        (follow(scene, chat, &mut own).await, own)
    });
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let (mut problems, mut times) = (Vec::new(), Vec::new());
    for (number, followed) in together(evidence, work).await.into_iter().enumerate() {
        let followed = followed?;
        for status in &followed.statuses {
            *seen.entry(status.clone()).or_default() += 1;
        }
        let got = if followed.problems.is_empty() {
            followed.statuses.join(" → ")
        } else {
            format!("{}: {}", followed.statuses.join(" → "), followed.problems.join("; "))
        };
        evidence.case(
            &format!("update {}", number + 1),
            &STATUSES.join(" → "),
            got,
            Some(followed.problems.is_empty()),
        );
        if followed.problems.is_empty() {
            times.push(followed.took);
        }
        problems.extend(followed.problems);
    }
    evidence.times("accepted until complete", Distribution::of_times(times.iter().copied()), None);
    let seen: Vec<String> = seen.iter().map(|(status, count)| format!("{status} {count}")).collect();
    let seen = seen.join(", ");
    if let Some(first) = problems.first() {
        let good = times.len();
        return Ok(Finding::fail(format!(
            "{good} of {UPDATES} updates became complete rows; {first}; statuses seen: {seen}"
        )));
    }
    Ok(Finding::pass(format!("{UPDATES} of {UPDATES} updates were the rows that they named; statuses seen: {seen}")))
}

async fn follow(scene: &Scene, chat: &Chat, evidence: &mut Evidence) -> Result<Followed, Obstacle> {
    let database = scene.database()?;
    let snippet = format!("My locker code is {}. We met on Monday.", nonce());
    let accepted = scene.update(chat, &snippet, evidence).await?.value;
    let (watch, patience) = (Stopwatch::start(), scene.patience());
    let (mut statuses, mut last) = (Vec::<String>::new(), None);
    loop {
        let row = database.audit_row(&accepted.queue_id).await?;
        let waited = watch.elapsed();
        let over = match &row {
            Some(row) => row.row.state() != RowState::Waiting || waited >= patience,
            None => waited >= APPEARS_WITHIN,
        };
        if let Some(row) = &row
            && statuses.last() != Some(&row.row.status)
            && statuses.len() < 20
        {
            statuses.push(row.row.status.clone());
        }
        last = row.or(last);
        if over {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let took = watch.elapsed();
    let mut problems = Vec::new();
    if accepted.status != STATUSES[0] {
        problems.push(format!("the API answered with status {:?}", accepted.status));
    }
    let Some(row) = last else {
        problems.push(format!("there is no row {}", accepted.queue_id));
        return Ok(Followed { statuses, problems, took });
    };
    evidence.row(&row);
    if row.chat_id != chat.id {
        problems.push(format!("the row belongs to chat {}", row.chat_id));
    }
    if let Some(strange) = statuses.iter().find(|status| !STATUSES.contains(&status.as_str())) {
        problems.push(format!("status {strange:?} is none of {}", STATUSES.join(", ")));
    } else if row.row.state() != RowState::Complete {
        problems.push(format!("the row was still {:?} after {:.1} s", row.row.status, took.as_secs_f64()));
    }
    let texts = database.queued_texts(std::slice::from_ref(&chat.id)).await?;
    if !texts.iter().any(|queued| queued.id == accepted.queue_id && queued.text == snippet) {
        problems.push("the row does not hold the snippet that was sent".to_owned());
    }
    Ok(Followed { statuses, problems, took })
}
