//! The criteria, one file each, in the order in which they are judged: cheap and harmless ones first, what uses up a user's
//! limit after those that need it, what breaks things last.

mod agent_three_fields;
mod authentication;
mod chat_isolation;
mod concurrent_updates;
mod confirmed_kept_apart;
mod drains_backlog;
mod health_tells_the_truth;
mod injected_prompts;
mod malformed_input;
mod memory_continuity;
mod new_chat_prompt;
mod no_lost_updates;
mod operation_success;
mod queue_fifo;
mod queue_timestamps;
mod rate_limit;
mod rate_limit_headers;
mod rate_limit_others;
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
mod snippet_size;
mod storage_three_fields;
mod stored_memories;
mod survives_connection_loss;
mod survives_poison_rows;
mod survives_table_lock;
mod text_kept;
mod token_expiry;
mod update_latency;
mod update_queue_row;
mod user_isolation;

use super::Criterion;

/// Every criterion.
pub const CRITERIA: &[&Criterion] = &[
    &service_answers::CRITERION,
    &schema_tables::CRITERION,
    &schema_indexes::CRITERION,
    &schema_grants::CRITERION,
    &update_queue_row::CRITERION,
    &storage_three_fields::CRITERION,
    &agent_three_fields::CRITERION,
    &confirmed_kept_apart::CRITERION,
    &memory_continuity::CRITERION,
    &queue_timestamps::CRITERION,
    &schema_unfilled::CRITERION,
    &queue_fifo::CRITERION,
    &chat_isolation::CRITERION,
    &user_isolation::CRITERION,
    &authentication::CRITERION,
    &token_expiry::CRITERION,
    &text_kept::CRITERION,
    &snippet_size::CRITERION,
    &malformed_input::CRITERION,
    &injected_prompts::CRITERION,
    &new_chat_prompt::CRITERION,
    &update_latency::CRITERION,
    &retrieval_latency::CRITERION,
    &operation_success::CRITERION,
    &concurrent_updates::CRITERION,
    &no_lost_updates::CRITERION,
    &stored_memories::CRITERION,
    &rate_limit_headers::CRITERION,
    &rate_limit::CRITERION,
    &rate_limit_others::CRITERION,
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
