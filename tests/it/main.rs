//! Whole-program tests, one suite a file.
//!
//! store: what is stored survives what happens to processes, files and disks.
#![allow(clippy::disallowed_methods)] // tests run tasks themselves

mod store;
