//! `POST /auth/login`, and the users who can: two, whom the settings give their passwords.

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

struct Seed {
    id: &'static str,
    email: &'static str,
    password: Secret,
}

/// Who can log in.
pub struct Users(Vec<Seed>);

impl Users {
    /// The two users of the demo.
    pub fn new(settings: &Settings) -> Self {
        let probe = Seed {
            id: "7d3a5f0e-2c64-4d0b-9a55-0c1f6a1be001",
            email: "probe@example.com",
            password: settings.password(),
        };
        let other = Seed {
            id: "7d3a5f0e-2c64-4d0b-9a55-0c1f6a1be002",
            email: "other@example.com",
            password: settings.other_password(),
        };
        Self(vec![probe, other])
    }

    fn find(&self, email: &str, password: &str) -> Option<&Seed> {
        self.0.iter().find(|user| user.email == email && user.password.expose() == password)
    }
}

/// Answers with a token.
pub async fn login(State(service): State<Arc<Service>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut body = Body::read(&body)?;
    let (email, password) = (body.text("email"), body.text("password"));
    body.done()?;
    let user = service.users.find(&email, &password).ok_or(ApiError::Unauthorized("Incorrect email or password"))?;
    let token = service.tokens.issue(user.id, user.email, clock::now())?;
    Ok(Json(json!({
        "access_token": token,
        "token_type": "bearer",
        "user": {"id": user.id, "email": user.email},
    })))
}
