//! The shipped runbooks, one row each.
//!
//! A test compares the rows with the files in `runbooks/`.

/// Alert name and markdown, by name.
pub(super) const ALL: &[(&str, &str)] = &[
    ("ApiErrorRateHigh", include_str!("../../runbooks/ApiErrorRateHigh.md")),
    ("ConfigReloadFailed", include_str!("../../runbooks/ConfigReloadFailed.md")),
    ("DatabaseUnreachable", include_str!("../../runbooks/DatabaseUnreachable.md")),
    ("DependencyUnhealthy", include_str!("../../runbooks/DependencyUnhealthy.md")),
    ("ErrorBudgetBurnsFast", include_str!("../../runbooks/ErrorBudgetBurnsFast.md")),
    ("ErrorBudgetBurnsSlowly", include_str!("../../runbooks/ErrorBudgetBurnsSlowly.md")),
    ("NotificationsFailing", include_str!("../../runbooks/NotificationsFailing.md")),
    ("ProbeFailing", include_str!("../../runbooks/ProbeFailing.md")),
    ("ProbeRateLimited", include_str!("../../runbooks/ProbeRateLimited.md")),
    ("ProbesNotRunning", include_str!("../../runbooks/ProbesNotRunning.md")),
    ("QueueDepthHigh", include_str!("../../runbooks/QueueDepthHigh.md")),
    ("QueueEntriesStuck", include_str!("../../runbooks/QueueEntriesStuck.md")),
    ("RetrievalSlow", include_str!("../../runbooks/RetrievalSlow.md")),
    ("RuleEvaluationFailing", include_str!("../../runbooks/RuleEvaluationFailing.md")),
    ("ServiceDown", include_str!("../../runbooks/ServiceDown.md")),
    ("StoreDown", include_str!("../../runbooks/StoreDown.md")),
    ("SyntheticDataLeftBehind", include_str!("../../runbooks/SyntheticDataLeftBehind.md")),
    ("TaskPanicked", include_str!("../../runbooks/TaskPanicked.md")),
    ("UpdateSlow", include_str!("../../runbooks/UpdateSlow.md")),
    ("UpdateSuccessLow", include_str!("../../runbooks/UpdateSuccessLow.md")),
    ("Watchdog", include_str!("../../runbooks/Watchdog.md")),
    ("WorkerStalled", include_str!("../../runbooks/WorkerStalled.md")),
];
