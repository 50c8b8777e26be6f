//! Every refusal of the API and its shape: `{"detail": …}`, a list for schema errors and a string for all others.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a request is refused.
#[derive(Debug, PartialEq)]
pub enum ApiError {
    /// 401; the text says what about the token or login is wrong.
    Unauthorized(&'static str),
    /// 404 for a chat that does not exist or belongs to somebody else: one cannot tell which.
    UnknownChat,
    /// 404 for a path.
    NoSuchRoute,
    /// 422 with one entry per problem.
    Schema(Vec<SchemaProblem>),
    /// 422 with a string.
    BlankSnippet,
    /// 429.
    RateLimited,
    /// 500.
    Internal,
    /// What a fault asked for.
    Injected(StatusCode),
}

/// One way in which a body breaks its schema.
#[derive(Debug, PartialEq)]
pub struct SchemaProblem {
    /// Which field; none if it is the body as a whole.
    pub field: Option<&'static str>,
    /// A word for programs.
    pub kind: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl SchemaProblem {
    fn to_json(&self) -> Value {
        let place: Vec<&str> = std::iter::once("body").chain(self.field).collect();
        json!({"type": self.kind, "loc": place, "msg": self.message})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::Unauthorized(reason) => {
                let challenge = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                return (StatusCode::UNAUTHORIZED, [challenge], Json(json!({"detail": reason}))).into_response();
            }
            Self::UnknownChat => (StatusCode::NOT_FOUND, json!("Chat not found")),
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, json!("Not Found")),
            Self::Schema(problems) => {
                (StatusCode::UNPROCESSABLE_ENTITY, problems.iter().map(SchemaProblem::to_json).collect())
            }
            Self::BlankSnippet => (StatusCode::UNPROCESSABLE_ENTITY, json!("context_snippet must not be empty")),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, json!("Rate limit exceeded")),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, json!("Internal server error")),
            Self::Injected(status) => (status, json!(status.canonical_reason().unwrap_or("Injected fault"))),
        };
        (status, Json(json!({"detail": detail}))).into_response()
    }
}
