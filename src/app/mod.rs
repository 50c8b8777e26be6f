//! Wires everything and decides nothing.
//!
//! [`Plan`] is what the files say, checked. [`Daemon`] puts a plan into force: parts that survive a reload live
//! in it, parts that a reload replaces live in a `Generation`. Every task runs in a [`tasks::Scope`].

pub mod catalogue;
mod daemon;
mod evidence;
mod generation;
mod judge;
mod plan;
mod process;
mod reload;
mod signals;
pub mod tasks;
mod view;
mod vitals;

pub use daemon::Daemon;
pub use plan::Plan;
