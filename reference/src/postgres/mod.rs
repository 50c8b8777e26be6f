//! A private Postgres that lives exactly as long as this process.
//!
//! `programs` finds `initdb` and `postgres`; `cluster` starts them in a directory of their own and hands out
//! connection settings; `keeper.sh` is the child that runs them and clears up, however this process ends.

mod cluster;
mod programs;

pub use cluster::Cluster;
pub use programs::Programs;
