//! One entry of `inhibit_rules`: which alerts keep which others from being told.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::{MatchOp, Problem};

use super::super::inhibit::Rule;
use super::route::{conditions, is_label_name};

/// While an alert fires that the source side matches, alerts that the target side matches are not told, if both have
/// the same values in the labels of `equal`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitRule {
    /// Only for the reader; Alertmanager 0.32 and later take it too.
    #[serde(default)]
    pub name: String,
    /// Conditions on the alert that inhibits, as in a route.
    #[serde(default)]
    pub source_matchers: Vec<String>,
    /// Conditions on the alerts that are not told, as in a route. An alert that matches both sides is not inhibited
    /// by another such alert, nor by itself.
    #[serde(default)]
    pub target_matchers: Vec<String>,
    /// Labels that both must share. A label that is missing counts as empty, so two that miss it share it.
    #[serde(default)]
    pub equal: Vec<String>,
    /// Alertmanager's old form of `label="value"`.
    #[serde(default)]
    pub source_match: BTreeMap<String, String>,
    /// Alertmanager's old form of `label=~"value"`.
    #[serde(default)]
    pub source_match_re: BTreeMap<String, String>,
    /// Alertmanager's old form of `label="value"`.
    #[serde(default)]
    pub target_match: BTreeMap<String, String>,
    /// Alertmanager's old form of `label=~"value"`.
    #[serde(default)]
    pub target_match_re: BTreeMap<String, String>,
}

impl InhibitRule {
    /// The rule that follows from it.
    ///
    /// # Errors
    /// Everything that is wrong, with paths from the rule on.
    pub(in crate::notify) fn compile(&self) -> Result<Rule, Vec<Problem>> {
        use MatchOp::{Equal, Regex};
        let sources = [("source_match", &self.source_match, Equal), ("source_match_re", &self.source_match_re, Regex)];
        let targets = [("target_match", &self.target_match, Equal), ("target_match_re", &self.target_match_re, Regex)];
        let sources = conditions("source_matchers", &self.source_matchers, sources);
        let targets = conditions("target_matchers", &self.target_matchers, targets);
        let unnamed = self.equal.iter().enumerate().filter(|(_, label)| !is_label_name(label));
        let mut problems: Vec<Problem> = unnamed
            .map(|(index, label)| Problem::at(format!("equal[{index}]"), format!("{label:?} is not a label name")))
            .collect();
        match (sources, targets) {
            (Ok(sources), Ok(targets)) if problems.is_empty() => {
                Ok(Rule { name: self.name.clone(), sources, targets, equal: self.equal.clone() })
            }
            (sources, targets) => {
                problems.extend(sources.err().into_iter().chain(targets.err()).flatten());
                Err(problems)
            }
        }
    }
}
