//! `POST /auth/login`, and the users who can: two, whom the settings give their passwords, and as many further ones as
//! they say.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};

use super::Service;
use super::body::Body;
use super::error::ApiError;
use crate::clock;
use crate::secret::Secret;
use crate::settings::Settings;

/// Who can log in.
pub struct Users {
    probe: Secret,
    other: Secret,
    /// How many `user-N@example.com` there are; they share the probe's password.
    further: u32,
}

impl Users {
    /// The two users of the demo, and those that load is spread over.
    pub fn new(settings: &Settings) -> Self {
        Self { probe: settings.password(), other: settings.other_password(), further: settings.users }
    }

    /// The id of the user with this address and password.
    fn find(&self, email: &str, password: &str) -> Option<String> {
        let (number, expected) = match email {
            "probe@example.com" => (1, &self.probe),
            "other@example.com" => (2, &self.other),
            _ => (self.further_number(email)? + 0x1000, &self.probe),
        };
        (expected.expose() == password).then(|| format!("7d3a5f0e-2c64-4d0b-9a55-0c1f{:08x}", 0x6a1b_e000_u32 + number))
    }

    fn further_number(&self, email: &str) -> Option<u32> {
        let digits = email.strip_prefix("user-")?.strip_suffix("@example.com")?;
        let number = digits.parse().ok()?;
        // Neither "+1" nor "01": an address has one spelling.
        ((1..=self.further).contains(&number) && number.to_string() == digits).then_some(number)
    }
}

/// Answers with a token.
pub async fn login(State(service): State<Arc<Service>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut body = Body::read(&body)?;
    let (email, password) = (body.text("email"), body.text("password"));
    body.done()?;
    let id = service.users.find(&email, &password).ok_or(ApiError::Unauthorized("Incorrect email or password"))?;
    let token = service.tokens.issue(&id, &email, clock::now())?;
    Ok(Json(json!({
        "access_token": token,
        "token_type": "bearer",
        "user": {"id": id, "email": email},
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn further_users_are_as_many_as_were_asked_for_and_each_has_an_id() {
        let users = |arguments: &[&str]| Users::new(&Settings::parse_from(arguments));
        let many = users(&["reference", "--users", "3", "--password", "p", "--other-password", "o"]);
        let id = |email: &str, password: &str| many.find(email, password);
        assert_eq!(id("probe@example.com", "p").as_deref(), Some("7d3a5f0e-2c64-4d0b-9a55-0c1f6a1be001"));
        assert_eq!(id("other@example.com", "o").as_deref(), Some("7d3a5f0e-2c64-4d0b-9a55-0c1f6a1be002"));
        assert_eq!(id("user-3@example.com", "p").as_deref(), Some("7d3a5f0e-2c64-4d0b-9a55-0c1f6a1bf003"));
        for (email, password) in [
            ("user-3@example.com", "o"),
            ("user-0@example.com", "p"),
            ("user-4@example.com", "p"),
            ("user-03@example.com", "p"),
            ("user-+3@example.com", "p"),
        ] {
            assert_eq!(id(email, password), None, "{email} {password}");
        }
        assert_eq!(users(&["reference", "--password", "p"]).find("user-1@example.com", "p"), None);
    }
}
