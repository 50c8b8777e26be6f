//! Whole-program tests, one suite a file.
//!
//! store: what is stored survives what happens to processes, files and disks.
// Tests run tasks themselves, and their fixtures may fail loudly.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store;
