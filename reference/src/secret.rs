//! Passwords and keys that must not be seen.
//!
//! [`Secret`] has no `Display`, and its `Debug` shows nothing; whoever needs the value says [`Secret::expose`].

use std::fmt;

use rand::Rng;
use rand::distr::Alphanumeric;

/// A password, key or URL with a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// A fresh one of 32 letters and digits, about 190 bits.
    pub fn random() -> Self {
        Self(rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect())
    }

    /// The value, for the one place that hands it to its peer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
