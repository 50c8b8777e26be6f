//! The root of the configuration; each section's type lives beside the code that it configures.

pub mod env;
