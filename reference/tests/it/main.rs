//! The reference service as its users meet it: the real binary, over HTTP and SQL, on a real Postgres.
//!
//! - `contract`: every answer of every route
//! - `limits`: rate limit, sizes, token lifetime
//! - `worker`: queue order, two workers, retries, crashes
//! - `agents`: the Messages API agent against a fixture
//! - `quirks`: each switch
//! - `faults`: each fault and its healing
//! - `ending`: nothing stays behind, however it ends
//! - `service`: starts it and talks to it

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod agents;
mod contract;
mod ending;
mod faults;
mod limits;
mod quirks;
mod service;
mod worker;
