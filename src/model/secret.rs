//! Secrets, and how text is cleaned of them before anybody sees it.
//!
//! [`Secret`] has no `Display`, and its `Debug` shows nothing; whoever needs the value says [`Secret::expose`],
//! which is easy to search for.

use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// A password, token or URL that must not be seen.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value in.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value, for the one place that hands it to its peer.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The name under which [`Secret`] asks its deserializer for a value; `yaml` answers it from a file, the
/// environment or a credential, so that a secret never stands in a configuration file.
pub const SECRET_MARKER: &str = "$memsentry::secret";

/// The name under which a value that is a secret only for some, such as a webhook's URL, asks for its value:
/// it may stand in the file, or be given like a [`Secret`].
pub const PLAIN_OR_SECRET_MARKER: &str = "$memsentry::plain_or_secret";

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> serde::de::Visitor<'de> for Value {
            type Value = Secret;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a secret by file, environment or credential")
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Secret, E> {
                Ok(Secret::new(value.to_owned()))
            }
            fn visit_newtype_struct<D: serde::Deserializer<'de>>(self, inner: D) -> Result<Secret, D::Error> {
                <String as serde::Deserialize>::deserialize(inner).map(Secret::new)
            }
        }
        deserializer.deserialize_newtype_struct(SECRET_MARKER, Value)
    }
}

/// A URL without user, password and query values: `postgres://[redacted]@host/db?sslmode=[redacted]`.
///
/// Works on anything that looks like a URL, valid or not, because it is used on the way to error texts.
#[must_use]
pub fn redact_url(url: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, None), |(h, q)| (h, Some(q)));
    let mut out = match head.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{path}"),
                None => head.to_owned(),
            }
        }
        None => head.to_owned(),
    };
    if let Some(query) = query {
        let keys: Vec<String> = query
            .split('&')
            .map(|pair| pair.split_once('=').map_or_else(|| pair.to_owned(), |(k, _)| format!("{k}={REDACTED}")))
            .collect();
        out.push('?');
        out.push_str(&keys.join("&"));
    }
    out
}

/// `text` with every occurrence of each secret replaced. Secrets under four characters are left, because
/// replacing them would shred the text without hiding anything.
#[must_use]
pub fn redact(text: &str, secrets: &[Secret]) -> String {
    secrets
        .iter()
        .filter(|secret| secret.expose().len() >= 4)
        .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), REDACTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "[redacted]");
    }

    #[test]
    fn a_url_loses_user_password_and_query_values() {
        for (url, redacted) in [
            ("postgres://me:pw@db:5432/x?sslpassword=s", "postgres://[redacted]@db:5432/x?sslpassword=[redacted]"),
            ("https://hooks.example/services/x", "https://hooks.example/services/x"),
            ("http://a:b@c@host/", "http://[redacted]@host/"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(redact_url(url), redacted);
        }
    }

    #[test]
    fn secrets_vanish_from_a_text() {
        let secrets = [Secret::new("hunter2".into()), Secret::new("a".into())];
        assert_eq!(redact("a password hunter2", &secrets), "a password [redacted]");
    }
}
