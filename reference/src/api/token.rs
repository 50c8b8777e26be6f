//! Makes and reads the bearer tokens: JWT, HS256, with a secret that lives as long as this process.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use crate::secret::Secret;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    email: String,
    iat: i64,
    exp: i64,
}

/// The key and lifetime of all tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    lifetime: Duration,
}

impl Tokens {
    /// With a fresh secret; tokens are good for `lifetime`.
    pub fn new(lifetime: Duration) -> Self {
        let secret = Secret::random();
        let bytes = secret.expose().as_bytes();
        Self { encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes), lifetime }
    }

    /// A token for a user, from `now` on.
    pub fn issue(&self, id: &str, email: &str, now: jiff::Timestamp) -> Result<String, ApiError> {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let iat = now.as_second();
        let claims = Claims { sub: id.to_owned(), email: email.to_owned(), iat, exp: iat.saturating_add(lifetime) };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "cannot sign a token");
            ApiError::Internal
        })
    }

    /// The id of the user whom `token` was issued to, if it is ours and good at `now`.
    pub fn user_of(&self, token: &str, now: jiff::Timestamp) -> Result<String, ApiError> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is ours to judge: the crate reads a clock of its own and allows a minute more.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| ApiError::Unauthorized("Invalid token"))?
            .claims;
        if claims.exp <= now.as_second() {
            return Err(ApiError::Unauthorized("Token has expired"));
        }
        Ok(claims.sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_token_is_good_until_it_expires() {
        let tokens = Tokens::new(Duration::from_secs(3600));
        let issued = Timestamp::from_second(1_700_000_000).unwrap();
        let token = tokens.issue("u1", "u1@example.com", issued).unwrap();
        assert_eq!(tokens.user_of(&token, issued + SignedDuration::from_secs(3599)), Ok("u1".to_owned()));
        let late = tokens.user_of(&token, issued + SignedDuration::from_secs(3600));
        assert_eq!(late, Err(ApiError::Unauthorized("Token has expired")));
    }

    #[test]
    fn tokens_of_another_key_without_signature_or_without_sense_are_refused() {
        let (ours, theirs) = (Tokens::new(Duration::from_secs(60)), Tokens::new(Duration::from_secs(60)));
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let foreign = theirs.issue("u1", "u1@example.com", now).unwrap();
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1MSIsImVtYWlsIjoiIiwiaWF0IjowLCJleHAiOjl9.";
        let tampered = format!("{}x", ours.issue("u1", "u1@example.com", now).unwrap());
        for bad in [foreign.as_str(), unsigned, tampered.as_str(), "", "a.b.c", "Ω"] {
            assert!(ours.user_of(bad, now).is_err(), "{bad}");
        }
    }
}
