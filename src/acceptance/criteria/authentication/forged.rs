//! Tokens that no service may believe: none, broken ones, and good ones that were tampered with.
//!
//! Where the service's tokens are JSON Web Tokens, its own claims are used: signed with keys that everybody tries, with another's
//! signature, or unsigned. Nothing is learnt from it but whether it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::memory_api::Authorization;
use crate::model::Timestamp;

/// Keys that stand in tutorials.
const WELL_KNOWN_KEYS: [(&str, &str); 4] = [
    ("a token signed with the key \"secret\"", "secret"),
    ("a token signed with the key of a tutorial", "your-256-bit-secret"),
    ("a token signed with the key of the vendor's example", "super-secret-jwt-token-with-at-least-32-characters-long"),
    ("a token signed with an empty key", ""),
];
/// Bytes of one block of SHA-256.
const BLOCK: usize = 64;

/// One bad token.
pub(super) struct Forged {
    pub(super) name: &'static str,
    pub(super) authorization: Authorization,
    /// Whether it was made of a good token's claims.
    pub(super) from_claims: bool,
}

/// A token in its three parts.
pub(super) struct Parts<'a> {
    header: &'a str,
    claims_part: &'a str,
    signature: &'a str,
    pub(super) claims: Map<String, Value>,
}

/// The parts of a JSON Web Token; `None` of any other token.
pub(super) fn parts(token: &str) -> Option<Parts<'_>> {
    let mut three = token.split('.');
    let (header, claims_part, signature) = (three.next()?, three.next()?, three.next()?);
    let decoded = URL_SAFE_NO_PAD.decode(claims_part.trim_end_matches('=')).ok()?;
    let claims = serde_json::from_slice(&decoded).ok()?;
    three.next().is_none().then_some(Parts { header, claims_part, signature, claims })
}

impl Forged {
    fn new(name: &'static str, authorization: Authorization, from_claims: bool) -> Self {
        Self { name, authorization, from_claims }
    }
}

/// Every bad token that can be made of this good one.
pub(super) fn all(token: &str, now: Timestamp) -> Vec<Forged> {
    let plain = |name, value: String| Authorization::header(&value).ok().map(|value| Forged::new(name, value, false));
    let mut forged = vec![Forged::new("no token", Authorization::Missing, false)];
    forged.extend(
        [
            plain("an empty header", String::new()),
            plain("the scheme alone", "Bearer".to_owned()),
            plain("an empty token", "Bearer ".to_owned()),
            plain("a token that is none", "Bearer junk".to_owned()),
            plain("a token of three parts that is none", "Bearer a.b.c".to_owned()),
            plain("a token without a scheme", token.to_owned()),
            plain("the scheme Basic", format!("Basic {}", STANDARD.encode("user:password"))),
            plain("another scheme with a good token", format!("Token {token}")),
            plain("a good token that is cut off", format!("Bearer {}", &token[..token.len().saturating_sub(4)])),
            plain("null for a token", "Bearer null".to_owned()),
        ]
        .into_iter()
        .flatten(),
    );
    if let Some(parts) = parts(token) {
        forged.extend(from_claims(&parts, now));
    }
    forged
}

fn from_claims(parts: &Parts<'_>, now: Timestamp) -> Vec<Forged> {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let changed = |field: &str, value: Value| {
        let mut claims = parts.claims.clone();
        claims.insert(field.to_owned(), value);
        encode(&Value::Object(claims))
    };
    let seconds = now.millis() / 1000;
    let long = changed("exp", json!(seconds + 86_400));
    let (header, claims, signature) = (parts.header, parts.claims_part, parts.signature);
    let none = |alg: &str| encode(&json!({"alg": alg, "typ": "JWT"}));
    let mut tokens = vec![
        (
            "a token with another's signature",
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())),
        ),
        ("a token without its signature", format!("{header}.{claims}.")),
        (
            "a token for somebody else under our signature",
            format!("{header}.{}.{signature}", changed("sub", json!("admin"))),
        ),
        ("a token that was prolonged under its old signature", format!("{header}.{long}.{signature}")),
        ("an expired token under another's signature", {
            let expired = changed("exp", json!(seconds - 3_600));
            format!("{header}.{expired}.{signature}")
        }),
        ("a token of algorithm none", format!("{}.{claims}.", none("none"))),
        ("a token of algorithm None, with our signature", format!("{}.{claims}.{signature}", none("None"))),
    ];
    let hs256 = encode(&json!({"alg": "HS256", "typ": "JWT"}));
    for (name, key) in WELL_KNOWN_KEYS {
        let signed = format!("{hs256}.{long}");
        let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(key.as_bytes(), signed.as_bytes()));
        tokens.push((name, format!("{signed}.{signature}")));
    }
    tokens
        .into_iter()
        .filter_map(|(name, token)| Some(Forged::new(name, Authorization::bearer(&token).ok()?, true)))
        .collect()
}

/// RFC 2104 over SHA-256, for keys of at most a block.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let pad = |byte: u8| block.map(|key| key ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                         eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
                         SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";

    #[test]
    fn the_signature_is_that_of_a_well_known_example() {
        let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(hmac_sha256(b"your-256-bit-secret", signed.as_bytes())), signature);
    }

    #[test]
    fn a_token_of_claims_is_forged_in_more_ways_than_an_opaque_one_and_none_is_the_good_one() {
        let forged = all(TOKEN, Timestamp::from_seconds(1.7e9));
        assert!(forged.len() > 20 && forged.iter().any(|forged| forged.from_claims));
        for bad in &forged {
            if let Authorization::Given(value) = &bad.authorization {
                assert_ne!(value.to_str().unwrap(), format!("Bearer {TOKEN}"), "{}", bad.name);
            }
        }
        assert!(all("opaque-token", Timestamp::from_seconds(1.7e9)).iter().all(|forged| !forged.from_claims));
    }
}
