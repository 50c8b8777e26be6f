//! Labels that a metric does not have: a matcher that changes nothing, or groups that are never told apart.

use std::collections::BTreeSet;

use crate::lint::Found;
use crate::lint::known::ADDED_BY_SCRAPE;
use crate::lint::output_labels;
use crate::lint::world::{Site, World};
use crate::model::Problem;
use crate::model::labels::METRIC_NAME;
use crate::promql::ast::{Aggregate, Binary, Kind, Node};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        site.expr.root().walk(&mut |node| match &node.kind {
            Kind::Selector(_) | Kind::Range(..) => matchers(world, site, node, &mut found),
            Kind::Aggregate(aggregate) if !aggregate.without => grouping(world, site, node, aggregate, &mut found),
            Kind::Binary(binary) if binary.matching.on => matching(world, site, node, binary, &mut found),
            _ => {}
        });
    }
    found
}

/// Matchers that also fit a missing label; others leave nothing to match and are told as such.
fn matchers(world: &World<'_>, site: &Site, node: &Node, found: &mut Vec<Found>) {
    let Some((name, selector)) = world.named(node) else { return };
    let Some(labels) = world.known.get(name).and_then(|metric| metric.labels.as_ref()) else { return };
    for matcher in &selector.matchers {
        let label = matcher.name();
        let known = label == METRIC_NAME || labels.contains(label) || ADDED_BY_SCRAPE.contains(&label);
        if !known && matcher.matches("") {
            let message = format!("{name} has no label {label:?}, so {matcher} changes nothing");
            found.push(site.found(known_labels(world.in_expression(site, node.span.start, message), label, labels)));
        }
    }
}

fn grouping(world: &World<'_>, site: &Site, node: &Node, aggregate: &Aggregate, found: &mut Vec<Found>) {
    let Some(labels) = output_labels::of(&aggregate.inner, &world.known) else { return };
    for label in aggregate.grouping.iter().filter(|label| !labels.contains(*label)) {
        let message = format!("what is aggregated has no label {label:?}");
        found.push(site.found(known_labels(world.in_expression(site, node.span.start, message), label, &labels)));
    }
}

fn matching(world: &World<'_>, site: &Site, node: &Node, binary: &Binary, found: &mut Vec<Found>) {
    let of = |node: &Node| output_labels::of(node, &world.known);
    let (Some(left), Some(right)) = (of(&binary.left), of(&binary.right)) else { return };
    for label in &binary.matching.labels {
        let sides = match (left.contains(label), right.contains(label)) {
            (true, true) => continue,
            (false, false) => "neither side has",
            (false, true) => "the left side does not have",
            (true, false) => "the right side does not have",
        };
        let message = format!("on ({label}): {sides} this label");
        let both: BTreeSet<String> = left.intersection(&right).cloned().collect();
        let problem = world.in_expression(site, node.span.start, message);
        found.push(site.found(known_labels(problem, label, &both)));
    }
}

fn known_labels(problem: Problem, wrong: &str, labels: &BTreeSet<String>) -> Problem {
    let own: Vec<&str> = labels.iter().map(String::as_str).filter(|label| !ADDED_BY_SCRAPE.contains(label)).collect();
    let listed = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
    problem.note(format!("known labels: {listed}")).suggest(wrong, own)
}
