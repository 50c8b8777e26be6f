//! Wires everything and decides nothing.

pub mod tasks;
