//! Makes and reads the bearer tokens: JWT, HS256, with a secret that lives as long as this process.
//!
//! Written out because the one algorithm is all that is needed, and the crates for it bring RSA along. A token is
//! believed only if its header is, byte for byte, the one that is written here: `alg` is not the caller's to choose.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::error::ApiError;
use crate::quirks::{Quirk, Quirks};
use crate::secret::Secret;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const INVALID: ApiError = ApiError::Unauthorized("Invalid token");

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    email: String,
    iat: i64,
    exp: i64,
}

/// The key and lifetime of all tokens.
pub struct Tokens {
    key: Secret,
    lifetime: Duration,
    /// Whether signature and algorithm are looked at.
    signature_counts: bool,
    /// Whether the time is looked at.
    time_counts: bool,
}

impl Tokens {
    /// With a fresh secret; tokens are good for `lifetime`.
    pub fn new(lifetime: Duration, quirks: &Quirks) -> Self {
        Self {
            key: Secret::random(),
            lifetime,
            signature_counts: !quirks.on(Quirk::UnsignedTokens),
            time_counts: !quirks.on(Quirk::EndlessTokens),
        }
    }

    /// A token for a user, from `now` on.
    pub fn issue(&self, id: &str, email: &str, now: jiff::Timestamp) -> Result<String, ApiError> {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let iat = now.as_second();
        let claims = Claims { sub: id.to_owned(), email: email.to_owned(), iat, exp: iat.saturating_add(lifetime) };
        let claims = serde_json::to_string(&claims).map_err(|_| ApiError::Internal)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.mac(&signed)?.finalize().into_bytes();
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The id of the user whom `token` was issued to, if it is ours and good at `now`.
    pub fn user_of(&self, token: &str, now: jiff::Timestamp) -> Result<String, ApiError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(INVALID)?;
        let (header, claims) = signed.split_once('.').ok_or(INVALID)?;
        if self.signature_counts {
            let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| INVALID)?;
            self.mac(signed)?.verify_slice(&signature).map_err(|_| INVALID)?;
            if URL_SAFE_NO_PAD.encode(HEADER) != header {
                return Err(INVALID);
            }
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| INVALID)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| INVALID)?;
        if self.time_counts && claims.exp <= now.as_second() {
            return Err(ApiError::Unauthorized("Token has expired"));
        }
        Ok(claims.sub)
    }

    fn mac(&self, signed: &str) -> Result<Hmac<Sha256>, ApiError> {
        // HMAC takes keys of any length, so this does not fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes()).map_err(|_| ApiError::Internal)?;
        mac.update(signed.as_bytes());
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    fn fresh(lifetime: Duration) -> Tokens {
        Tokens::new(lifetime, &Quirks::default())
    }

    #[test]
    fn the_signature_is_that_of_a_well_known_example() {
        let tokens = Tokens { key: Secret::new("your-256-bit-secret"), ..fresh(Duration::ZERO) };
        let signed = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                      eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ";
        let signature = URL_SAFE_NO_PAD.encode(tokens.mac(signed).unwrap().finalize().into_bytes());
        assert_eq!(signature, "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c");
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let tokens = fresh(Duration::from_secs(3600));
        let issued = Timestamp::from_second(1_700_000_000).unwrap();
        let token = tokens.issue("u1", "u1@example.com", issued).unwrap();
        assert_eq!(tokens.user_of(&token, issued + SignedDuration::from_secs(3599)), Ok("u1".to_owned()));
        let late = tokens.user_of(&token, issued + SignedDuration::from_secs(3600));
        assert_eq!(late, Err(ApiError::Unauthorized("Token has expired")));
    }

    #[test]
    fn tokens_of_another_key_without_signature_or_without_sense_are_refused() {
        let (ours, theirs) = (fresh(Duration::from_secs(60)), fresh(Duration::from_secs(60)));
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let foreign = theirs.issue("u1", "u1@example.com", now).unwrap();
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1MSIsImVtYWlsIjoiIiwiaWF0IjowLCJleHAiOjl9.";
        let tampered = format!("{}x", ours.issue("u1", "u1@example.com", now).unwrap());
        for bad in [foreign.as_str(), unsigned, tampered.as_str(), "", "a.b.c", "Ω"] {
            assert!(ours.user_of(bad, now).is_err(), "{bad}");
        }
    }
}
