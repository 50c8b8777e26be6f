//! Whole-program tests, one module a suite.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

/// The import table, the size limits and the headers hold in every file.
mod architecture;
/// Alerts, runbooks and rule tests belong together.
mod shipped_files;
/// What is stored survives what happens to processes, files and disks.
mod store;
