//! Inhibition: alerts that are not told because another one says it all.
//!
//! [`Inhibitors`] holds every live source of every rule at one instant, by the values of the labels that both sides
//! must share, so that the end of one source never hides another. Pure; what may be seen of an alert is its labels.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Fingerprint, Labels, Matcher};

/// Most sources that are named for one alert; the rest inhibit too.
const MOST_NAMED: usize = 16;

/// One entry of `inhibit_rules`.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub name: String,
    pub sources: Vec<Matcher>,
    pub targets: Vec<Matcher>,
    pub equal: Vec<String>,
}

fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches_labels(labels))
}

impl Rule {
    /// Whether alerts with these labels inhibit others.
    pub fn is_source(&self, labels: &Labels) -> bool {
        all_match(&self.sources, labels)
    }

    /// Whether alerts with these labels are inhibited by others.
    pub fn is_target(&self, labels: &Labels) -> bool {
        all_match(&self.targets, labels)
    }

    /// What both sides must share. A missing label and an empty one are the same to [`Labels`].
    fn shared(&self, labels: &Labels) -> Labels {
        labels.without(|name| !self.equal.iter().any(|equal| equal == name))
    }
}

/// What inhibits at one instant.
#[derive(Debug, Default)]
pub(super) struct Inhibitors {
    rules: Arc<[Rule]>,
    /// For each rule the live sources, by what they share with their targets.
    live: Vec<HashMap<Labels, Vec<Source>>>,
}

#[derive(Debug)]
struct Source {
    id: Fingerprint,
    /// Matches the target side too, and so does not inhibit another such alert.
    two_sided: bool,
}

impl Inhibitors {
    /// Of the alerts that fire.
    pub fn new<'a>(rules: &Arc<[Rule]>, firing: impl Iterator<Item = (Fingerprint, &'a Labels)>) -> Self {
        let mut live: Vec<HashMap<Labels, Vec<Source>>> = rules.iter().map(|_| HashMap::new()).collect();
        if !rules.is_empty() {
            for (id, labels) in firing {
                for (rule, live) in rules.iter().zip(&mut live).filter(|(rule, _)| rule.is_source(labels)) {
                    let source = Source { id, two_sided: rule.is_target(labels) };
                    live.entry(rule.shared(labels)).or_default().push(source);
                }
            }
        }
        Self { rules: Arc::clone(rules), live }
    }

    /// The alerts that inhibit one with these labels, each once; at most 16 are named.
    pub fn of(&self, labels: &Labels) -> Vec<Fingerprint> {
        let mut found = Vec::new();
        for (rule, live) in
            self.rules.iter().zip(&self.live).filter(|(rule, live)| !live.is_empty() && rule.is_target(labels))
        {
            let two_sided = rule.is_source(labels);
            let sources = live.get(&rule.shared(labels)).into_iter().flatten();
            found.extend(sources.filter(|source| !(two_sided && source.two_sided)).map(|s| s.id).take(MOST_NAMED));
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(MOST_NAMED);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::InhibitRule;
    use super::*;

    fn labels(text: &str) -> Labels {
        text.split_whitespace().filter_map(|pair| pair.split_once('=')).collect()
    }

    fn inhibited(rule: &str, firing: &[&str], target: &str) -> bool {
        let rule: InhibitRule = serde_yaml::from_str(rule).expect("a rule");
        let rules = Arc::from([rule.compile().expect("a good rule")]);
        let firing: Vec<Labels> = firing.iter().map(|text| labels(text)).collect();
        let inhibitors = Inhibitors::new(&rules, firing.iter().map(|labels| (labels.fingerprint(), labels)));
        !inhibitors.of(&labels(target)).is_empty()
    }

    #[test]
    fn a_source_inhibits_what_shares_its_labels() {
        let rule = "{source_matchers: [severity=page], target_matchers: [severity=warn], equal: [target, zone]}";
        for (firing, target, expected) in [
            (&["severity=page target=a"][..], "severity=warn target=a", true),
            (&["severity=page target=b"], "severity=warn target=a", false),
            (&["severity=page target=b", "severity=page target=a"], "severity=warn target=a", true),
            (&["severity=page"], "severity=warn", true),
            (&["severity=page target=a zone=z"], "severity=warn target=a", false),
            (&["severity=warn target=a"], "severity=warn target=a", false),
            (&[], "severity=warn target=a", false),
        ] {
            assert_eq!(inhibited(rule, firing, target), expected, "{firing:?} {target}");
        }
    }

    #[test]
    fn an_alert_on_both_sides_is_inhibited_only_by_one_that_is_a_source_alone() {
        let rule = "{source_matchers: [page=yes], target_matchers: [warn=yes]}";
        assert!(!inhibited(rule, &["page=yes warn=yes n=1"], "page=yes warn=yes n=1"), "by itself");
        assert!(!inhibited(rule, &["page=yes warn=yes n=1"], "page=yes warn=yes n=2"), "by another such");
        assert!(inhibited(rule, &["page=yes n=1"], "page=yes warn=yes n=2"), "by a mere source");
        assert!(inhibited(rule, &["page=yes warn=yes n=1"], "warn=yes n=2"), "a mere target");
    }

    #[test]
    fn the_old_forms_mean_the_same() {
        let rule = "{source_match: {severity: page}, target_match_re: {severity: warn|info}, equal: [t]}";
        assert!(inhibited(rule, &["severity=page t=a"], "severity=info t=a"));
        assert!(!inhibited(rule, &["severity=page t=a"], "severity=information t=a"));
    }

    #[test]
    fn mistakes_are_told_with_their_paths() {
        let rule: InhibitRule =
            serde_yaml::from_str("{source_matchers: [a], target_match_re: {b: '('}, equal: ['a b']}").expect("YAML");
        let told: Vec<String> = rule.compile().expect_err("wrong").iter().map(|p| p.path.clone()).collect();
        assert_eq!(told, ["equal[0]", "source_matchers[0]", "target_match_re.b"]);
    }
}
