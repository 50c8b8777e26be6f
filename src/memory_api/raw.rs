//! Requests that the typed calls cannot make: any bytes, any headers, anybody's token. For those who want to know how the
//! service takes what nobody should send.
//!
//! The paths stay here: a raw request names a [`Route`] and what is to stand in the place of the chat's id. The
//! answer is whatever came, unjudged, and so no failure is counted for it; what is recorded is redacted like everything.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::model::Secret;

use super::calls::{CONVERSATIONS_PATH, HEALTH_PATH, LOGIN_PATH, MEMORY_PATH, UPDATE_PATH, memory_path};
use super::login::Turned;
use super::request::{Answer, Call};
use super::{CallError, CallFailure, Client, ExchangeRecord, FailureReason, Route};

/// Whose word a raw request carries.
#[derive(Debug, Clone, Default)]
pub enum Authorization {
    /// Our user's token; after a 401 the request is sent once more with a new one, as the typed calls do.
    #[default]
    Own,
    /// None.
    Missing,
    /// This value of the header `Authorization`, as it is; marked as sensitive.
    Given(HeaderValue),
}

/// A request as it is to be sent. `Default` is a POST of nothing to `/conversations` by our user.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// Which of the service's paths.
    pub route: Route,
    /// Any method.
    pub method: Method,
    /// What stands in the place of the chat's id, already fit for a URL; only [`Route::Memory`] has such a place.
    pub place: String,
    /// The body, whatever it is.
    pub body: Bytes,
    /// `application/json` unless set otherwise; `None` is no such header.
    pub content_type: Option<HeaderValue>,
    /// Further headers; a name may come twice.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whose word it carries.
    pub authorization: Authorization,
}

/// What came.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body, at most 1 MiB.
    pub body: Bytes,
    /// The exchange, redacted.
    pub record: ExchangeRecord,
}

impl Default for RawRequest {
    fn default() -> Self {
        Self {
            route: Route::Conversations,
            method: Method::POST,
            place: String::new(),
            body: Bytes::new(),
            content_type: Some(HeaderValue::from_static("application/json")),
            headers: Vec::new(),
            authorization: Authorization::Own,
        }
    }
}

impl RawRequest {
    /// A POST of these bytes.
    #[must_use]
    pub fn post(route: Route, body: impl Into<Bytes>) -> Self {
        Self { route, body: body.into(), ..Self::default() }
    }

    /// A GET of the memory of a chat with this id, which is escaped as far as a path demands.
    #[must_use]
    pub fn memory(chat_id: &str) -> Self {
        let place = memory_path(chat_id).split_off(MEMORY_PATH.len());
        Self { route: Route::Memory, method: Method::GET, place, content_type: None, ..Self::default() }
    }

    /// The same, as somebody else.
    #[must_use]
    pub fn by(self, authorization: Authorization) -> Self {
        Self { authorization, ..self }
    }

    fn path(&self) -> String {
        match self.route {
            Route::Health => HEALTH_PATH.to_owned(),
            Route::Login => LOGIN_PATH.to_owned(),
            Route::Conversations => CONVERSATIONS_PATH.to_owned(),
            Route::MemoryUpdate => UPDATE_PATH.to_owned(),
            Route::Memory => format!("{MEMORY_PATH}{}", self.place),
        }
    }

    fn call<'a>(&'a self, path: &'a str, authorization: Option<HeaderValue>) -> Call<'a> {
        Call {
            route: self.route,
            method: self.method.clone(),
            path,
            body: Some(self.body.clone()),
            authorization,
            content_type: self.content_type.clone(),
            headers: &self.headers,
        }
    }
}

impl Authorization {
    /// A token of our own making, under the usual scheme.
    ///
    /// # Errors
    /// It holds characters that no header can carry.
    pub fn bearer(token: &str) -> Result<Self, CallError> {
        Self::header(&format!("Bearer {token}"))
    }

    /// The whole value of the header.
    ///
    /// # Errors
    /// It holds characters that no header can carry.
    pub fn header(value: &str) -> Result<Self, CallError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            let message = "an authorization holds characters that no header can carry".to_owned();
            CallFailure { reason: FailureReason::Malformed, message, record: None }
        })?;
        value.set_sensitive(true);
        Ok(Self::Given(value))
    }
}

impl Client {
    /// Sends it and answers with whatever came, a refusal included.
    ///
    /// # Errors
    /// There was no answer, or the request is none that HTTP allows.
    pub async fn raw(&self, request: &RawRequest) -> Result<RawAnswer, CallError> {
        let path = request.path();
        let given = match &request.authorization {
            Authorization::Own => return self.raw_as_ourselves(request, &path).await,
            Authorization::Missing => None,
            Authorization::Given(value) => Some(value.clone()),
        };
        Ok(self.send(request.call(&path, given)).await?.into())
    }

    async fn raw_as_ourselves(&self, request: &RawRequest, path: &str) -> Result<RawAnswer, CallError> {
        let token = self.newest_token(None).await?;
        let answer = self.send(request.call(path, Some(token.header.clone()))).await?;
        if answer.status == 401
            && let Turned::Token(fresh) = self.newer_token(Some(token.generation)).await.0
        {
            return Ok(self.send(request.call(path, Some(fresh.header.clone()))).await?.into());
        }
        Ok(answer.into())
    }

    /// Logs in once more, whatever token is at hand.
    ///
    /// # Errors
    /// Why there is no new token.
    pub async fn renew_login(&self) -> Result<(), CallError> {
        let token = self.newest_token(None).await?;
        match self.newer_token(Some(token.generation)).await.0 {
            Turned::Token(_) => Ok(()),
            Turned::Failed(error) | Turned::Refused(error) => Err(error),
        }
    }

    /// The token that our requests carry now; logs in if there is none.
    ///
    /// # Errors
    /// Why there is no token.
    pub async fn token(&self) -> Result<Secret, CallError> {
        let token = self.newest_token(None).await?;
        let header = token.header.to_str().unwrap_or_default();
        Ok(Secret::new(header.strip_prefix("Bearer ").unwrap_or(header).to_owned()))
    }
}

impl From<Answer> for RawAnswer {
    fn from(Answer { status, headers, body, record }: Answer) -> Self {
        Self { status, headers, body, record }
    }
}

impl RawAnswer {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it is a 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
