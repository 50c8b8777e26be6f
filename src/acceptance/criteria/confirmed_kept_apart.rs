//! What the user stated is in `user_confirmed`, what was guessed is in `llm_inferred`, and neither is in the other.

use serde_json::Value;

use super::super::steps::{holds, nonce, together};
use super::super::{Area, Criterion, Evidence, Finding, Obstacle, Scene};

/// Pairs of a statement and a guess; three pairs make one snippet.
const PHRASINGS: [(&str, &str); 15] = [
    ("My name is {}.", "Maybe the neighbour is called {}."),
    ("I live in {}.", "Perhaps the parcel went to {}."),
    ("I work at {}.", "It seems that the office will move to {}."),
    ("I prefer {}.", "Probably the others would rather have {}."),
    ("My locker code is {}.", "Possibly the old code was {}."),
    ("I speak {}.", "The colleague apparently speaks {}."),
    ("I need {}.", "The team might need {} as well."),
    ("My favourite place is {}.", "Maybe the next trip goes to {}."),
    ("I like {}.", "Perhaps the children like {}."),
    ("My badge number is {}.", "It seems that somebody else has number {}."),
    ("I work as {}.", "The brother probably works as {}."),
    ("I have {}.", "The shop might still have {}."),
    ("I dislike {}.", "Possibly nobody likes {}."),
    ("My car is {}.", "The other car apparently is {}."),
    ("Call me {}.", "Perhaps they call the dog {}."),
];
const A_SNIPPET: usize = 3;
/// The share that must be where it belongs. A model misplaces one now and then; a service that mixes misplaces half.
const RIGHT: f64 = 0.9;
/// Of each kind, as many must be found at all.
const FEWEST: u64 = 8;

pub(super) const CRITERION: Criterion = Criterion {
    id: "confirmed-kept-apart",
    area: Area::Agent,
    promise: "What the user stated is kept in user_confirmed, what was guessed in llm_inferred, and they are not mixed.",
    method: "Fifteen statements and fifteen guesses in different phrasings, each with a word of its own, three pairs to a chat. Of \
             the words that are found again, 90 % must be in their field and in no other; those that are lost belong to \
             memory-continuity.",
    needs: &[],
    estimate: |scene| scene.paced(3 * 5, 5) + scene.updates(2),
    judge: |scene, evidence| Box::pin(judge(scene, evidence)),
};

#[derive(Default)]
struct Places {
    right: u64,
    wrong: u64,
    lost: u64,
}

async fn judge(scene: &Scene, evidence: &mut Evidence) -> Result<Finding, Obstacle> {
    let work = PHRASINGS.chunks(A_SNIPPET).enumerate().map(|(turn, pairs)| async move {
        let mut own = Evidence::default();
        (one_chat(scene, turn, pairs, &mut own).await, own)
    });
    let (mut stated, mut guessed) = (Places::default(), Places::default());
    for found in together(evidence, work).await {
        let (statements, guesses) = found?;
        for (all, some) in [(&mut stated, statements), (&mut guessed, guesses)] {
            all.right += some.right;
            all.wrong += some.wrong;
            all.lost += some.lost;
        }
    }
    let found = |places: &Places| places.right + places.wrong;
    let (right, whole) = (stated.right + guessed.right, found(&stated) + found(&guessed));
    evidence.share("statements and guesses in their field alone", right, whole, Some(RIGHT));
    evidence.number("statements and guesses lost", "words", (stated.lost + guessed.lost) as f64, None);
    let words = format!(
        "{} of {} statements are in user_confirmed alone, {} of {} guesses in llm_inferred alone; {} were found in neither",
        stated.right,
        found(&stated),
        guessed.right,
        found(&guessed),
        stated.lost + guessed.lost,
    );
    if found(&stated).min(found(&guessed)) < FEWEST {
        return Err(Obstacle::new(format!("too few words are in the memory to say: {words}")));
    }
    Ok(Finding::when(right as f64 >= RIGHT * whole as f64, words))
}

async fn one_chat(
    scene: &Scene,
    turn: usize,
    pairs: &[(&str, &str)],
    evidence: &mut Evidence,
) -> Result<(Places, Places), Obstacle> {
    let chat = scene.chat(scene.user(turn), evidence).await?;
    let words: Vec<(String, String)> = pairs.iter().map(|_| (nonce(), nonce())).collect();
    let sentences: Vec<String> = pairs
        .iter()
        .zip(&words)
        .flat_map(|((statement, guess), (stated, guessed))| {
            [statement.replace("{}", stated), guess.replace("{}", guessed)]
        })
        .collect();
    let memory = scene.remember(&chat, &sentences.join(" "), scene.patience(), evidence).await?;
    let (confirmed, inferred) = (Value::Object(memory.user_confirmed), Value::Object(memory.llm_inferred));
    let (mut stated, mut guessed) = (Places::default(), Places::default());
    for ((statement, guess), (stated_word, guessed_word)) in pairs.iter().zip(&words) {
        note(evidence, statement, place(&confirmed, &inferred, stated_word), "user_confirmed", &mut stated);
        note(evidence, guess, place(&confirmed, &inferred, guessed_word), "llm_inferred", &mut guessed);
    }
    Ok((stated, guessed))
}

fn place(confirmed: &Value, inferred: &Value, word: &str) -> &'static str {
    match (holds(confirmed, word), holds(inferred, word)) {
        (true, false) => "user_confirmed",
        (false, true) => "llm_inferred",
        (true, true) => "both",
        (false, false) => "neither",
    }
}

fn note(evidence: &mut Evidence, phrasing: &str, got: &str, expected: &str, places: &mut Places) {
    let ok = match got {
        "neither" => {
            places.lost += 1;
            None
        }
        got if got == expected => {
            places.right += 1;
            Some(true)
        }
        _ => {
            places.wrong += 1;
            Some(false)
        }
    };
    evidence.case(phrasing, expected, got, ok);
}
