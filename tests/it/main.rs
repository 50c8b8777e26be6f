//! Whole-program tests, one module a suite.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
// What could not be checked, and measured figures.
#![allow(clippy::print_stdout)]

/// `amtool` and Prometheus take memsentry for an Alertmanager.
mod alertmanager_clients;
/// The import table, the size limits and the headers hold in every file.
mod architecture;
/// A live check finds what cannot be reached, and tells nobody anything.
mod check_live;
/// What each command prints, and its exit code.
mod command_line;
/// Bad configuration files beside their messages, and the example.
mod config_files;
/// No crash loses a notification.
mod crash;
/// A receiver in trouble gets its page when it is well again.
mod delivery;
/// The demo tells its whole story.
mod demo;
/// Diagnostics of runbooks are bounded and harmless.
mod diagnostics;
/// A disk that is full costs nothing but what a crash meanwhile would take.
mod disk_full;
/// Service and database may come up after the daemon.
mod down_then_up;
/// A drill tells whether a receiver's messages arrive.
mod drill;
/// Whoever takes care stops the escalation; nobody does, and somebody further is told.
mod escalation;
/// Expressions in dashboards and runbooks are about what exists.
mod expressions;
/// What breaks in the service arrives as mail and webhook with the runbook in it, and so does its end.
mod from_probe_to_page;
/// The dead man's switch beats while the whole loop goes round.
mod heartbeat;
/// Samples survive `kill -9`.
mod history;
/// Lints find mistakes, and only mistakes.
mod lints;
/// A load tells the truth about the service, or that it cannot, and leaves nothing behind.
mod load;
/// A probe that stops is no recovery.
mod missing_data;
/// Prometheus, promtool and Alertmanager work with memsentry.
mod peers;
/// A throwaway Postgres cluster with the service's tables, for the suites that need one.
mod postgres;
/// Whatever a deployment does, the probes tell processed from not processed.
mod probes_against_the_reference;
/// PromQL answers as the scripts say, our own and the public ones.
mod promql;
/// Random expressions have the answers that Debian's Prometheus gives.
mod promql_differential;
/// The queue is read at a bounded cost, and what befalls the database is a metric, not a hang.
mod queue;
/// The reference service, for the suites that need one.
mod reference;
/// A good configuration is taken whole, a bad one refused whole.
mod reload;
/// A clean restart is no news.
mod restart;
/// Unit tests of rules have the verdicts that Debian's promtool gives them.
mod rule_tests_differential;
/// Rules fire here when they fire in Prometheus.
mod rules_differential;
/// From random samples through rules and dispatcher to messages, against a small specification.
mod rules_to_pages;
/// Prometheus with Alertmanager and memsentry tell the same.
mod same_notifications;
/// Alerts, runbooks and rule tests belong together.
mod shipped_files;
/// The end comes in time and loses nothing.
mod shutdown;
/// What is silenced is not told, whatever happens to the process.
mod silences;
/// A whole deployment: daemon, service, receivers.
mod stage;
/// What is stored survives what happens to processes, files and disks.
mod store;
/// Receivers in changing moods and kills at random moments lose nothing of a storm of alerts.
mod storm;
/// Unit tests of rules for people, build servers and programs.
mod test_rules_command;
/// A validation ends with the right exit code and leaves nothing behind, however it ends.
mod validate;
/// Against a service that keeps its promises the breaking criteria pass, and each switch fails its own.
mod validate_breaks;
/// Functional criteria pass where promises are kept, and each can fail.
mod validate_checks;
