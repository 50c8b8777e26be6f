//! Cleans text from the service before anybody sees it: our own secrets by value, other people's by their looks.
//!
//! An error message of a worker or a proxy may quote a key or a connection string that is not ours.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use regex::Regex;

use crate::model::Secret;
use crate::model::secret::redact;

/// Longest text that is kept of one body or message, in bytes.
const LONGEST: usize = 1024;

/// What gives a secret away by its looks, and what is put there instead.
#[allow(clippy::expect_used)] // constant expressions, compiled by a test
static LOOKS_SECRET: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+", "[redacted]"),
        (r"\b(?:sk|pk|rk|ghp|xox[abp])[-_][A-Za-z0-9_-]{12,}", "[redacted]"),
        (r#"(?i)\b(bearer +|(?:password|api_?key|secret)=)[^\s"',;&]{4,}"#, "${1}[redacted]"),
        (r#"(?i)("[a-z_]*(?:token|password|secret|api_?key|authorization)"\s*:\s*")(?:[^"\\]|\\.)+"#, "${1}[redacted]"),
        (r#"://[^\s/@"']+@"#, "://[redacted]@"),
    ]
    .into_iter()
    .map(|(expression, instead)| (Regex::new(expression).expect("a valid expression"), instead))
    .collect()
});

/// Knows the secrets of one client and removes them from texts. Clones share what is known.
#[derive(Clone, Default)]
pub struct Redactor(Arc<ArcSwap<Vec<Secret>>>);

impl Redactor {
    /// Knows `secrets`, also as they look inside a JSON string.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let known = secrets.into_iter().flat_map(|secret| [escaped(&secret), Some(secret)]).flatten().collect();
        Self(Arc::new(ArcSwap::from_pointee(known)))
    }

    /// Learns one more secret. Only the last 8 are kept beside the first ones; older tokens have expired.
    pub fn learn(&self, secret: &Secret) {
        self.0.rcu(|known| {
            let mut known = Vec::clone(known);
            if known.len() >= 16 {
                known.remove(8);
            }
            known.push(secret.clone());
            known
        });
    }

    /// `text` without secrets, cut at 1024 bytes.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        // Cut late enough that a secret across the cut is still seen whole.
        let text = cut(text, 4 * LONGEST);
        let mut text = redact(text, &self.0.load());
        for (expression, instead) in LOOKS_SECRET.iter() {
            if let Cow::Owned(cleaned) = expression.replace_all(&text, *instead) {
                text = cleaned;
            }
        }
        shorten(&text)
    }

    /// The start of a body as text without secrets; control characters are made visible.
    #[must_use]
    pub fn clean_bytes(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST)]);
        self.clean(&text)
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.load().len())
    }
}

/// The secret as it stands inside a JSON string, where that differs.
fn escaped(secret: &Secret) -> Option<Secret> {
    let json = serde_json::to_string(secret.expose()).ok()?;
    let inner = json.trim_start_matches('"').strip_suffix('"')?;
    (inner != secret.expose()).then(|| Secret::new(inner.to_owned()))
}

fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

fn shorten(text: &str) -> String {
    let whole = text.len() <= LONGEST;
    let mut out: String =
        cut(text, LONGEST).chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    if !whole {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_secrets_vanish_also_when_quoted_in_json() {
        let redactor = Redactor::new([Secret::new("pa\"ss/word".into())]);
        redactor.learn(&Secret::new("token-1".into()));
        assert_eq!(redactor.clean(r#"{"input":"pa\"ss/word"} token-1"#), r#"{"input":"[redacted]"} [redacted]"#);
    }

    #[test]
    fn what_looks_like_a_secret_vanishes() {
        let redactor = Redactor::default();
        for (text, clean) in [
            (r#"{"access_token": "abc", "user": 1}"#, r#"{"access_token": "[redacted]", "user": 1}"#),
            ("Authorization: Bearer abcdef", "Authorization: Bearer [redacted]"),
            ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2ln y", "x [redacted] y"),
            ("agent: invalid key sk-ant-REDACTED", "agent: invalid key [redacted]"),
            ("connect postgres://u:p@db/x failed", "connect postgres://[redacted]@db/x failed"),
            ("dsn password=hunter2 host=db", "dsn password=[redacted] host=db"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(redactor.clean(text), clean);
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let cleaned = Redactor::default().clean(&"é".repeat(5000));
        assert!(cleaned.len() <= LONGEST + '…'.len_utf8() && cleaned.ends_with("é…"));
    }
}
