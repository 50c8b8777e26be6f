//! Sends one request and reads its answer: connection, deadline, headers, record.
//!
//! A kept connection that turns out to be dead before any of the answer came is replaced once, if the request
//! never left or may be sent twice. Judging the status is left to `client`.

use std::time::Duration as StdDuration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::model::{Clock, Duration, Stopwatch};

use super::arrival::Noting;
use super::connect::Connector;
use super::connection::{Broken, Connection, Pool};
use super::{CallFailure, ExchangeRecord, FailureReason, Redactor, Route, Timings};

/// Longest body that is read, in bytes.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;

/// What is to be sent.
pub(super) struct Call<'a> {
    pub(super) route: Route,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<Bytes>,
    pub(super) authorization: Option<HeaderValue>,
    /// Of the body, if it has one.
    pub(super) content_type: Option<HeaderValue>,
    /// Beyond those that every request carries.
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
}

/// An answer of any status, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) record: ExchangeRecord,
}

/// Sends requests over kept connections, each under the time-out.
pub(super) struct Transport {
    pub(super) connector: Connector,
    pool: Pool,
    open: Semaphore,
    pub(super) timeout: StdDuration,
    pub(super) user_agent: HeaderValue,
    pub(super) redactor: Redactor,
    clock: Clock,
}

type Failed = (FailureReason, String);

impl Transport {
    pub(super) fn new(
        connector: Connector,
        settings: &super::Settings,
        user_agent: HeaderValue,
        redactor: Redactor,
        clock: Clock,
    ) -> Self {
        Self {
            connector,
            pool: Pool::new(settings.max_connections),
            open: Semaphore::new(settings.max_connections.clamp(1, Semaphore::MAX_PERMITS)),
            timeout: settings.timeout.std(),
            user_agent,
            redactor,
            clock,
        }
    }

    /// One exchange. The failure has a record of how far it went.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Answer, CallFailure> {
        let deadline = Stopwatch::start().started() + self.timeout;
        let mut record = self.begin(&call);
        // Waiting for a connection of our own is not the service's time, so it is not measured as such.
        let Ok(Ok(_permit)) = timeout_at(deadline, self.open.acquire()).await else {
            let message = format!("none of {} connections came free in time", self.open.available_permits());
            return Err(CallFailure { reason: FailureReason::Timeout, message, record: Some(record) });
        };
        let watch = Stopwatch::start();
        let outcome = self.attempt(&call, deadline, &mut record).await;
        record.timings.total = watch.elapsed();
        match outcome {
            Ok((status, headers, body)) => {
                self.note(&mut record, status, &headers, &body, call.route);
                Ok(Answer { status, headers, body, record })
            }
            Err((reason, message)) => {
                let message = format!("{} {}: {}", call.method, call.path, self.redactor.clean(&message));
                Err(CallFailure { reason, message, record: Some(record) })
            }
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        deadline: Instant,
        record: &mut ExchangeRecord,
    ) -> Result<(u16, HeaderMap, Bytes), Failed> {
        let mut kept = self.pool.take().await;
        loop {
            let (mut connection, timings) = match kept.take() {
                Some(connection) => (connection, Timings::default()),
                None => {
                    let mut timings = Timings::default();
                    let dialled = self.connector.connect(deadline, &mut timings, Noting::nothing).await;
                    record.timings = timings;
                    (Connection::new(dialled?).await.map_err(|error| broken(&error))?, timings)
                }
            };
            record.timings = timings;
            let request = self.request(call, &record.request_id)?;
            let watch = Stopwatch::start();
            let head = match timeout_at(deadline, connection.send(request)).await {
                Err(_) => return Err(self.late("no answer")),
                Ok(Ok(head)) => head,
                // Nothing of an answer was seen on a connection that may have been dead already.
                Ok(Err(Broken::NotSent(_))) if connection.used => continue,
                Ok(Err(Broken::Lost(error))) if connection.used && call.method == Method::GET && !error.is_parse() => {
                    continue;
                }
                Ok(Err(Broken::NotSent(error) | Broken::Lost(error))) => return Err(broken(&error)),
                Ok(Err(Broken::TooLong)) => return Err(too_long()),
            };
            record.timings.first_byte = Some(watch.elapsed());
            let (head, body) = head.into_parts();
            record.status = Some(head.status.as_u16());
            let watch = Stopwatch::start();
            let body = timeout_at(deadline, connection.read(body, LONGEST_BODY)).await;
            record.timings.transfer = Some(watch.elapsed());
            let body = match body {
                Err(_) => return Err(self.late("no end of the answer")),
                Ok(Err(Broken::TooLong)) => return Err(too_long()),
                Ok(Err(Broken::NotSent(error) | Broken::Lost(error))) => return Err(broken(&error)),
                Ok(Ok(body)) => body,
            };
            self.pool.put(connection).await;
            return Ok((head.status.as_u16(), head.headers, body));
        }
    }

    fn late(&self, what: &str) -> Failed {
        (FailureReason::Timeout, format!("{what} within {}", Duration::from(self.timeout)))
    }

    fn request(&self, call: &Call<'_>, request_id: &str) -> Result<Request<Full<Bytes>>, Failed> {
        let endpoint = &self.connector.endpoint;
        let path = format!("{}{}", endpoint.prefix, call.path);
        let trace = format!("00-{}-{:016x}-01", request_id.replace('-', ""), rand::random::<u64>() | 1);
        let mut builder = Request::builder()
            .method(&call.method)
            .uri(path)
            .header(HOST, endpoint.authority.clone())
            .header(USER_AGENT, self.user_agent.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header("x-request-id", request_id)
            .header("traceparent", trace);
        if let Some(authorization) = &call.authorization {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(content_type) = &call.content_type {
            builder = builder.header(CONTENT_TYPE, content_type.clone());
        }
        for (name, value) in call.headers {
            builder = builder.header(name, value.clone());
        }
        builder
            .body(Full::new(call.body.clone().unwrap_or_default()))
            .map_err(|error| (FailureReason::Malformed, format!("not a request that HTTP allows: {error}")))
    }

    fn begin(&self, call: &Call<'_>) -> ExchangeRecord {
        ExchangeRecord {
            at: self.clock.now(),
            method: method_name(&call.method),
            path: self.redactor.clean(call.path),
            status: None,
            request_id: uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
            service_request_id: None,
            process_seconds: None,
            timings: Timings::default(),
            body_excerpt: String::new(),
        }
    }

    fn note(&self, record: &mut ExchangeRecord, status: u16, headers: &HeaderMap, body: &[u8], route: Route) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        record.service_request_id =
            text("x-request-id").filter(|id| *id != record.request_id).map(|id| id.chars().take(128).collect());
        record.process_seconds = text("x-process-time").and_then(|seconds| seconds.trim_end_matches('s').parse().ok());
        record.body_excerpt = if route == Route::Login && status < 300 {
            "[a token; not kept]".to_owned()
        } else {
            self.redactor.clean_bytes(body)
        };
    }
}

fn method_name(method: &Method) -> &'static str {
    const NAMES: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    NAMES.into_iter().find(|name| *name == method.as_str()).unwrap_or("another method")
}

pub(super) fn too_long() -> Failed {
    (FailureReason::Malformed, format!("the answer is longer than {LONGEST_BODY} bytes"))
}

/// What hyper says about a connection, with the cause behind it.
pub(super) fn broken(error: &hyper::Error) -> Failed {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    let reason = if error.is_parse() { FailureReason::Malformed } else { FailureReason::Connect };
    let lead = if error.is_parse() { "not an HTTP answer" } else { "connection lost" };
    (reason, format!("{lead}: {message}"))
}
