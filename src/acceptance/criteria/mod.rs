//! The criteria, one file each, in the order in which they are judged: cheap and harmless ones first, what uses up a user's
//! limit after those that need it, what breaks things last.

mod agent_three_fields;
mod authentication;
mod chat_isolation;
mod confirmed_kept_apart;
mod injected_prompts;
mod malformed_input;
mod memory_continuity;
mod new_chat_prompt;
mod queue_fifo;
mod queue_timestamps;
mod rate_limit;
mod rate_limit_headers;
mod rate_limit_others;
mod service_answers;
mod snippet_size;
mod storage_three_fields;
mod text_kept;
mod token_expiry;
mod update_queue_row;
mod user_isolation;

use super::Criterion;

/// Every criterion.
pub const CRITERIA: &[&Criterion] = &[
    &service_answers::CRITERION,
    &update_queue_row::CRITERION,
    &storage_three_fields::CRITERION,
    &agent_three_fields::CRITERION,
    &confirmed_kept_apart::CRITERION,
    &memory_continuity::CRITERION,
    &queue_timestamps::CRITERION,
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
    &rate_limit_headers::CRITERION,
    &rate_limit::CRITERION,
    &rate_limit_others::CRITERION,
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
