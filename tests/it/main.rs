//! Whole-program tests.

mod promql;

fn main() {}
