//! The criteria, one file each, in the order in which they are judged: cheap and harmless ones first, what breaks
//! things last.

mod service_answers;

use super::Criterion;

/// Every criterion.
pub const CRITERIA: &[&Criterion] = &[&service_answers::CRITERION];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_every_criterion_says_what_and_how() {
        let mut ids = BTreeSet::new();
        for criterion in CRITERIA {
            assert!(ids.insert(criterion.id), "{}", criterion.id);
            assert!(criterion.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!criterion.promise.is_empty() && !criterion.method.is_empty(), "{}", criterion.id);
        }
    }
}
