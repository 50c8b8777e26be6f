//! Values that a label of a closed set never has, in a matcher that still matches something: what was meant to be
//! left out is not, or one of several alternatives is a slip.

use crate::lint::Found;
use crate::lint::known::CONFIGURED;
use crate::lint::sites::VARIABLE;
use crate::lint::world::{Asker, World};
use crate::model::{MatchOp, Matcher};

pub(in crate::lint) fn find(world: &World<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for site in &world.sites {
        for selector in site.expr.selectors() {
            let Some(metric) = selector.name.and_then(|name| world.known.get(name)) else { continue };
            for matcher in selector.matchers {
                let for_others = !matches!(site.asker, Asker::Rule(_)) && CONFIGURED.contains(&matcher.name());
                let Some(values) = metric.values(matcher.name()).filter(|_| !for_others) else { continue };
                // A selector that matches nothing at all is told as such.
                if matcher.value().contains(VARIABLE) || !values.iter().any(|value| matcher.matches(value)) {
                    continue;
                }
                for wrong in words(matcher).into_iter().filter(|word| !values.iter().any(|value| value == word)) {
                    let message = format!("label {:?} never has the value {wrong:?}", matcher.name());
                    let problem = world.in_expression(site, selector.span.start, message);
                    let problem = problem.note(format!("known values: {}", values.join(", ")));
                    found.push(site.found(problem.suggest(wrong, values.iter().map(String::as_str))));
                }
            }
        }
    }
    found
}

/// The values that a matcher names; none where a regular expression is more than a choice of words.
fn words(matcher: &Matcher) -> Vec<&str> {
    let words: Vec<&str> = match matcher.op() {
        MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value()],
        MatchOp::Regex | MatchOp::NotRegex => matcher.value().split('|').collect(),
    };
    let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let regex = matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex);
    if regex && !words.iter().all(plain) {
        return Vec::new();
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}
