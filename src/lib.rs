//! memsentry watches short-term chat memory services: it drives synthetic memory updates, reads the queue,
//! judges alert rules in its own process and gets the page out, with the runbook in it.
//!
//! The modules in reading order; `docs/architecture.md` says what each may import, and a test holds it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod acceptance;
pub mod app;
pub mod commands;
pub mod config;
pub mod evidence;
pub mod heartbeat;
pub mod lint;
pub mod memory_api;
pub mod metrics;
pub mod model;
pub mod notify;
pub mod probes;
pub mod promql;
pub mod queue;
pub mod rule_tests;
pub mod rules;
pub mod runbooks;
pub mod scrape;
pub mod store;
pub mod template;
pub mod traffic;
pub mod tsdb;
pub mod web;
pub mod yaml;
