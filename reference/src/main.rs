//! Stand-in memory service.

fn main() {}
