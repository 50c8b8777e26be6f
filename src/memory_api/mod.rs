//! Typed client of the chat memory service: the only place that knows its paths, headers and bodies.
//!
//! Every call answers with an [`Exchange`] or a [`CallError`]; both carry a redacted [`ExchangeRecord`] with the
//! time of each phase, for a person to read. The client logs in and refreshes its token by itself, stays within
//! its own budget of requests a minute, and tells "we may not ask now" ([`CallError::BudgetExhausted`]) from
//! "the service is down". What an answer means for the service's health is judged in `probes`.

mod arrival;
mod budget;
mod calls;
mod client;
mod connect;
mod connection;
mod exchange;
mod failure;
mod login;
pub mod metrics;
mod patience;
mod raw;
mod redact;
mod request;
mod settings;
mod users;
mod wire;

pub use calls::{Accepted, Conversation, Health, Memory, Trigger};
pub use client::Client;
pub use exchange::{Exchange, ExchangeRecord, Timings};
pub use failure::{CallError, CallFailure, FailureReason};
pub use metrics::{DEFINITIONS, Route};
pub use raw::{Authorization, RawAnswer, RawRequest};
pub use redact::Redactor;
pub use settings::{Login, Settings};
pub use users::{Pace, Turn, User, Users};
pub use wire::{Wire, WireCall};

#[cfg(test)]
pub(crate) mod tests;
