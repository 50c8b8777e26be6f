//! Selectors that no series can match: matchers that contradict each other, a label that the metric does not have, a
//! value that the label never has.

use crate::lint::Found;
use crate::lint::known::{ADDED_BY_SCRAPE, CONFIGURED};
use crate::lint::sites::VARIABLE;
use crate::lint::world::{Asker, World};
use crate::model::labels::METRIC_NAME;
use crate::model::{MatchOp, Matcher};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        for selector in site.expr.selectors() {
            if selector.matchers.iter().any(|matcher| matcher.value().contains(VARIABLE)) {
                continue;
            }
            let in_a_rule = matches!(site.asker, Asker::Rule(_));
            let why = contradiction(selector.matchers).or_else(|| {
                let name = selector.name?;
                selector.matchers.iter().find_map(|matcher| impossible(world, name, matcher, in_a_rule))
            });
            if let Some((message, note)) = why {
                let problem = world.in_expression(site, selector.span.start, message);
                found.push(site.found(if note.is_empty() { problem } else { problem.note(note) }));
            }
        }
    }
    found
}

fn contradiction(matchers: &[Matcher]) -> Option<(String, String)> {
    for matcher in matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal) {
        let other = matchers.iter().find(|other| other.name() == matcher.name() && !other.matches(matcher.value()));
        if let Some(other) = other {
            return Some((format!("{matcher} and {other} exclude each other"), String::new()));
        }
    }
    None
}

fn impossible(world: &World<'_>, name: &str, matcher: &Matcher, in_a_rule: bool) -> Option<(String, String)> {
    let metric = world.known.get(name)?;
    let label = matcher.name();
    if label == METRIC_NAME || matcher.matches("") {
        return None;
    }
    let labels = metric.labels.as_ref()?;
    if ADDED_BY_SCRAPE.contains(&label) {
        let message = format!("memsentry's own series have no label {label:?}; a Prometheus that scrapes them adds it");
        return in_a_rule.then_some((message, String::new()));
    }
    if !labels.contains(label) {
        let known = labels.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        return Some((
            format!("{name} has no label {label:?}, so {matcher} matches nothing"),
            format!("known labels: {known}"),
        ));
    }
    let values = metric.values(label).filter(|_| in_a_rule || !CONFIGURED.contains(&label))?;
    if values.iter().any(|value| matcher.matches(value)) {
        return None;
    }
    let message = format!("{matcher} matches no value that this label of {name} can have");
    Some((message, format!("known values: {}", values.join(", "))))
}
