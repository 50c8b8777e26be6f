//! Asks both, compares, explains what rounding explains, and makes what remains as small as it gets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::compare::{Allowance, Answer, difference};
use super::exclusions::EXCLUSIONS;
use super::generate::Question;
use super::peers::{Peer, Peers};
use super::tree::{Grade, Type};

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) compared: u64,
    pub(super) instant: u64,
    pub(super) range: u64,
    /// Both answered with the same kind of error, by kind.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) empty: u64,
    /// Explained away, by reason.
    pub(super) excluded: BTreeMap<&'static str, u64>,
    /// The smallest expression of each difference, and where it showed first.
    pub(super) differences: BTreeMap<String, String>,
}

/// Steps that making an example smaller may take.
const MOST_SHRINKING: usize = 400;

impl Tally {
    /// Asks both and notes how it went.
    pub(super) async fn ask(&mut self, peers: &mut Peers, question: &Question) {
        self.compared += 1;
        *(if question.range.is_some() { &mut self.range } else { &mut self.instant }) += 1;
        let (ours, theirs) = both(peers, question).await;
        match judge(peers, question, &ours, &theirs).await {
            Verdict::Same => match &ours {
                Answer::Error(kind, _) => *self.errors.entry(kind.clone()).or_default() += 1,
                answer if answer.is_empty() => self.empty += 1,
                _ => {}
            },
            Verdict::Excluded(reason) => *self.excluded.entry(reason).or_default() += 1,
            Verdict::Different(found) => {
                let (expr, place) = smallest(peers, question.clone(), found).await;
                if let Entry::Vacant(new) = self.differences.entry(expr) {
                    println!("DIFFERENCE: {place}");
                    new.insert(place);
                }
            }
        }
    }
}

enum Verdict {
    Same,
    Excluded(&'static str),
    Different(String),
}

async fn judge(peers: &mut Peers, question: &Question, ours: &Answer, theirs: &Answer) -> Verdict {
    let by_labels = question.range.is_some();
    let mut allowed = Allowance { grade: question.expr.grade, order: question.order, by_labels, absolute: 0.0 };
    let Some(found) = difference(ours, theirs, allowed) else { return Verdict::Same };
    if let Some(exclusion) = EXCLUSIONS.iter().find(|exclusion| (exclusion.explains)(question, ours, theirs)) {
        return Verdict::Excluded(exclusion.name);
    }
    if question.expr.grade == Grade::Loose {
        allowed.absolute = rounding(peers, question).await;
        if difference(ours, theirs, allowed).is_none() {
            return Verdict::Excluded("rounding");
        }
    }
    Verdict::Different(found)
}

/// By how much rounding may put a value off, given the largest number that it was computed from.
async fn rounding(peers: &mut Peers, question: &Question) -> f64 {
    let mut largest: f64 = 1.0;
    for node in question.expr.all() {
        if node.kind == Type::Scalar || node.kind == Type::Vector {
            let part = Question { expr: node.clone(), ..question.clone() };
            largest = largest.max(ask(&mut peers.prometheus, &part).await.largest());
        } else if node.kind == Type::Matrix {
            // Range queries take no range vectors; their samples are seen at the start.
            let part = Question { expr: node.clone(), range: None, ..question.clone() };
            largest = largest.max(ask(&mut peers.prometheus, &part).await.largest());
        }
    }
    let text = question.expr.to_string();
    // A variance near zero is off by the square of the values, its root by much more than the values' rounding.
    if text.contains("stdvar") {
        largest * largest * 1e-13
    } else if text.contains("stddev") {
        largest * 1e-7
    } else {
        largest * 1e-9
    }
}

/// Whether the two differ, excluded or not.
pub(super) async fn differ(peers: &mut Peers, question: &Question) -> bool {
    let (ours, theirs) = both(peers, question).await;
    let by_labels = question.range.is_some();
    let allowed = Allowance { grade: question.expr.grade, order: question.order, by_labels, absolute: 0.0 };
    difference(&ours, &theirs, allowed).is_some()
}

async fn both(peers: &mut Peers, question: &Question) -> (Answer, Answer) {
    tokio::join!(ask(&mut peers.memsentry, question), ask(&mut peers.prometheus, question))
}

async fn ask(peer: &mut Peer, question: &Question) -> Answer {
    let (path, form) = request(question);
    Answer::read(&peer.ask(path, &form).await)
}

fn request(question: &Question) -> (&'static str, Vec<(&'static str, String)>) {
    let seconds = |millis: i64| format!("{}.{:03}", millis / 1000, millis % 1000);
    let query = ("query", question.expr.to_string());
    match question.range {
        None => ("/api/v1/query", vec![query, ("time", seconds(question.start))]),
        Some((end, step)) => {
            let times = [("start", seconds(question.start)), ("end", seconds(end)), ("step", seconds(step))];
            ("/api/v1/query_range", std::iter::once(query).chain(times).collect())
        }
    }
}

/// The smallest expression found on which they still differ, and the whole story.
async fn smallest(peers: &mut Peers, mut question: Question, mut found: String) -> (String, String) {
    let original = question.expr.to_string();
    let mut left = MOST_SHRINKING;
    'smaller: loop {
        let (ours, theirs) = both(peers, &question).await;
        if let Verdict::Different(text) = judge(peers, &question, &ours, &theirs).await {
            found = text;
        }
        for candidate in candidates(&question) {
            if left == 0 {
                break 'smaller;
            }
            left -= 1;
            let (ours, theirs) = both(peers, &candidate).await;
            if let Verdict::Different(_) = judge(peers, &candidate, &ours, &theirs).await {
                question = candidate;
                continue 'smaller;
            }
        }
        break;
    }
    let (path, form) = request(&question);
    let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let story = format!("{path} {}\n  {found}\n  first seen in {original}", form.join(" "));
    (question.expr.to_string(), story)
}

fn candidates(question: &Question) -> Vec<Question> {
    let mut found = Vec::new();
    if let Some((end, step)) = question.range {
        let steps = (end - question.start) / step;
        for at in [0, steps, steps / 2].map(|n| question.start + n * step) {
            found.push(Question { start: at, range: None, ..question.clone() });
        }
        if steps > 0 {
            let half = question.start + steps / 2 * step;
            found.push(Question { range: Some((half, step)), ..question.clone() });
            found.push(Question { start: half + step, range: Some((end.max(half + step), step)), ..question.clone() });
        }
    }
    let fits = |kind: Type| question.range.is_none() || matches!(kind, Type::Scalar | Type::Vector);
    let smaller = question.expr.smaller().into_iter().filter(|expr| fits(expr.kind));
    // Sorting and picking are lost when another node becomes the root, and then any order will do.
    found.extend(smaller.map(|expr| {
        let outermost = |name: &str| expr.to_string().starts_with(name);
        let ordered = ["sort", "topk", "bottomk"].into_iter().any(outermost);
        let order = if ordered { question.order } else { super::generate::Order::Free };
        Question { expr, order, ..question.clone() }
    }));
    found
}
