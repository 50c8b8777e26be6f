//! Templates that show a label which the expression's answer never has: an empty place in the message.

use std::sync::OnceLock;

use regex::Regex;

use crate::lint::Found;
use crate::lint::known::ADDED_BY_SCRAPE;
use crate::lint::output_labels;
use crate::lint::world::{Asker, World};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    static USE: OnceLock<Option<Regex>> = OnceLock::new();
    let Some(pattern) = USE.get_or_init(|| Regex::new(r"\$labels\.([a-zA-Z_]\w*)").ok()) else { return Vec::new() };
    let mut found = Vec::new();
    for site in &world.sites {
        let Asker::Rule(number) = site.asker else { continue };
        let Some(rule) = world.rules.get(number).filter(|rule| rule.is_alert()) else { continue };
        let Some(labels) = output_labels::of(site.expr.root(), &world.known) else { continue };
        let texts =
            rule.annotations().map(|text| ("annotations", text)).chain(rule.labels.iter().map(|text| ("labels", text)));
        for (section, (name, text)) in texts {
            for used in pattern.captures_iter(text) {
                let label = used.get(1).map_or("", |label| label.as_str());
                if labels.contains(label) {
                    continue;
                }
                let own: Vec<&str> =
                    labels.iter().map(String::as_str).filter(|label| !ADDED_BY_SCRAPE.contains(label)).collect();
                let listed = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
                let message =
                    format!("the answer of the expression has no label {label:?}, so nothing is shown for it");
                let problem = world.in_rule(rule, &format!("{section}.{name}"), message);
                let problem = problem.note(format!("labels of the answer: {listed}")).suggest(label, own);
                found.push(Found::of_rule(problem, number));
            }
        }
    }
    found
}
