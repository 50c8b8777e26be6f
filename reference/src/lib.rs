//! Stand-in for the chat memory service that memsentry watches, for its demo and its tests.
//!
//! One process with an HTTP API, a Postgres queue (its own throwaway cluster or a given database), workers and an
//! agent; built from the service's public contract alone. [`run::run`] is its life, `main.rs` its command line.
//! Tests of other packages start the binary; only this package's own tests use [`postgres`] directly.

mod agent;
mod api;
mod clock;
mod database;
mod faults;
mod memory;
mod pooler;
pub mod postgres;
mod quirks;
pub mod run;
mod secret;
pub mod settings;
mod sql;
mod stop;
mod tasks;
mod worker;
