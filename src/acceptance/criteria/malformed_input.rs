//! Input that nobody should send is refused with a 4xx, in the form that the contract has, or stored as the text that it is;
//! never with a 5xx, and never with an effect on anything else.
//!
//! The cases are tables in [`bodies`], [`fields`] and [`wire`]. What a model makes of an injected prompt is `injected-prompts`.

mod bodies;
mod case;
mod fields;
mod wire;

use super::super::steps::nonce;
use super::super::{Area, Chat, Criterion, Evidence, Finding, Obstacle, Scene};
use case::{Asked, Expected, Input};

/// Cases that must have been tried, of all.
const FEWEST: usize = 40;

pub(super) const CRITERION: Criterion = Criterion {
    id: "malformed-input",
    area: Area::Edges,
    promise: "Malformed input of every kind is refused with a 4xx in the contract's form, or stored as the text that it is; it is never \
              answered with a 5xx and changes nothing else.",
    method: "A table of some 130 cases against every endpoint: broken JSON, types, missing fields, encodings, control characters, \
             sizes, headers, SQL and template injection, tricks in paths. A 5xx counts if it comes four times while well-formed \
             requests in between succeed. A chat beside it must stay as it was.",
    needs: &[],
    estimate: |scene| scene.paced(140, 1),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

/// Every case.
fn inputs(asked: &Asked) -> Vec<Input> {
    [bodies::cases(asked), fields::cases(asked), wire::cases(asked)].concat()
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let user = scene.users.freest().clone();
    let (chat, witness) = (scene.chat(&user, evidence).await?, scene.chat(&user, evidence).await?);
    // The witness need not be processed: what it must not do is change.
    scene.update(&witness, &format!("My locker code is {}.", nonce()), evidence).await?;
    let inputs = inputs(&Asked { chat: chat.id.clone(), metadata: scene.metadata() });
    let (mut good, mut bad, mut untried, mut texts) = (0_u64, Vec::new(), Vec::new(), Vec::new());
    for input in &inputs {
        let (got, ok) = match scene.tried(&input.request, &chat, evidence).await {
            Ok(answer) => input.expected.judge(&answer),
            Err(obstacle) => (obstacle.to_string(), None),
        };
        match ok {
            Some(true) => {
                good += 1;
                if let Expected::Stored(text) = &input.expected {
                    texts.push((input.name, text.as_str()));
                }
            }
            Some(false) => bad.push(format!("{}: {got}", input.name)),
            None => untried.push(format!("{}: {got}", input.name)),
        }
        evidence.case(input.name, input.expected.words(), got, ok);
    }
    evidence.share("cases answered as promised", good, good + bad.len() as u64, Some(1.0));
    let effects = effects(scene, &chat, &witness, &texts, evidence).await?;
    let all = inputs.len();
    if let Some(first) = bad.first().or(effects.first()) {
        let count = bad.len() + effects.len();
        return Ok(Finding::fail(format!("{count} of {all} cases were not answered as promised; {first}")));
    }
    if let Some(first) = untried.first().filter(|_| untried.len() * 10 > all || (good as usize) < FEWEST) {
        let count = untried.len();
        return Err(Obstacle::new(format!(
            "{good} of {all} cases were answered as promised, {count} could not be tried; {first}"
        )));
    }
    let rest = if untried.is_empty() { String::new() } else { format!("; {} could not be tried", untried.len()) };
    let stored = if scene.database.is_some() { "" } else { "; without a database the stored texts were not looked at" };
    Ok(Finding::pass(format!("{good} of {all} cases were answered as promised{rest}{stored}")))
}

/// What the table and the chat beside it show of side effects; each a sentence.
async fn effects(
    scene: &Scene,
    chat: &Chat,
    witness: &Chat,
    accepted: &[(&str, &str)],
    evidence: &mut Evidence,
) -> Result<Vec<String>, Obstacle> {
    let mut found = Vec::new();
    let Some(database) = &scene.database else { return Ok(found) };
    let queued = database.queued_texts(&[chat.id.clone(), witness.id.clone()]).await?;
    for (name, text) in accepted {
        let stored = queued.iter().any(|row| row.chat_id == chat.id && row.text.trim() == text.trim());
        let got = if stored { "so" } else { "not so" };
        evidence.case(&format!("{name}, in the table"), "stored as it is", got, Some(stored));
        if !stored {
            found.push(format!("{name}: it was accepted, and the table does not hold it"));
        }
    }
    let beside = queued.iter().filter(|row| row.chat_id == witness.id).count();
    evidence.case("a chat beside it", "its one row", format!("{beside} rows"), Some(beside == 1));
    if beside != 1 {
        found.push(format!("a chat beside it has {beside} rows instead of one"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_more_than_forty_cases_of_different_names_for_every_endpoint() {
        let inputs = inputs(&Asked { chat: "c1".into(), metadata: serde_json::json!({"m": 1}) });
        let names: BTreeSet<&str> = inputs.iter().map(|input| input.name).collect();
        assert_eq!(names.len(), inputs.len());
        assert!(inputs.len() >= 2 * FEWEST, "{}", inputs.len());
        let routes: BTreeSet<&str> = inputs.iter().map(|input| input.request.route.as_str()).collect();
        assert_eq!(routes.len(), 4, "{routes:?}");
    }
}
