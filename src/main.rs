//! The `memsentry` command.

fn main() {}
