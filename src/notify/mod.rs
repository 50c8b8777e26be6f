//! Who is told, when, once.
//!
//! Alerts come in, are merged (`alerts`), routed (`route`), grouped (`group`), compared with what was told
//! (`dedup`) and become messages (`decide`, `message`). All of that is the pure [`Dispatcher`]. [`Notify`] is
//! its edge: it keeps a decision and its deliveries in one transaction and hands them to the outbox, which
//! delivers each at least once through a notifier, with a stable key.

pub mod acknowledge;
mod alerts;
mod answers;
mod chronicle;
mod collapse;
mod compose;
mod configuration;
mod decide;
mod dedup;
mod dispatcher;
pub mod drill;
mod escalate;
pub mod evidence;
pub mod explain;
mod flush;
mod group;
pub mod history;
mod inhibit;
mod intervals;
mod keep_alive;
pub mod links;
mod membership;
pub mod message;
mod metrics;
pub mod notifiers;
mod outbox;
mod present;
mod queue;
mod reach;
mod reason;
mod route;
mod service;
mod settings;
mod silence;
mod stages;
mod testimony;
mod turn;
mod views;

#[cfg(test)]
mod scenarios;

pub use alerts::Received;
pub use decide::Decision;
pub use dispatcher::{Changes, Counts, Dispatcher, Restored};
pub use message::Notification;
pub use metrics::DEFINITIONS;
pub use outbox::Outbox;
pub use queue::{Queue, Settled};
pub use reach::Reached;
pub use reason::Reason;
pub use route::Plan;
pub use service::{Notify, Prepared, SilenceError};
pub use settings::{Acknowledge, History, InhibitRule, Receiver, Route, Settings, TimeInterval};
pub use silence::{Draft, Planned, Refusal, Silence, SilenceState, Silences, Turn, matches_every_value};
pub use stages::Muted;
pub use views::{AlertView, GroupView};
