//! Lets a request in that has a valid token and is within its user's limit.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Service;
use super::error::ApiError;
use super::limiter::Allowance;
use crate::clock;
use crate::quirks::Quirk;

/// Who makes the request; handlers find it among the request's extensions.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
}

/// Checks token and limit, and tells how much of the limit is left (on success only, as the contract says).
pub async fn admit(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let id = service.tokens.user_of(bearer(request.headers())?, clock::now())?;
    let whose = if service.quirks.on(Quirk::SharedLimit) { "everybody" } else { id.as_str() };
    let allowance = service.limiter.take(whose, clock::instant(), clock::now()).ok_or(ApiError::RateLimited)?;
    request.extensions_mut().insert(User { id });
    let mut response = next.run(request).await;
    if response.status().is_success() && !service.quirks.on(Quirk::NoRateLimitHeaders) {
        describe(&allowance, response.headers_mut());
    }
    Ok(response)
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let given = headers.get(header::AUTHORIZATION).ok_or(ApiError::Unauthorized("Not authenticated"))?;
    let (scheme, token) = given
        .to_str()
        .ok()
        .and_then(|given| given.split_once(' '))
        .ok_or(ApiError::Unauthorized("Invalid authentication credentials"))?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(ApiError::Unauthorized("Invalid authentication credentials"))
    }
}

fn describe(allowance: &Allowance, headers: &mut HeaderMap) {
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(allowance.reset));
}
