//! Looks, for rules that care, whether the data of an alert are missing, and tells it where the rule wants that.
//!
//! What missing data are and what follows from them stands in `no_data`; here is the looking, which costs nothing
//! for a rule that does not care, and little for one whose alerts are all seen.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Labels;
use crate::promql::Expr;

use super::alerting::{AlertingRule, Phase, Seen};
use super::no_data::{Feeds, LABEL, NoData};
use super::rule::Round;
use super::text;
use super::values;

/// Most label sets of one rule that are watched for missing data while nothing is wrong.
const MOST_KNOWN: usize = 1000;

/// Looks at the data of the rule's alerts: which selectors have some, and for which labels there is a value. Alerts
/// that tell of missing data join what was `seen`.
pub(super) fn look(
    rule: &mut AlertingRule,
    expression: &Expr,
    seen: &mut BTreeMap<Labels, Seen>,
    round: &Round<'_>,
) -> (Feeds, Option<BTreeSet<Labels>>) {
    let policy = rule.no_data.unwrap_or(round.no_data.default);
    let alive = |rule: &AlertingRule| -> BTreeSet<Labels> {
        let alive = rule.active.iter().filter(|(_, active)| active.phase != Phase::Resolved);
        alive.map(|(labels, _)| labels.clone()).collect()
    };
    let unchanged = policy == NoData::Keep && alive(rule).iter().eq(seen.keys());
    if policy == NoData::Ok || unchanged {
        return (Feeds::default(), None);
    }
    let own = rule.labels.iter().map(|(name, _)| name.as_str());
    let mut feeds = Feeds::look(expression, own, round.tsdb, round.read_at, round.limits.lookback);
    let (valued, possible) = possible(rule, expression, round);
    if policy == NoData::Alert {
        watch(rule, possible, seen, &mut feeds, round);
    }
    (feeds, valued)
}

/// The labels for which a value to compare exists, if every side compares one; and all that could be an alert.
fn possible(rule: &AlertingRule, expression: &Expr, round: &Round<'_>) -> (Option<BTreeSet<Labels>>, Vec<Labels>) {
    let sides = expression.unfiltered();
    let mut valued = Some(BTreeSet::new()).filter(|_| !sides.is_empty());
    let mut possible = Vec::new();
    for side in &sides {
        let results = values::results(side, round);
        if side.limit.is_none() || results.is_none() {
            valued = None;
        }
        for (labels, value) in results.unwrap_or_default() {
            if let Some(valued) = valued.as_mut().filter(|_| !value.is_nan()) {
                valued.insert(rule.base(&labels));
            }
            let data = text::data(&labels, value, &round.world);
            possible.push(rule.labels_of(&labels, &data, &round.world, &mut Vec::new()));
        }
    }
    (valued, possible)
}

/// Brings what the rule knows up to date and adds an alert for each label set whose data went missing.
fn watch(
    rule: &mut AlertingRule,
    possible: Vec<Labels>,
    seen: &mut BTreeMap<Labels, Seen>,
    feeds: &mut Feeds,
    round: &Round<'_>,
) {
    let now: BTreeSet<Labels> = possible.into_iter().chain(seen.keys().cloned()).collect();
    let at_most = round.no_data.at_most;
    let mut known = std::mem::take(&mut rule.known);
    known.retain(|labels, fed_by| {
        if now.contains(labels) || !feeds.are_lost(fed_by, labels) || !round.no_data.exists(labels) {
            return false;
        }
        let (labels, missing) = rule.no_data_alert(labels, fed_by);
        let since = rule.active.get(&labels).map_or(round.at, |active| active.active_at);
        if !at_most.is_zero() && round.at.since(since) >= at_most.std() {
            return false;
        }
        seen.insert(labels, missing);
        true
    });
    for labels in now.into_iter().filter(|labels| labels.get(LABEL).is_none()) {
        if known.len() >= MOST_KNOWN {
            break;
        }
        let fed_by = feeds.of(&labels);
        known.insert(labels, fed_by);
    }
    rule.known = known;
}
