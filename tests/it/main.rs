//! Whole-program tests, one module a suite.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

/// The import table, the size limits and the headers hold in every file.
mod architecture;
/// Samples survive `kill -9`.
mod history;
/// A throwaway Postgres cluster with the service's tables, for the suites that need one.
mod postgres;
/// Whatever a deployment does, the probes tell processed from not processed.
mod probes_against_the_reference;
/// PromQL answers as the scripts say, our own and the public ones.
mod promql;
/// The queue is read at a bounded cost, and what befalls the database is a metric, not a hang.
mod queue;
/// The reference service, for the suites that need one.
mod reference;
/// Rules fire here when they fire in Prometheus.
mod rules_differential;
/// Alerts, runbooks and rule tests belong together.
mod shipped_files;
/// What is stored survives what happens to processes, files and disks.
mod store;
