//! Whole-program tests, one module a suite.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
//! Whole-program tests, one suite a file.
//!
//! store: what is stored survives what happens to processes, files and disks.
// Tests run tasks themselves, and their fixtures may fail loudly.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

/// The import table, the size limits and the headers hold in every file.
mod architecture;
/// What is stored survives what happens to processes, files and disks.
mod store;
