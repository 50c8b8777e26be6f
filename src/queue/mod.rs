//! Reads the service's Postgres queue, at a cost that does not depend on completed rows.
//!
//! [`Database`] holds at most two connections and sends everything as plain statements with their time-outs
//! inside, so that it works behind a transaction pooler. [`Reader`] asks the `collectors` once per interval, in
//! one snapshot, and publishes what they found; what cannot be read is withdrawn. Probes follow single rows and
//! remove what they made through the same [`Database`].

mod audit;
mod batch;
mod chaos;
mod collectors;
mod database;
mod diagnose;
mod error;
mod inspect;
mod lane;
mod layout;
mod metrics;
mod names;
mod observe;
mod reader;
mod row;
mod schema;
mod settings;
mod statement;
mod synthetic;
mod tally;

pub use audit::{AuditRow, MemoryRow, QueuedText};
pub use chaos::{Chaos, HeldQueue};
pub use database::Database;
pub use diagnose::{CellRow, MOST_ROWS};
pub use error::DatabaseError;
pub use inspect::Inspection;
pub use metrics::DEFINITIONS;
pub use observe::{Glance, Leftover};
pub use reader::{Reader, tasks};
pub use row::{QueueRow, RowState};
pub use schema::{ColumnSchema, Schema, TableRole, TableSchema};
pub use settings::{Settings, Tables};
pub use statement::{parameters, refusal};
pub use synthetic::Sweep;
pub use tally::Tally;
