//! Reads YAML into types and finds every mistake at once, each with its place.
//!
//! A [`Document`] is parsed once into a tree that remembers where everything stood. Decoding runs serde's
//! derived code over that tree; a mistake is noted, the part it concerns is left out, and decoding runs
//! again, so a file with five mistakes is told five mistakes. Secrets are answered here too: for a field
//! `password: Secret` the user writes `password_file`, `password_env` or `password_credential`.

mod decode;
mod decoded;
mod document;
mod inherit;
mod mistake;
mod node;

pub use decoded::Decoded;
pub use document::{Document, SecretSource};
pub use inherit::Inherited;
