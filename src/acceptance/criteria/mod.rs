//! The criteria, one file each, in the order in which they are judged: cheap and harmless ones first, what breaks
//! things last.

mod concurrent_updates;
mod drains_backlog;
mod health_tells_the_truth;
mod no_lost_updates;
mod operation_success;
mod recovers_from_agent_failure;
mod recovers_from_agent_garbage;
mod recovers_from_agent_hang;
mod recovers_from_database_outage;
mod recovers_from_worker_stop;
mod requests_independent;
mod retrieval_latency;
mod retry_bookkeeping;
mod schema_grants;
mod schema_indexes;
mod schema_tables;
mod schema_unfilled;
mod service_answers;
mod stored_memories;
mod survives_connection_loss;
mod survives_poison_rows;
mod survives_table_lock;
mod update_latency;

use super::Criterion;

/// Every criterion.
pub const CRITERIA: &[&Criterion] = &[
    &service_answers::CRITERION,
    &schema_tables::CRITERION,
    &schema_indexes::CRITERION,
    &schema_grants::CRITERION,
    &schema_unfilled::CRITERION,
    &update_latency::CRITERION,
    &retrieval_latency::CRITERION,
    &operation_success::CRITERION,
    &concurrent_updates::CRITERION,
    &no_lost_updates::CRITERION,
    &stored_memories::CRITERION,
    &requests_independent::CRITERION,
    &drains_backlog::CRITERION,
    &survives_poison_rows::CRITERION,
    &survives_table_lock::CRITERION,
    &survives_connection_loss::CRITERION,
    &retry_bookkeeping::CRITERION,
    &recovers_from_agent_failure::CRITERION,
    &recovers_from_agent_hang::CRITERION,
    &recovers_from_agent_garbage::CRITERION,
    &recovers_from_worker_stop::CRITERION,
    &recovers_from_database_outage::CRITERION,
    &health_tells_the_truth::CRITERION,
];

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
