//! The client itself: budget, token, one request, its verdict and its metrics.
//!
//! Clones share connections, token and budget, so one client per target is enough for any number of probes.
//! Requests do not wait for each other: shared state is locked for a few instructions only, or is atomic.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration as StdDuration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;

use crate::metrics::Registry;
use crate::model::{Clock, Duration, Problem, Secret};

use super::budget::Budget;
use super::calls::{LOGIN_PATH, LoginAnswer};
use super::connect::{Connector, Endpoint};
use super::login::{Session, Token, Turned};
use super::metrics::Series;
use super::request::{Answer, Call, Transport};
use super::{CallError, CallFailure, Exchange, ExchangeRecord, FailureReason, Redactor, Route, Settings};

/// A client of one chat memory service, as one user. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    name: String,
    transport: Transport,
    session: Session,
    budget: Budget,
    series: Series,
    clock: Clock,
    /// Milliseconds by which the service's clock was ahead in its last answer with a date; `i64::MIN` before.
    ahead: AtomicI64,
}

impl Client {
    /// A client for the target called `name`. Dials nothing yet; reads `ca_file`.
    ///
    /// # Errors
    /// What is wrong with `settings` that its own checks could not see without reading files.
    pub fn new(name: &str, settings: &Settings, registry: &Registry, clock: Clock) -> Result<Self, Box<Problem>> {
        let endpoint = Endpoint::parse(&settings.url)?;
        let connector = Connector::new(endpoint, settings.ca_file.as_deref())?;
        let user_agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| unsendable("user_agent"))?;
        let session =
            Session::new(settings).map_err(|_| Problem::at("token", "has characters that no HTTP header can carry"))?;
        let secrets = settings.login.iter().map(|login| login.password.clone()).chain(settings.token.clone());
        let redactor = Redactor::new(secrets);
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            transport: Transport::new(connector, settings, user_agent, redactor, clock.clone()),
            session,
            budget: Budget::new(settings.requests_per_minute),
            series: Series::new(registry, name),
            clock,
            ahead: AtomicI64::new(i64::MIN),
        })))
    }

    /// The target's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Cleans other texts about this service of its secrets.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.0.transport.redactor
    }

    /// How far the service's clock was ahead of ours in its last answer, in seconds; to the second, because its header
    /// `Date` has no more. `None` before the first answer with one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // clocks do not differ by ages
    pub fn clock_ahead(&self) -> Option<f64> {
        let ahead = self.0.ahead.load(Ordering::Relaxed);
        (ahead != i64::MIN).then_some(ahead as f64 / 1000.0)
    }

    /// Logs in if there is no token yet; answers with the exchange if it did.
    ///
    /// # Errors
    /// Why there is no token.
    pub async fn ensure_login(&self) -> Result<Option<ExchangeRecord>, CallError> {
        if self.0.session.current().is_some() {
            return Ok(None);
        }
        let (turned, record) = self.newer_token(None).await;
        match turned {
            Turned::Token(_) => Ok(record),
            Turned::Failed(error) | Turned::Refused(error) => Err(error),
        }
    }

    /// How this client reaches the service, for `wire`.
    pub(super) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    /// The token at hand, or another one than that with this number; logs in where that is needed.
    pub(super) async fn newest_token(&self, than: Option<u64>) -> Result<Arc<Token>, CallError> {
        let current = self.0.session.current();
        if let Some(token) = current.filter(|token| than.is_none_or(|than| token.generation > than)) {
            return Ok(token);
        }
        match self.newer_token(than).await.0 {
            Turned::Token(token) => Ok(token),
            Turned::Failed(error) | Turned::Refused(error) => Err(error),
        }
    }

    /// A token from a login of just now was refused as well: no further login for a while.
    pub(super) fn fresh_token_refused(&self) {
        self.0.session.fresh_token_refused();
    }

    /// Sends a request as our user and reads the answer as `T`.
    pub(super) async fn authenticated<T: DeserializeOwned>(
        &self,
        route: Route,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Exchange<T>, CallError> {
        let inner = &*self.0;
        let token = self.newest_token(None).await?;
        let mut answer = self.send(call(route, path, body.clone(), Some(&token))).await?;
        if answer.status == 401 && inner.session.can_log_in() {
            // The first 401 is only a failure if no fresh token repairs it; the second one counts.
            if let Turned::Token(fresh) = self.newer_token(Some(token.generation)).await.0 {
                answer = self.send(call(route, path, body, Some(&fresh))).await?;
                if answer.status == 401 {
                    inner.session.fresh_token_refused();
                }
            }
        }
        if (200..300).contains(&answer.status) {
            inner.session.token_accepted();
        }
        self.judge(route, path, answer)
    }

    /// Sends a request as nobody and reads the answer as `T`.
    pub(super) async fn anonymous<T: DeserializeOwned>(
        &self,
        route: Route,
        path: &str,
    ) -> Result<Exchange<T>, CallError> {
        let answer = self.send(call(route, path, None, None)).await?;
        self.judge(route, path, answer)
    }

    pub(super) async fn newer_token(&self, than: Option<u64>) -> (Turned, Option<ExchangeRecord>) {
        let mut record = None;
        let turned = self.0.session.newer(than, |body| self.log_in(body, &mut record)).await;
        (turned, record)
    }

    async fn log_in(&self, body: Bytes, record: &mut Option<ExchangeRecord>) -> Result<Secret, CallError> {
        let answer = self.send(call(Route::Login, LOGIN_PATH, Some(body), None)).await?;
        let exchange: Exchange<LoginAnswer> = self.judge(Route::Login, LOGIN_PATH, answer)?;
        let token = Secret::new(exchange.value.access_token);
        self.0.transport.redactor.learn(&token);
        *record = Some(exchange.record);
        Ok(token)
    }

    /// One request within the budget. Counts it, and its failure if it brought no answer at all.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let inner = &*self.0;
        let route = call.route;
        // The service does not count /health for any user, and a probe that is held back sees nothing.
        let exhausted = |wait| CallError::BudgetExhausted { retry_in: Duration::from(wait) };
        let _spent = match route {
            Route::Health => None,
            _ => Some(inner.budget.take().map_err(exhausted)?),
        };
        match inner.transport.exchange(call).await {
            Ok(answer) => {
                inner.series.sent(route, &answer.record, None);
                self.read_limits(route, &answer);
                self.read_date(&answer);
                Ok(answer)
            }
            Err(failure) => {
                if let Some(record) = &failure.record {
                    inner.series.sent(route, record, Some(failure.reason));
                }
                inner.series.failed(route, failure.reason);
                Err(failure.into())
            }
        }
    }

    fn read_limits(&self, route: Route, answer: &Answer) {
        let number = |name: &str| answer.headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
        if let Some(remaining) = number("x-ratelimit-remaining").filter(|remaining| remaining.is_finite()) {
            self.0.series.remaining(remaining);
        }
        if answer.status == 429 && route != Route::Health {
            self.0.budget.pause(told_pause(&answer.headers, self.0.clock.now().seconds()));
        }
    }

    fn read_date(&self, answer: &Answer) {
        let date = answer.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        let Some(date) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return };
        let here = answer.record.at + answer.record.timings.total;
        // The header leaves out the fraction of the second, which is half a second in the mean.
        let ahead = date.timestamp().as_millisecond() + 500 - here.millis();
        self.0.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Turns an answer into a value or a failure, and counts the failure.
    fn judge<T: DeserializeOwned>(&self, route: Route, path: &str, answer: Answer) -> Result<Exchange<T>, CallError> {
        let (reason, message) = match answer.status {
            200..300 => match serde_json::from_slice(&answer.body) {
                Ok(value) => return Ok(Exchange { value, record: answer.record }),
                // The error may quote the body, which may hold anything.
                Err(error) => (FailureReason::Malformed, format!("not the promised body: {error}")),
            },
            429 => (FailureReason::RateLimited, "429, the service's rate limit is reached".to_owned()),
            401 => (FailureReason::Unauthorized, format!("401{}", detail(&answer))),
            400..500 => (FailureReason::Http4xx, format!("{}{}", answer.status, detail(&answer))),
            500..600 => (FailureReason::Http5xx, format!("{}{}", answer.status, detail(&answer))),
            status => (FailureReason::Malformed, format!("status {status} is not in the contract")),
        };
        self.0.series.failed(route, reason);
        let message = self.redactor().clean(&format!("{} {path} answered {message}", answer.record.method));
        Err(CallFailure { reason, message, record: Some(answer.record) }.into())
    }
}

fn unsendable(path: &str) -> Box<Problem> {
    Box::new(Problem::at(path, "has characters that no HTTP header can carry"))
}

fn call<'a>(route: Route, path: &'a str, body: Option<Bytes>, token: Option<&Token>) -> Call<'a> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let content_type = body.is_some().then(|| HeaderValue::from_static("application/json"));
    Call {
        route,
        method,
        path,
        body,
        authorization: token.map(|token| token.header.clone()),
        content_type,
        headers: &[],
    }
}

/// The start of an error's body, as an addition to its status.
fn detail(answer: &Answer) -> String {
    let excerpt = answer.record.body_excerpt.trim();
    let end = excerpt.floor_char_boundary(200);
    if excerpt.is_empty() { String::new() } else { format!(": {}", excerpt[..end].replace('\n', " ")) }
}

/// How long a 429 asks us to wait. `X-RateLimit-Reset` is a moment or a number of seconds, depending on who wrote it.
fn told_pause(headers: &HeaderMap, now: f64) -> Option<StdDuration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after")
        .or_else(|| number("x-ratelimit-reset").map(|reset| if reset > 1e9 { reset - now } else { reset }))?;
    StdDuration::try_from_secs_f64(seconds.max(1.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_read_as_moment_or_as_seconds() {
        for (name, value, wait) in [
            ("x-ratelimit-reset", "1700000030", Some(30)),
            ("x-ratelimit-reset", "12", Some(12)),
            ("x-ratelimit-reset", "1600000000", Some(1)),
            ("retry-after", "7", Some(7)),
            ("retry-after", "soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(told_pause(&headers, 1.7e9), wait.map(StdDuration::from_secs), "{name}: {value}");
        }
    }
}
