//! No update is lost, doubled or half written, also when many come at once, several of them for one conversation.

use std::collections::{BTreeMap, BTreeSet};

use crate::memory_api::Memory;
use crate::queue::RowState;

use super::super::passage::{Burst, mark};
use super::super::tally::percent;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Need, Obstacle, Scene};

/// Updates to one conversation at once.
const PER_CHAT: usize = 5;
/// Conversations, and requests that each costs: to make it, to fill it, to read it.
const MOST_CHATS: usize = 20;
const FEWEST_CHATS: usize = 3;
const COST: usize = PER_CHAT + 2;

pub(super) const CRITERION: Criterion = Criterion {
    id: "no-lost-updates",
    area: Area::Consistency,
    promise: "Every accepted update has exactly one queue row, which becomes complete, and is in the memory once.",
    method: "A burst of updates, five at once to each of several conversations, each with a mark of its own. Then the \
             rows are compared with what was accepted, one by one, and each memory is searched for its marks. Marks \
             that are missing in a memory within the promised retention may have been forgotten by the agent, and \
             fail nothing by themselves.",
    needs: &[Need::Database],
    estimate: |scene| scene.time_for(chats(scene) * COST, scene.promises.update_visible.0 / 20) + scene.patience() / 2,
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

fn chats(scene: &Scene) -> usize {
    scene.capacity().map_or(MOST_CHATS, |capacity| (capacity / COST).clamp(FEWEST_CHATS, MOST_CHATS))
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let chats = scene.chats(chats(scene), evidence).await?;
    let each_several_times = chats.iter().flat_map(|chat| (0..PER_CHAT).map(move |_| (chat.clone(), mark())));
    let updates: Vec<(Chat, String)> = each_several_times.collect();
    let mut burst = scene.burst(&updates, evidence).await;
    if burst.accepted.is_empty() {
        let why = burst.refused.first().map_or("429", String::as_str);
        return Err(Obstacle::new(format!("none of {} updates was accepted: {why}", updates.len())));
    }
    let rows = scene.follow(&mut burst, scene.patience()).await?;
    let mut wrong = Vec::new();
    let unique: BTreeSet<&str> = burst.accepted.iter().map(|sent| sent.queue_id.as_str()).collect();
    let without = unique.iter().filter(|id| !rows.iter().any(|row| row.id == **id)).count();
    count("accepted updates without a row", without, &mut wrong, evidence);
    count("accepted updates that share a row", burst.accepted.len() - unique.len(), &mut wrong, evidence);
    // Of a request without a usable answer nobody knows whether it was accepted.
    let unknown = burst.refused.len() + burst.limited;
    let surplus = rows.iter().filter(|row| !unique.contains(row.id.as_str())).count().saturating_sub(unknown);
    count("rows that nobody sent", surplus, &mut wrong, evidence);
    let ours = rows.iter().filter(|row| unique.contains(row.id.as_str()));
    let incomplete = ours.filter(|row| row.row.state() != RowState::Complete).count();
    count("rows that did not become complete", incomplete, &mut wrong, evidence);
    rows.iter().for_each(|row| evidence.row(row));
    let memories = search(scene, &chats, &burst, evidence).await?;
    count("memories that are empty although their rows are complete", memories.empty, &mut wrong, evidence);
    count("marks that one field holds more than once", memories.doubled, &mut wrong, evidence);
    Ok(finding(scene, &burst, memories, wrong, evidence))
}

fn count(what: &str, number: usize, wrong: &mut Vec<String>, evidence: &mut Evidence) {
    evidence.case(what, "0", number.to_string(), Some(number == 0));
    if number > 0 {
        wrong.push(format!("{what}: {number}"));
    }
}

#[derive(Default)]
struct Memories {
    found: usize,
    searched: usize,
    doubled: usize,
    empty: usize,
}

async fn search(scene: &Scene, chats: &[Chat], burst: &Burst, evidence: &mut Evidence) -> Result<Memories, Obstacle> {
    let mut marks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for sent in burst.accepted.iter().filter(|sent| sent.complete.is_some()) {
        marks.entry(&sent.chat_id).or_default().push(&sent.mark);
    }
    let mut seen = Memories::default();
    for chat in chats {
        let Some(marks) = marks.get(chat.id.as_str()) else { continue };
        let memory = scene.memory(chat, evidence).await?;
        seen.empty += usize::from(memory.is_empty());
        for mark in marks {
            let most = most_in_a_field(&memory, mark);
            seen.searched += 1;
            seen.found += usize::from(most > 0);
            seen.doubled += usize::from(most > 1);
        }
    }
    Ok(seen)
}

/// How often the field that holds a mark most often holds it. An agent may well note something as a fact and in the
/// summary; twice in one field, it was told twice.
fn most_in_a_field(memory: &Memory, mark: &str) -> usize {
    let map = |map| serde_json::to_string(map).unwrap_or_default();
    let fields = [map(&memory.user_confirmed), map(&memory.llm_inferred), memory.general_summary.clone()];
    fields.iter().map(|field| field.matches(mark).count()).max().unwrap_or(0)
}

fn finding(
    scene: &Scene,
    burst: &Burst,
    memories: Memories,
    mut wrong: Vec<String>,
    evidence: &mut Evidence,
) -> Finding {
    let Memories { found, searched, .. } = memories;
    let retention = scene.promises.settings.retention;
    let as_count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    evidence.share("updates found in the memory", as_count(found), as_count(searched), Some(retention));
    #[allow(clippy::cast_precision_loss)] // at most a hundred
    let kept = searched == 0 || found as f64 >= retention * searched as f64;
    if !kept {
        wrong.push(format!("{} of {searched} updates are complete and not in the memory", searched - found));
    } else if found < searched {
        let missing = searched - found;
        evidence.note(format!(
            "{missing} of {searched} marks are in no field; within the promised retention of {}, so that the agent may \
             have forgotten them",
            percent(retention)
        ));
    }
    let accepted = burst.accepted.len();
    if wrong.is_empty() {
        Finding::pass(format!(
            "{accepted} accepted updates have {accepted} complete rows, and {found} of {searched} are in the memory, none \
             of them twice"
        ))
    } else {
        Finding::fail(format!("of {accepted} accepted updates: {}", wrong.join("; ")))
    }
}
